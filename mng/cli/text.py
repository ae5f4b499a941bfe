"""Where a message comes from: an option, a file, standard input or $EDITOR."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from mng import output
from mng.cli.options import Options
from mng.disk import Umask
from mng.errors import MngError, UsageError
from mng.shell import expanded


def given_message(message: str | None, file: str | None) -> str | None:
    """From --message or --message-file; None when neither is given."""
    return from_file(file) if file else message


def from_file(path: str) -> str:
    """A message: the whole content."""
    try:
        data = content(path)
    except OSError as error:
        raise UsageError(f"cannot read the message from {path}: {error.strerror}") from None
    return decoded(data, path)


def content(path: str) -> bytes:
    """`-` is standard input. To be called once for each: a pipe has nothing more to say the second time."""
    if path != "-":
        return expanded(path).read_bytes()
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read()


def decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the message from {where} is not UTF-8: {error.reason} at byte {error.start}") from None


def one_reader(o: Options) -> None:
    """UsageError if more than one option wants standard input."""
    given = {name: getattr(o, name, None) for name in ("message_file", "resume_message_file", "env_file", "host_env_file")}
    readers = [f"--{name.replace('_', '-')} -" for name, value in given.items() for word in listed(value) if word == "-"]
    readers += ["--stdin"] if getattr(o, "stdin", False) or "-" in getattr(o, "agents", ()) else []
    if len(readers) > 1:
        raise UsageError(f"{readers[0]} and {readers[1]}: only one of them can read stdin", "put the other into a file")


def listed(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def composed(hint: str) -> str:
    """What the user writes in $VISUAL or $EDITOR; lines that begin with # are left out at the end of the file only."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mng-") as folder:
        path = Path(folder) / "MESSAGE.md"
        path.write_text(f"\n\n# {hint}\n# An empty message sends nothing.\n")
        edit(path, "or give the message with -m")
        lines = decoded(path.read_bytes(), "the editor").splitlines()
    while lines and (lines[-1].startswith("# ") or not lines[-1].strip()):
        lines.pop()
    return "\n".join(lines).strip("\n")


@contextlib.contextmanager
def editing(asked: bool) -> Iterator[Callable[[], str]]:
    """Where it is asked for, $EDITOR is open meanwhile; what was written comes from the yielded function."""
    if not asked:
        yield lambda: ""
        return
    from concurrent.futures import ThreadPoolExecutor, wait

    with output.held(), ThreadPoolExecutor(1) as pool:
        writing = pool.submit(composed, "First message for the agent, which is being made meanwhile")
        yield writing.result
        wait([writing])


def edit(path: Path, otherwise: str) -> None:
    """Open $VISUAL or $EDITOR on the file; MngError if it fails, so that nothing is done with the text."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("vi" if on_terminal() else "")
    if not editor:
        raise MngError("no terminal, and no $EDITOR that could do without", f"set $EDITOR, {otherwise}")
    try:
        code = subprocess.run([*(shlex.split(editor) or ["vi"]), str(path)], umask=Umask.theirs).returncode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MngError(f"cannot run the editor {editor}: {why}", f"set $EDITOR, {otherwise}") from None
    if code:
        raise MngError(f"the editor {editor} ended with exit code {code}; nothing is done")


def on_terminal() -> bool:
    """Whether somebody is there to answer: stdin and stdout are both a terminal."""
    try:
        return os.isatty(0) and os.isatty(1)
    except OSError:
        return False


def piped_text() -> str | None:
    """What is piped in; None when stdin is a terminal or closed."""
    try:
        if sys.stdin is None or os.isatty(0):
            return None
    except OSError:
        return None
    return from_file("-")
