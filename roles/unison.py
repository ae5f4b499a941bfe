"""unison, which pair keeps folders equal by."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role


@role()
def unison(on: Play) -> None:
    """Its program."""
    ops.package(on, "unison")
