"""Changes in a target that no commit has, and that a sync would take away: saved, stashed, merged, or a reason to refuse."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from mng import output
from mng.errors import MngError, Refused
from mng.shell import cmd
from mng.sync import git
from mng.sync.side import Side

Uncommitted = Literal["fail", "stash", "clobber", "merge"]


@dataclass
class Settled:
    """`gone`: the paths that may be overwritten; `ref`: what has them as they were."""

    gone: list[str] = field(default_factory=list)
    ref: str = ""


@contextlib.contextmanager
def settle(
    target: Side, lost: Sequence[str], how: Uncommitted, doing: str, *, tree: str = "", fetch: Callable[[str], None] | None = None
) -> Iterator[Settled]:
    """Around what overwrites `lost`. Merged with the commit `tree`, or with what `fetch` puts into a folder there."""
    if not lost:
        yield Settled()
        return
    shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
    if target.dir and how == "fail":
        raise Refused(
            f"{target.place} has uncommitted changes that would be lost: {shown}",
            "nothing was changed. Commit them, or --uncommitted-changes stash | clobber (saves them first) | merge",
        )
    runner = target.host.runner
    folder = f"{target.host.dir}/sync/{time.time_ns()}"
    runner.run(cmd("mkdir", "-p", "--", folder))
    try:
        if target.dir and how == "merge":
            if fetch:
                fetch(f"{folder}/theirs")
            merge(target, lost, folder, tree=tree)
        if target.dir and how == "stash":
            stash(target, doing)
            yield Settled(ref="refs/stash")
            return
        try:
            ref, repo = save(target, lost, doing, folder)
        except MngError as error:
            raise Refused(f"{target.place}: what would be lost can't be saved: {error.what}", f"it is: {shown}") from None
        yield Settled(list(lost), ref)
        if target.dir and how == "merge":
            merge(target, lost, folder, apply="1")
            output.note(f"{target.place}: merged: {shown} (as before the merge: {ref})")
            return
        way = cmd("git", "-C", target.path, "restore", "-s", ref, "--", list(lost[:20]))
        if not target.dir:
            way = cmd("git", f"--git-dir={repo}", f"--work-tree={target.path}", "checkout", ref, "--", ".")
        output.note(f"{target.place}: what is replaced ({shown}) is kept as {ref}; bring it back with:\n     {way}")
    finally:
        with contextlib.suppress(MngError):
            runner.run(cmd("rm", "-rf", "--", folder), check=False)


def merge(target: Side, paths: Sequence[str], folder: str, *, tree: str = "", apply: str = "") -> None:
    """Refused, with nothing changed, where both sides changed the same lines."""
    done = git.run(
        target.host.runner, "merge", f"{target.place}: its changes can't be merged",
        stdin=git.ended(paths),
        root=target.path, prefix=target.prefix, theirs=f"{folder}/theirs", merged=f"{folder}/merged", tree=tree, apply=apply,
    )  # fmt: skip
    if done.out:
        names = ", ".join(done.out.decode(errors="replace").split("\0")[:-1][:5])
        raise Refused(
            f"{target.place}: its uncommitted changes conflict with what comes in {names}",
            "nothing was changed; commit or stash them first, or --uncommitted-changes clobber (saves them first)",
        )


def stash(target: Side, doing: str) -> None:
    line = cmd("git", "-C", target.top, "stash", "push", "-q", "--include-untracked", "-m", f"mng: before {doing}")
    done = target.host.runner.run(line, check=False, timeout=git.LONG)
    if done.code:
        raise git.explained(done, f"{target.place}: its changes can't be stashed")
    output.note(f"{target.place}: its changes are stashed; bring them back with: git -C {target.top} stash pop")


def now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def save(target: Side, paths: Sequence[str], doing: str, folder: str) -> tuple[str, str]:
    """These paths as a commit on top of HEAD; its ref, and the repository: the target's, or saved.git of its host."""
    ref, prefix = f"refs/mng/saved/before-sync/{now()}", "refs/mng/saved/before-sync/"
    repo = target.common or f"{target.host.dir}/saved.git"
    specs = git.ended(f":(top,literal){target.prefix}{path}" for path in paths)
    git.run(
        target.host.runner, "save", str(target.place), stdin=specs,
        mode="worktree" if target.dir else "files", root=target.top if target.dir else target.path, dir=target.dir,
        target=repo, ref=ref, refs=prefix, message=f"Before {doing}, saved by mng", base="", tips="",
        claim=f"{folder}/save", force="1",
    )  # fmt: skip
    return ref, repo
