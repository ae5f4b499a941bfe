"""OpenCode on a host."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import cmd

INSTALL = cmd("npm", "install", "-g", "opencode-ai")
CURL = cmd("apt-get", "install", "-y", "curl")


@role()
def opencode(on: Play) -> None:
    """Its program, and the one that reads its API."""
    ops.program(on, "opencode", INSTALL)
    ops.program(on, "curl", CURL)
