"""What an agent is said to do, from what its host shows."""

import pytest

from mng.agents.state import hand_made, look, status
from mng.host import Host, Pane, Probe
from mng.records import AgentRecord, Work
from mng.runner import FakeRunner


class Files:
    """A tree of files in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {f"/h/agents/agent-1/{name}": text for name, text in files.items()}

    def read(self, path: str) -> bytes | None:
        return self.files[path].encode() if path in self.files else None

    def mtime(self, path: str) -> float | None:
        return 5.0 if path in self.files else None

    def names(self, folder: str) -> list[str]:
        return []

    def link(self, path: str) -> str | None:
        return None


HOST = Host("host-1", "local", "local", FakeRunner(), "/home/u", "/h", "mng-", local=True)


def pane(**values: object) -> Pane:
    known = {"id": "%1", "pid": 10, "dead": False, "window": 0, "index": 0, "agent": "agent-1", "command": "sh",
             "attached": False, "created": 3.0, "active": 4.0, "session": "mng-a", "title": ""}  # fmt: skip
    return Pane(**{**known, **values})  # type: ignore[arg-type]


def state(panes: list[Pane], files: dict[str, str], phase: str = "ready", problem: str = "") -> tuple[str, str]:
    record = AgentRecord(id="agent-1", name="a", type="x", phase=phase, work=Work(kind="copy", path="/w"))  # type: ignore[arg-type]
    now = status(look(record, HOST, Probe(panes, Files(files), 9.0, problem)))
    return now.state, now.reason


RUN = {"activity/start": "r2"}
CASES = [
    ([pane()], RUN, ("RUNNING", "")),
    ([pane()], {**RUN, "pid": "10"}, ("RUNNING", "")),
    ([pane(pid=11, command="vim")], {**RUN, "pid": "10"}, ("REPLACED", "window 0 runs vim")),
    ([], RUN, ("STOPPED", "its tmux session is gone")),
    ([], {}, ("STOPPED", "never started")),
    ([], {**RUN, "stopped": "r2"}, ("STOPPED", "by mng stop")),
    ([], {**RUN, "stopped": "r1"}, ("STOPPED", "its tmux session is gone")),
    ([], {**RUN, "exit": "r2 0"}, ("DONE", "exit code 0")),
    ([pane(dead=True)], {**RUN, "exit": "r2 3"}, ("FAILED", "exit code 3")),
    ([], {**RUN, "exit": "r1 3"}, ("STOPPED", "its tmux session is gone")),
    ([], {**RUN, "exit": "rubbish"}, ("STOPPED", "its tmux session is gone")),
    ([pane(agent="agent-2", session="mng-ab")], RUN, ("STOPPED", "its tmux session is gone")),
]


@pytest.mark.parametrize("panes, files, said", CASES)
def test_states(panes: list[Pane], files: dict[str, str], said: tuple[str, str]) -> None:
    assert state(panes, files) == said


def test_phases_and_a_host_that_can_not_tell() -> None:
    assert state([], {}, phase="creating")[0] == "CREATING"
    assert state([pane()], RUN, phase="destroying") == ("STOPPED", "being destroyed")
    assert state([pane()], RUN, problem="tmux is not on its PATH") == ("UNKNOWN", "tmux is not on its PATH")


@pytest.mark.parametrize("command, said", [("vim", "RUNNING"), ("bash", "DONE"), ("-zsh", "DONE")])
def test_sessions_made_by_hand(command: str, said: str) -> None:
    mine = pane(agent="", session="mng-b", command=command)
    other = pane(agent="", session="mng-a", command="sh", id="%9")
    view = look(hand_made(HOST, mine), HOST, Probe([other, mine], Files({}), 9.0))
    assert view.pane == mine and status(view).state == said
