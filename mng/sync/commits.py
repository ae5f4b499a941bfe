"""Commits of one work tree brought to another: their objects as a pack, then the branch, then the files that differ."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

from mng import output
from mng.errors import CommandFailed, MngError, Refused, UsageError
from mng.names import near
from mng.sync import git
from mng.sync.side import Side, covered
from mng.sync.unsaved import Uncommitted, now, settle

How = Literal["ff", "merge", "rebase", "force"]


@dataclass(frozen=True)
class Asked:
    """Which commits, and what to do where both sides have some of their own."""

    branch: str = ""  # "": the one checked out
    target_branch: str = ""
    how: How = "ff"
    all_branches: bool = False
    tags: bool = False
    mirror: bool = False
    uncommitted: Uncommitted = "fail"


class Brought(NamedTuple):
    """Where the target's branch is now; `relation` says how that came, `saved` which ref has what it was."""

    branch: str
    commit: str
    relation: str
    changed: tuple[str, ...] = ()
    saved: str = ""


def bring(source: Side, target: Side, asked: Asked, doing: str, *, dry: bool = False) -> Brought:
    """Nothing but objects is written before it is clear that all of it can be done. Sides with their refs."""
    check(source, target)
    tip = source.refs.get(f"refs/heads/{asked.branch}", "") if asked.branch else source.head
    if not tip:
        names = [ref.removeprefix("refs/heads/") for ref in source.refs if ref.startswith("refs/heads/")]
        close = near(asked.branch, names)
        raise UsageError(
            f"{source.place} has no branch {asked.branch}" if asked.branch else f"{source.place} has no commit yet",
            f"did you mean {' or '.join(close)}?" if close else "",
        )
    others = wanted_refs(source, target, asked)
    carry(source, target, [tip, *(new for _, new, _ in others if new != "-")])
    branch = asked.target_branch or target.branch
    relation, old, new, out, paths = decided(target, branch, tip, asked.how, source)
    done = Brought(branch or "HEAD", new, relation, tuple(paths))
    if dry or relation == "same":
        if not dry:
            move_refs(target, others, asked, doing)
        return done
    unsaved = {path.rstrip("/") for path in target.changes} if out else set[str]()
    touched = [path for path in relative(paths, target) if covered(path, unsaved)]
    lost = differing(target, touched, new) if touched else []
    with settle(target, lost, asked.uncommitted, doing, tree=new) as settled:
        saved = f"refs/mng/saved/before-sync/{now()}" if relation == "forced" else ""
        try:
            git.run(
                target.host.runner, "switch", f"{target.place}: {branch or 'HEAD'} can't be moved",
                stdin=git.ended(target.prefix + path for path in sorted({*settled.gone, *touched})),
                root=target.top, branch=branch, old=old, new=new, out=out, saved=saved, message=f"mng: {doing}",
            )  # fmt: skip
        except CommandFailed as error:
            raise Refused(error.what, f"{target.place} is as before; try again") from None
    move_refs(target, others, asked, doing)
    if saved:
        output.note(f"{target.place}: {branch or 'HEAD'} was at {old[:12]}, which is kept as {saved}")
    return done._replace(saved=saved or settled.ref)


def check(source: Side, target: Side) -> None:
    for side in (source, target):
        if not side.there().dir:
            raise UsageError(f"{side.place} is no work tree of git", "--sync-mode files brings files")
    if (source.host.id, source.dir) == (target.host.id, target.dir):
        raise UsageError(f"{source.place} is both: there is nothing to bring")


def relative(paths: Sequence[str], side: Side) -> list[str]:
    """Of paths from the top of the work tree, those below the side's folder, from there."""
    return [path.removeprefix(side.prefix) for path in paths if path.startswith(side.prefix)]


def differing(target: Side, paths: Sequence[str], tree: str) -> list[str]:
    """Those of its paths that are not as in the commit."""
    done = git.run(
        target.host.runner, "differ", str(target.place), stdin=git.ended(paths),
        root=target.path, prefix=target.prefix, tree=tree,
    )  # fmt: skip
    return [path for path in done.out.decode(errors="surrogateescape").split("\0") if path]


