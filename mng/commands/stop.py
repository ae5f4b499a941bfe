"""mng stop"""

from __future__ import annotations

from invoke.context import Context

from mng.agents.agent import Agent
from mng.agents.ending import GRACE
from mng.agents.ending import stop as stop_agents
from mng.agents.team import Team
from mng.cli.chosen import Outcome, chosen
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.targets import TargetOptions
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.rows import Results


class StopOptions(Options):
    """Stop"""

    session: list[str] = option([], help="tmux session of an agent")
    graceful: bool = option(True, help="let programs end by themselves first")
    graceful_timeout: Duration = option(GRACE, help="how long they may take")
    dry_run: bool = option(False, help="say what would be stopped, stop nothing")


class Stop(TargetOptions, StopOptions, CommonOptions):
    """Stop"""


@command
def stop(c: Context, o: Stop) -> Results[Outcome]:
    """Stop agents

    Every process of an agent ends, and its tmux session. `mng start` goes on with its conversation.
    """
    team = Team.of(Inventory(o.settings), o.hosts).with_hand_made()
    agents = chosen(team, o, sessions=o.session)
    grace = o.graceful_timeout if o.graceful else 0

    def work(host: Host, mine: list[Agent]) -> list[Outcome]:
        if o.dry_run:
            return [Outcome(name=agent.name, host=host.name, result="would stop") for agent in mine]
        ran = stop_agents(host, mine, grace)
        words = {True: "stopped", False: "was stopped already"}
        return [Outcome(name=agent.name, host=host.name, result=words[agent.name in ran]) for agent in mine]

    return agents.by_host(work)
