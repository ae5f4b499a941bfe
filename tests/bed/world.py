"""A world of its own for each test: HOME, host directory, tmux server, repository; `mng` runs in it as users run it."""

import getpass
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from tests.bed import processes
from tests.bed.terminal import Pty

SCRIPTS = sysconfig.get_path("scripts")  # where the installed `mng` of this Python lies
PATIENCE = float(os.environ.get("MNG_TEST_PATIENCE", "1"))  # all waits times this, for slow machines
GITCONFIG = """\
[user]
    name = Test
    email = test@example.org
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
"""
T = TypeVar("T")
Env = Mapping[str, str | None]  # None takes a variable away
SUDO = """#!/bin/sh
echo "$*" >> '{log}'
ask= want='{password}'
until [ "$1" = -- ]; do
    case $1 in -*S*) ask=yes ;; -u) user=$2 && shift ;; -p) shift ;; esac
    shift
done
shift
if [ "$want$ask" ]; then
    [ "$ask" ] || {{ echo "sudo: a password is required" >&2; exit 1; }}
    read -r got
    [ "$got" = "$want" ] || {{ echo "sudo: 1 incorrect password attempt" >&2; exit 1; }}
fi
SUDO_AS=$user exec "$@"
"""


@dataclass(frozen=True)
class Ran:
    """How a program ended: `code`, `out`, `err` (`raw`: its output as bytes; `json`, `rows`: parsed)."""

    shown: str
    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode(errors="surrogateescape")

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def rows(self) -> list[Any]:
        """Lines of JSON."""
        return [json.loads(line) for line in self.raw.splitlines()]

    def __str__(self) -> str:
        return f"{self.shown}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class World:
    """Made by the `world` fixture; everything in it is gone after the test."""

    def __init__(self) -> None:
        # /var/tmp: codex warns of a home below the directory for temporary files. Short, for sockets' names.
        self.root = Path(tempfile.mkdtemp(prefix="mng-", dir="/var/tmp"))
        self.home, self.bin, self.repo = self.root / "home", self.root / "bin", self.root / "repo"
        self.host_dir, self.prefix = self.root / "host", f"t{uuid4().hex[:4]}-"
        self.tmux_dir = self.root / "s"
        for folder in (self.home, self.bin, self.tmux_dir, self.root / "tmp"):
            folder.mkdir(mode=0o700)
        user = getpass.getuser()
        self.env: dict[str, str] = {
            "HOME": str(self.home), "USER": user, "LOGNAME": user, "SHELL": "/bin/bash",
            "PATH": os.pathsep.join([str(self.bin), SCRIPTS, os.environ["PATH"]]),
            "LANG": "C.UTF-8", "TERM": "xterm-256color", "TMPDIR": str(self.root / "tmp"),
            "TMUX_TMPDIR": str(self.tmux_dir), "MNG_HOST_DIR": str(self.host_dir), "MNG_PREFIX": self.prefix,
            "GIT_CONFIG_NOSYSTEM": "1", "MNG_TRUST": str(self.repo),
        }  # fmt: skip
        self.started: list[subprocess.Popen[str]] = []
        self.terminals: list[Pty] = []
        self.must_be_clean = False
        (self.home / ".gitconfig").write_text(GITCONFIG)
        self.make_repo(self.repo)

    # --- running things

    def mng(self, *words: object, **how: Any) -> Ran:
        """`world.mng("create", "web")`; the keywords are those of `run`."""
        return self.run(str(Path(SCRIPTS) / "mng"), *words, **how)

    def run(
        self, *words: object, input: str | bytes | None = None, check: bool = True, env: Env | None = None,
        timeout: float = 60, cwd: Path | str | None = None,
    ) -> Ran:  # fmt: skip
        """Any program, in this world, in `cwd` (the repository); `env={"X": "1", "Y": None}` sets X and unsets Y."""
        line = [str(word) for word in words]
        process = subprocess.Popen(
            line, env=self.environment(env), cwd=cwd or self.repo, start_new_session=True,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            try:
                out, err = process.communicate(input.encode() if isinstance(input, str) else input, timeout * PATIENCE)
            except subprocess.TimeoutExpired as late:
                ended = process.poll() is not None
                self.end_group(process)
                printed = b"\n".join(part for part in (late.stdout, late.stderr) if part).decode(errors="replace")
                why = "ended, but something it left behind holds its output" if ended else "still runs"
                raise AssertionError(f"{' '.join(line)}: {why} after {timeout} s; printed:\n{printed}") from None
        ran = Ran(" ".join(line), process.returncode, out, err.decode(errors="replace"))
        assert ran.code == 0 or not check, str(ran)
        return ran

    def start(self, *words: object, env: Env | None = None, cwd: Path | str | None = None) -> subprocess.Popen[str]:
        """Start a program (`"mng", "create", …`) and go on; its output is in pipes, its process group is its own."""
        process = subprocess.Popen(
            [str(word) for word in words], env=self.environment(env), cwd=cwd or self.repo, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        self.started.append(process)
        return process

    def pty(
        self, *words: object, env: Env | None = None, cwd: Path | str | None = None, size: tuple[int, int] = (40, 140)
    ) -> Pty:
        """Start a program (`"mng", "connect", …`) on a pseudo-terminal of rows x columns."""
        terminal = Pty([str(word) for word in words], self.environment(env), Path(cwd or self.repo), size)
        self.terminals.append(terminal)
        return terminal

    def environment(self, env: Env | None = None) -> dict[str, str]:
        return {name: value for name, value in {**self.env, **(env or {})}.items() if value is not None}

    # --- looking and waiting

    def tmux(self, *words: object, check: bool = True) -> str:
        return self.run("tmux", *words, check=check).out.rstrip("\n")

    def session(self, name: str) -> str:
        """The exact tmux target of an agent's first window."""
        return f"={name if name.startswith(self.prefix) else self.prefix + name}:0"

    def sessions(self) -> list[str]:
        """Names of all tmux sessions, without this world's prefix; [] without a server."""
        return [name.removeprefix(self.prefix) for name in self.tmux("ls", "-F", "#S", check=False).splitlines()]

    def screen(self, session: str, history: int = 0) -> str:
        """What the agent's (or `%pane`'s) terminal shows."""
        target = session if session.startswith("%") else self.session(session)
        return self.tmux("capture-pane", "-p", "-J", "-S", -history, "-t", target)

    def folder(self, name: str) -> Path:
        """An agent's state on its host."""
        return (self.host_dir / "names" / name).resolve(strict=True)

    def record(self, name: str) -> dict[str, Any]:
        """An agent's data.json."""
        return dict(json.loads((self.folder(name) / "data.json").read_bytes()))

    def wait(self, happened: Callable[[], T], seconds: float = 15, what: str = "") -> T:
        """Ask until the answer is true; an assertion, missing key or missing file counts as not yet."""
        until = time.monotonic() + seconds * PATIENCE
        last: object = None
        while True:
            try:
                if last := happened():
                    return last
            except (AssertionError, LookupError, OSError, StopIteration, ValueError) as error:
                last = error
            if time.monotonic() > until:
                raise AssertionError(f"not within {seconds} s: {what or 'what was waited for'}; last: {last!r}")
            time.sleep(0.05)

    # --- making things

    def git(self, *words: object, cwd: Path | str | None = None, check: bool = True) -> str:
        return self.run("git", *words, cwd=cwd, check=check).out.rstrip("\n")

    def make_repo(self, folder: Path, files: Mapping[str, str] | None = None) -> Path:
        """A git repository with one commit."""
        for name, text in (files or {"README.md": "# Sample\n", "src/app.py": "print('hello')\n"}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
            self.git(*words, cwd=folder)
        return folder

    def tool(self, name: str, script: str) -> Path:
        """Put a script (with its #! line) first on the PATH."""
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def sudo(self, password: str = "") -> Path:
        """`sudo` for one who is not root, and wants the password, if one is given; the file that keeps how it was called."""
        log = self.root / "sudo.log"
        self.tool("id", '#!/bin/sh\ncase $* in "-u root") echo 0 ;; -u) echo 1000 ;; *) exec /usr/bin/id "$@" ;; esac\n')
        self.tool("sudo", SUDO.format(log=log, password=password))
        return log

    def without(self, *programs: str) -> dict[str, str]:
        """An `env=` whose PATH lacks these programs."""
        folder = Path(tempfile.mkdtemp(prefix="path-", dir=self.root))
        for place in self.env["PATH"].split(os.pathsep):
            for file in Path(place).iterdir() if Path(place).is_dir() else ():
                if file.name not in programs and not (folder / file.name).is_symlink():
                    (folder / file.name).symlink_to(file)
        return {"PATH": str(folder)}

    # --- the end

    def expect_no_leftovers(self) -> None:
        """At the end of the test, no process of this world may run but those in its tmux panes."""
        self.must_be_clean = True

    def leftovers(self) -> dict[int, str]:
        """Processes of this world that no tmux server of it holds: pid -> command line."""
        mine = processes.carrying(self.mark)
        servers = {pid for pid, line in mine.items() if Path(line.split(" ")[0]).name in ("tmux", "tmux:")}
        known = servers | {process.pid for process in self.started} | {t.process.pid for t in self.terminals}
        return {pid: line for pid, line in mine.items() if not known.intersection([pid, *processes.ancestors(pid)])}

    @property
    def mark(self) -> str:
        return f"MNG_HOST_DIR={self.host_dir}"

    def end_group(self, process: subprocess.Popen[Any]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def end(self) -> None:
        """End all that runs here and remove it; AssertionError for leftovers that the test said it leaves none of."""
        left = self.leftovers() if self.must_be_clean else {}
        until = time.monotonic() + 3 * PATIENCE
        while left and time.monotonic() < until:
            time.sleep(0.05)
            left = self.leftovers()
        for terminal in self.terminals:
            terminal.close()
        for process in self.started:
            self.end_group(process)
            process.communicate()
        for socket in self.tmux_dir.glob("tmux-*/*"):
            self.run("tmux", "-S", socket, "kill-server", check=False, cwd="/")
        processes.end(self.mark)
        for folder, _, _ in os.walk(self.root):
            Path(folder).chmod(0o700)
        shutil.rmtree(self.root, ignore_errors=True)
        assert not left, f"left running: {left}"