def carry(source: Side, target: Side, tips: Sequence[str]) -> None:
    """The objects of these commits, without those that the target has."""
    if (source.host.id, source.common) == (target.host.id, target.common):
        return
    there = {target.head, *target.refs.values()} - {""}
    if not set(tips) - there:
        return
    asked = "".join(f"{oid}\n" for oid in [*dict.fromkeys(tips), *(f"^{oid}" for oid in sorted(there))])
    with tempfile.TemporaryFile() as pack:
        pour(source, asked.encode(), pack)
        pack.seek(0)
        line = git.script("unpack", dir=target.common, tips=" ".join(dict.fromkeys(tips)))
        done = target.host.runner.run(line, stdin=pack, check=False, timeout=git.LONG)
    if done.code:
        hint = "its history is cut off (a shallow clone): git fetch --unshallow there" if source.shallow else ""
        error = git.explained(done, f"{target.place}: the commits of {source.place} can't be taken")
        raise type(error)(error.what, hint or f"{target.place} is as before") if done.code == 70 else error


def pour(source: Side, asked: bytes, pack: IO[bytes]) -> None:
    errors = b""

    def live(stream: str, data: bytes) -> None:
        nonlocal errors
        if stream == "out":
            pack.write(data)
            output.progress(f"{source.place}: {pack.tell() // 1000} kB of commits")
        else:
            errors += data

    line = git.script("pack", dir=source.common)
    done = source.host.runner.run(line, stdin=asked, check=False, timeout=git.LONG, live=live)
    output.clear()
    if done.code:
        raise git.explained(done._replace(err=errors), f"the commits of {source.place} can't be read")


def decided(target: Side, branch: str, tip: str, how: How, source: Side) -> tuple[str, str, str, str, list[str]]:
    """relation, old, new, "1" where it is checked out here, and the paths that will change."""
    done = git.run(
        target.host.runner, "decide", f"{target.place}", root=target.top, branch=branch, tip=tip, how=how,
        merging=f"{source.branch or tip[:12]} of {source.place.name}",
    )  # fmt: skip
    facts, _, rest = done.out.partition(b"\0")
    relation, old, new, out = facts.decode().split("\n")[:4]
    paths = [path for path in rest.decode(errors="surrogateescape").split("\0") if path]
    name, here = branch or "HEAD", f"{target.place} is as before"
    if relation == "elsewhere":
        raise Refused(f"{target.place}: {name} is checked out in another work tree", "name another --target-branch")
    if relation == "unrelated":
        raise Refused(f"{source.place} and {target.place} have no commit in common", f"{here}; --force-git takes it all the same")
    if relation == "diverged":
        raise Refused(
            f"{target.place}: {name} ({old[:12]}) and what {source.place.name} has ({tip[:12]}) have each commits of their own",
            f"{here}. --merge, --rebase, or --force-git (keeps the target's as a ref)",
        )
    if relation == "conflict":
        raise MngError(
            f"{target.place}: {source.place.name}'s {tip[:12]} conflicts with {name} in {', '.join(paths[:5])}",
            f"{here}; the commits are there: git merge {tip[:12]}",
        )
    return relation, old, new, out, paths


def wanted_refs(source: Side, target: Side, asked: Asked) -> list[tuple[str, str, str]]:
    """old, new ("-": none) and name of further refs to bring."""
    if (source.host.id, source.common) == (target.host.id, target.common):
        return []
    kinds = ("refs/heads/",) * (asked.all_branches or asked.mirror) + ("refs/tags/",) * (asked.tags or asked.mirror)
    first = f"refs/heads/{asked.target_branch or target.branch}"
    theirs = {ref: oid for ref, oid in source.refs.items() if ref.startswith(kinds) and ref != first} if kinds else {}
    found = [(target.refs.get(ref, "-"), oid, ref) for ref, oid in theirs.items() if target.refs.get(ref) != oid]
    gone = [ref for ref in target.refs if asked.mirror and ref.startswith(kinds) and ref not in source.refs and ref != first]
    return [*found, *((target.refs[ref], "-", ref) for ref in gone)]


def move_refs(target: Side, refs: Sequence[tuple[str, str, str]], asked: Asked, doing: str) -> None:
    if not refs:
        return
    done = git.run(
        target.host.runner, "refs", f"{target.place}: not all branches and tags are moved",
        stdin="".join(f"{' '.join(one)}\n" for one in refs).encode(), dir=target.common,
        force="1" * (asked.mirror or asked.how == "force"),
        saved=f"refs/mng/saved/before-sync/{now()}", message=f"mng: {doing}",
    )  # fmt: skip
    for line in done.text.splitlines():
        kind, _, ref = line.rpartition(" ")
        if kind == "saved":
            output.note(f"{target.place}: what is replaced is kept as {ref}")
        elif kind != "done":
            why = {"in use": "is checked out there", "diverged": "has commits of its own there", "other": "is another one there"}
            output.warn(f"{target.place}: {ref} {why[kind]}, and stays" + (" (--force-git)" if kind != "in use" else ""))
