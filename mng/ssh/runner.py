"""The runner of a host that is reached over SSH; nothing is needed there but a POSIX shell and tar."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import select
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mng import lenient, output
from mng.disk import MOST, TooMuch, too_much
from mng.errors import CommandFailed, MngError, NotAvailable, Unreachable
from mng.runner import Done, File, Kept, Live, checked
from mng.shell import Cmd, cmd, joined, raw
from mng.ssh.link import Links, Lost
from mng.ssh.target import Target

if TYPE_CHECKING:
    import paramiko

HERE = Path(__file__).parent
WRAP, LOCK = (re.sub(r"(?m)^#.*\n", "", (HERE / name).read_text()) for name in ("wrap.sh", "lock.sh"))
QUIET = 1.0  # seconds without output after the command has ended, until what it left in the background is let go
LATE = 5.0  # seconds that its first output may come after its exit code: they travel apart
NOISE = 1 << 20  # bytes that start-up files may print
SLOWEST = 20_000  # bytes a second that files take at least
AT_ONCE = 200  # files in one `put`: their names must fit on a command line


class SshRunner:
    """Commands in sessions of one connection, made when first needed; in a forked process, of a new one."""

    def __init__(self, target: Target, *, allow_unknown: bool = False) -> None:
        self.target = target
        self.links = Links(target, allow_unknown)
        self.pid = os.getpid()
        self.ran = 0  # commands: for tests
        self.held = threading.local()  # the locks of this thread

    def run(
        self, command: Cmd, *, stdin: bytes | IO[bytes] | None = None, check: bool = True, timeout: float | None = 60.0,
        live: Live | None = None, most: int = MOST,
    ) -> Done:  # fmt: skip
        """`timeout` counts from the moment that the host is reached. Lost: what became of the command is not known.

        TooMuch, and the command ended, if it prints more than `most` bytes, unless they all go to `live`.
        """
        self.keeps()
        began, patience = time.monotonic(), max(timeout or 60.0, 60.0)
        with self.links.session(began + patience) as (_, channel):
            self.ran += 1
            began = time.monotonic()
            talk = Talk(self, channel, command, live, most=most)
            done = talk.run(stdin, timeout)
        output.ran(f"{self.target}: {command.shown}", time.monotonic() - began, done.code)
        return checked(command, done, check)

    def read(self, command: Cmd, *, timeout: float | None = 60.0, most: int = MOST) -> Done:
        """What changes nothing, and so is asked once more when the connection is lost."""
        try:
            return self.run(command, check=False, timeout=timeout, most=most)
        except Lost:
            return self.run(command, check=False, timeout=timeout, most=most)

    def keeps(self) -> None:
        """Lost if a lock of this thread is gone with its connection: what it protects must not go on."""
        if self.pid != os.getpid():  # forked: connections and locks are the other's
            self.links.forget()
            self.pid, self.held = os.getpid(), threading.local()
        for path, channel in getattr(self.held, "locks", []):
            if channel.closed or not channel.get_transport().is_active():
                raise Lost(
                    f"{self.target}: the connection was lost, and with it the lock {path}", "nothing more was done; try again"
                )

    def put(self, files: Mapping[str, File]) -> None:
        """Each file whole or not at all: all in one tar stream beside their places, then renamed."""
        paths = list(files)
        for at in range(0, len(paths), AT_ONCE):
            some, mark = paths[at : at + AT_ONCE], f".{secrets.token_hex(4)}.new"
            folders = sorted({os.path.dirname(path) for path in some})  # noqa: PTH120
            private = all(files[path].mode & 0o077 == 0 for path in some)
            made = cmd("mkdir", "-p", "--", folders)
            made = Cmd(f"(umask 077; {made.line})", made.shown) if private else made
            line = made.then(cmd("tar", "-C", "/", "-xpmf", "-"))
            for path in some:
                line = line.then(cmd("mv", "-f", "--", path + mark, path))
            clean = joined(cmd("rm", "-f", "--", [path + mark for path in some]), "; ", cmd("false"))
            line = line.either(joined(joined(raw("{ "), "", clean), "", raw("; }")))
            data = tarred({path + mark: files[path] for path in some})
            done = self.run(line, stdin=data, check=False, timeout=60 + len(data) / SLOWEST)
            if done.code:
                raise MngError(f"{self.target}: cannot write {', '.join(some[:3])}: {done.complaint}")

    def get(self, paths: Sequence[str], most: int = MOST) -> dict[str, bytes]:
        """The contents of those that exist, in one tar stream; TooMuch if they have more than `most` bytes."""
        from mng.ssh.archive import Stream, members

        what = f"{paths[0] if len(paths) == 1 else f'what was asked for ({len(paths)} files)'} on {self.target}" if paths else ""
        wanted = {"." + path: path for path in paths}
        if not wanted:
            return {}
        room = most + 8192 * len(paths)
        try:
            done = self.read(cmd("tar", "-C", "/", "-chf", "-", list(wanted)), timeout=60 + most / SLOWEST, most=room)
        except TooMuch:
            raise too_much(what, most) from None
        if done.code == 127:
            raise NotAvailable(f"{self.target} has no tar", "install it there first")
        found = {wanted.get(f"./{one.name}"): one.data for one in members(Stream((done.out,), what, room))}
        return {path: data for path, data in found.items() if path and data is not None}

    def attach(self, command: Cmd, *, agent: bool = False) -> int:
        """Give the terminal to the command on the host until it ends, by the system's ssh; 255: no connection."""
        words = ["ssh", "-t", "-o", "RemoteCommand=none", *self.target.closed(agent=agent), plain_line(command.line)]
        return subprocess.run(words).returncode

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float) -> Iterator[None]:
        """Held by a shell on the host, so that it is free once the connection is gone; then nothing more runs here under it."""
        self.keeps()
        with self.links.session(time.monotonic() + 60, lock=True) as (_, channel):
            line = cmd("sh", "-c", LOCK, "sh", path, int(timeout), os.getpid())
            talk = Talk(self, channel, line, None, watch=False)
            code = talk.until(b"held", timeout + 60)
            if code == 75:
                raise MngError(f"{path} on {self.target} is still locked by another mng after {timeout:g} s")
            if code is not None:
                raise MngError(f"{self.target}: cannot lock {path}: {talk.complaint}")
            locks: list[tuple[str, paramiko.Channel]] = getattr(self.held, "locks", [])
            self.held.locks = [*locks, (path, channel)]
            try:
                yield
                self.keeps()
            finally:
                self.held.locks = locks
                with contextlib.suppress(OSError):
                    channel.sendall(b"done\n")
                    channel.shutdown_write()
                    channel.status_event.wait(2)

    def close(self) -> None:
        self.links.close()


