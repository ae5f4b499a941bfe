"""Where an agent's work dir comes from, the plan of it, making it and taking it away again."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from mng.errors import CommandFailed, MngError, NotAvailable, NotFound, Refused, UsageError
from mng.host import Host
from mng.records import Kind, Work
from mng.runner import Runner
from mng.sync import git
from mng.sync.saved import Saved


class Source(NamedTuple):
    """A folder as of one moment; `top` is its repository's work tree ("" if bare), `repo` the common git directory."""

    path: str
    top: str = ""
    repo: str = ""
    head: str = ""  # commit; "" before the first one
    branch: str = ""  # "" when HEAD is detached
    changes: tuple[str, ...] = ()  # paths from `top` that are not as in HEAD, untracked ones too
    linked: bool = False  # a worktree beside the main one
    taken: str = ""  # commit that the branch asked for points to, if there is such a branch
    base: str = ""  # commit of the base asked for
    base_branch: str = ""  # its local branch, "" if it is none
    base_remote: str = ""  # its branch on origin, when there is no local one

    @property
    def prefix(self) -> str:
        """The folder's place in its repository."""
        return self.path[len(self.top) :].strip("/") if self.top else ""

    @classmethod
    def of(cls, runner: Runner, path: str, branch: str = "", base: str = "") -> Source:
        """Ask all in one trip; `branch` is the name wanted for a new branch, `base` what to start from."""
        done = runner.run(git.script("source", path=path, branch=branch, base=base), check=False)
        head, _, status = done.out.partition(b"\0")
        lines = head.decode(errors="surrogateescape").split("\n")
        if done.code == 66:
            raise NotFound(f"no such folder: {path}")
        if done.code == 69:
            raise NotAvailable(f"{path} is in a git repository, but git is not on the PATH", git.INSTALL)
        if len(lines) < 8:
            if done.code:
                raise git.explained(done, f"cannot read the repository of {path}")
            return cls(lines[0])
        if done.code:
            raise git.explained(done, f"cannot read the state of {path}")
        here, common, prefix, own, _, bare, _, *found = lines
        if bare not in ("true", "false"):
            raise UsageError(f"the path of the repository has a newline in it: {path!r}", "move it")
        at, taken, local, remote, plain = (line.partition(" ")[0] if line.endswith(" commit") else "" for line in found[:5])
        current = git.headers(status).get("branch.head", "")
        return cls(
            path=here,
            top="" if bare == "true" else here.removesuffix("/" + prefix.rstrip("/")) if prefix else here,
            repo=common,
            head=at,
            branch="" if current == "(detached)" else current,
            changes=tuple(path for _, path in git.entries(status)),
            linked=own != common and bare == "false",
            taken=taken if branch else "",
            base=(local or remote or plain) if base else "",
            base_branch=base if base and local else "",
            base_remote=f"origin/{base}" if base and remote and not local else "",
        )


class Placement(NamedTuple):
    """What `place` is to do: decided, and checked as far as it can be, before anything is made."""

    work: Work
    source: Source
    unclean: bool = False  # bring the uncommitted changes along
    ignored: bool = False
    include_git: bool = False
    track: str = ""
    depth: int = 0
    shallow_since: str = ""
    there: bool = True  # the source is on the host itself
    runner: Runner | None = None  # of the host that the source is on, where that is another; None for this machine
    rsync: tuple[str, ...] | None = None  # words for rsync, which makes the copy from the folder on `host`
    host: Host | None = None
    whole: bool = False  # the folder as it is, with all that is in its repository: it is nobody else's

    @property
    def project(self) -> str:
        """The name of the repository, or of the folder without one."""
        main = self.source.repo.removesuffix("/.git").removesuffix(".git") or self.source.path
        return main.rstrip("/").rpartition("/")[2]

    @classmethod
    def plan(
        cls, source: Source, *, path: str, claim: str, kind: Kind | None = None, branch: str = "", base: str = "",
        depth: int | None = None, shallow_since: str | None = None, ensure_clean: bool = True,
        include_unclean: bool | None = None, include_gitignored: bool = False, include_git: bool = False,
    ) -> Placement:  # fmt: skip
        """`path` is to be made, `claim` the file that will say so; `branch` and `base` are as given to `Source.of`.

        `branch` is the name of a new one, "" to work on the base itself.
        """
        kind = kind or ("worktree" if source.repo else "copy")
        if kind == "in-place":
            return cls(
                Work(
                    kind=kind,
                    path=source.path,
                    root=source.path,
                    source=source.path,
                    repo=source.repo,
                    branch=source.branch,
                ),
                source,
            )
        check_kind(source, path, kind, ignored=include_gitignored)
        if base and not source.base:
            raise UsageError(f"no branch, tag or commit {base} in {source.top or source.repo}", "see: git branch -a")
        if source.taken and kind == "worktree":
            raise UsageError(
                f"branch {branch} exists already",
                f"another name: --new-branch=NAME; or go on with it: --base-branch {branch} --no-new-branch",
            )
        start = source.base or source.head
        unclean = carries(source, kind, start, ensure_clean, include_unclean)
        whole = source.path == source.top and not source.linked  # a .git that is a folder, and whole
        work = Work(kind=kind, path=path, root=path, source=source.path, repo=source.repo, claim=claim, base=start)
        if kind == "copy":
            work.base = f"{start}:{source.prefix}" if start and source.prefix else start
        else:
            own = branch or source.base_remote.removeprefix("origin/")
            work.path = f"{path}/{source.prefix}".rstrip("/")
            work.branch, work.made_branch = own or (source.base_branch if base else source.branch), bool(own)
        return cls(
            work, source, unclean, include_gitignored, include_git and whole, "" if branch else source.base_remote,
            depth or 0, shallow_since or "",
        )  # fmt: skip


