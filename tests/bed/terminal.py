"""A program on a pseudo-terminal of its own, for what only happens on a terminal: connect, selectors, prompts."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Popen's preexec_fn is unsafe beside threads, so that the child itself takes the terminal.
TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cMDEHNOZ])")


class Pty:
    """`expect` waits for text, `send` types, `text` is all that was printed, without escape sequences."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], cwd: Path, size: tuple[int, int] = (40, 140)) -> None:
        self.shown = " ".join(words)
        self.master, slave = os.openpty()
        self.resize(*size)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", TAKE, *words],
            stdin=slave, stdout=slave, stderr=slave, env=dict(env), cwd=cwd, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.raw = b""
        self.at = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # EIO: the last process on the terminal is gone
                return
            if not data:
                return
            self.raw += data

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.raw.decode(errors="replace")).replace("\r\n", "\n")

    def expect(self, pattern: str, seconds: float = 15) -> re.Match[str]:
        """Wait until the regular expression appears after what was expected before."""
        until = time.monotonic() + seconds
        while True:
            if found := re.compile(pattern).search(self.text, self.at):
                self.at = found.end()
                return found
            if time.monotonic() > until or not self.reader.is_alive():
                ended = "" if self.process.poll() is None else f", it ended with {self.process.returncode}"
                raise AssertionError(f"{self.shown}: no {pattern!r} within {seconds} s{ended}; printed:\n{self.text}")
            time.sleep(0.02)

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())

    def line(self, text: str = "") -> None:
        self.send(text + "\r")

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, seconds: float = 15) -> int:
        """The exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.shown}: still runs after {seconds} s; printed:\n{self.text}") from None
        self.reader.join(1)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.reader.join(1)
        os.close(self.master)
