"""What OpenCode needs on a host: the script that runs it with its API and watches it."""

from __future__ import annotations

from pathlib import Path

from mng.roles import ops
from mng.roles.role import Play, role


@role()
def opencode(on: Play, script: str) -> None:
    """The script at that path."""
    ops.file(on, script, (Path(__file__).parent / "files" / "opencode.sh").read_bytes(), 0o755)
