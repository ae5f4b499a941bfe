"""The files of this machine, and how much of anything is taken."""

from __future__ import annotations

import os
import stat
from typing import Literal, NamedTuple

from mng.errors import MngError

MOST = 32 << 20  # bytes that one command may print, or a file may have, to be taken whole


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
