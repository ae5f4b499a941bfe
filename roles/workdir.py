"""The folder an agent works in: a worktree, a copy, a clone, or one that is there already."""

from __future__ import annotations

from mng import output
from mng.roles.role import Play, role
from mng.sync.source import Placement, place


@role()
def workdir(on: Play, placement: Placement) -> None:
    """Made as planned; the plan was journaled before."""
    work = placement.work

    def make() -> None:
        for note in place(on.host.runner, placement):
            output.note(note)

    on.op(f"{work.kind} {work.path}", work.kind == "in-place", make)
