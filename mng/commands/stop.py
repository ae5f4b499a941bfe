"""mng stop"""

from __future__ import annotations

import math
from typing import Literal

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.ending import GRACE, may_stop
from mng.agents.ending import stop as stop_agents
from mng.agents.hosting import kept, rest
from mng.agents.limits import remaining
from mng.cli.chosen import Outcome, chosen, unwilling
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import NotAvailable
from mng.host import Asleep, Host
from mng.rows import Results


class StopOptions(Options):
    """Stop"""

    session: list[str] = option([], help="tmux session of an agent")
    idle: bool = option(False, help="only those that have been idle for longer than their idle timeout")
    graceful: bool = option(True, help="let programs end by themselves first")
    graceful_timeout: Duration = option(GRACE, help="how long they may take")
    snapshot_mode: Literal["auto", "always", "never"] = option(
        "auto", help="keep a snapshot of hosts that mng made: where stopping would lose their state, always or never"
    )
    dry_run: bool = option(False, help="say what would be stopped, stop nothing")


class Stop(TargetOptions, StopOptions, CommonOptions):
    """Stop"""


@command
def stop(c: Context, o: Stop) -> Results[Outcome]:
    """Stop agents

    Every process of an agent ends, and its tmux session. `mng start` goes on with its conversation.
    """
    team = o.team().with_hand_made()
    agents = chosen(team, o, sessions=o.session)
    grace = o.graceful_timeout if o.graceful else 0

    def work(host: Host, mine: list[Agent]) -> list[Outcome]:
        keeps = o.snapshot_mode == "always" and not o.dry_run
        if keeps and not team.inventory.provider(host.provider).makes_hosts:
            raise NotAvailable(f"host {host.name} can't be kept as a snapshot", "leave out --snapshot-mode always")
        busy = {agent.name: why for agent in mine if (why := not_idle(agent))} if o.idle else {}
        idle = [agent for agent in mine if agent.name not in busy]
        willing = may_stop([] if o.dry_run else idle)
        willing = willing.all() if agents.alone else willing
        ran, refused = stop_agents(willing, grace), unwilling(willing)

        def told(agent: Agent) -> Outcome:
            result = "would stop" if o.dry_run else "stopped" if agent.name in ran else "was stopped already"
            why = busy.get(agent.name, "")
            return Outcome(name=agent.name, host=host.name, result="not idle" if why else result, detail=why)

        rows = [*refused, *(told(agent) for agent in mine if agent.name not in [one.name for one in refused])]
        if keeps and not isinstance(host, Asleep):
            output.note(kept(team.inventory, host))
        if not o.dry_run and (done := rest(team.inventory, host)):
            output.note(done)
        return rows

    return agents.by_host(work)


def not_idle(agent: Agent) -> str:
    """How long it takes until its idle timeout is over; "" when it is."""
    if not agent.record.idle_timeout_seconds:
        return "it has no idle timeout"
    left = remaining(agent)
    return f"{math.ceil(left)} s left" if left > 0 else ""
