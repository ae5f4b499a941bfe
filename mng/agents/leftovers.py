"""What killed commands can leave on a host that no journal knows of any more."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

from mng import output
from mng.agents.journal import under_way
from mng.host import Asleep, Host, Probe, tmux
from mng.records import Work
from mng.runner import File, Tree
from mng.shell import Cmd, cmd, raw
from mng.sync.saved import save
from mng.sync.source import Source, unplace

CARRIED = raw('find "${TMPDIR:-/tmp}" -maxdepth 1 -type d -name "mng-carry-??????" -user "$(id -u)" -mtime +0')  # a day old
WORK = re.compile(r"(.+)-([0-9a-f]{8})")


class Leftover(NamedTuple):
    """One thing that nothing refers to, and the line that removes it; a work dir is saved first."""

    what: str
    host: Host
    line: Cmd
    work: str = ""

    def remove(self) -> None:
        if self.work:
            remove_work(self.host, self.work)
        self.host.runner.run(self.line)


def leftovers(host: Host, probe: Probe, journals: Path) -> Iterator[Leftover]:
    """Folders of removed agents, names that no agent has, sessions of agents that are no more.

    What is looked at later was there earlier: sessions, names, agents, journals; else a create at work would seem left.
    """
    files = probe.files
    if not isinstance(host, Asleep):
        for path in host.runner.run(CARRIED, check=False).text.splitlines():
            yield Leftover(f"what a killed move left in {path}", host, cmd("rm", "-rf", "--", path))
    names, agents = files.names(f"{host.dir}/names"), set(files.names(f"{host.dir}/agents"))
    busy = under_way(journals)
    for name in agents:
        if name.startswith(".gone-"):
            yield Leftover(f"folder agents/{name}", host, cmd("rm", "-rf", "--", f"{host.dir}/agents/{name}"))
        elif name not in busy and not name.startswith(".") and not files.names(host.agent_dir(name)):
            yield Leftover(f"empty folder agents/{name}", host, cmd("rmdir", "--", host.agent_dir(name)))
    for name in names:
        id_ = (files.link(host.claim(name)) or "").rpartition("/")[2]
        if id_ not in busy and id_ not in agents:
            yield Leftover(f"name {name}", host, cmd("rm", "-f", "--", host.claim(name)))
    for session in sorted({pane.session for pane in probe.panes if pane.agent and pane.agent not in agents | busy}):
        if session.startswith(host.prefix):
            yield Leftover(f"session {session}", host, tmux("kill-session", "-t", f"={session}"))


def stray_work(host: Host, files: Tree, roots: Container[str], journals: Path) -> Iterator[Leftover]:
    """Work dirs below worktrees/ that no agent has, by its record or, where that can't be read, by its id."""
    for name in files.names(f"{host.dir}/worktrees"):  # first: what is being made is in a journal before it is here
        unfinished = {path.stem for path in journals.glob("*.jsonl")}
        ids = {id_.removeprefix(".gone-").removeprefix("agent-")[:8] for id_ in (*files.names(f"{host.dir}/agents"), *unfinished)}
        path, named = f"{host.dir}/worktrees/{name}", WORK.fullmatch(name.removesuffix(".mng-removed"))
        if not named or named[2] in ids or path in roots:
            continue
        decided = name.endswith(".mng-removed")  # it was saved before it got that name
        yield Leftover(f"work dir {path}", host, cmd("rm", "-rf", "--", path), "" if decided else path)


def remove_work(host: Host, path: str) -> None:
    """Refused when what it has can't be saved."""
    name = path.rpartition("/")[2]
    source, claim = Source.of(host.runner, path), f"{host.dir}/gc/{name}"
    work = Work(kind="copy", path=path, root=path, claim=claim)
    if source.top == path and source.linked:
        work = work.model_copy(update={"kind": "worktree", "repo": source.repo, "branch": source.branch, "base": source.head})
    host.runner.put({claim: File(b"root\n")})
    agent = name.rpartition("-")[0]
    saved = save(host.runner, work, agent, host.dir)
    if saved:
        back = "\n     ".join(["", *saved.way_back.splitlines()])
        output.note(f"{name}: unsaved work ({saved.unsaved}) is kept as {saved.ref}; to get it back:{back}")
    for note in unplace(host.runner, work, saved):
        output.note(f"{name}: {note}")


def old_logs(host: Host, files: Tree) -> Iterator[Leftover]:
    """Those that destroy --keep-logs kept."""
    for name in files.names(f"{host.dir}/logs/agents"):
        yield Leftover(f"logs of {name}", host, cmd("rm", "-rf", "--", f"{host.dir}/logs/agents/{name}"))


def own_logs(host: Host, folder: Path) -> Iterator[Leftover]:
    """mng's own, but for the one in use."""
    for path in sorted((folder / "logs").glob("mng.jsonl.[0-9]")):
        yield Leftover(f"log {path}", host, cmd("rm", "-f", "--", path))


def own_cache(host: Host, folder: Path) -> Iterator[Leftover]:
    if (folder / "cache").is_dir():
        yield Leftover(f"cache {folder / 'cache'}", host, cmd("rm", "-rf", "--", folder / "cache"))
