"""What every host of agents has use for."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role


@role()
def base(on: Play, packages: list[str] = ["git", "tmux", "rsync", "curl"]) -> None:  # noqa: B006
    """Packages of the system."""
    ops.package(on, *packages)
