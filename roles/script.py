"""A program of mng's own that an agent type needs on the host."""

from __future__ import annotations

from pathlib import Path

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role

FILES = Path(__file__).parent / "files"


@role()
def script(on: Play, path: str, source: Path) -> None:
    """The file at that path, as mng ships it."""
    ops.file(on, path, source.read_bytes(), 0o755)
