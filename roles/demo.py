"""What the demo agent needs on a host: its program."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.role import Play, role


@role()
def demo(on: Play, path: str, program: bytes) -> None:
    """The program at that path."""
    ops.file(on, path, program)
