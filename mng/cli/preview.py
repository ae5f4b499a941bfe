"""A table that is still growing: on a terminal as far as it is known, until the whole takes its place."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mng import output
from mng.rows import Row


class Preview:
    """Draws over itself; nothing where a person does not look on."""

    def __init__(self) -> None:
        self.lines = 0

    def show(self, rows: Sequence[Row], waiting: str) -> None:
        """The table, and what is waited for; as much as the screen has room for."""
        if not output.drawn():
            output.progress(waiting)
            return
        room = os.get_terminal_size(1).lines - 2
        text = [*output.table_text(rows).splitlines()[:room], waiting] if rows else [waiting]
        self.clear()
        output.write("".join(f"{line}\n" for line in text))
        self.lines = len(text)

    def clear(self) -> None:
        if self.lines:
            output.write(f"\x1b[{self.lines}F\x1b[J")
        self.lines = 0
