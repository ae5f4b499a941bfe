"""Who is let in by SSH."""

from __future__ import annotations

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role


@role()
def authorized(on: Play, path: str, add: list[str], remove: list[str]) -> None:
    """The public keys in the file, those added and without those removed; all others stay."""
    if add:
        ops.directory(on, path.rpartition("/")[0])
    for key in add:
        ops.line(on, path, key)
    for key in remove:
        ops.line(on, path, key, present=False)
