"""Runners carry commands and files to a host: this machine's, and a scripted one for tests."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from mng import output
from mng.disk import MOST, Disk, Seen, Umask, folders, too_much
from mng.errors import CommandFailed, MngError
from mng.shell import Cmd, here

Live = Callable[[str, bytes], None]  # "out" or "err", and what just arrived
QUIET = 0.1  # seconds without output after the shell has ended, until its background jobs are left alone


class Done(NamedTuple):
    """How a command ended: its exit code (128 + N for signal N) and what it printed."""

    code: int
    out: bytes = b""
    err: bytes = b""

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace").strip()

    @property
    def complaint(self) -> str:
        """The last line it printed on stderr: what an error message can say."""
        lines = self.err.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


class Kept:
    """What a command prints, up to a limit for both streams."""

    def __init__(self, what: str, most: int) -> None:
        self.what, self.most, self.size = what, most, 0
        self.streams = {"out": io.BytesIO(), "err": io.BytesIO()}

    def add(self, stream: str, data: bytes) -> None:
        """Raises TooMuch."""
        self.size += len(data)
        if self.size > self.most:
            raise too_much(f"what {self.what} prints", self.most)
        self.streams[stream].write(data)

    @property
    def out(self) -> bytes:
        return self.streams["out"].getvalue()

    @property
    def err(self) -> bytes:
        return self.streams["err"].getvalue()


class File(NamedTuple):
    """The content of a file to put on a host."""

    data: bytes
    mode: int = 0o600


class Tree(Protocol):
    """The small files of a host, as of one moment; paths are absolute."""

    def read(self, path: str) -> bytes | None: ...
    def end(self, path: str, size: int) -> bytes: ...
    def mtime(self, path: str) -> float | None: ...
    def names(self, folder: str) -> list[str]: ...
    def link(self, path: str) -> str | None: ...


class Runner(Protocol):
    """What a host can be asked to do; the same over SSH as on this machine."""

    def run(
        self, command: Cmd, *, stdin: bytes | IO[bytes] | None = None, check: bool = True, timeout: float | None = 60.0,
        live: Live | None = None, most: int = MOST,
    ) -> Done: ...  # fmt: skip
    def read(self, command: Cmd, *, timeout: float | None = 60.0, most: int = MOST) -> Done: ...
    def put(self, files: Mapping[str, File]) -> None: ...
    def get(self, paths: Sequence[str], most: int = MOST) -> dict[str, bytes]: ...
    def attach(self, command: Cmd, *, agent: bool = False) -> int: ...
    def lock(self, path: str, timeout: float) -> contextlib.AbstractContextManager[None]: ...
    def close(self) -> None: ...


def checked(command: Cmd, done: Done, check: bool) -> Done:
    if check and done.code:
        raise CommandFailed(f"{command.shown}: {done.complaint}", code=done.code)
    return done


class LocalRunner:
    """Runs on this machine, each command in a process group of its own, so that a time-out ends all of it."""

    def run(
        self, command: Cmd, *, stdin: bytes | IO[bytes] | None = None, check: bool = True, timeout: float | None = 60.0,
        live: Live | None = None, most: int = MOST,
    ) -> Done:  # fmt: skip
        """TooMuch, and the command ended, if it prints more than `most` bytes, unless they all go to `live`."""
        began = time.monotonic()
        given: int | IO[bytes] | None = subprocess.PIPE if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL
        process = subprocess.Popen(
            ["/bin/sh", "-c", command.line],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=Umask.theirs,
            cwd=None if here().exists() else "/",  # git and others do nothing in a folder that is gone
        )
        try:
            kept = Kept(command.shown, most)
            talk = Exchange(process, stdin if isinstance(stdin, bytes) else b"", live or kept.add)
            code = talk.until(began + timeout if timeout else None)
            done = Done(code, kept.out, kept.err)
        except TimeoutError:
            end_group(process)
            raise CommandFailed(f"{command.shown}: not done after {timeout:g} s, ended", code=124) from None
        except BaseException:
            end_group(process)
            raise
        finally:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        output.ran(command.shown, time.monotonic() - began, done.code)
        return checked(command, done, check)

    def read(self, command: Cmd, *, timeout: float | None = 60.0, most: int = MOST) -> Done:
        """A command that changes nothing: any code will do, and elsewhere it may be run again."""
        return self.run(command, check=False, timeout=timeout, most=most)

    def put(self, files: Mapping[str, File]) -> None:
        """Each file whole or not at all: written beside its place, then renamed."""
        for path, file in files.items():
            new = f"{path}.{os.getpid()}.new"
            try:
                folders(Path(path).parent, 0o777 if file.mode & 0o077 else 0o700)
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file.mode), "wb") as out:
                    out.write(file.data)
                    out.flush()
                    os.fchmod(out.fileno(), file.mode)
                os.replace(new, path)  # noqa: PTH105
            except OSError as error:
                with contextlib.suppress(OSError):
                    Path(new).unlink()
                raise MngError(f"cannot write {path}: {error.strerror}") from None

    def get(self, paths: Sequence[str], most: int = MOST) -> dict[str, bytes]:
        """The contents of those that exist; TooMuch if one has more than `most` bytes."""
        disk = Disk()
        return {path: data for path in paths if (data := disk.read(path, most)) is not None}

    def tree(self) -> Disk:
        return Disk()

    def attach(self, command: Cmd, *, agent: bool = False) -> int:
        """Give the terminal to the command until it ends. Elsewhere, `agent` lends it the keys of the user's ssh-agent."""
        return subprocess.run(["/bin/sh", "-c", command.line], umask=Umask.theirs).returncode

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float) -> Iterator[None]:
        """Hold `path`, a file or folder, against all others (flock: ends with this process); MngError after `timeout` seconds."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            how = os.O_RDONLY if Path(path).is_dir() else os.O_RDWR | os.O_CREAT
            held = os.open(path, how | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MngError(f"cannot lock {path}: {error.strerror}") from None
        end = time.monotonic() + timeout
        try:
            while True:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise MngError(f"{path} is still locked by another mng after {timeout:g} s") from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(held)

    def locked(self, path: str) -> float:
        """Since when somebody holds it; 0 if nobody does."""
        try:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0.0
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.fstat(held).st_mtime
        finally:
            os.close(held)
        return 0.0

    def close(self) -> None:
        """Nothing is held open."""


class Exchange:
    """Feeds a process and reads what it prints, without waiting for the background jobs that it leaves."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, live: Live) -> None:
        self.process, self.left, self.live = process, memoryview(stdin), live
        self.selector = selectors.DefaultSelector()
        assert process.stdout and process.stderr
        self.selector.register(process.stdout, selectors.EVENT_READ, "out")
        self.selector.register(process.stderr, selectors.EVENT_READ, "err")
        if process.stdin:
            os.set_blocking(process.stdin.fileno(), False)
            self.selector.register(process.stdin, selectors.EVENT_WRITE, "in")

    def until(self, deadline: float | None) -> int:
        """The exit code. Raises TimeoutError at the deadline (time.monotonic)."""
        with self.selector:
            while self.selector.get_map():
                ended = self.process.poll() is not None  # asked before: then all that it printed is ready
                ready = self.selector.select(QUIET if deadline is None else min(QUIET, max(deadline - time.monotonic(), 0)))
                for key, _ in ready:
                    self.write(key) if key.data == "in" else self.read(key)
                if not ready and ended:
                    break
                if deadline and time.monotonic() > deadline:
                    raise TimeoutError
        code = self.process.wait(None if deadline is None else max(deadline - time.monotonic(), 0.01))
        return code if code >= 0 else 128 - code

    def write(self, key: selectors.SelectorKey) -> None:
        try:
            self.left = self.left[os.write(key.fd, self.left[:65536]) :]
        except BrokenPipeError:
            self.left = memoryview(b"")
        if not self.left:
            self.selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]

    def read(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, 65536)
        if not data:
            self.selector.unregister(key.fileobj)
        else:
            self.live(key.data, data)


