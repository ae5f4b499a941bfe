"""The folder an agent works in: a worktree, a copy, a clone, or one that is there already."""

from __future__ import annotations

from mng import output
from mng.errors import MngError
from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.sync import git
from mng.sync.carry import by_rsync, carry, digest
from mng.sync.saved import Kept
from mng.sync.source import Placement, place


@role()
def workdir(on: Play, placement: Placement) -> None:
    """Made as planned; the plan was journaled before."""
    work = placement.work

    def make() -> None:
        if placement.rsync is not None:
            by_rsync(on.host, placement)
            return
        away = work.kind != "in-place" and not placement.there
        for note in carry(on.host.runner, placement) if away else place(on.host.runner, placement):
            output.note(note)

    on.op(f"{work.kind} {work.path}", work.kind == "in-place", make)


@role()
def same(on: Play, root: str, was: str) -> None:
    """The work dir is as it was where it came from (`was`: its digest there), or nothing goes on."""

    def compare() -> None:
        if digest(on.host.runner, root) != was:
            raise MngError(f"{root} on {on.host.name} is not what it was where it came from", "nothing was lost; try again")

    on.op(f"{root} is as it was", False, compare)


@role()
def saved(on: Play, work: str, was: str, repo: str, refs: tuple[Kept, ...], files: dict[str, bytes]) -> None:
    """The work dir, which was at `was`, as it was saved: files, index and inner repositories; and files of the agent's state."""
    for number, kept in enumerate(refs):
        path = work + kept.path.removeprefix(was)

        def bring(kept: Kept = kept, path: str = path, inner: str = "1" * (number > 0)) -> None:
            git.run(on.host.runner, "restore", f"cannot restore {path}", root=path, repo=repo, ref=kept.ref, head=kept.head,
                    index=kept.staged, branch=kept.branch, inner=inner)  # fmt: skip

        on.op(f"saved work {kept.ref} in {path}", kept.mode == "files", bring)
    for path, data in files.items():
        ops.file(on, path, data, 0o600)
