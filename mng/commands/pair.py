"""mng pair"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from invoke.context import Context

from mng import output
from mng.cli.command import command
from mng.cli.moving import at, local
from mng.cli.options import CommonOptions, Options, option
from mng.disk import folders
from mng.errors import MngError, Refused, UsageError
from mng.inventory.inventory import Inventory
from mng.rows import Row
from mng.sync import commits, unison
from mng.sync.side import Side, apart
from mng.sync.unison import Conflict, Direction, Paired, Pairing
from mng.sync.unsaved import Uncommitted


class PairOptions(Options):
    """Pair"""

    source: str | None = option(None, place="word", help="AGENT or AGENT:PATH (default: choose from a list)")
    target: str | None = option(None, help="the folder here (default: this repository, or folder)")
    require_git: bool = option(True, help="bring both to the same commit first, and refuse where that can't be")
    uncommitted_changes: Uncommitted = option("fail", help="what becomes of changes that bringing commits would take away")
    sync_direction: Direction = option("both", help="forward: only from the agent to here; reverse: only to the agent")
    conflict: Conflict = option("newer", help="which side counts where both have changed a file")
    include: list[str] = option([], help="keep this name, path or pattern equal, too (.git only of an agent on this machine)")
    exclude: list[str] = option([], help="leave this name, path or pattern alone")
    dry_run: bool = option(False, help="say which commits and folders would be kept equal, do nothing")


class Pair(PairOptions, CommonOptions):
    """Pair"""


class PairRow(Row):
    """What a pairing did until it was ended."""

    columns: ClassVar[dict[str, str]] = {"SOURCE": "source", "TARGET": "target", "CHANGES": "changes"}

    source: str
    target: str
    changes: int = 0
    conflicts: list[str] = []
    reconnects: int = 0

    def human(self) -> str:
        left = f"; changed on both sides: {', '.join(self.conflicts)}" if self.conflicts else ""
        return f"{self.source} ⇄ {self.target}: {self.changes} change{'s' * (self.changes != 1)}{left}"


@command
def pair(c: Context, o: Pair) -> PairRow:
    """Keep an agent's work and a folder here equal, until Ctrl-C

    First both get the same commits, then every change of a file on one side goes to the other at once. What git ignores
    stays on either side; what is overwritten is kept in `pair/backup` of ~/.mng on its host.
    """
    inventory = Inventory(o.settings)
    place, agent = at(inventory, None, None, None, o.source)
    here = local(inventory, o.target, o.context, agent, "--target")
    source, target = Side.of(place, refs=True, each=True).there(), Side.of(here, refs=True, each=True)
    apart(source, target)
    if source.kind == "file" or target.kind == "file":
        raise UsageError(f"{(source if source.kind == 'file' else target).place} is a file", "pair keeps folders equal")
    unison.fits(source.host, target.host)
    row = PairRow(source=str(source.place), target=str(target.place))
    commits_first(source, target, o)
    if o.dry_run:
        output.note(f"would keep {source.place} and {target.place} equal")
        return row
    folders(Path(target.path))
    asked = unison.Asked(o.sync_direction, o.conflict, o.include, o.exclude)
    pairing = Pairing(Side.of(source.place), Side.of(target.place), asked, o.settings.host_dir / "pair")
    with unison.alone(pairing):
        kept(pairing, o)
    done = pairing.done
    return row.model_copy(update={"changes": done.changes, "conflicts": done.conflicts, "reconnects": done.reconnects})


def kept(pairing: Pairing, o: Pair) -> None:
    """Until Ctrl-C; then once more."""

    def told(done: Paired, last: str) -> None:
        latest = f"{done.changes} changes, the last: {last}" if last else "in step"
        output.progress(f"{pairing.source.place} ⇄ {pairing.target.place}: {latest} (Ctrl-C ends)")

    def ask(path: str) -> str:
        question = f"{path} was changed on both sides. Take the agent's (s), the one here (t), or leave both (l)?"
        return output.choose(question, {"s": "source", "t": "target", "l": ""})

    try:
        pairing.keep(told, ask if o.conflict == "ask" and output.interactive() else None)
    except KeyboardInterrupt:
        output.clear()
        output.note("bringing both sides in step once more")
        pairing.once()
    finally:
        pairing.end()


def commits_first(source: Side, target: Side, o: Pair) -> None:
    """Whichever side has more commits gives them to the other."""
    if not (source.dir and target.dir):
        if o.require_git:
            plain = target if source.dir else source
            raise Refused(f"{plain.place} is no work tree of git", "--no-require-git pairs the files alone")
        return
    if source.head == target.head or not o.require_git:
        return
    asked = commits.Asked(uncommitted=o.uncommitted_changes)
    try:
        brought = commits.bring(source, target, asked, f"pair with {source.place.name}", dry=o.dry_run)
        if brought.relation == "same":
            brought = commits.bring(target, source, asked, f"pair with {source.place.name}", dry=o.dry_run)
    except MngError as error:
        raise type(error)(error.what, f"{error.hint}; bring them together with mng pull or push, or --no-require-git") from None
    output.note(f"{brought.branch} {'would be' if o.dry_run else 'is'} at {brought.commit[:12]} on both sides")
