"""A host: where files lie on it, and one probe that tells everything about it in one trip."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from mng import lenient
from mng.disk import Disk
from mng.errors import CommandFailed, MngError, NotAvailable, Unreachable
from mng.runner import Done, Live, LocalRunner, Runner, Tree
from mng.shell import Cmd, cmd, joined

PANE = ("pane_id", "pane_pid", "pane_dead", "window_index", "pane_index", "@mng_agent", "pane_current_command",
        "session_attached", "session_created", "window_activity", "session_name", "pane_title")  # fmt: skip
FORMAT = "\t".join(f"#{{{name}}}" for name in PANE)
PROBE = Path(__file__).with_name("probe.sh")
KEPT = (  # what an agent's program has of the environment of who starts tmux: nothing that a project could have set for itself
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TMUX_TMPDIR",
    "XDG_*", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "*_proxy", "*_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS", "WSL*", "MNG_HOST_DIR", "MNG_PREFIX", "MNG_ROOT_NAME", "MNG_PROFILE",
)  # fmt: skip
AGENT_VARIABLES = ("MNG_AGENT_ID", "MNG_AGENT_NAME", "MNG_AGENT_STATE_DIR", "MNG_AGENT_WORK_DIR", "TMUX", "TMUX_PANE")


@dataclass(frozen=True)
class Pane:
    """A tmux pane; `agent` is the id of the agent that mng started in it."""

    id: str
    pid: int
    dead: bool
    window: int
    index: int
    agent: str
    command: str
    attached: bool
    created: float
    active: float  # when it last printed something
    session: str
    title: str


class Probe(NamedTuple):
    """What was true of a host at one moment."""

    panes: list[Pane]
    files: Tree
    now: float
    problem: str = ""  # why nothing is known of its sessions
    reached: bool = True
    machine: str = ""  # see machine.py


class Snapshot(NamedTuple):
    """The kept state of a host."""

    id: str
    name: str
    host_id: str
    created_at: float
    size_bytes: int = 0
    provider: str = ""
    description: str = ""
    tags: dict[str, str] = {}


@dataclass
class Host:
    """Something with a shell; `dir` is its MNG_HOST_DIR and `home` its user's home, both absolute."""

    id: str
    name: str
    provider: str
    runner: Runner
    home: str
    dir: str
    prefix: str
    state: str = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)
    local: bool = False
    seen: float = 0.0  # when it last answered, if it does not now
    ours: bool = False  # mng made it: it ends with its agents
    cost_per_hour: float = field(default=0.0, init=False)  # in dollars, about; 0 where that is not known or nothing
    running_since: float = field(default=0.0, init=False)
    image: str = field(default="", init=False)  # what it was made from
    snapshots: Sequence[Snapshot] = field(default=(), init=False)  # of it, the oldest first
    locked: float = field(default=0.0, init=False)  # since when a command has it to itself

    def agent_dir(self, agent_id: str) -> str:
        return f"{self.dir}/agents/{agent_id}"

    def claim(self, name: str) -> str:
        """The link that gives a name to one agent alone."""
        return f"{self.dir}/names/{name}"

    def session(self, name: str) -> str:
        return self.prefix + name

    def expand(self, path: str) -> str:
        """`~` as this host's home: no shell ever sees it."""
        return self.home + path[1:] if path == "~" or path.startswith("~/") else path

    @property
    def authorized_keys(self) -> str:
        """The file of who is let in."""
        return "/etc/mng/authorized_keys" if self.ours else f"{self.home}/.ssh/authorized_keys"

    def run(
        self, line: Cmd, *, user: str = "", stdin: bytes | IO[bytes] | None = None, check: bool = True,
        timeout: float | None = 60.0, live: Live | None = None, around: Callable[[Cmd], Cmd] | None = None,
    ) -> Done:  # fmt: skip
        """A line run there, by another user if one is given; `around` makes of it what is run."""
        if not user:
            whole = Cmd(around(line).line, line.shown) if around else line
            return self.runner.run(whole, stdin=stdin, check=check, timeout=timeout, live=live)
        from mng import sudo

        return sudo.run(self, line, user, stdin=stdin, check=check, timeout=timeout, live=live, around=around)

    def disk(self) -> Disk:
        """The files of a host that is this machine."""
        assert isinstance(self.runner, LocalRunner)
        return self.runner.tree()

    def tree(self) -> Tree:
        """Its small files: of this machine as they are, of others as of now."""
        return self.disk()

    def probe(self, timeout: float = 30.0) -> Probe:
        """MngError is never raised: what can't be known is said in `problem`."""
        line = tmux("list-panes", "-a", "-F", FORMAT)
        try:
            done = self.runner.run(line, check=False, timeout=5)
        except CommandFailed as error:
            return Probe([], self.tree(), time.time(), tmux_problem(error.command_code))
        return Probe(parse_panes(done.out), self.tree(), time.time(), tmux_problem(done.code))


