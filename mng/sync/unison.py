"""Two folders kept equal by unison, for as long as somebody wants it: a wrapper on `sh`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mng import output
from mng.disk import Umask
from mng.errors import MngError, NotAvailable, Unreachable
from mng.host import Host
from mng.shell import cmd
from mng.sync import dotgit
from mng.sync.rsync import ssh_words
from mng.sync.side import Side

Direction = Literal["both", "forward", "reverse"]
Conflict = Literal["newer", "source", "target", "ask"]
INSTALL = "apt-get install unison (or: mng provision --host HOST --role unison)"
EVERY = 1  # seconds between two looks, where no unison-fsmonitor tells of changes
PATIENCE = 10.0  # seconds at most between two tries to connect again
LOST = re.compile(r"lost connection|connection (closed|reset|refused|timed out)|broken pipe|no route|closed by|can't connect|"
                  r"communication stream|unexpected response|ssh: |server .*(closed|exit)", re.IGNORECASE)  # fmt: skip
DID = re.compile(r"^\[END\] (?:Copying|Updating file|Deleting|Creating|Changing|Setting|Moving|Renaming)\S* (.*)")
SKIPPED = re.compile(r"^\s*skipped: (.*) \((.*)\)$")
FATAL = re.compile(r"^(?:Fatal error|Error|Uncaught exception)[: ]+(.*)")

# Ends with the mng that started it, even where that is killed.
HELD = """p=$1; shift; (while kill -0 "$p"; do sleep 1; done; kill -TERM -$$) </dev/null >/dev/null 2>&1 & w=$!
"$@"; code=$?; kill "$w"; exit "$code"
"""


@dataclass
class Asked:
    direction: Direction = "both"
    conflict: Conflict = "newer"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass
class Paired:
    """What was done so far."""

    changes: int = 0
    conflicts: list[str] = field(default_factory=list)
    reconnects: int = 0


def version(host: Host) -> str:
    """NotAvailable without one."""
    done = host.runner.read(cmd("unison", "-version"))
    found = re.search(r"version (\d+\.\d+)", done.out.decode(errors="replace"))
    if done.code or not found:
        raise NotAvailable(f"unison is not installed on {host.name}", INSTALL)
    return found[1]


def fits(one: Host, other: Host) -> None:
    """NotAvailable where the two could not talk to each other, or damage what the other keeps."""
    first, second = version(one), version(other)
    if first != second and min(as_numbers(first), as_numbers(second)) < (2, 52):
        raise NotAvailable(f"unison is {first} on {one.name}, but {second} on {other.name}: these don't fit", INSTALL)
    if first != second:
        output.note(f"unison is {first} on {one.name}, and {second} on {other.name}")


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


class Pairing:
    """Source and target, the target on this machine; what unison remembers of them lies below `folder`."""

    def __init__(self, source: Side, target: Side, asked: Asked, folder: Path) -> None:
        self.source, self.target, self.asked = source, target, asked
        id_ = hashlib.sha256(f"{source.host.id}:{source.path}\0{target.path}".encode(errors="surrogateescape")).hexdigest()[:16]
        self.folder, self.lock = folder, folder / f"{id_}.lock"
        self.done = Paired()
        self.rest, self.fatal, self.last = "", "", ""
        self.remind: list[str] = []
        self.process: Any = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def said(self) -> Path:
        """What ssh has to say."""
        return self.lock.with_suffix(".said")

    @property
    def roots(self) -> tuple[str, str]:
        """As unison spells them; ours does not care for the host's name."""
        source = self.source.path if self.source.host.local else f"ssh://{self.source.host.name}/{self.source.path}"
        return source, self.target.path

    def words(self) -> list[str]:
        source, target = self.roots
        words = [source, target, "-ui", "text", "-batch", "-auto", "-ignorelocks", "-contactquietly", "-dumbtty", "-color=false"]
        words += ["-log=false", "-backup=Name *", "-backuploc=central", "-maxbackups=3"]
        if not self.source.host.local:
            words += [
                "-sshcmd",
                str(self.wrapper()),
                "-servercmd",
                cmd("env", f"UNISON={self.source.host.dir}/pair", "unison").line,
            ]
        prefer = {"newer": "newer", "source": source, "target": target, "ask": ""}[self.asked.conflict]
        words += ["-prefer", prefer] if prefer else []
        kept = {"both": "", "forward": source, "reverse": target}[self.asked.direction]
        words += [f"-no{what}={kept}" for what in ("creation", "update", "deletion") if kept]
        return [
            *words,
            *(f"-ignore={one}" for one in self.ignored()),
            *(
                f"-ignorenot={one}"
                for one in map(pattern, self.asked.include)
                if self.source.host.local or not dotgit.is_dotgit(one.split(" ", 1)[-1])
            ),
        ]

    def ignored(self) -> list[str]:
        """.git, what git ignores on either side now, and what is asked for."""
        paths = {path.rstrip("/") for side in (self.source, self.target) for path in side.ignored}
        git = [] if ".git" in self.asked.include and self.source.host.local else dotgit.for_unison()
        return [*git, "Name .~tmp~", *(f"Path {quoted(path)}" for path in sorted(paths)), *map(pattern, self.asked.exclude)]

    def wrapper(self) -> Path:
        """A program that is ssh to this host, whatever unison says; its stderr apart, since ssh makes that non-blocking."""
        words, address = ssh_words(self.source.host)
        file = self.lock.with_suffix(".ssh")
        file.write_text(f'#!/bin/sh\nshift\nexec {cmd(words, address).line} "$@" 2> {cmd(self.said).line}\n')
        file.chmod(0o700)
        return file

    def watches(self) -> bool:
        asks = cmd("command", "-v", "unison-fsmonitor")
        return bool(shutil.which("unison-fsmonitor")) and self.source.host.runner.read(asks).code == 0

    def once(self, *more: str) -> None:
        """Until both are equal; MngError says why not."""
        self.start(*more)
        code = self.wait()
        if code == 3:
            raise self.failed()

    def keep(self, told: Callable[[Paired, str], None], ask: Callable[[str], str] | None = None) -> None:
        """Until KeyboardInterrupt; connected again for as long as it takes. Then both are equal once more, and nothing runs."""
        self.once()
        told(self.done, "")
        how, pause = ("-repeat=watch" if self.watches() else f"-repeat={EVERY}"), 0.5
        try:
            while True:
                self.start(how)
                began = time.monotonic()
                code = self.wait(lambda: told(self.done, self.last), ask is not None)
                if code is None and ask:
                    self.settle(ask)
                    continue
                error = self.failed()
                if not isinstance(error, Unreachable):
                    raise error
                pause = 0.5 if time.monotonic() - began > 30 else min(pause * 2, PATIENCE)
                output.note(f"{error.what}; again in {pause:g} s")
                time.sleep(pause)
                self.done.reconnects += 1
        finally:
            self.end()

    def settle(self, ask: Callable[[str], str]) -> None:
        """Ask about each conflict, and do what is said."""
        self.end()
        for path in dict.fromkeys(self.remind):
            answer = ask(path)
            prefer = {"source": self.roots[0], "target": self.roots[1]}.get(answer)
            if prefer:
                self.once("-path", path, "-prefer", prefer)
        self.remind = []

    def start(self, *more: str) -> None:
        import sh

        self.rest, self.fatal = "", ""
        environment = {**os.environ, "UNISON": str(self.folder), "LC_ALL": "C.UTF-8"}
        held = f"umask {Umask.theirs:o}\n{HELD}" if Umask.theirs >= 0 else HELD
        self.process = sh.Command("sh")(
            "-c", held, "pair", os.getpid(), "unison", *self.words(), *more,
            _bg=True, _bg_exc=False, _out=self.hear, _err=self.hear, _out_bufsize=1, _err_bufsize=1,
            _env=environment, _new_session=True, _tty_out=False, _in=None, _ok_code=list(range(256)), _encoding="utf-8",
            _decode_errors="replace",
        )  # fmt: skip

    def hear(self, text: str) -> None:
        for line in re.split(r"[\r\n]", text):
            line = re.sub(r"^\s*\d+%\s+\S+ ETA\s*", "", line).strip()
            output.detail(line, 2)
            if did := DID.match(line):
                self.done.changes += 1
                self.last = did[1]
            elif skipped := SKIPPED.match(line):
                if skipped[1] not in self.done.conflicts:
                    self.done.conflicts.append(skipped[1])
                    self.remind.append(skipped[1])
            elif LOST.search(line):
                if not self.fatal and self.done.changes:
                    output.note(f"{line}: connecting again")
                self.fatal = self.fatal or line
            elif fatal := FATAL.match(line):
                self.fatal = self.fatal or fatal[1]
            elif line:
                self.rest = line

    def wait(self, told: Callable[[], None] | None = None, stop: bool = False) -> int | None:
        """Its exit code; None with `stop` when there is something to ask about."""
        shown = -1
        while self.process.is_alive():
            time.sleep(0.1)
            if told and self.done.changes != shown:
                shown = self.done.changes
                told()
            if stop and self.remind:
                return None
        return int(self.process.exit_code)

    def failed(self) -> MngError:
        ssh = self.said.read_text(errors="replace").strip().splitlines() if self.said.exists() else []
        why = ": ".join([self.fatal or self.rest or "unison ended", *ssh[-1:]])
        what = f"{self.source.place} ⇄ {self.target.place}: {why}"
        return Unreachable(what, "both sides are as they were last") if LOST.search(why) else MngError(what)

    def end(self) -> None:
        """Nothing of it runs any more, here or there."""
        import sh

        process, self.process = self.process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.signal_group(sign)
            until = time.monotonic() + 3
            while process.is_alive() and time.monotonic() < until:
                time.sleep(0.02)
        with contextlib.suppress(sh.ErrorReturnCode):
            process.wait()


def quoted(path: str) -> str:
    return re.sub(r"([\\*?\[\]{},])", r"\\\1", path)


def pattern(word: str) -> str:
    """A name, or with / in it a path, as unison has them; `Name x`, `Path x`, `Regex x` as they are."""
    if word.split(" ", 1)[0] in ("Name", "Path", "Regex", "BelowPath"):
        return word
    return f"Path {word.strip('/')}" if "/" in word.rstrip("/") else f"Name {word.rstrip('/')}"


@contextlib.contextmanager
def alone(pairing: Pairing) -> Iterator[None]:
    """MngError if another mng pairs the same two."""
    from mng.runner import LocalRunner

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(LocalRunner().lock(str(pairing.lock), 0.2))
        except MngError:
            raise MngError(f"{pairing.source.place} and {pairing.target.place} are paired already") from None
        yield
