"""What killed commands can leave on a host that no journal knows of any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mng.agents.journal import under_way
from mng.host import Host, tmux
from mng.shell import Cmd, cmd


class Leftover(NamedTuple):
    """One thing that nothing refers to, and the line that removes it."""

    what: str
    host: Host
    line: Cmd

    def remove(self) -> None:
        self.host.runner.run(self.line)


def leftovers(host: Host, journals: Path) -> Iterator[Leftover]:
    """Folders of removed agents, names that no agent has, sessions of agents that are no more."""
    files, busy = host.runner.tree(), under_way(journals)
    agents = set(files.names(f"{host.dir}/agents"))
    for name in agents:
        if name.startswith(".gone-"):
            yield Leftover(f"folder agents/{name}", host, cmd("rm", "-rf", "--", f"{host.dir}/agents/{name}"))
        elif name not in busy and not name.startswith(".") and not files.names(host.agent_dir(name)):
            yield Leftover(f"empty folder agents/{name}", host, cmd("rmdir", "--", host.agent_dir(name)))
    for name in files.names(f"{host.dir}/names"):
        id_ = (files.link(host.claim(name)) or "").rpartition("/")[2]
        if id_ not in busy and id_ not in agents:
            yield Leftover(f"name {name}", host, cmd("rm", "-f", "--", host.claim(name)))
    for session in sorted({pane.session for pane in host.probe().panes if pane.agent and pane.agent not in agents | busy}):
        if session.startswith(host.prefix):
            yield Leftover(f"session {session}", host, tmux("kill-session", "-t", f"={session}"))
