"""The examples of a table of contents: lines of its package's examples.txt, each with what it is good for."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mng.cli.contents import Contents


class Example(NamedTuple):
    command: str
    line: str
    about: str


def examples(contents: Contents) -> list[Example]:
    """All, in the order of the file; none without one."""
    file = Path(import_module(contents.package).__file__ or "").with_name("examples.txt")
    found = []
    for text in file.read_text().splitlines() if file.exists() else ():
        line, _, about = (part.strip() for part in text.partition(" # "))
        found.append(Example(contents.find(shlex.split(line)[1:])[0] or contents.default, line, about))
    return found
