"""Choosing lines on the terminal: type to filter, arrows to move, Space to tick, Enter to take, Escape to leave."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator, Sequence

from mng import output
from mng.errors import MngError, UsageError

KEYS = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"\x10": "up", b"\x0e": "down",
    b"\r": "take", b"\n": "take", b"\x1b": "leave", b"\x03": "leave", b"\x04": "leave",
    b"\x7f": "erase", b"\x08": "erase", b"\x15": "clear",
}  # fmt: skip


class Selector:
    """What was typed, and where the mark stands; `press` is all of its behaviour."""

    def __init__(self, lines: Sequence[str], *, many: bool = False) -> None:
        self.lines, self.typed, self.at, self.many = [output.clean(line) for line in lines], "", 0, many
        self.ticked: set[int] = set()

    @property
    def left(self) -> list[int]:
        """The lines that contain every word typed."""
        words = self.typed.lower().split()
        return [n for n, line in enumerate(self.lines) if all(word in line.lower() for word in words)]

    def press(self, data: bytes) -> str:
        """`take` and `leave` end it."""
        key = KEYS.get(data, "")
        if key in ("up", "down"):
            self.at += 1 if key == "down" else -1
        elif key == "erase":
            self.typed = self.typed[:-1]
        elif key == "clear":
            self.typed = ""
        elif self.many and data == b" " and self.left:
            self.ticked ^= {self.left[self.at]}
            self.at += 1
        elif self.many and data == b"\x01":
            self.ticked = self.ticked - set(self.left) if self.ticked >= set(self.left) else self.ticked | set(self.left)
        elif not key and not data.startswith(b"\x1b"):
            self.typed += "".join(c for c in data.decode(errors="ignore") if c.isprintable())
        self.at = max(0, min(self.at, len(self.left) - 1))
        return key if key == "leave" or (key == "take" and (self.ticked if self.many else self.left)) else ""

    def shown(self, height: int, width: int) -> list[str]:
        first = max(0, self.at - height + 2)
        window = self.left[first : first + height - 1]
        rows = [("> " if n + first == self.at else "  ") + self.box(line) + self.lines[line] for n, line in enumerate(window)]
        hint = f"type to filter{', Space ticks, Ctrl-A all, Enter goes on, Escape leaves' if self.many else ''}"
        count = f"{len(self.ticked)} of {len(self.left)}" if self.many else f"{len(self.left)}"
        return [f"{self.typed or hint} ({count})"[:width], *(row[:width] for row in rows)]

    def box(self, line: int) -> str:
        return ("[x] " if line in self.ticked else "[ ] ") if self.many else ""


def select(what: str, lines: Sequence[str]) -> int:
    """The number of the line taken; UsageError where nobody can choose, MngError when nothing is chosen."""
    if not output.interactive():
        raise UsageError(f"which {what}?", "name one; see: mng list")
    return chosen(Selector(lines), what)[0]


def tick(what: str, lines: Sequence[str]) -> list[int]:
    """The numbers of the lines ticked, at least one; MngError when nothing is chosen. Only for a terminal."""
    return chosen(Selector(lines, many=True), what)


def chosen(selector: Selector, what: str) -> list[int]:
    with keys() as fd:
        drawn = 0
        while True:
            drawn = draw(selector, drawn)
            pressed = selector.press(os.read(fd, 64))
            if pressed:
                erase(drawn)
            if pressed == "take":
                return sorted(selector.ticked) if selector.many else [selector.left[selector.at]]
            if pressed == "leave":
                raise MngError(f"no {what} chosen")


@contextlib.contextmanager
def keys() -> Iterator[int]:
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)
        yield fd
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def draw(selector: Selector, drawn: int) -> int:
    """The list over the one drawn before; how many lines it has."""
    size = os.get_terminal_size(sys.stderr.fileno())
    lines = selector.shown(max(min(size.lines - 1, 15), 2), size.columns - 1)
    erase(drawn)
    output.terminal("\r\n".join(lines) + "\r")
    return len(lines)


def erase(drawn: int) -> None:
    output.terminal((f"\x1b[{drawn - 1}A" if drawn > 1 else "") + "\r\x1b[J" if drawn else "")
