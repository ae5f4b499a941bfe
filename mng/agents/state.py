"""What an agent does right now, from what its host's probe saw; never from what we hope."""

from __future__ import annotations

from mng import hooks, lenient
from mng.agents.types import State, Status, View, type_of
from mng.errors import Unreachable
from mng.host import Host, Pane, Probe
from mng.records import AgentRecord, Work

SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "login"}
LONGEST = 300  # characters of a reason


def look(record: AgentRecord, host: Host, probe: Probe) -> View:
    """The agent as the probe saw it. A hand-made session has no marked pane: its window 0 counts."""
    mine = [pane for pane in probe.panes if record.id and pane.agent == record.id]
    if not record.id:
        mine = [pane for pane in probe.panes if pane.session == host.session(record.name)]
        first = min((pane.window for pane in mine), default=0)
        mine = [pane for pane in mine if pane.window == first]
    return View(record, host, probe, min(mine, key=lambda pane: (pane.dead, pane.window, pane.index), default=None))


def status(view: View) -> Status:
    """The agent's state; for one whose program is alive, what its type says. Only Unreachable is raised."""
    try:
        return judged(view)
    except Unreachable:
        raise
    except Exception as error:  # what an agent wrote is no reason to know nothing of the others
        return Status("UNKNOWN", f"unreadable: {hooks.described(error)}"[:LONGEST], source="record")


def judged(view: View) -> Status:
    record, pane = view.record, view.pane
    if view.probe.problem:
        return Status("UNKNOWN", view.probe.problem, source="probe")
    if not record.id:
        return by_hand(view)
    if record.phase == "destroying":
        return Status("STOPPED", "being destroyed", source="record")
    if pane is None or pane.dead:
        return CREATING if record.phase == "creating" and pane is None else ended(view)
    if started_pid(view) not in (0, pane.pid):
        return Status("REPLACED", f"window 0 runs {pane.command}", source="process")
    kind = type_of(record)
    try:
        return kind.status(view)
    except Exception as error:
        if not kind.plugin or isinstance(error, Unreachable):
            raise
        hooks.blame(kind.plugin, error, f"status of {record.name}")
        return Status("UNKNOWN", f"plugin {kind.plugin}: {hooks.described(error)}", source="plugin")


CREATING = Status("CREATING", source="record")


def ended(view: View) -> Status:
    """How the last run ended: by `mng stop`, by itself, or with its session."""
    run = view.read(f"{view.folder}/activity/start").decode(errors="replace").strip()
    if run and view.read(f"{view.folder}/stopped").decode(errors="replace").strip() == run:
        return Status("STOPPED", "by mng stop", since=view.mtime(f"{view.folder}/stopped"), source="record")
    words = view.read(f"{view.folder}/exit").decode(errors="replace").split()
    if len(words) == 2 and words[0] == run:
        state: State = "DONE" if words[1] == "0" else "FAILED"
        return Status(state, f"exit code {words[1]}", since=view.mtime(f"{view.folder}/exit"))
    since = view.mtime(f"{view.folder}/activity/start")
    return Status("STOPPED", "its tmux session is gone" if run else "never started", since=since)


def started_pid(view: View) -> int:
    """The pid of the shell that mng started in the pane; 0 while it has not said so."""
    return int(lenient.number(view.read(f"{view.folder}/pid")))


def by_hand(view: View) -> Status:
    pane = view.pane
    if pane is None or pane.dead:
        return Status("STOPPED")
    if pane.command.lstrip("-") in SHELLS:
        return Status("DONE", f"only {pane.command} is left", since=pane.created)
    return Status("RUNNING", since=pane.created)


def hand_made(host: Host, pane: Pane) -> AgentRecord:
    """A record for a session that somebody made by hand under our prefix; it has no id."""
    name = pane.session.removeprefix(host.prefix)
    work = Work(kind="in-place", path="")
    return AgentRecord(id="", name=name, type="hand-made", kind="generic", phase="ready", work=work, host_id=host.id)
