"""What of an agent's work exists nowhere else, and keeping it as a ref when the work dir goes."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import PurePath
from typing import NamedTuple

from mng.errors import MngError, Refused
from mng.records import Work
from mng.runner import Runner
from mng.shell import Cmd, cmd
from mng.sync import git

TIME = re.compile(r"\d{8}T\d{6}\.\d{6}Z(-\d+)?")  # the last part of a ref that keeps something


class Unsaved(NamedTuple):
    """One repository's work that exists nowhere else; `inner` are the repositories in it that have some too."""

    path: str
    mode: str  # worktree | separate (a repository of its own) | files (no repository)
    dir: str  # its git directory
    repo: str = ""  # the source repository, if it is still there
    changes: tuple[str, ...] = ()
    commits: int = 0
    tips: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()  # repositories in it that it does not track
    inner: tuple[Unsaved, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.commits or self.inner)

    def __str__(self) -> str:
        more = f" and {len(self.changes) - 3} more" if len(self.changes) > 3 else ""
        parts = [f"{', '.join(self.changes[:3])}{more} not committed"] if self.changes else []
        parts += [f"{self.commits} commit{'s' * (self.commits > 1)} on no other branch"] if self.commits else []
        return "; ".join([*parts, *(f"{one.path}: {one}" for one in self.inner)])


class Kept(NamedTuple):
    """A ref that holds the work of one repository: `on_top` when a commit was made on top of its HEAD."""

    ref: str
    path: str
    on_top: bool
    mode: str = ""
    head: str = ""
    staged: str = ""  # the tree that was staged; "" where that is as in HEAD, or in the middle of a merge
    branch: str = ""
    commit: str = ""


class Saved(NamedTuple):
    """What `save` found and kept: `refs` in `repo`, the work dir's own first; false when there was nothing to keep."""

    dir: str = ""
    repo: str = ""
    refs: tuple[Kept, ...] = ()
    branch: str = ""
    unsaved: str = ""

    def __bool__(self) -> bool:
        return bool(self.refs)

    @property
    def ref(self) -> str:
        return self.refs[0].ref if self.refs else ""

    @property
    def way_back(self) -> str:
        """The shell lines that bring the work dir back as it was."""
        lines: list[Cmd] = []
        for number, kept in enumerate(self.refs):
            if number == 0:
                lines.append(
                    cmd(
                        "git",
                        "-C",
                        self.repo,
                        "worktree",
                        "add",
                        ["-b", self.branch] if self.branch else ["--detach"],
                        "--end-of-options",
                        kept.path,
                        kept.ref,
                    )
                )
            else:
                lines += [
                    cmd("git", "init", "-q", "--", kept.path),
                    cmd("git", "-C", kept.path, "fetch", "-q", "--", self.repo, kept.ref),
                    cmd("git", "-C", kept.path, "reset", "-q", "--hard", "FETCH_HEAD"),
                ]
            if kept.on_top:
                lines.append(cmd("git", "-C", kept.path, "reset", "-q", "HEAD^"))
        return "\n".join(line.shown for line in lines)


def unsaved(runner: Runner, work: Work) -> Unsaved:
    """As of now; one trip, and one more for each repository inside."""
    if work.kind == "in-place":
        return Unsaved(work.path, "in-place", "")
    try:
        return look(runner, work, work.root, work.claim, remotes=work.kind == "copy" or bool(work.home))
    except MngError as error:
        raise Refused(error.what, "nothing was removed") from None


def look(runner: Runner, work: Work, root: str, claim: str, *, remotes: bool, inner: bool = False) -> Unsaved:
    done = git.run(
        runner,
        "look",
        f"cannot tell what {root} has that is saved nowhere else",
        kind="clone" if inner else work.kind,
        root=root,
        repo="" if inner else work.repo,
        source=work.source,
        claim=claim,
        branch=work.branch,
        base=work.base,
        made="1" * work.made_branch,
        remotes="1" * remotes,
    )
    facts, _, status = done.out.partition(b"\0")
    mode, dir_, there, *lines = facts.decode(errors="surrogateescape").split("\n")
    end = lines.index("gitlinks")
    commits, links = lines[:end], [unquoted(line) for line in lines[end + 1 :] if line]
    changes = [path for state, path in git.entries(status) if mode != "files" or state == "??" or state[1] != "."]
    nested = [path.rstrip("/") for path in changes if path.endswith("/")]
    found = [
        look(runner, work, f"{root}/{path}", f"{claim}.inner", remotes=True, inner=True)
        for path in [*links, *nested]
        if has_git(runner, f"{root}/{path}")
    ]
    return Unsaved(
        path=root,
        mode=mode,
        dir=dir_,
        repo=work.repo if there else "",
        changes=tuple(changes),
        commits=len(commits),
        tips=tuple(line for line in commits if " " not in line),
        nested=tuple(nested),
        inner=tuple(one for one in found if one),
    )


