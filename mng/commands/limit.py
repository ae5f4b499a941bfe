"""mng limit"""

from __future__ import annotations

from typing import Annotated, ClassVar

from invoke.context import Context

from mng.agents import boot
from mng.agents.agent import Agent
from mng.agents.limits import limited, unwatch, watch
from mng.cli.chosen import chosen
from mng.cli.command import command
from mng.cli.lifecycle import LifecycleOptions, split
from mng.cli.options import CommonOptions, Options, Placeholder, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError
from mng.records import AgentRecord
from mng.rows import Results, Row


class LimitOptions(Options):
    """Limit"""

    add_activity_source: Annotated[list[str], Placeholder("SOURCE")] = option([], help="this, too, counts as activity")
    remove_activity_source: Annotated[list[str], Placeholder("SOURCE")] = option([], help="this no longer does")
    dry_run: bool = option(False, help="say what would be set, set nothing")


class Limit(TargetOptions, LifecycleOptions, LimitOptions, CommonOptions):
    """Limit"""


class Limits(Row):
    """The limits of one agent."""

    columns: ClassVar[dict[str, str]] = {
        "NAME": "name", "RESULT": "result", "IDLE MODE": "idle_mode", "IDLE TIMEOUT": "idle_timeout_seconds",
        "ACTIVITY": "activity_sources", "ON BOOT": "start_on_boot",
    }  # fmt: skip

    name: str
    host: str
    result: str
    idle_mode: str
    idle_timeout_seconds: float | None
    activity_sources: list[str]
    start_on_boot: bool


@command
def limit(c: Context, o: Limit) -> Results[Row]:
    """Set when agents stop and start by themselves

    An agent with an idle timeout is stopped when nothing has happened for so long, and never while it works; `mng start`
    goes on with it. Without an option the limits are shown.
    """
    team = o.team()
    return chosen(team, o).each(lambda agent: set_limits(agent, o))


def set_limits(agent: Agent, o: Limit) -> Limits:
    before, record = agent.record, wanted(agent.record, o)
    if record == before:
        return told(agent, record, "unchanged")
    if o.dry_run:
        return told(agent, record, "would be set")
    agent.record = record
    if record.start_on_boot and not before.start_on_boot:
        boot.enable(agent)  # first: on a host that can't, nothing is set
    agent.save()
    if before.start_on_boot and not record.start_on_boot:
        boot.disable(agent)
    if not record.idle_timeout_seconds and not agent.host.ours:
        unwatch(agent)
    elif agent.status().state in ("RUNNING", "WAITING"):
        watch(agent)
    return told(agent, record, "set")


def wanted(record: AgentRecord, o: Limit) -> AgentRecord:
    record = o.limited(record)
    if not (o.add_activity_source or o.remove_activity_source):
        return record
    if record.idle_timeout_seconds is None:
        raise MngError(f"{record.name} has no idle timeout", "give --idle-timeout as well")
    removed = split(o.remove_activity_source)
    left = [source for source in [*record.activity_sources, *split(o.add_activity_source)] if source not in removed]
    return limited(record, sources=left)


def told(agent: Agent, record: AgentRecord, result: str) -> Limits:
    return Limits(
        name=agent.name, host=agent.host.name, result=result, idle_mode=record.idle_mode,
        idle_timeout_seconds=record.idle_timeout_seconds, activity_sources=record.activity_sources,
        start_on_boot=record.start_on_boot,
    )  # fmt: skip
