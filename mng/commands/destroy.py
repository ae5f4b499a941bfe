"""mng destroy"""

from __future__ import annotations

from typing import get_args

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.creation import finish
from mng.agents.ending import GRACE, Removed, end, may_destroy
from mng.agents.ending import destroy as destroy_agent
from mng.agents.hosting import awake, release
from mng.agents.journal import Journal
from mng.agents.team import Team
from mng.cli.chosen import Outcome, chosen, failed, side_by_side, unwilling
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError, UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.inventory.provider import Kept
from mng.records import AgentRecord, Work
from mng.rows import Results


class DestroyOptions(Options):
    """Destroy"""

    session: list[str] = option([], help="tmux session of an agent")
    force: bool = option(False, "-f", "--yes", help="do not ask")
    discard: bool = option(False, help="do not save work that exists nowhere else")
    gc: bool = option(True, help="finish what killed commands left, too")
    graceful_timeout: Duration = option(GRACE, help="how long programs may take to end")
    keep_logs: bool = option(False, help="keep the agent's logs, below logs/agents")
    keep_containers: bool = option(False, help="keep the host, also without any agent")
    keep_snapshots: bool = option(False, help="keep the snapshots of a host that goes (gc --snapshots removes them)")
    keep_volumes: bool = option(False, help="keep the nameless volumes of a host that goes; those with a name always stay")
    keep_images: bool = option(False, help="images always stay: gc --build-cache removes them")
    keep_cache: bool = option(False, help="caches always stay: gc --machine-cache removes them")
    keep_clones: bool = option(False, help="keep the work dir and the branch")
    dry_run: bool = option(False, help="say what would be destroyed, destroy nothing")


class Destroy(TargetOptions, DestroyOptions, CommonOptions):
    """Destroy"""


@command
def destroy(c: Context, o: Destroy) -> Results[Outcome]:
    """Destroy agents, after saving work that exists nowhere else

    Uncommitted and untracked files and unpushed commits are kept in the source repository as refs/mng/saved/NAME/TIME.
    """
    team = o.team().with_hand_made()
    discarded = forget_broken(team, o) if o.discard else []
    if discarded and not (set(o.agents) - {row.name for row in discarded}) and not o.all_:
        return Results(discarded)
    agents = chosen(team, o, sessions=o.session)
    names = ", ".join(agent.name for agent in agents.agents[:10]) + (
        f" and {len(agents.agents) - 10} more" if len(agents.agents) > 10 else ""
    )
    if not o.force and not o.dry_run:
        answer = output.confirm(f"Destroy {names}?")
        if answer is None:
            raise UsageError(f"destroying {names} needs a yes", "give -f")
        if not answer:
            raise MngError("nothing destroyed")
    results = agents.by_host(lambda host, mine: destroyed(team.inventory, host, mine, o))
    if o.gc and not o.dry_run:
        for done in finish(team.inventory):
            output.note(done)
    return results


def destroyed(inventory: Inventory, host: Host, agents: list[Agent], o: Destroy) -> list[Outcome]:
    """All stopped in one trip, then each removed; what one can't lose does not keep the others."""
    if o.dry_run:
        return [Outcome(name=agent.name, host=host.name, result="would be destroyed", detail=kept(agent)) for agent in agents]
    willing = may_destroy(agents)
    fine = (willing.all() if len(agents) == 1 else willing).agents
    if fine:
        host, fine = up(inventory, host, fine)
        end(host, fine, o.graceful_timeout)

    def one(agent: Agent) -> Outcome:
        if not agent.record.id:
            destroy_agent(agent, None)
            return Outcome(name=agent.name, host=host.name, result="destroyed", detail="a session made by hand")
        journal = None
        try:
            journal = Journal.begin(o.settings.host_dir / "journal", "destroy", agent.record, host.name, o.discard)
            done = destroy_agent(agent, journal, keep_work=o.keep_clones, keep_logs=o.keep_logs)
        except MngError as error:
            if journal:
                journal.done()  # refused, not interrupted: gc must not try again behind the user's back
            if len(agents) == 1:
                raise
            return failed(agent.name, error, host.name)
        return Outcome(name=agent.name, host=host.name, result="destroyed", detail=told(done))

    rows = [*unwilling(willing), *side_by_side(one, fine, at_once=4)]
    keep = [kind for kind in get_args(Kept) if getattr(o, f"keep_{kind}")]
    if fine and not o.keep_containers and (done := release(inventory, host, keep=keep)):
        output.note(done)
    return rows


def up(inventory: Inventory, host: Host, agents: list[Agent]) -> tuple[Host, list[Agent]]:
    """On a host that runs: only there can work be saved."""
    woken = awake(inventory, host)
    return woken, [Agent(agent.record, woken) for agent in agents]


def told(done: Removed) -> str:
    return f"saved as {done.saved.ref}" if done.saved else ""


def kept(agent: Agent) -> str:
    return "the folder stays: it is in place" if agent.record.work.kind == "in-place" else agent.record.work.path


def forget_broken(team: Team, o: Destroy) -> list[Outcome]:
    """With --discard, agents whose record can't be read end and are forgotten; a work dir that one had stays."""
    rows = []
    for found in team.broken:
        if o.all_ or found.name in o.agents or found.id in o.agents:
            record = AgentRecord(id=found.id, name=found.name, type="", work=Work(kind="in-place", path=""))
            willing = may_destroy([] if o.dry_run else [Agent(record, found.host)])
            rows += unwilling(willing)
            for agent in willing.agents:
                end(found.host, [agent], o.graceful_timeout)
                destroy_agent(agent, None)
            if willing.refused:
                continue
            detail = "its record was unreadable; a worktree that it had stays"
            result = "would be destroyed" if o.dry_run else "destroyed"
            rows.append(Outcome(name=found.name, host=found.host.name, result=result, detail=detail))
    return rows
