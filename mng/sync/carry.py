"""Work that goes to another host and comes home: made where its source is and sent whole; what is saved there is fetched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mng.errors import MngError, UsageError
from mng.host import Host
from mng.records import Work
from mng.runner import LocalRunner, Runner
from mng.shell import cmd
from mng.sync import git
from mng.sync.saved import Saved
from mng.sync.side import Place
from mng.sync.source import Placement, place
from mng.sync.streams import streamed

MAKE = (
    'mkdir -p -- "${1%/*}" "${2%/*}" || exit; [ ! -d "$1" ] || rmdir -- "$1" 2>/dev/null; '
    'mkdir -- "$1" || { [ -e "$1" ] && exit 73; exit 1; }; printf "root\\n" > "$2"'
)
UNPACK = f'{MAKE} && exec tar -C "$1" -xpof -'


def abroad(placement: Placement, where: Host) -> Placement:
    """The plan for another host than `where` the source is: a repository here is remembered as the home of what is saved."""
    home = placement.work.repo if where.local else ""
    work = placement.work.model_copy(update={"home": home, "repo": "", "made_branch": False})
    return placement._replace(work=work, there=False, runner=where.runner)


def digest(runner: Runner, root: str) -> str:
    """Equal for two work dirs with the same files and the same state of git."""
    return git.run(runner, "same", f"cannot read {root}", root=root).text


def carry(there: Runner, placement: Placement) -> list[str]:
    """Make the work dir on a host from a source on another, in one stream; notes for the user."""
    import tempfile

    work, notes = placement.work, list[str]()
    here = placement.runner or LocalRunner()
    with tempfile.TemporaryFile() as tar, aside(here) as folder:
        root = placement.source.path if placement.whole else f"{folder}/work"
        if not placement.whole:
            notes = staged(here, placement, folder, root)
        packed(here, root, tar)
        if isinstance(here, LocalRunner):
            made(there, work, UNPACK, tar)
        else:
            checked(here, root, there, work, tar)
    return notes


def checked(theirs: Runner, root: str, there: Runner, work: Work, tar: IO[bytes]) -> None:
    """The work dir from a host that is not trusted with this one: files through a sieve, each repository in it made anew."""
    import tempfile

    from mng.sync.adopt import adopt
    from mng.sync.sieve import sieve

    found = theirs.run(cmd("find", root, "-name", ".git", "-prune", "-print0"), check=False, timeout=None).out
    paths = [path.removesuffix("/.git") for path in found.decode(errors="surrogateescape").split("\0") if path]
    with tempfile.TemporaryFile() as clean:
        folders = sieve(tar, clean, root)
        made(there, work, UNPACK, clean)
    for path in sorted(paths):
        below = path.removeprefix(root).strip("/")
        if (below or ".") in folders:
            adopt(theirs, path, there, f"{work.root}/{below}".rstrip("/"))


def made(there: Runner, work: Work, script: str, stdin: IO[bytes] | None = None) -> None:
    """The work dir, which was not there, and the claim on it."""
    done = there.run(cmd("sh", "-c", script, "sh", work.root, work.claim), stdin=stdin, check=False, timeout=None)
    if done.code == 73:
        raise UsageError(f"{work.root} exists there already and is not empty", "choose another --target-path")
    if done.code:
        raise MngError(f"cannot make {work.root}: {done.complaint}")


def by_rsync(there: Host, placement: Placement) -> None:
    """A copy of the folder as `push --rsync-only` brings files."""
    from mng.sync.files import Wanted, sync

    work, where = placement.work, placement.host or there
    made(there.runner, work, MAKE)
    wanted = Wanted(("+ .git",) * placement.include_git, ignored=placement.ignored, words=placement.rsync or ())
    sync(Place(where, work.source, where.name), Place(there, work.root, there.name), wanted, f"copy to {there.name}")


@contextlib.contextmanager
def aside(runner: Runner) -> Iterator[str]:
    """A folder that is gone afterwards."""
    folder = runner.run(cmd("mktemp", "-d", "-t", "mng-carry-XXXXXX")).text
    try:
        yield folder
    finally:
        with contextlib.suppress(MngError):
            runner.run(cmd("rm", "-rf", "--", folder))


def packed(runner: Runner, root: str, file: IO[bytes]) -> None:
    """All that is below `root`, as a tar."""
    streamed(runner, cmd("tar", "-C", root, "-cf", "-", "."), file, f"cannot read all of {root}")


def staged(here: Runner, placement: Placement, folder: str, root: str) -> list[str]:
    """Make it at `root`, beside its source; notes for the user."""
    work = placement.work
    made = placement.source.repo and work.branch and work.branch != placement.source.branch
    mine = work.model_copy(update={"root": root, "path": root, "claim": f"{folder}/placed", "made_branch": bool(made)})
    notes = place(here, placement._replace(work=mine))
    if work.kind == "clone":
        top = placement.source.top or placement.source.repo
        url = here.run(cmd("git", "-C", top, "config", "remote.origin.url"), check=False).text
        if url:
            here.run(cmd("git", "-C", root, "remote", "set-url", "--end-of-options", "origin", url))
        else:  # a folder here is no remote there; what came from it stays known
            here.run(cmd("git", "-C", root, "config", "--remove-section", "remote.origin"), check=False)
        for key in ("user.name", "user.email"):  # who commits there is who commits here
            if who := here.run(cmd("git", "-C", top, "config", "--get", "--end-of-options", key), check=False).text:
                here.run(cmd("git", "-C", root, "config", "--end-of-options", key, who))
    return notes


def bring_home(there: Runner, saved: Saved, home: str, folder: Path, name: str) -> Saved:
    """What a host elsewhere saved, in the repository `home` on this machine, else in saved.git in `folder`. Raises MngError.

    It comes as a pack of the commits that were saved, and lands where nothing was yet: under refs of this agent alone.
    """
    import tempfile

    here = LocalRunner()
    repo = home if home and Path(home).is_dir() else f"{folder}/saved.git"
    if not Path(repo).is_dir():
        here.run(cmd("git", "init", "-q", "--bare", "--", repo))
    known = here.run(cmd("git", f"--git-dir={repo}", "for-each-ref", "--format=^%(objectname)"), check=False).text.split()
    for kept in saved.refs:
        wanted = "".join(f"{line}\n" for line in [kept.commit, *dict.fromkeys(known)])
        with tempfile.TemporaryFile(prefix="mng-home-") as pack:
            streamed(there, git.script("pack", dir=saved.repo), pack, f"cannot read {kept.ref} there", wanted.encode())
            line = git.script("unpack", dir=repo, tips=kept.commit, ref=kept.ref, message=f"mng: work of {name}", fsync=git.SAFE)
            done = here.run(line, stdin=pack, check=False, timeout=git.LONG)
        if done.code:
            raise git.explained(done, f"{kept.ref} can't be taken")
    first, mine = saved.refs[0].path, f"{folder}/worktrees/{name}"
    return saved._replace(repo=repo, refs=tuple(kept._replace(path=kept.path.replace(first, mine, 1)) for kept in saved.refs))
