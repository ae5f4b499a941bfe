"""Whole files and folders."""

from __future__ import annotations

import difflib
import string
from collections.abc import Callable
from pathlib import Path

from mng.disk import Seen
from mng.errors import MngError, UsageError
from mng.roles.facts import Fact, Need
from mng.roles.play import Play
from mng.runner import File
from mng.shell import cmd, expanded, raw

Mask = Callable[[bytes], bytes]
# The file as it was, with all that cp keeps of it, gets the new content beside its place, and is then renamed.
REPLACE = raw("""new=$0.mng-new
if [ -e "$0" ]; then cp -p -- "$0" "$new"; else mkdir -p -- "${0%/*}" && (umask 077; : > "$new"); fi &&
{ [ -z "$2" ] || chown -- "$2" "$new"; } && cat > "$new" && chmod "$1" "$new" && mv -f -- "$new" "$0" && exit
code=$?; rm -f -- "$new"; exit "$code"
""")


def read(on: Play, path: str) -> bytes | None:
    """The file's content; None where there is none."""
    return on.look(path).data


def file(on: Play, path: str, data: bytes | str, mode: int | None = None, owner: str = "", mask: Mask | None = None) -> bool:
    """The file with exactly this content; `owner` is USER or USER:GROUP, `mask` what a diff may show of the content."""
    seen, data = on.look(path), data.encode() if isinstance(data, str) else bytes(data)
    whole = seen.mode if mode is None and seen.kind else 0o644 if mode is None else mode
    return on.op(
        f"file {path}",
        seen.kind == "file" and seen.data == data and seen.mode == whole and owned(seen, owner),
        lambda: write(on, seen, data, whole, owner),
        after=written(on, path, seen, data, whole, owner),
        diff=lambda: difference(seen, data, whole, mask),
        wrong=unfit(seen),
    )


def directory(on: Play, path: str, mode: int | None = None, owner: str = "") -> bool:
    seen, where = on.look(path), on.path(path)
    whole = seen.mode if mode is None and seen.kind else 0o755 if mode is None else mode
    new = Seen(seen.path, "directory", whole, *owner_of(owner or ":".join((seen.owner, seen.group))))
    make = cmd("mkdir", "-p", "--", where).then(cmd("chmod", f"{whole:o}", "--", where))
    return on.op(
        f"directory {path}",
        seen.kind == "directory" and seen.mode == whole and owned(seen, owner),
        lambda: on.host.runner.run(make.then(cmd("chown", "--", owner, where)) if owner else make),
        after={where: new},
        wrong=MngError(f"{path} is there, and no folder") if seen.kind not in ("", "directory") else None,
    )


def template(on: Play, path: str, source: str | Path, mode: int | None = None, owner: str = "", **values: object) -> bool:
    """A file with `$name` and `${name}` of the source (text, or the Path of a file) filled in; `$$` is a dollar."""
    name = str(source) if isinstance(source, Path) else f"the template of {path}"
    text = read_here(source).decode() if isinstance(source, Path) else source
    try:
        return file(on, path, string.Template(text).substitute(values).encode(), mode, owner)
    except KeyError as error:
        raise MngError(f"{name}: no value for ${error.args[0]}", "$$ stands for a dollar sign") from None
    except ValueError as error:
        raise MngError(f"{name}: {str(error)[:1].lower()}{str(error)[1:]}", "$$ stands for a dollar sign") from None


def copy(on: Play, source: str | Path, path: str, mode: int | None = None) -> bool:
    """A file or folder of this machine, with its modes; what else is in the folder there stays."""
    source = expanded(source)
    if not source.is_dir():
        return file(on, path, read_here(source), source.stat().st_mode & 0o777 if mode is None else mode)
    inside = sorted(source.rglob("*"))
    files = {f"{on.path(path)}/{p.relative_to(source).as_posix()}": p for p in inside if p.is_file()}
    folders = [on.path(path), *(f"{on.path(path)}/{p.relative_to(source).as_posix()}" for p in inside if p.is_dir())]
    new = {to: File(read_here(p), p.stat().st_mode & 0o777 if mode is None else mode) for to, p in files.items()}
    seen = {to: on.look(to) for to in (*folders, *new)}
    missing = [to for to in folders if seen[to].kind != "directory"]
    stale = {to: f for to, f in new.items() if (seen[to].data, seen[to].mode) != f}

    def mend() -> None:
        on.host.runner.run(cmd("mkdir", "-p", "--", *missing)) if missing else None
        on.host.runner.put(stale)

    after: dict[Need, Fact] = {to: Seen(seen[to].path, "directory", 0o755) for to in missing}
    for to, one in stale.items():
        after |= written(on, to, seen[to], one.data, one.mode)
    return on.op(
        f"copy {source} to {path}",
        not missing and not stale,
        mend,
        after=after,
        diff=lambda: "".join(difference(seen[to], f.data, f.mode) for to, f in stale.items()),
        wrong=next((problem for to in new if (problem := unfit(seen[to]))), None),
    )


# --- what ops of files are made of


def write(on: Play, seen: Seen, data: bytes, mode: int, owner: str = "") -> None:
    """New content for what was seen; a file that is there keeps its owner."""
    if seen.kind or owner:
        done = on.host.runner.run(cmd("sh", "-c", REPLACE, seen.path, f"{mode:o}", owner), stdin=data, check=False)
        if done.code:
            raise MngError(f"cannot write {seen.path}: {done.complaint}")
    else:
        on.host.runner.put({seen.path: File(data, mode)})


def written(on: Play, path: str, seen: Seen, data: bytes, mode: int, owner: str = "") -> dict[Need, Fact]:
    return {on.path(path): Seen(seen.path, "file", mode, *owner_of(owner or ":".join((seen.owner, seen.group))), data)}


def unfit(seen: Seen) -> MngError | None:
    """Why a file can't be written there."""
    if seen.kind == "directory":
        return MngError(f"{seen.path} is a folder, not a file")
    if seen.kind == "other":
        return MngError(f"{seen.path} is no regular file")
    return MngError(f"{seen.path} can't be read") if seen.kind and seen.data is None and not seen.big else None


def owned(seen: Seen, owner: str) -> bool:
    user, group = owner_of(owner)
    return user in ("", seen.owner) and group in ("", seen.group)


def owner_of(owner: str) -> tuple[str, str]:
    user, _, group = owner.partition(":")
    return user, group


def difference(seen: Seen, data: bytes, mode: int, mask: Mask | None = None) -> str:
    """A unified diff. Of a file that its owner alone may read, only what a mask lets through is shown."""
    old, head = seen.data or b"", f"--- {seen.path if seen.kind else '/dev/null'}\n+++ {seen.path}\n"
    changes = f"mode {seen.mode:04o} -> {mode:04o}\n" if seen.kind and seen.mode != mode else ""
    if mask:
        hidden, old, data = old != data, mask(old), mask(data)
        changes += "(values change that are not shown)\n" if hidden and old == data else ""
    elif mode & 0o077 == 0 or (seen.kind and seen.mode & 0o077 == 0):
        return head + changes + ("(its owner alone may read it: not shown)\n" if old != data else "")
    try:
        before, now = old.decode().splitlines(), data.decode().splitlines()
    except UnicodeDecodeError:
        return head + changes + "(binary)\n"
    lines = difflib.unified_diff(before, now, lineterm="")
    return head + changes + "".join(f"{line}\n" for line in list(lines)[2:])


def read_here(path: Path) -> bytes:
    """A file of this machine."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
