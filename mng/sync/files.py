"""The files of a work dir as those of another: what either side's git ignores stays as it is, and nothing is lost unsaved."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from mng import output
from mng.errors import MngError, Refused, UsageError
from mng.shell import cmd, raw
from mng.sync import rsync
from mng.sync.dotgit import is_dotgit
from mng.sync.rsync import Asked, Item, literal
from mng.sync.side import Place, Side, apart, covered
from mng.sync.unsaved import Uncommitted, settle

TAKE = (  # what has arrived in an empty folder, with the folder's own mode and time
    'time=$(mktemp) && touch -r . "$time" && mode=$(stat -c %a . 2>/dev/null || stat -f %Lp .) && '
    'find . ! -name . -prune -exec sh -c \'mv -- "$@" ../..\' sh {} + && cd ../.. && chmod "$mode" . && '
    f'{{ rm -rf {rsync.UNDONE} || rm -rf {rsync.UNDONE}; }} && touch -r "$time" . && rm "$time"'
)


@dataclass(frozen=True)
class Wanted:
    """What the user asked for. `rules` are those typed: they come first."""

    rules: tuple[str, ...] = ()
    delete: bool = False
    ignored: bool = False
    words: tuple[str, ...] = ()
    uncommitted: Uncommitted = "fail"
    only: tuple[str, ...] | None = None  # paths, instead of all

    @property
    def reaches_ignored(self) -> bool:
        return self.ignored or any(rule.startswith("+") for rule in self.rules)


class Done(NamedTuple):
    """What was moved, and where that which it replaced is now."""

    moved: rsync.Moved
    saved: str = ""
    items: tuple[Item, ...] = ()


def sync(source: Place, target: Place, wanted: Wanted, doing: str, *, dry: bool = False) -> Done:
    """Refused if that would take what exists only in the target."""
    one, other = Side.both(source, target, each=wanted.reaches_ignored)
    apart(one, other)
    if odd := next((path for path in (*one.changes, *(wanted.only or ())) if is_dotgit(path)), ""):
        raise Refused(f"{one.place}: {odd!r} can be .git on another machine", "nothing was moved; give it another name there")
    if other.kind == "file":
        raise UsageError(f"{other.place} is a file", "name the folder that it is in")
    asked = Asked(rules(one, other, wanted), wanted.delete, wanted.words, wanted.only)
    folder = one.kind == "folder"
    lost = at_stake(one, other, asked, wanted) if other.full else []
    if lost is None:
        return Done(rsync.Moved())
    if dry:
        items = rsync.run(one.place, other.place, asked, folder=folder, dry=True).items
        if lost and other.dir:
            output.note(f"uncommitted changes that would be lost ({wanted.uncommitted}): {', '.join(lost[:20])}")
        return Done(rsync.Moved(sum(not item.deleted for item in items), sum(item.deleted for item in items)), "", items)

    def fetch(beside: str) -> None:
        rsync.run(one.place, other.place._replace(path=beside), Asked(only=tuple(lost)), folder=folder)

    with settle(other, lost, wanted.uncommitted, doing, fetch=fetch) as settled:
        try:
            if other.full:
                return Done(rsync.run(one.place, other.place, asked, folder=folder, doing=doing), settled.ref)
            return Done(anew(one.place, other.place, asked, folder, doing), settled.ref)
        except BaseException:
            clean(other.place)
            raise


def anew(source: Place, target: Place, asked: Asked, folder: bool, doing: str) -> rsync.Moved:
    """Into a folder that is empty or not there, and stays so until all has arrived: faster than to move file by file."""
    aside = target._replace(path=f"{target.path.rstrip('/')}/{rsync.UNDONE}/{secrets.token_hex(4)}")
    target.host.runner.run(cmd("mkdir", "-p", "--", aside.path))
    moved = rsync.run(source, aside, asked, folder=folder, whole=True, doing=doing)
    target.host.runner.run(raw(TAKE).within(aside.path))
    return moved


def rules(source: Side, target: Side, wanted: Wanted) -> tuple[str, ...]:
    """Typed ones, then that what git ignores on either side stays (.git always does: rsync.py)."""
    own = [] if wanted.ignored else [literal(path) for path in source.ignored]
    theirs = [] if wanted.ignored else [literal(path) for path in target.ignored]
    return (*wanted.rules, *own, *theirs)


def at_stake(source: Side, target: Side, asked: Asked, wanted: Wanted) -> list[str] | None:
    """The paths that would be overwritten or deleted, with what no commit has. One more look only where there may be some.

    None if that shows that there is nothing to do at all.
    """
    unsaved = {path.rstrip("/") for path in (*target.changes, *(target.ignored if wanted.reaches_ignored else ()))}
    if target.dir and not unsaved:
        return []
    folder = source.kind == "folder"
    seen = rsync.run(source.place, target.place, asked, folder=folder, dry=True).items
    if not seen:
        return None
    hit = [one for one in seen if one.loses and one.path[-1:] != "/" and (not target.dir or covered(one.path, unsaved))]
    changed = tuple(item.path for item in hit if not item.deleted)
    if not changed:
        return [item.path for item in hit]
    by_content = Asked(words=(*asked.words, "--checksum"), only=changed)  # times alone say little
    differ = {
        item.path for item in rsync.run(source.place, target.place, by_content, folder=folder, dry=True).items if item.loses
    }
    return [item.path for item in hit if item.deleted or item.path in differ]


def clean(target: Place) -> None:
    """Take away what rsync leaves of a transfer that failed, as far as the host can be reached."""
    line = raw("find . -type d -name .~tmp~ -prune -exec rm -rf {} +").within(target.path)
    try:
        target.host.runner.run(line, check=False, timeout=20)
    except MngError as error:
        output.detail(f"{target}: {error.what}")
