"""mng gc"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng.agents.creation import finish
from mng.agents.leftovers import leftovers
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
from mng.inventory.inventory import Inventory
from mng.rows import Results, Row


class GcOptions(Options):
    """Gc"""

    dry_run: bool = option(False, help="say what would be removed, remove nothing")


class Gc(GcOptions, CommonOptions):
    """Gc"""


class Gone(Row):
    """Something that nothing referred to."""

    columns: ClassVar[dict[str, str]] = {"WHAT": "what", "RESULT": "result"}

    what: str
    result: str

    def human(self) -> str:
        return f"{self.what}: {self.result}"


@command(shows=Gone)
def gc(c: Context, o: Gc) -> Results[Gone]:
    """Remove what nothing refers to any more

    Finishes what killed creates and destroys left, and frees names that no agent has. Unsaved work is saved first.
    """
    inventory = Inventory(o.settings)
    result = "would be removed" if o.dry_run else "removed"
    gone = [Gone(what=done, result="to be finished" if o.dry_run else "done") for done in finish(inventory, dry_run=o.dry_run)]
    for host in inventory.hosts():
        for one in leftovers(host, inventory.settings.host_dir / "journal"):
            if not o.dry_run:
                one.remove()
            gone.append(Gone(what=one.what, result=result))
    return Results(gone, "" if gone else "nothing to remove")
