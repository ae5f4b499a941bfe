"""Any terminal program: it reports nothing, so its screen is all the evidence there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mng.agents import tmux
from mng.agents.types import AgentType, View, launch_words, names
from mng.host import Host
from mng.records import AgentRecord
from mng.settings import did_you_mean
from mng.shell import Cmd, cmd, joined, raw

if TYPE_CHECKING:
    from mng.roles.role import Role


class Generic(AgentType):
    """`--agent-cmd LINE`, or a program on the host's PATH."""

    name: ClassVar[str] = "generic"
    enters: ClassVar[int] = 1  # what an Enter does to it is unknown

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        if not record.command:
            return launch_words(self, record, record.args)
        line = joined(raw(record.command), " ", cmd(record.args)) if record.args else raw(record.command)
        return cmd("sh", "-c", line)  # a shell of its own: `exit` in the line must not end the script around it

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        from mng.roles.programs import program

        first = record.program[0] if record.program else first_word(record.command)
        hint = did_you_mean(first, [name for name in names() if name != self.name]) if record.program else ""
        return [program(name=first, hint=hint)] if first else []

    def mark(self, view: View) -> Any:
        return self.screen(view)

    def received(self, view: View, text: str, mark: Any) -> str:
        """The end of the text on the screen, more often than before it was typed."""
        tail = "".join(text.split())[-40:]
        now, before = "".join(self.screen(view).split()), "".join(mark.split())
        return "its screen shows the text" if tail and now.count(tail) > before.count(tail) else ""

    def screen(self, view: View) -> str:
        return view.host.runner.run(tmux.capture(view.pane.id, 200), check=False).text if view.pane else ""


def first_word(line: str) -> str:
    """The program of a simple shell line; "" for anything that only a shell can tell."""
    words = line.split()
    simple = bool(words) and not any(sign in line for sign in "|&;<>()$`\\\"'*?[#~=%!{\n")
    return words[0] if simple else ""
