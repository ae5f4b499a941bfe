"""Programs that tell of themselves by hooks, which `roles/files/hook.sh` keeps, and of their conversation by a file."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from mng import lenient
from mng.agents.types import AgentType, View
from mng.host import Host
from mng.shell import cmd

LATEST = 16 << 20  # bytes of a conversation
FIELD = re.compile(rb'"(\w+)": ?("(?:[^"\\]|\\.)*")')
COLOUR = re.compile("\x1b\\[([0-9;]*)m")


class Hooked(AgentType):
    """Their hook lets no dialog open while a message is typed."""

    gate: ClassVar[str] = "typing"
    opens: ClassVar[re.Pattern[str]]  # an end of a text that opens a list, or another line, which would take the Enter

    def clean(self, text: str) -> str:
        """No command, no shell mode, nothing that would take the Enter."""
        text = text.rstrip()
        before = " " if text[:1] in ("/", "!") else ""
        after = " " if self.opens.search(text) else ""
        return before + text + after

    def mark(self, view: View) -> list[Any]:
        """The conversation's file and where it ends."""
        path = self.transcript(view)
        size = view.host.runner.run(cmd("wc", "-c", path), check=False).text.split() if path else []
        return [path, int(lenient.number(size[0])) if size else 0]

    def tail(self, view: View, path: str, start: int = 0) -> bytes:
        """What the file has from that byte on, of more only the end; nothing where there is none."""
        line = (
            cmd("tail", "-c", f"+{start + 1}", path).pipe(cmd("tail", "-c", LATEST)) if start else cmd("tail", "-c", LATEST, path)
        )
        return view.host.runner.run(line, check=False).out if path else b""

    def transcript(self, view: View) -> str:
        return fields(view.read(view.plugin("session"))).get("transcript_path", "")

    def event(self, view: View) -> tuple[dict[str, str], float]:
        """The latest that a hook of this run told, and when; {} while there is none."""
        at = view.mtime(view.plugin("status"))
        return (fields(view.read(view.plugin("status"))) if at >= view.mtime(f"{view.folder}/activity/start") else {}), at

    def session(self, host: Host, agent: str) -> dict[str, str]:
        """What the hook told when the agent's conversation began."""
        path = f"{host.agent_dir(agent)}/plugin/{self.name}/session"
        return fields(host.runner.get([path]).get(path, b""))


def hook_path(host: Host) -> str:
    return f"{host.dir}/commands/hook.sh"


def fields(event: bytes) -> dict[str, str]:
    """Of an event that may be cut short, or be anything else: the first text under each key."""
    found: dict[str, str] = {}
    for key, value in FIELD.findall(event):
        if (said := lenient.loaded(value)) is not None:
            found.setdefault(key.decode(), lenient.text(said))
    return found


def visible(row: str) -> str:
    """A line of the screen without its colours and what is dim, the first character of that under the cursor."""
    shown, dim, cursor = "", False, False
    for at, part in enumerate(COLOUR.split(row)):
        if at % 2:
            codes = re.sub(r"[34]8;(5;\d+|2;\d+;\d+;\d+)", "", part).split(";")
            dim = "2" in codes or (dim and not {"", "0", "22"} & set(codes))
            shown = shown[:-1] if dim and cursor else shown
            cursor = "7" in codes or (cursor and not {"", "0", "27"} & set(codes))
        elif not dim:
            shown += part
    return shown.rstrip()
