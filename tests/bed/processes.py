"""Processes found by a variable in their environment, and ended by their id; Linux only, elsewhere none is found."""

import os
import signal
import time
from pathlib import Path

PROC = Path("/proc")


def carrying(pair: str) -> dict[int, str]:
    """Processes whose environment holds NAME=VALUE: pid -> command line."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            if pair.encode() not in (folder / "environ").read_bytes().split(b"\0") or state(folder) == "Z":
                continue
            words = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
        except OSError:
            continue
        found[int(folder.name)] = words.decode(errors="replace")
    return found


def state(folder: Path) -> str:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0]


def parent(pid: int) -> int:
    """0 when the process is gone."""
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def ancestors(pid: int) -> list[int]:
    line = []
    while (pid := parent(pid)) > 1:
        line.append(pid)
    return line


def end(pair: str, grace: float = 2.0) -> None:
    """TERM, then KILL, all that carry the variable."""
    for sign, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        for pid in carrying(pair):
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue
        until = time.monotonic() + wait
        while carrying(pair) and time.monotonic() < until:
            time.sleep(0.02)
