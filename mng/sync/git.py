"""Git on a host: scripts that do a whole step in one round trip, and what git's complaints mean."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from mng.errors import CommandFailed, MngError, NotAvailable, Refused, UsageError
from mng.runner import Done, Runner
from mng.shell import Cmd, cmd

FOLDER = Path(__file__).parent
INSTALL = "apt-get install git (or: brew install git)"
SAFE = "committed,loose-object"  # core.fsync, where a power cut must lose nothing
LONG = 3600.0  # seconds: a checkout or removal of very many files
OID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
NO_REF = re.compile(r"[\0-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[/.-]|[/.]$|^@$")
EXPLAINED: tuple[tuple[str, type[MngError], str], ...] = (
    (
        "dubious ownership",
        Refused,
        "it belongs to another user; if you trust it: git config --global --add safe.directory PATH",
    ),
    ("is already checked out at", UsageError, "leave out --no-new-branch, so that the agent gets a branch of its own"),
    ("already used by worktree", UsageError, "leave out --no-new-branch, so that the agent gets a branch of its own"),
    (
        "reference already exists",
        UsageError,
        "choose another: --new-branch=NAME; or go on with it: --base-branch BRANCH --no-new-branch",
    ),
    ("cannot lock ref", UsageError, "choose another name: --new-branch=NAME"),
    ("hasDotgit", Refused, "a commit has what git here would take for its own folder: nothing of it is taken"),
    ("gitmodules", Refused, "a commit has a .gitmodules that git here must not read: nothing of it is taken"),
    ("No space left on device", MngError, "make room on the disk, then try again"),
    ("Permission denied", MngError, "check who owns the folder"),
)


@functools.cache
def text(name: str) -> str:
    return (FOLDER / "git.sh").read_text() + (FOLDER / f"{name}.sh").read_text()


def script(name: str, **values: str) -> Cmd:
    """One of the scripts beside this file, with its variables; those in capitals its children have, too."""
    marks = [f"{key}={values.pop(key)}" for key in list(values) if key.isupper()]
    words = [f"{key}={value}" for key, value in values.items()]
    return Cmd(
        cmd("env" if marks else None, marks, "sh", "-c", text(name), f"{name}.sh", words).line, cmd(f"{name}.sh", words).shown
    )


def run(runner: Runner, name: str, doing: str, stdin: bytes | None = None, **values: str) -> Done:
    """Run a script; what git complains of becomes an error that says what to do."""
    done = runner.run(script(name, **values), stdin=stdin, check=False, timeout=LONG)
    if done.code:
        raise explained(done, doing)
    return done


def explained(done: Done, doing: str) -> MngError:
    said = done.err.decode(errors="replace").strip()
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))] or said.splitlines()[-1:]
    what = f"{doing}: {lines[0].removeprefix('fatal: ').removeprefix('error: ') if lines else f'exit code {done.code}'}"
    if done.code == 127:
        return NotAvailable(what, INSTALL)
    for sign, kind, hint in EXPLAINED:
        if sign in said:
            return kind(what, hint)
    return CommandFailed(what, code=done.code)


def is_ref(name: str) -> bool:
    """Whether git takes it for the name of a ref or branch, as `git check-ref-format` says; no option is one."""
    return bool(name) and not NO_REF.search(name)


def ended(paths: Iterable[str]) -> bytes:
    """Each with a NUL at its end, as scripts read them."""
    return "".join(f"{path}\0" for path in paths).encode(errors="surrogateescape")


def entries(status: bytes) -> list[tuple[str, str]]:
    """`git status --porcelain=v2 -z --no-renames` as (XY, ?? or !!, path) pairs; `#` lines left out."""
    found = []
    for line in status.split(b"\0"):
        kind, _, rest = line.decode(errors="surrogateescape").partition(" ")
        if kind == "1":
            found.append((rest[:2], rest.split(" ", 7)[7]))
        elif kind == "u":
            found.append((rest[:2], rest.split(" ", 9)[9]))
        elif kind in ("?", "!"):
            found.append((kind * 2, rest))
    return found


def headers(status: bytes) -> dict[str, str]:
    """The `# branch.oid …` lines of the same."""
    lines = [line.decode(errors="replace")[2:].partition(" ") for line in status.split(b"\0") if line.startswith(b"# ")]
    return {key: value for key, _, value in lines}
