"""An agent as a probe might have seen it: files in a folder, a pane with a title, a runner with a script."""

import os
from pathlib import Path

from mng.agents.types import View
from mng.host import Host, Pane, Probe
from mng.records import AgentRecord, Work
from mng.runner import Done, FakeRunner

NOW = 1_800_000_000.0
ID = "agent-" + "0" * 32


class Seen:
    """Started 100 seconds ago; `wrote` puts files under plugin/TYPE."""

    def __init__(self, root: Path, kind: str, args: list[str] | None = None, work: Work | None = None) -> None:
        self.runner = FakeRunner()
        self.host = Host("h", "local", "local", self.runner, str(root / "home"), str(root / "host"), "mng-", local=True)
        work = work or Work(kind="in-place", path="/w/repo")
        self.record = AgentRecord(id=ID, name="a", type=kind, kind=kind, phase="ready", args=args or [], work=work)
        self.folder = Path(self.host.agent_dir(ID))
        self.wrote("../../activity/start", "run", ago=100)

    def wrote(self, name: str, text: str, ago: float = 10) -> Path:
        path = self.folder / "plugin" / self.record.kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (NOW - ago, NOW - ago))
        self.runner.files[str(path)] = text.encode()
        return path

    def answers(self, **lines: str | Done) -> None:
        """What a command prints that has this word in it."""
        self.runner.answers.update(lines)

    def view(self, title: str = "repo", now: float = NOW, silent: float = 0) -> View:
        """`silent`: seconds since its terminal printed anything."""
        pane = Pane("%1", 1, False, 0, 0, ID, "codex", False, NOW - 100, now - silent, "mng-a", title)
        return View(self.record, self.host, Probe([pane], self.runner.tree(), now), pane)