def has_git(runner: Runner, path: str) -> bool:
    return not runner.run(cmd("test", "-e", f"{path}/.git"), check=False).code


def unquoted(path: str) -> str:
    """A path as git prints it, in quotes when it has odd characters."""
    return str(ast.literal_eval(path)) if path.startswith('"') else path


def save(runner: Runner, work: Work, name: str, host_dir: str, when: datetime | None = None) -> Saved:
    """Keep what exists nowhere else as `refs/mng/saved/NAME/TIME` in the source repository, or HOST_DIR/saved.git.

    Raises Refused when any of it can't be kept; the work dir is never touched.
    """
    there = unsaved(runner, work)
    if not there:
        return Saved(there.dir)
    at = (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target, message = (
        there.repo or f"{host_dir}/saved.git",
        f"Work of {name}, saved by mng\n\nAgent: {PurePath(work.claim).parent.name}",
    )
    kept = []
    try:
        for number, one in enumerate(flat(there)):
            ref = f"refs/mng/saved/{name}/{at}" + (f"-{number}" if number else "")
            kept.append(keep(runner, work, one, target, ref, f"refs/mng/saved/{name}/", message))
    except MngError as error:
        hint = "nothing was removed; --discard removes it unsaved"
        raise Refused(f"the work of {name} can't be saved: {error.what}", hint) from None
    branch = work.branch if work.made_branch and target == work.repo else ""
    return Saved(there.dir, target, tuple(kept), branch, str(there))


def flat(there: Unsaved) -> list[Unsaved]:
    return [there, *(deeper for one in there.inner for deeper in flat(one))]


def keep(runner: Runner, work: Work, one: Unsaved, target: str, ref: str, refs: str, message: str) -> Kept:
    paths = [".", *(f":(exclude,top,literal){path}" for path in one.nested)]
    claim = work.claim if one.path == work.root else f"{work.claim}.inner"
    done = git.run(
        runner,
        "save",
        one.path,
        stdin="".join(f"{path}\0" for path in paths).encode(errors="surrogateescape"),
        mode=one.mode,
        root=one.path,
        dir=one.dir,
        target=target,
        ref=ref,
        refs=refs,
        message=message,
        base=work.base if one.mode == "files" and one.dir else "",
        tips=" ".join(one.tips),
        claim=claim,
        force="1" * (one.mode == "files" and not one.dir),
    )
    facts, _, status = done.out.partition(b"\0")
    inside = {inner.path for inner in one.inner}
    for state, path in git.entries(status):  # by the index just saved: nothing may differ from it already
        if not path.endswith("/") and state[1] != "." and f"{one.path}/{path}" not in inside:
            raise MngError(f"{path} changes all the time")
    return told(facts.decode(errors="replace").split("\n"), one, ref, refs)


def told(lines: list[str], one: Unsaved, ref: str, refs: str) -> Kept:
    """What save.sh printed, of which nothing but a commit, and a ref of this agent, may be meant here. MngError."""
    commit, head, index, branch, name, *rest = [*lines, "", "", "", "", ""]
    oids = git.OID.fullmatch(commit) and all(not word or git.OID.fullmatch(word) for word in (head, index))
    own = name == ref or (name.startswith(refs) and TIME.fullmatch(name.removeprefix(refs)))
    if not (oids and own and (not branch or git.is_ref(branch))) or any(rest):
        raise MngError(f"{one.path}: what git says there of the commit that was saved makes no sense")
    return Kept(name, one.path, bool(head) and commit != head, one.mode, head, index, branch, commit)
