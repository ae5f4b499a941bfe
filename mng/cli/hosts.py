"""Hosts as rows: `mng list --hosts`, --list-hosts of every command with --host; and those that --limit @failed means."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, ClassVar

from mng.agents.team import Team
from mng.cli.targets import TargetOptions
from mng.inventory.inventory import Inventory
from mng.inventory.selection import Selection
from mng.rows import Results, Row


class HostListed(Row):
    """A host as inventories and providers have it; nobody asks the host itself."""

    columns: ClassVar[dict[str, str]] = {
        "NAME": "name", "PROVIDER": "provider", "STATE": "state", "ADDRESS": "address", "GROUPS": "shown_groups",
    }  # fmt: skip

    name: str
    provider: str
    state: str
    address: str = ""
    tags: dict[str, str] = {}
    groups: list[str] = []
    problem: str = ""

    @property
    def shown_groups(self) -> str:
        """Those that no other column says."""
        return ", ".join(name for name in self.groups if not name.startswith(("provider_", "state_")))


def listed(o: Any) -> Results[HostListed]:
    """The hosts that the command would touch: its pattern's, or those of its agents."""
    inventory = Inventory(o.settings, o.allow_unknown_host)
    if isinstance(o, TargetOptions) and (o.words or not o.hosts):
        from mng.cli.chosen import chosen

        team = Team.of(inventory, o.hosts, o.words, limit=o.limit or "").with_hand_made()
        names = [agent.host.name for agent in chosen(team, o, getattr(o, "session", ())).agents]
        return Results(rows(inventory.selection(), dict.fromkeys(names)))
    selection = inventory.selection()
    limit = (o.limit or "") if isinstance(o, TargetOptions) else ""
    return Results(rows(selection, selection.chosen([o.host] if o.host else ["local", "all"], limit, inventory.limit_file)))


def rows(selection: Selection, names: Iterable[str]) -> list[HostListed]:
    inside: dict[str, list[str]] = {}
    for group, hosts in selection.names.groups.items():
        for host in hosts if group not in ("all", "ungrouped") else ():
            inside.setdefault(host, []).append(group)
    return [HostListed(groups=sorted(inside.get(name, [])), **fields) for name in names for fields in selection.facts(name)]


def keep_failed(o: Any, result: Any) -> None:
    """After a command on hosts, those where it failed are what `--limit @failed` means."""
    if not isinstance(o, TargetOptions) or not o.hosts or getattr(o, "dry_run", False) or getattr(o, "check", False):
        return
    there = [(row.host, row.exit_code) for row in result or () if getattr(row, "host", "") and hasattr(row, "exit_code")]
    file = Inventory(o.settings).failed_file
    with contextlib.suppress(OSError):
        if failed := dict.fromkeys(name for name, code in there if code):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"{name}\n" for name in failed))
        elif there:
            file.unlink(missing_ok=True)
