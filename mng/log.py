"""The log: one JSON line a command, appended whole, rotated by size."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

LARGEST = 10_000_000  # bytes of one file
KEPT = 5  # files, the one in use included
HARMLESS = (
    "HOME",
    "LANG",
    "MNG_HOST_DIR",
    "MNG_PREFIX",
    "MNG_PROFILE",
    "MNG_ROOT_NAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMUX",
)


class Log:
    """`commands` and `printed`: whether what runs on hosts, and what it prints, is kept too."""

    def __init__(self, file: Path, commands: bool = False, printed: bool = False) -> None:
        self.file, self.commands, self.printed = file, commands or printed, printed

    def write(self, secrets: Iterable[str] = (), **entry: object) -> None:
        """With *** for each secret. Raises OSError."""
        shown = {key: without(value, secrets) for key, value in entry.items()} if secrets else entry
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "pid": os.getpid(), **shown}
        data = (json.dumps(line, default=str) + "\n").encode(errors="backslashreplace")
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, data)
            if os.fstat(fd).st_size > LARGEST:
                self.rotate(fd)
        finally:
            os.close(fd)

    def rotate(self, fd: int) -> None:
        """By one process at a time; who comes second finds another file in place and leaves it."""
        import fcntl

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if os.fstat(fd).st_ino == self.file.stat().st_ino:
            for number in range(KEPT - 1, 0, -1):
                older = self.file.with_name(f"{self.file.name}.{number}")
                newer = self.file.with_name(f"{self.file.name}.{number - 1}") if number > 1 else self.file
                if newer.exists():
                    newer.replace(older)


def without(value: object, secrets: Iterable[str]) -> object:
    """The text, or texts, with *** for each secret; the longest first, since one may be a part of another."""
    if isinstance(value, list):
        return [without(one, secrets) for one in value]
    if isinstance(value, str):
        for secret in sorted(secrets, key=len, reverse=True):
            value = value.replace(secret, "***")
    return value


def environment() -> dict[str, str]:
    """The names of all variables; the values of those that hold no secret."""
    return {name: value if name in HARMLESS else "***" for name, value in sorted(os.environ.items())}