def new_branch(wanted: bool | str, prefix: str, name: str) -> str:
    """The name of an agent's new branch; "" when it is to have none."""
    return wanted if isinstance(wanted, str) else prefix + name if wanted else ""


def check_kind(source: Source, path: str, kind: Kind, *, ignored: bool) -> None:
    if kind != "copy" and not source.repo:
        raise UsageError(f"{source.path} is not in a git repository", "--copy copies the folder, --in-place works in it")
    if kind == "copy" and source.repo and not source.top:
        raise UsageError(f"{source.path} is a bare repository: there are no files to copy", "use --worktree or --clone")
    if f"{path}/".startswith(f"{source.path.rstrip('/')}/") and (kind == "copy" or ignored):
        raise UsageError(
            f"{path} is inside of {source.path}, which is to be copied into it",
            "go to a project's folder, choose another --target-path, or work --in-place",
        )


def carries(source: Source, kind: Kind, start: str, ensure_clean: bool, wanted: bool | None) -> bool:
    """Whether uncommitted changes come along; Refused when there are some and nobody said what shall become of them."""
    here = f"{source.prefix}/" if kind == "copy" and source.prefix else ""
    changes = [path for path in source.changes if path.startswith(here)]
    if start != source.head:  # another base was asked for: the changes do not belong to it
        if wanted and changes:
            raise UsageError(
                f"the uncommitted changes of {source.path} belong to another commit than the base",
                "leave out --include-unclean or --base-branch",
            )
        return False
    if changes and ensure_clean and wanted is None:
        more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
        raise Refused(
            f"{source.top} has uncommitted changes: {', '.join(changes[:5])}{more}",
            "bring them along: --no-ensure-clean; leave them: --exclude-unclean",
        )
    return bool(changes) and (wanted if wanted is not None else not ensure_clean)


def place(runner: Runner, placement: Placement) -> list[str]:
    """Make the work dir as planned, in one trip; returns notes for the user. `unplace` removes what failures leave."""
    work, source, p = placement.work, placement.source, placement
    if work.kind == "in-place":
        return []
    as_it_is = p.ignored and work.base.partition(":")[0] == source.head and (p.unclean or not source.changes)
    try:
        done = git.run(
            runner, "place", f"cannot make {work.root}", MNG_AGENT_ID=PurePath(work.claim).parent.name,
            kind=work.kind, root=work.root, claim=work.claim, path=source.path, prefix=source.prefix, repo=source.repo,
            top=source.top or source.repo, head=source.head, base=work.base, branch=work.branch,
            made="1" * work.made_branch, track=p.track, unclean="1" * p.unclean, ignored="1" * p.ignored,
            with_git="1" * (p.include_git or not source.repo), depth=str(p.depth or ""), since=p.shallow_since,
            everything="1" * (work.kind == "copy" and (as_it_is or not source.repo)),
            from_branch=source.base_branch if p.depth or p.shallow_since else "",
        )  # fmt: skip
    except CommandFailed as error:
        if error.command_code == 73:
            raise UsageError(f"{work.root} exists already and is not empty", "choose another --target-path") from None
        if error.command_code == 75:
            raise Refused(
                f"{source.top} is in the middle of a merge",
                "finish or abort it, or leave the changes: --exclude-unclean",
            ) from None
        raise
    return notes(done.err)


def unplace(runner: Runner, work: Work, saved: Saved | None = None) -> list[str]:
    """Remove what `place` made, whatever there is of it. With `saved`: only if all is as it was then, else Refused."""
    if work.kind == "in-place" or not work.claim:
        return []
    try:
        done = git.run(
            runner,
            "remove",
            f"cannot remove {work.root}",
            kind=work.kind,
            root=work.root,
            claim=work.claim,
            repo=work.repo,
            branch=work.branch,
            made="1" * work.made_branch,
            checked="1" * (saved is not None),
            dir=saved.dir if saved is not None else "",
        )
    except CommandFailed as error:
        if error.command_code == 77:
            raise Refused(f"{work.root} has changed while it was being removed", "nothing is lost; try again") from None
        raise MngError(error.what, "nothing more was removed; try again") from None
    return notes(done.err)


def notes(err: bytes) -> list[str]:
    return [line.removeprefix("note: ") for line in err.decode(errors="replace").splitlines() if line.startswith("note: ")]
