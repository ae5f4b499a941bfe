"""The files of this machine, and how much of anything is taken."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from mng.errors import MngError

MOST = 32 << 20  # bytes that one command may print, or a file may have, to be taken whole


class Umask:
    """Of who called mng: programs that it starts have it, and what lies in a project's folder."""

    theirs = -1  # as it is


@contextlib.contextmanager
def private() -> Iterator[None]:
    """What mng itself writes meanwhile is for its user's eyes alone."""
    outer, Umask.theirs = Umask.theirs, os.umask(0o077) if Umask.theirs < 0 else Umask.theirs
    try:
        yield
    finally:
        if outer < 0:
            os.umask(Umask.theirs)
        Umask.theirs = outer


def folders(path: Path, mode: int = 0o777) -> None:
    """The folder and all that it lies in; those that are made have the mode, by the umask of who called mng."""
    if not path.is_dir():
        folders(path.parent, mode)
        path.mkdir(exist_ok=True)
        path.chmod(mode & ~max(Umask.theirs, 0) if Umask.theirs >= 0 else path.stat().st_mode & 0o777 & mode)


def close(folder: Path) -> None:
    """A folder of ours that an older mng left open to others is so no longer."""
    if not folder.is_absolute() or not all((folder / name).is_dir() for name in ("agents", "names")):
        return  # not one of mng's
    for path in (folder, *(folder / name for name in ("agents", "worktrees", "logs"))):
        try:
            found = path.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mode & 0o077:
            with contextlib.suppress(OSError):  # a disk that can't be written, or has no modes, is no reason not to read it
                path.chmod(0o700)


class TooMuch(MngError):
    """A host says more than is taken of it."""


def too_much(what: str, most: int) -> TooMuch:
    amount = f"{most >> 20} MB" if most >> 20 else f"{most >> 10} kB"
    return TooMuch(f"unreadable: {what} has more than {amount}")


class Seen(NamedTuple):
    """What is at a path, links followed: `data` is a file's content, None where it can't be read."""

    path: str
    kind: Literal["", "file", "directory", "other"] = ""  # "" for nothing
    mode: int = 0
    owner: str = ""
    group: str = ""
    data: bytes | None = None
    big: bool = False  # it has more than is read


class Disk:
    """The files of this machine, read when asked for."""

    def read(self, path: str, most: int = MOST) -> bytes | None:
        """The content of a regular file, since any other might never end; TooMuch if it has more than `most` bytes."""
        try:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            data = taken(held, most)
        except OSError:
            return None
        finally:
            os.close(held)
        if data is not None and len(data) > most:
            raise too_much(path, most)
        return data

    def end(self, path: str, size: int) -> bytes:
        """The last bytes of a file; nothing where there is none."""
        try:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return b""
        try:
            os.lseek(held, max(os.fstat(held).st_size - size, 0), os.SEEK_SET)
            return (taken(held, size) or b"")[:size]
        except OSError:
            return b""
        finally:
            os.close(held)

    def mtime(self, path: str) -> float | None:
        try:
            return os.stat(path).st_mtime  # noqa: PTH116
        except OSError:
            return None

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208
        except OSError:
            return []

    def link(self, path: str) -> str | None:
        try:
            return os.readlink(path)  # noqa: PTH115
        except OSError:
            return None

    def look(self, path: str) -> Seen:
        path = os.path.realpath(path)
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            return Seen(path)
        if stat.S_ISREG(found.st_mode):
            try:
                return Seen(path, "file", stat.S_IMODE(found.st_mode), *names(found), self.read(path))
            except TooMuch:
                return Seen(path, "file", stat.S_IMODE(found.st_mode), *names(found), big=True)
        return Seen(path, "directory" if stat.S_ISDIR(found.st_mode) else "other", stat.S_IMODE(found.st_mode), *names(found))


def taken(held: int, most: int) -> bytes | None:
    """What is left of a regular file, and one byte more than `most` at most; None of any other."""
    found = os.fstat(held)
    if not stat.S_ISREG(found.st_mode):
        return None
    data = os.read(held, min(found.st_size, most) + 1)
    parts, size = [data], len(data)
    while data and size <= most:  # it grows, or is one of /proc, whose size is not known
        data = os.read(held, min(most + 1 - size, 1 << 16))
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def names(found: os.stat_result) -> tuple[str, str]:
    """Of owner and group; their numbers where they have none."""
    import grp
    import pwd

    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    try:
        return owner, grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return owner, str(found.st_gid)
