"""What Codex needs on a host: the hook by which it reports."""

from __future__ import annotations

from pathlib import Path

from mng.roles import ops
from mng.roles.role import Play, role


@role()
def codex(on: Play, hook: str) -> None:
    """The hook script at that path; it is named on codex's command line, so nothing of the user's changes."""
    ops.file(on, hook, (Path(__file__).parent / "files" / "codex_hook.sh").read_bytes(), 0o755)