def end_group(process: subprocess.Popen[bytes], grace: float = 1.0) -> None:
    """TERM, then KILL, the process and all of its group; those that clean up may do so."""
    end = time.monotonic() + grace
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class FakeRunner(LocalRunner):
    """Answers from a script: the first pattern found in the line decides; every line asked is kept in `ran`."""

    answers: dict[str, Done | str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)

    def run(
        self, command: Cmd, *, stdin: bytes | IO[bytes] | None = None, check: bool = True, timeout: float | None = 60.0,
        live: Live | None = None, most: int = MOST,
    ) -> Done:  # fmt: skip
        self.ran.append(command.line)
        answer = next((a for pattern, a in self.answers.items() if pattern in command.line), Done(0))
        done = Done(0, answer.encode()) if isinstance(answer, str) else answer
        if live:
            live("out", done.out)
        return checked(command, done, check)

    def put(self, files: Mapping[str, File]) -> None:
        self.files.update({path: file.data for path, file in files.items()})
        self.modes.update({path: file.mode for path, file in files.items()})

    def get(self, paths: Sequence[str], most: int = MOST) -> dict[str, bytes]:
        return {path: self.files[path] for path in paths if path in self.files}

    def tree(self) -> Disk:
        return Put(self)


class Put(Disk):
    """This machine's files, but what is at a path that was put is what was put."""

    def __init__(self, runner: FakeRunner) -> None:
        self.runner = runner

    def look(self, path: str) -> Seen:
        if path not in self.runner.files:
            return super().look(path)
        return Seen(path, "file", self.runner.modes.get(path, 0o644), data=self.runner.files[path])
