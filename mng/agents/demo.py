"""The demo agent: told by the status file and the transcript that it keeps; needs no account."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, ClassVar

from mng import lenient
from mng.agents.types import AgentType, Status, View
from mng.host import Host
from mng.records import AgentRecord
from mng.roles.programs import program
from mng.roles.role import Role
from mng.roles.script import script
from mng.shell import Cmd, cmd, joined

COLOUR = re.compile("\x1b\\[[0-9;]*m")
PROGRAM = Path(__file__).with_name("demo_program.py")


class Demo(AgentType):
    """`demo_program.py`: this Python's on this machine, a copy for the host's python3 elsewhere."""

    name: ClassVar[str] = "demo"
    keeps: ClassVar[tuple[str, ...]] = ("status", "transcript.jsonl")
    rests: ClassVar[str] = '[ "$(find status -newer ../../activity/start)" ] && ! grep -q \'"state": "busy"\' status'
    exit_words: ClassVar[frozenset[str]] = frozenset({"/exit"})

    def branch(self, record: AgentRecord, source: View) -> AgentRecord:
        return record.model_copy(update={"plugin": {**record.plugin, "branched_from": self.transcript(source)}})

    def bring(self, record: AgentRecord, source: View, host: Host) -> tuple[AgentRecord, dict[str, bytes]]:
        path = self.transcript(source)
        said = source.host.runner.get([path])
        return record, {f"{host.agent_dir(record.id)}/plugin/demo/transcript.jsonl": said[path]} if said else {}

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        folder = f"{host.agent_dir(record.id)}/plugin/demo"
        start = [sys.executable, "-I", str(PROGRAM)] if host.local else ["python3", "-I", place(host)]
        args = [word for word in record.args if word.startswith("-")] if resume else record.args
        line = cmd(list(record.program) or start, folder, "--resume" if resume else None, args)
        if resume or not (trunk := record.plugin.get("branched_from")):
            return line
        copy = cmd("mkdir", "-p", "--", folder).then(cmd("cp", "--", trunk, f"{folder}/transcript.jsonl"))
        return joined(cmd("test", "!", "-e", trunk).either(copy), "\n", line)

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        if host.local:
            return []
        return [program(name="python3"), script(path=place(host), source=PROGRAM)]

    def status(self, view: View) -> Status:
        fact, started = told(view), view.mtime(f"{view.folder}/activity/start")
        since = lenient.number(fact.get("since"))
        if since < started:
            return Status("RUNNING", "starting", since=started, source="file")
        if fact.get("state") == "busy":
            return Status("RUNNING", since=since, source="file")
        reason, _, detail = (lenient.text(fact.get("waiting_for")) or "turn-end").partition(": ")
        return Status("WAITING", reason, detail, since=since, source="file")

    def ready(self, view: View) -> bool:
        """Only at its prompt: what is typed while it works would answer a question that it asks then."""
        return self.status(view).reason == "turn-end"

    def box(self, screen: str) -> str | None:
        """After the last prompt."""
        plain = COLOUR.sub("", screen).rstrip()
        _, prompt, typed = f"\n{plain}\n".rpartition("\n>")
        return typed.strip() if prompt and "\n* thinking" not in typed else None

    def mark(self, view: View) -> Any:
        return len(said(view))

    def received(self, view: View, text: str, mark: Any) -> str:
        new = said(view)[mark:]
        found = any(one.get("role") == "user" and one.get("text") == text for one in new)
        return "its transcript has the message" if found else ""

    def answer(self, view: View, text: str) -> str | None:
        answer = ""
        for one in said(view):
            if one.get("role") == "assistant":
                answer = answer or lenient.text(one.get("text"))
            elif one.get("text") == text:
                answer = ""
        return answer

    def transcript(self, view: View) -> str:
        return view.plugin("transcript.jsonl")


def place(host: Host) -> str:
    return f"{host.dir}/commands/demo_program.py"


def told(view: View) -> dict[str, Any]:
    """The status file, which is written whole; {} before the first."""
    return lenient.table(lenient.loaded(view.read(view.plugin("status"))))


def said(view: View) -> list[dict[str, Any]]:
    """Its whole lines, as they are now."""
    path = view.plugin("transcript.jsonl")
    return list(lenient.lines(view.host.runner.get([path]).get(path, b"")))
