"""The program that an agent type runs must be on the host."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import Cmd


@role()
def program(on: Play, name: str, install: Cmd | None = None, hint: str = "") -> None:
    """The program on PATH; installed only when that is agreed to, `hint` for one that mng can't install."""
    ops.program(on, name, install, hint)
