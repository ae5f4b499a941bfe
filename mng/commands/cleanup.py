"""mng cleanup"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar, Literal

from invoke.context import Context

from mng import output
from mng.agents.row import AgentRow
from mng.agents.team import Team, matching
from mng.cli.chosen import Outcome
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Exclusive, Options, Pairs, option
from mng.cli.selector import tick
from mng.commands.destroy import destroy
from mng.commands.stop import stop
from mng.errors import UsageError
from mng.inventory.inventory import Inventory
from mng.inventory.provider import SnapshotSpec
from mng.rows import Results

FILTERS = ("include", "exclude", "older_than", "idle_for", "tag", "provider", "agent_type")


class CleanupOptions(Options):
    """Cleanup"""

    exclusive: ClassVar[Exclusive] = (("action", "destroy", "stop"),)

    include: list[str] = option([], help="those for which the CEL expression is true")
    exclude: list[str] = option([], help="not those for which the CEL expression is true")
    older_than: Duration | None = option(None, help="those made longer ago")
    idle_for: Duration | None = option(None, help="those without activity for so long; none that is at work")
    tag: Pairs = option({}, help="those on hosts with KEY=VALUE")
    provider: list[str] = option([], help="those on hosts of this provider")
    agent_type: list[str] = option([], "--type", help="those of this type")
    action: Literal["destroy", "stop"] = option("destroy", help="what to do with them")
    destroy: bool = option(False, help="the same as --action destroy")
    stop: bool = option(False, help="the same as --action stop")
    snapshot_before: bool = option(False, help="snapshot their hosts first")
    force: bool = option(False, "-f", "--yes", help="do not ask, take all that match")
    dry_run: bool = option(False, help="say what would be done, do nothing")


class Cleanup(CleanupOptions, CommonOptions):
    """Cleanup"""


@command
def cleanup(c: Context, o: Cleanup) -> Results[Outcome]:
    """Destroy or stop the agents that are no longer needed

    On a terminal it shows those that match, to be ticked; with -f it takes them all. Unsaved work is kept, as by destroy.
    """
    if o.force and not any(getattr(o, name) for name in FILTERS):
        raise UsageError("cleanup -f needs a filter", "for example --older-than 7d; to destroy all: mng destroy --all")
    inventory = Inventory(o.settings)
    action = "stop" if o.stop or o.action == "stop" else "destroy"
    rows = wanted(Team.of(inventory).rows(), o, action)
    if not rows:
        return Results([], "nothing to clean up")
    if not o.force and not o.dry_run:
        rows = ticked(rows, action)
    if o.snapshot_before and not o.dry_run:
        for name in {row.host.name for row in rows}:
            host = inventory.host(name)
            inventory.provider(host.provider).snapshot(host, SnapshotSpec())
    ids = [row.id for row in rows]
    if action == "stop":
        done: Results[Outcome] = stop(c, agents=ids, dry_run=o.dry_run, context=o.context)
    else:
        done = destroy(c, agents=ids, force=True, dry_run=o.dry_run, context=o.context)
    return done


def wanted(rows: list[AgentRow], o: Cleanup, action: str) -> list[AgentRow]:
    now = datetime.now(UTC)

    def fits(row: AgentRow) -> bool:
        age = (now - row.create_time).total_seconds() if row.create_time else 0.0
        return (
            (o.older_than is None or age >= o.older_than)
            and (o.idle_for is None or (row.state != "RUNNING" and (row.idle_seconds or 0.0) >= o.idle_for))
            and all(row.host.tags.get(key) == value for key, value in o.tag.items())
            and (not o.provider or row.host.provider in o.provider)
            and (not o.agent_type or row.type in o.agent_type)
            and (action == "destroy" or row.state in ("RUNNING", "WAITING", "REPLACED", "UNKNOWN"))
        )

    return [row for row in matching(rows, o.include, o.exclude) if fits(row)]


def ticked(rows: list[AgentRow], action: str) -> list[AgentRow]:
    if not output.interactive():
        raise UsageError(f"cleanup needs to be told what to {action}", "give -f with a filter, or --dry-run to see what matches")
    widest = max(len(row.name) for row in rows)
    lines = [f"{row.name:{widest}}  {row.shown_state}  {row.type}  idle {row.idle_seconds or 0:.0f} s" for row in rows]
    output.note(f"Which agents to {action}?")
    return [rows[number] for number in tick("agent", lines)]