def plain_line(line: str) -> str:
    """One that any login shell (csh, fish, …) hands on to `sh` as it is: no quote, backslash, newline or ! in the word."""
    word = re.sub(r"[\\'!\n\r%]", lambda found: f"\\0{ord(found[0]):03o}", line)
    return f"""exec sh -c 'eval "$(printf %b "$0")"' '{word}'"""


def tarred(files: Mapping[str, File]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, file in files.items():
            about = tarfile.TarInfo(path.lstrip("/"))
            about.size, about.mode = len(file.data), file.mode
            tar.addfile(about, io.BytesIO(file.data))
    return out.getvalue()


class Talk:
    """One command in one session: what goes in, what comes out, and its end."""

    def __init__(
        self, runner: SshRunner, channel: paramiko.Channel, command: Cmd, live: Live | None, watch: bool = True, most: int = MOST
    ) -> None:
        self.runner, self.channel, self.command, self.watch = runner, channel, command, watch
        self.got = Kept(f"{command.shown} on {runner.target}", most)
        self.live = live or self.got.add
        self.mark = secrets.token_hex(4)
        self.pid = 0
        self.before = {"out": b"", "err": b""}  # until the mark: what start-up files print
        self.begun = {"out": False, "err": False}
        self.left = memoryview(b"")

    def begin(self, limit: int) -> None:
        values = f"n={self.mark} t={limit} line={cmd(self.command).line}\n"
        wrap = WRAP if self.watch else WRAP.partition("(\n")[0] + 'exec sh -c "$line"\n'
        try:
            self.channel.exec_command(plain_line(values + wrap).encode(errors="surrogateescape"))
        except Exception as error:
            if self.channel.get_transport().is_active():
                raise
            raise self.lost(error) from None

    def lost(self, error: object = "") -> Lost:
        return Lost(
            f"{self.runner.target}: the connection was lost during: {self.command.shown}",
            "whether it was done is not known; it does not go on there",
        )

    def run(self, stdin: bytes | IO[bytes] | None, timeout: float | None) -> Done:
        deadline = time.monotonic() + timeout if timeout else None
        self.begin(int(timeout) + 3 if timeout else 0)
        source = stdin if stdin is not None and not isinstance(stdin, bytes) else None
        self.left = memoryview(stdin if isinstance(stdin, bytes) else b"")
        try:
            if not source and not self.left:
                self.channel.shutdown_write()
            self.exchange(source, deadline)
        except TimeoutError:
            self.end()
            raise CommandFailed(f"{self.command.shown}: not done after {timeout:g} s, ended", code=124) from None
        except (EOFError, OSError) as error:
            if self.channel.get_transport().is_active():
                raise
            raise self.lost(error) from None
        except BaseException:
            self.end()
            raise
        return self.done()

    def done(self) -> Done:
        code = self.channel.exit_status if self.channel.status_event.is_set() else -1
        if code == -1 and not self.channel.get_transport().is_active():
            raise self.lost()
        if not self.begun["out"]:
            said = (self.before["out"] + self.before["err"]).decode(errors="replace").strip().splitlines()
            raise Unreachable(
                f"{self.runner.target}: its login shell ran nothing" + (f"; it said: {said[-1]}" if said else f" ({code})"),
                f"try: ssh {' '.join(self.runner.target.words)} true",
            )
        return Done(code if code >= 0 else 137, self.got.out, self.got.err)

    def exchange(self, source: IO[bytes] | None, deadline: float | None) -> None:
        """Until it has ended and all of its output is here. Raises TimeoutError at the deadline."""
        channel, poll = self.channel, select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        if source:
            poll.register(source.fileno(), select.POLLIN)
        quiet = time.monotonic()
        while True:
            moved = self.receive()
            moved |= self.send(source)
            ended = channel.exit_status_ready()
            if channel.closed or (ended and channel.eof_received and not moved) or not channel.get_transport().is_active():
                while self.receive():
                    """What came with the end."""
                return
            now = time.monotonic()
            quiet = now if moved or not ended else quiet
            if ended and now - quiet > (QUIET if self.begun["out"] else LATE):
                return
            if deadline and now > deadline:
                raise TimeoutError
            if moved:
                continue
            wait = 0.05 if ended or self.left else min(max(deadline - now, 0), 1.0) if deadline else 1.0
            if channel.eof_received:
                channel.status_event.wait(wait)
            elif self.ready(poll.poll(wait * 1000), source):
                data = os.read(source.fileno(), 32768) if source else b""
                self.left = memoryview(data)
                if source and not data:
                    poll.unregister(source.fileno())
                    source = None
                    channel.shutdown_write()

    def ready(self, found: list[tuple[int, int]], source: IO[bytes] | None) -> bool:
        return source is not None and not self.left and any(fd == source.fileno() for fd, _ in found)

    def send(self, source: IO[bytes] | None) -> bool:
        if not self.left or not self.channel.send_ready():
            return False
        try:
            self.left = self.left[self.channel.send(self.left[:32768]) :]
        except OSError:  # it has closed its input, or ended
            self.left = memoryview(b"")
        if not self.left and not source:
            self.channel.shutdown_write()
        return True

    def receive(self) -> bool:
        """Take what is there; False if nothing is."""
        moved = False
        if self.channel.recv_ready():
            self.keep("out", self.channel.recv(1 << 20))
            moved = True
        if self.channel.recv_stderr_ready():
            self.keep("err", self.channel.recv_stderr(1 << 20))
            moved = True
        return moved

    def keep(self, stream: str, data: bytes) -> None:
        if not self.begun[stream]:
            self.before[stream] += data
            noise, found, rest = self.before[stream].partition(b"\1" + self.mark.encode() + b" ")
            pid, end, data = rest.partition(b"\2")
            if len(noise) + (0 if found else len(data)) > NOISE:
                raise too_much(f"what the login shell of {self.runner.target} prints", NOISE)
            if not found or not end:
                return
            self.before[stream], self.begun[stream], self.pid = noise, True, int(lenient.number(pid))
        if data:
            self.live(stream, data)

    def until(self, word: bytes, timeout: float) -> int | None:
        """Wait for the word on its output; the exit code if it ends without."""
        deadline = time.monotonic() + timeout
        self.begin(0)
        while word not in self.got.out:
            if not self.receive():
                if self.channel.exit_status_ready():
                    return self.done().code
                if self.channel.closed or not self.channel.get_transport().is_active():
                    raise self.lost()
                if time.monotonic() > deadline:
                    raise Unreachable(f"{self.runner.target}: no answer in {timeout:g} s")
                time.sleep(0.005)
        return None

    @property
    def complaint(self) -> str:
        return Done(1, err=self.got.err).complaint

    def end(self) -> None:
        """TERM, then KILL, all of its process group on the host."""
        self.channel.close()
        if not self.pid:
            return
        group = cmd(f"-{self.pid}").line
        wait = "n=0; while kill -0 {0} && [ $((n+=1)) -lt 10 ]; do sleep 0.1; done"
        line = f"kill -TERM {group}; {wait.format(group)}; kill -KILL {group}"
        with contextlib.suppress(MngError), self.runner.links.session(time.monotonic() + 5) as (_, channel):
            Talk(self.runner, channel, raw(line), None).run(None, 3.0)
