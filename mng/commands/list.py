"""mng list"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from invoke.context import Context

from mng import output
from mng.agents.row import AgentRow, broken_row
from mng.agents.team import Team, matching
from mng.cli.command import command
from mng.cli.options import CommonOptions, Count, Duration, Exclusive, Options, Pairs, option
from mng.cli.preview import Preview
from mng.errors import Unreachable
from mng.inventory.inventory import Inventory
from mng.rows import Results, check, cut, value_at


class ListOptions(Options):
    """Which agents"""

    exclusive: ClassVar[Exclusive] = (("running", "stopped"), ("local", "remote"))

    running: bool = option(False, help="those whose program runs")
    stopped: bool = option(False, help="those that are stopped, done or failed")
    local: bool = option(False, help="those on this machine")
    remote: bool = option(False, help="those elsewhere")
    provider: list[str] = option([], help="those on hosts of this provider")
    project: list[str] = option([], help="those with this label `project`")
    label: Pairs = option({}, help="those with this label")
    tag: Pairs = option({}, help="those on hosts with this tag")
    include: list[str] = option([], help="those for which the CEL expression is true")
    exclude: list[str] = option([], help="not those for which the CEL expression is true")
    stdin: bool = option(False, help="only names or ids read from stdin, one a line")
    host: str | None = option(None, help="those on hosts of this pattern (as Ansible's): 'web:!web3'")
    host_timeout: Duration = option(5.0, help="how long a host may take to answer; then it is shown as last known")
    on_error: Literal["continue", "abort"] = option(
        "continue", help="show what can be known though a host does not answer, or fail"
    )
    allow_unknown_host: bool = option(False, help="trust a host whose key is not known yet, and keep its key")
    list_hosts: bool = option(False, "--hosts", help="hosts and their groups instead of agents")


class ShapeOptions(Options):
    """What is shown"""

    fields: str | None = option(None, help="fields instead of the columns: name,state,host.name")
    sort: str | None = option(None, help="field to sort by (default: create_time)")
    sort_order: Literal["asc", "desc"] = option("asc", help="smallest or largest first")
    limit: Count | None = option(None, help="show this many at most")
    watch: Duration | None = option(None, "-w", help="show again every so many seconds, until Ctrl-C")


class List(ListOptions, ShapeOptions, CommonOptions):
    """List"""


@command
def list_(c: Context, o: List) -> Results[AgentRow]:
    """List agents

    Every agent with its state, as its host shows it at this moment.
    """
    inventory = Inventory(o.settings, o.allow_unknown_host)
    if o.watch is None:
        return rows(inventory, o)
    while True:
        output.refresh(rows(inventory, o))
        time.sleep(max(o.watch, 0.1))


def rows(inventory: Inventory, o: List) -> Results[Any]:
    preview = Preview()

    def so_far(team: Team, waiting: str) -> None:
        preview.show(shaped(team.with_hand_made(), o), waiting)

    shown = so_far if o.watch is None and not o.stdin else None
    team = Team.of(inventory, (o.host,) if o.host else (), timeout=o.host_timeout, shown=shown).with_hand_made()
    preview.clear()
    if o.on_error == "abort" and (away := [host for host in team.hosts if host.state == "UNREACHABLE"]):
        raise Unreachable(f"{', '.join(host.name for host in away)}: no answer", "without --on-error abort the others are shown")
    found = shaped(team, o)
    none = "no agent matches" if team.agents or team.broken else "no agents yet; mng create makes one"
    return Results(found, "" if found else none)


def shaped(team: Team, o: List) -> list[Any]:
    """The rows that were asked for, in their order."""
    found = [*team.rows(), *(broken_row(broken) for broken in team.broken)]
    wanted = typed_names() if o.stdin else None
    found = [row for row in found if passes(row, o) and (wanted is None or row.name in wanted or row.id in wanted)]
    found = matching(found, o.include, o.exclude)
    if o.sort:
        check(AgentRow, o.sort)
        found.sort(key=order(o.sort), reverse=o.sort_order == "desc")
        found.sort(key=lambda row: value_at(row, o.sort or "") in (None, ""))  # stable: what has no value comes last
    elif o.sort_order == "desc":
        found.reverse()
    found = found[: o.limit] if o.limit is not None else found
    return found if o.fields is None else [cut(row, o.fields) for row in found]


def typed_names() -> set[str]:
    from mng.cli.chosen import lines

    return set(lines())


def passes(row: AgentRow, o: List) -> bool:
    alive = row.state in ("RUNNING", "WAITING", "CREATING")
    local = row.host.provider == "local"
    return (
        (not o.running or alive)
        and (not o.stopped or row.state in ("STOPPED", "DONE", "FAILED"))
        and (not o.local or local)
        and (not o.remote or not local)
        and (not o.provider or row.host.provider in o.provider)
        and (not o.project or row.labels.get("project") in o.project)
        and o.label.items() <= row.labels.items()
        and o.tag.items() <= row.host.tags.items()
    )


def order(field: str) -> Callable[[AgentRow], tuple[bool, Any]]:
    """Numbers and times by value, all else as text."""

    def key(row: AgentRow) -> tuple[bool, Any]:
        value = value_at(row, field)
        if value is None or value == "":
            return True, 0
        return False, value if isinstance(value, int | float) or hasattr(value, "timestamp") else str(value)

    return key