class Remote(Host):
    """A host whose home and folder are known once it has been asked, which the first probe does."""

    def __init__(
        self, id: str, name: str, provider: str, runner: Runner, home: str = "", dir: str = "", prefix: str = "mng-",
        state: str = "RUNNING", tags: dict[str, str] | None = None, local: bool = False, seen: float = 0.0,
        ours: bool = False, asked: tuple[str, str] = ("", "mng"),
    ) -> None:  # fmt: skip
        """`asked`: its folder, as settings have it ("": as the host has it), and the name of ours."""
        self.id, self.name, self.provider, self.runner, self.prefix = id, name, provider, runner, prefix
        self.state, self.tags, self.local, self.seen, self.ours, self.asked = state, tags or {}, local, seen, ours, asked
        if home:
            self.home, self.dir = home, dir

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """`home` and `dir`, asked for before any probe."""
            if name not in ("home", "dir"):
                raise AttributeError(name)
            probe = self.probe()
            if not probe.reached:
                raise Unreachable(f"{self.name} can't be reached: {probe.problem}")
            return self.__dict__[name]

    def tree(self) -> Tree:
        """As of now; Unreachable without an answer."""
        probe = self.probe()
        if not probe.reached:
            raise Unreachable(f"{self.name} can't be reached: {probe.problem}")
        return probe.files

    def probe(self, timeout: float = 30.0) -> Probe:
        from mng.ssh.snapshot import ANSWER
        from mng.ssh.snapshot import Snapshot as Files

        words = ["probe", self.asked[0], FORMAT, self.asked[1]]
        line = Cmd(cmd("sh", "-c", PROBE.read_text(), words).line, "probe.sh")
        try:
            done = self.runner.read(line, timeout=timeout, most=ANSWER)
            self.home, self.dir, now, machine, code, panes, *rest = answer(done)
            files = Files(self.runner, self.dir, *rest)
        except MngError as error:
            return Probe([], Files(self.runner), time.time(), error.what, reached=False)
        return Probe(parse_panes(panes), files, now, tmux_problem(code), machine=machine)


class Asleep(Host):
    """A host that does not run: what its agents left can be read, by `files`; all else raises NotAvailable."""

    def __init__(
        self,
        id: str,
        name: str,
        provider: str,
        prefix: str,
        state: str,
        tags: dict[str, str],
        home: str,
        files: Callable[[], Tree],
    ) -> None:
        super().__init__(id, name, provider, cast(Runner, Still(self)), home, f"{home}/.mng", prefix, state, tags)
        self.files = files

    @property
    def refusal(self) -> NotAvailable:
        """For who asks more of it than its files."""
        return NotAvailable(f"host {self.name} is {self.state}", f"mng start --host {self.name}")

    @classmethod
    def planned(cls, name: str, provider: str, prefix: str) -> Asleep:
        """One that is only talked about."""
        from mng.ssh.snapshot import Snapshot as Files

        return cls("host-planned", name, provider, prefix, "PLANNED", {}, "~", lambda: Files(LocalRunner()))

    def tree(self) -> Tree:
        if "kept" not in self.__dict__:
            self.kept = self.files()
        return self.kept

    def probe(self, timeout: float = 30.0) -> Probe:
        return Probe([], self.tree(), time.time())


class Still:
    """The runner of a host that does not run."""

    def __init__(self, host: Asleep) -> None:
        self.host = host

    def get(self, paths: Sequence[str]) -> dict[str, bytes]:
        return {path: data for path in paths if (data := self.host.tree().read(path)) is not None}

    def close(self) -> None:
        """Nothing is held open."""

    def __getattr__(self, name: str) -> NoReturn:
        raise self.host.refusal


def answer(done: Done) -> tuple[str, str, float, str, int, bytes, bytes, bytes]:
    parts = done.out.split(b"\0", 7)
    if len(parts) < 7:
        raise MngError(f"its answer makes no sense: {done.complaint}")
    home, dir, now, machine, code, panes, names, *tar = parts
    told = machine.decode(errors="replace")
    try:
        places = home.decode(), dir.decode()
    except UnicodeDecodeError:
        raise MngError("its answer makes no sense: its home is not UTF-8") from None
    at = lenient.number(now) or time.time()
    return *places, at, told, int(lenient.number(code, 1)), panes, names, tar[0] if tar else b""


def tmux_problem(code: int) -> str:
    """What an exit code of tmux says of its server; without one, there are just no sessions."""
    if code in (126, 127):
        return "tmux is not on its PATH"
    return "its tmux server does not answer" if code == 124 else ""


def tmux(*words: str | int | Cmd | list[str]) -> Cmd:
    """tmux without what this process inherited from an agent: a server that it starts must not carry it on."""
    unset = [word for name in AGENT_VARIABLES if name in os.environ for word in ("-u", name)]
    return cmd(["env", *unset] if unset else None, "tmux", "-u", *words)


def server(*words: str | int | Cmd | list[str]) -> Cmd:
    """tmux on this machine where it may start its server, which hands on to all later sessions what it is started with."""
    line = tmux(*words)
    unset = [word for name in os.environ if not kept(name) for word in ("-u", name)]
    return Cmd(joined(cmd("env", unset), " ", line).line, line.shown) if unset else line


def kept(name: str) -> bool:
    """Whether a variable says something of the user and the machine, rather than of one project."""
    return any(fnmatchcase(name, pattern) for pattern in KEPT)


def parse_panes(out: bytes) -> list[Pane]:
    return [pane for line in out.decode(errors="replace").split("\n") if (pane := parse_pane(line))]


def parse_pane(line: str) -> Pane | None:
    parts = line.split("\t", len(PANE) - 1)
    if len(parts) < len(PANE):
        return None
    id_, pid, dead, window, index, agent, command, attached, created, active, session, title = parts
    first, second, third = (int(lenient.number(one)) for one in (pid, window, index))
    return Pane(id_, first, dead == "1", second, third, agent, command, attached not in ("", "0"),
                lenient.number(created), lenient.number(active), session, title)  # fmt: skip
