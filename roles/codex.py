"""Codex on a host."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import cmd

INSTALL = cmd("npm", "install", "-g", "@openai/codex")


@role()
def codex(on: Play) -> None:
    """Its program."""
    ops.program(on, "codex", INSTALL)
