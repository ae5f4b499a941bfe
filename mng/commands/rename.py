"""mng rename"""

from __future__ import annotations

from invoke.context import Context

from mng import output
from mng.agents import tmux
from mng.agents.agent import Agent
from mng.agents.row import AgentRow
from mng.agents.team import Team
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
from mng.errors import MngError
from mng.inventory.inventory import Inventory
from mng.names import check_name
from mng.shell import cmd


class RenameOptions(Options):
    """Rename"""

    current: str = option(..., place="word", help="name or id")
    new: str = option(..., place="word", help="new name")
    dry_run: bool = option(False, help="say what would be renamed, rename nothing")


class Rename(RenameOptions, CommonOptions):
    """Rename"""


@command
def rename(c: Context, o: Rename) -> AgentRow:
    """Rename an agent

    Its record, its tmux session and its claim to the name; branch and work dir keep theirs.
    Safe to run again after an interruption.
    """
    new = check_name(o.new)
    team = Team.of(Inventory(o.settings), words=[o.current]).with_hand_made()
    agent = half_renamed(team, o.current, new) or team.named(o.current)
    if not agent.record.id:
        raise MngError(
            f"{agent.name} is a session made by hand: mng keeps no record of it",
            f"tmux rename-session -t ={agent.session} NEW",
        )
    if o.dry_run:
        output.note(f"would rename {agent.name} to {new}")
        return agent.row()
    renamed(agent, new)
    return agent.row()


def half_renamed(team: Team, current: str, new: str) -> Agent | None:
    """The agent whose rename to `new` was cut short: its record has the new name, the old claim is still there."""
    try:
        agent = team.named(new)
    except MngError:
        return None
    host = agent.host
    stale = host.tree().link(host.claim(current)) == f"../agents/{agent.record.id}"
    return agent if agent.name == new and current != new and stale else None


def renamed(agent: Agent, new: str) -> None:
    """Claim the new name, then record, session, and the old name's end: each step is fit to be done again."""
    host, old_session = agent.host, agent.session
    files = host.tree()
    target = f"../agents/{agent.record.id}"
    if files.link(host.claim(new)) != target:
        done = host.runner.run(cmd("ln", "-sn", "--", target, host.claim(new)), check=False)
        if done.code:
            taken = b"exist" in done.err
            raise MngError(f"there is an agent {new} already" if taken else f"cannot rename: {done.complaint}")
    panes = {pane.session for pane in host.probe().panes}
    if host.session(new) in panes and host.session(new) != old_session:
        host.runner.run(cmd("rm", "-f", "--", host.claim(new)))
        raise MngError(f"a tmux session {host.session(new)} is there already", "take another name")
    agent.record.name = new
    agent.save()
    stale = [name for name in files.names(f"{host.dir}/names") if name != new and files.link(host.claim(name)) == target]
    for name in stale:
        if host.session(name) in panes:
            host.runner.run(tmux.rename_session(host.session(name), agent.session))
        host.runner.run(cmd("rm", "-f", "--", host.claim(name)))
