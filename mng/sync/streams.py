"""What a command on a host prints, kept in a file."""

from __future__ import annotations

from typing import IO

from mng.errors import MngError
from mng.runner import Runner
from mng.shell import Cmd

COMPLAINT = 1 << 16  # bytes of errors


def streamed(runner: Runner, line: Cmd, file: IO[bytes], doing: str, stdin: bytes | None = None) -> None:
    """What the line prints, into a file: it may be more than memory has."""
    said = bytearray()

    def take(stream: str, data: bytes) -> None:
        if stream == "out":
            file.write(data)
        else:
            said.extend(data[: COMPLAINT - len(said)])

    done = runner.run(line, stdin=stdin, timeout=None, check=False, live=take)
    if done.code:
        words = bytes(said).decode(errors="replace").strip()
        raise MngError(f"{doing}: {words or f'exit code {done.code}'}")
    file.seek(0)
