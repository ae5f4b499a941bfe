"""How rows and help are laid out as text: aligned columns; with colour, cut to the terminal's width, by rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Sections = Sequence[tuple[str, Sequence[tuple[str, str]]]]  # headings, each with pairs of columns


def aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)] if lines else []
    return "\n".join("   ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)).rstrip() for line in lines) + "\n"


def table(headers: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    """In colour, no wider than the terminal: middle columns are cut at a third of it, then the last one."""
    from rich.table import Table
    from rich.text import Text

    texts = [[Text(text) for text in line] for line in cells]
    for line in texts:
        for text in line[1:-1]:
            text.truncate(max(width // 3, 12), overflow="ellipsis")
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in zip(map(Text, headers), *texts, strict=True):
        grid.add_column(column[0], no_wrap=True, width=max(text.cell_len for text in column))
    before = sum((column.width or 0) + 2 for column in grid.columns[:-1])
    for line in texts:
        line[-1].truncate(max(width - before, 1), overflow="ellipsis")
        grid.add_row(*line)
    grid.width = before + (grid.columns[-1].width or 0)  # its natural one: rich makes it fit by dropping first columns
    return drawn(width, grid)


def help_page(title: str, text: str, sections: Sections, width: int, *, colours: bool = False) -> str:
    """A headline, prose, then two columns under headings."""
    if not colours:
        return plain_page(title, text, sections, width)
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(title, "bold"), *([Text(f"\n{text}")] if text else [])]
    for heading, rows in sections:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(max_width=max(width * 2 // 5, 16))
        for left, right in rows:
            grid.add_row(Text(left, "cyan"), Text(right))
        parts += ["", Text(heading, "bold"), Padding(grid, (0, 2))]
    return drawn(width, *parts)


def plain_page(title: str, text: str, sections: Sections, width: int) -> str:
    import textwrap

    width = max(width, 30)
    column = min(max((len(left) for _, rows in sections for left, _ in rows), default=0), width * 2 // 5) + 2
    lines = [title, *(["", text] if text else [])]
    for heading, rows in sections:
        lines += ["", heading]
        for left, right in rows:
            beside = textwrap.wrap(right, width - column - 2) or [""]
            if len(left) > column - 2:
                lines.append(f"  {left}")
            else:
                lines.append(f"  {left:{column}}{beside.pop(0)}".rstrip())
            lines += [f"  {'':{column}}{line}".rstrip() for line in beside if line]
    return "\n".join(lines) + "\n"


def drawn(width: int, *parts: RenderableType) -> str:
    """What rich makes of it for a terminal of that width."""
    from rich.console import Console

    console: Console = Console(width=width, force_terminal=True, highlight=False)
    with console.capture() as text:
        console.print(*parts, sep="\n", crop=True)
    return text.get()
