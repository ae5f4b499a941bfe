"""A repository of another host made anew here: its history and state, and nothing that git would run, follow or obey."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator

from mng.errors import MngError, Refused
from mng.runner import File, Runner
from mng.sync import git
from mng.sync.streams import streamed

SWITCH = re.compile(r"core\.(autocrlf|eol|quotepath|logallrefupdates)=(true|false|input|lf|crlf|native)")
REMOTE = re.compile(r"remote\.([\w.-]+)\.(url|pushurl)=(.*)")
BRANCH = re.compile(r"branch\.(.+)\.(remote|merge|rebase)=(.*)")
URL = re.compile(r"(https?|ssh|git)://[\w.\[@][^\s\x00-\x1f]*|([\w.-]+@)?[\w][\w.-]*:(?!:|//)[^\s\x00-\x1f:][^\x00-\x1f]*")
LOG = re.compile(r"[0-9a-f]{40,64} [0-9a-f]{40,64} [^\x00-\x08\x0b-\x1f\x7f]*")


def adopt(there: Runner, theirs: str, here: Runner, root: str) -> None:
    """The repository at `theirs` on one host, in the folder `root` on another, whose files are there already."""
    parts = git.run(there, "history", f"cannot read the repository {theirs}", root=theirs).out.split(b"\0", 12)
    if len(parts) < 13:
        raise MngError(f"cannot read the repository {theirs}")
    shape, branch, head, refs, config, shallow, exclude, merging, message, picking, busy, logs = (
        part.decode(errors="surrogateescape") for part in parts[:12]
    )
    if busy.strip():
        raise Refused(f"{theirs} is in the middle of a rebase ({busy.strip()})", "finish or abort it first: it can't come along")
    wanted = dict(reversed(line.partition(" ")[::2]) for line in refs.splitlines())
    known = {ref: oid for ref, oid in wanted.items() if is_known(ref, oid)}
    index, _, new = parts[12].partition(b"\0\0") if not parts[12].startswith(b"\0") else (b"", b"", parts[12][1:])
    oids = [*oids_in(merging), *oids_in(picking)]
    texts = {
        "mng-refs": "".join(f"create {ref}\0{oid}\0" for ref, oid in known.items()),
        "mng-config": "".join(f"{key}\n{value}\n" for key, value in harmless(config.splitlines())),
        "info/exclude": exclude + "\n", "shallow": lined(oids_in(shallow)), "MERGE_HEAD": lined(oids_in(merging)),
        "MERGE_MSG": message + "\n" if oids_in(merging) else "", "CHERRY_PICK_HEAD": lined(oids_in(picking)),
        **{f"mng-logs/{name}": text for name, text in reflogs(logs, known)},
    }  # fmt: skip
    files = {f"{root}/.git/{name}": File(text.encode(errors="surrogateescape"), 0o644) for name, text in texts.items() if text}
    files |= {
        f"{root}/.git/mng-{name}": File(data, 0o644) for name, data in (("index", index + b"\0" * bool(index)), ("add", new))
    }
    for name in ("mng-refs", "mng-config"):
        files.setdefault(f"{root}/.git/{name}", File(b"", 0o644))
    git.run(here, "adopt", f"cannot make a repository in {root}", root=root, filled_as="sha256" if shape == "sha256" else "sha1")
    here.put(files)
    with tempfile.TemporaryFile() as pack:
        streamed(there, git.script("objects", root=theirs, more=" ".join(oids)), pack, f"cannot read the repository {theirs}")
        pack.seek(0)
        own = branch if branch.startswith("refs/heads/") and git.is_ref(branch) else ""
        line = git.script("adopt", root=root, filled="1", branch=own, head="".join(oids_in(head)[:1]), fsync=git.SAFE)
        done = here.run(line, stdin=pack, check=False, timeout=git.LONG)
    if done.code:
        raise git.explained(done, f"the repository {theirs} can't be taken")


def is_known(ref: str, oid: str) -> bool:
    """Not refs/remotes/origin/HEAD: it is a link, and git makes it again."""
    return ref.startswith("refs/") and git.is_ref(ref) and not ref.endswith("/HEAD") and bool(git.OID.fullmatch(oid))


def oids_in(text: str) -> list[str]:
    return [line for line in text.split() if git.OID.fullmatch(line)]


def lined(words: list[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def harmless(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Of a config: where its remotes are, which branch follows which, and switches that start nothing."""
    remotes = {found[1] for line in lines if (found := REMOTE.fullmatch(line)) and URL.fullmatch(found[3])}
    for name in sorted(remotes):
        yield f"remote.{name}.fetch", f"+refs/heads/*:refs/remotes/{name}/*"
    for line in lines:
        key, _, value = line.partition("=")
        if found := BRANCH.fullmatch(line):
            fits = {"remote": value in (*remotes, "."), "merge": value.startswith("refs/heads/") and git.is_ref(value),
                    "rebase": value in ("true", "false", "merges")}  # fmt: skip
            if fits[found[2]] and git.is_ref(found[1]):
                yield key, value
        elif SWITCH.fullmatch(line) or ((found := REMOTE.fullmatch(line)) and URL.fullmatch(value)):
            yield key, value


def reflogs(text: str, refs: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Of HEAD and the refs that come along: lines that are nothing but that."""
    for part in text.split("\n./"):
        name, _, lines = part.strip("\n").removeprefix("./").partition("\n")
        if name == "HEAD" or name in refs:
            yield name, "".join(f"{line}\n" for line in lines.split("\n") if LOG.fullmatch(line))
