"""A host: where files lie on it, and one probe that tells everything about it in one trip."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from mng.errors import CommandFailed
from mng.runner import Runner, Tree
from mng.shell import Cmd, cmd

PANE = ("pane_id", "pane_pid", "pane_dead", "window_index", "pane_index", "@mng_agent", "pane_current_command",
        "session_attached", "session_created", "session_name", "pane_title")  # fmt: skip
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
    session: str
    title: str


class Probe(NamedTuple):
    """What was true of a host at one moment."""

    panes: list[Pane]
    files: Tree
    now: float
    problem: str = ""  # why nothing is known of its sessions


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

    def probe(self) -> Probe:
        """MngError is never raised: what can't be known is said in `problem`."""
        line = tmux("list-panes", "-a", "-F", "\t".join(f"#{{{name}}}" for name in PANE))
        try:
            done = self.runner.run(line, check=False, timeout=5)
        except CommandFailed:
            return Probe([], self.runner.tree(), time.time(), "its tmux server does not answer")
        if done.code in (126, 127):
            return Probe([], self.runner.tree(), time.time(), "tmux is not on its PATH")
        panes = [pane for line in done.out.decode(errors="replace").split("\n") if (pane := parse_pane(line))]
        return Probe(panes, self.runner.tree(), time.time())


def tmux(*words: str | int | Cmd | list[str]) -> Cmd:
    """tmux without what this process inherited from an agent: a server that it starts must not carry it on."""
    unset = [word for name in AGENT_VARIABLES for word in ("-u", name)]
    return cmd("env", unset, "tmux", "-u", *words)


def parse_pane(line: str) -> Pane | None:
    parts = line.split("\t", len(PANE) - 1)
    if len(parts) < len(PANE):
        return None
    id_, pid, dead, window, index, agent, command, attached, created, session, title = parts
    return Pane(id_, int(pid or 0), dead == "1", int(window), int(index), agent, command, attached not in ("", "0"),
                float(created or 0), session, title)  # fmt: skip
