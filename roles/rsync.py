"""rsync, which push and pull move files by."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role


@role()
def rsync(on: Play) -> None:
    """Its program."""
    ops.package(on, "rsync")
