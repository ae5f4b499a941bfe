"""mng trust"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

from invoke.context import Context

from mng import acting, output
from mng import trust as trusted
from mng.cli.command import command
from mng.cli.options import CommonOptions, Exclusive, Options, Placeholder, option
from mng.errors import UsageError
from mng.rows import Results, Row
from mng.settings import marked
from mng.shell import expanded, here, is_folder


class TrustOptions(Options):
    """Trust"""

    exclusive: ClassVar[Exclusive] = (("show", "list_", "revoke"),)

    folder: Annotated[str, Placeholder("DIR")] | None = option(
        None,
        "--dir",
        place="word",
        help="folder (default: this one and those above it in the repository that have such files)",
    )
    show: bool = option(False, help="say what its files want, trust nothing")
    list_: bool = option(False, help="all folders that are trusted")
    revoke: bool = option(False, help="trust it no longer")
    yes: bool = option(False, "-y", help="do not ask on a terminal")


class TrustAll(TrustOptions, CommonOptions):
    """Trust"""


class Trusted(Row):
    """A folder: trusted, changed (since it was trusted), untrusted, others' (never trusted), revoked, gone, or nothing acts."""

    columns: ClassVar[dict[str, str]] = {"FOLDER": "folder", "STATE": "state", "PROBLEM": "problem"}

    folder: str
    state: str
    files: list[str] = []
    wants: list[str] = []
    problem: str = ""


@command
def trust(c: Context, o: TrustAll) -> Results[Trusted]:
    """Let what a folder's files say of you count

    Its settings, inventory, ansible.cfg, roles and tasks, as they are now: what changes has to be trusted again.
    Files of other users, or that others may write, are never trusted.
    """
    if o.list_:
        names = [name for name, one in sorted(trusted.kept().items()) if one.get("groups")]
        rows = [row(Path(name), trusted.seen(Path(name))) for name in names]
        return Results(rows, "" if rows else "no folder is trusted")
    folders = chosen(o)
    if o.revoke:
        trusted.change({os.path.realpath(folder): None for folder in folders})
        return Results([Trusted(folder=str(folder), state="revoked") for folder in folders])
    files = {folder: trusted.seen(folder) for folder in folders}  # read once: what is told of is what is trusted
    rows = [row(folder, seen, wants=True) for folder, seen in files.items()]
    for one in rows:
        tell(one)
    if o.show:
        return Results(rows)
    return Results([given(one, seen, o) for one, seen in zip(rows, files.values(), strict=True)])


def chosen(o: TrustAll) -> list[Path]:
    folder = here() / expanded(o.folder or o.context or "")
    if not is_folder(folder):
        if o.revoke and o.folder:
            return [folder]
        raise UsageError(f"{folder}: no such folder")
    if o.folder:
        return [folder]
    recorded = [place for place in (folder, *folder.parents) if os.path.realpath(place) in trusted.kept()] if o.revoke else []
    return list(dict.fromkeys([*recorded, *(one for one in marked(folder) if trusted.seen(one))])) or [folder]


def row(folder: Path, seen: dict[str, trusted.Hashes], *, wants: bool = False) -> Trusted:
    """How it stands with the folder, whose files were `seen`."""
    recorded = trusted.recorded(folder)
    files = [name for one in seen.values() for name in one]
    problem = acting.stranger(folder, [folder / name for name in files]) if files else ""
    state = "trusted" if seen == recorded or (files and trusted.vouched(folder)) else "changed" if recorded else "untrusted"
    state = "gone" if not is_folder(folder) else "others'" if problem else state if files else "nothing acts"
    said: list[str] = []
    if wants and files:
        from mng.cli.trusting import wants as words

        said = words(folder, seen)
    return Trusted(folder=str(folder), state=state, files=files, wants=said, problem=problem)


def tell(one: Trusted) -> None:
    if output.now.shape != "human" or not one.files:
        return
    files = ", ".join(one.files[:12]) + (f" and {len(one.files) - 12} more" if one.files[12:] else "")
    output.note(output.clean(f"{one.folder} ({one.state}): {files}; these files want to:"))
    for line in one.wants:
        output.note(f"  - {output.clean(line)}")


def given(one: Trusted, seen: dict[str, trusted.Hashes], o: TrustAll) -> Trusted:
    """Trusted as it was shown: what has changed meanwhile is another thing, and does not count."""
    folder = Path(one.folder)
    if not one.files:
        return one
    if not o.yes and output.confirm(f"Trust {output.clean(str(folder))} as it is now?") is False:
        return one.model_copy(update={"state": "untrusted"})
    trusted.keep(folder, seen)
    return one.model_copy(update={"state": "trusted"})
