"""Delivering messages, to a program that exists only as a box, a record and a state."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mng.agents import send
from mng.agents.agent import Agent
from mng.agents.letter import mailbox
from mng.agents.send import answer, deliver
from mng.agents.types import AgentType, Receipt, Status, View
from mng.errors import Blocked, MngError, NotAvailable
from mng.host import Host, Pane, Probe
from mng.records import AgentRecord, Work
from mng.runner import Done, LocalRunner
from mng.shell import Cmd

ID = "agent-" + "1" * 32


class Program(AgentType):
    """Keeps its record in memory; the tests set what it does with keys."""

    name: ClassVar[str] = "claude"
    exit_words: ClassVar[frozenset[str]] = frozenset({"quit"})
    gate: ClassVar[str] = "typing"

    def __init__(self) -> None:
        self.now = Status("WAITING", "turn-end")
        self.text, self.taken, self.stashed = "", list[str](), ""
        self.on_enter: list[Callable[[], None]] = []
        self.on_paste: Callable[[str], None] | None = None
        self.is_safe, self.is_ready, self.sees, self.replies = True, True, True, dict[str, str]()
        self.enters_pressed = 0

    def status(self, view: View) -> Status:
        return self.now

    def ready(self, view: View) -> bool:
        return self.is_ready

    def safe(self, view: View) -> bool:
        return self.is_safe

    def box(self, screen: str) -> str | None:
        return self.text if self.sees else None

    def stash(self, screen: str) -> tuple[str, ...]:
        return () if self.stashed else ("C-s",)

    def mark(self, view: View) -> Any:
        return len(self.taken)

    def received(self, view: View, text: str, mark: Any) -> str:
        return "it has it" if text in self.taken[mark:] else ""

    def answer(self, view: View, text: str) -> str | None:
        return self.replies.get(text)

    # what the terminal does

    def paste(self, text: str) -> None:
        if self.on_paste:
            self.on_paste(text)
        else:
            self.text += text

    def press(self, key: str) -> None:
        if key == "C-s":
            self.text, self.stashed = "", self.text
        elif key == "Enter":
            self.enters_pressed += 1
            self.on_enter.pop(0)() if self.on_enter else self.submit()

    def submit(self) -> None:
        if self.text:
            self.taken.append(self.text)
        self.text, self.stashed = self.stashed, ""


class Terminal(LocalRunner):
    """Files are real; tmux is the program's."""

    def __init__(self, program: Program) -> None:
        self.program, self.pane = program, f"%1\t1\t0\t0\t0\t{ID}\tclaude\t0\t1\t1\tmng-a\ttitle"
        self.lines = list[str]()

    def run(self, command: Cmd, *, stdin: Any = None, **how: Any) -> Done:
        line = command.line
        self.lines.append(line)
        if "list-panes" in line:
            return Done(0, self.pane.encode())
        if "source-file" in line:
            self.program.paste(pasted(stdin.decode()))
            return super().run(Cmd(line.partition(" && ")[0], ""))
        if "send-keys" in line:
            self.program.press(line.split()[-1])
            return Done(0)
        return Done(0) if "capture-pane" in line else super().run(command, stdin=stdin, **how)


def pasted(script: str) -> str:
    """The text that tmux would paste, by the script that it is given."""
    sets = [line.replace("'\"\\n\"'", "\n") for line in script.splitlines() if line.startswith("set-buffer")]
    return "".join(shlex.split(line)[-1] for line in sets)


class Puppet(Agent):
    @property
    def kind(self) -> AgentType:
        runner = self.host.runner
        assert isinstance(runner, Terminal)
        return runner.program


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    for name in ("SHOWS", "SWALLOWED", "RECORDS", "PASSES", "BLIND_GAP"):
        monkeypatch.setattr(send, name, 0.01)
    monkeypatch.setattr(send, "LEAST", 0.3)
    return Program()


@pytest.fixture
def agent(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Puppet:
    monkeypatch.setattr("mng.agents.state.type_of", lambda record: program)
    host = Host("h", "local", "local", Terminal(program), str(tmp_path), str(tmp_path / "host"), "mng-", local=True)
    work = Work(kind="in-place", path="/w")
    record = AgentRecord(id=ID, name="a", type="claude", kind="claude", phase="ready", work=work)
    (tmp_path / "host/agents" / ID / "plugin/claude").mkdir(parents=True)
    return Puppet(record, host)


def kept(agent: Agent, key: str) -> dict[str, Any]:
    return dict(json.loads(Path(mailbox(agent), "messages", f"{key}.json").read_text()))


# --- outcomes


def test_a_ready_program_gets_one_paste_and_one_enter(agent: Puppet, program: Program) -> None:
    assert deliver(agent, "hello") == Receipt("delivered", "it has it")
    assert program.taken == ["hello"] and program.enters_pressed == 1
    assert not Path(agent.folder, "plugin/claude/typing").exists()


def test_a_swallowed_enter_is_pressed_again_and_nothing_pasted_twice(agent: Puppet, program: Program) -> None:
    program.on_enter = [lambda: None, lambda: None]
    assert deliver(agent, "hello").outcome == "delivered"
    assert program.taken == ["hello"] and program.enters_pressed == 3


def test_no_second_enter_once_the_box_is_empty(agent: Puppet, program: Program) -> None:
    def take_late() -> None:
        program.text = ""
        threading.Timer(0.2, program.taken.append, ["hello"]).start()

    program.on_enter = [take_late]
    assert deliver(agent, "hello").outcome == "delivered"
    assert program.enters_pressed == 1


def test_without_evidence_the_outcome_is_unknown(agent: Puppet, program: Program) -> None:
    program.on_enter = [lambda: setattr(program, "text", "")]
    receipt = deliver(agent, "hello")
    assert receipt.outcome == "unknown" and "not in its record" in receipt.evidence
    assert program.taken == []


def test_evidence_for_another_text_is_none(agent: Puppet, program: Program) -> None:
    program.on_enter = [lambda: (setattr(program, "text", ""), program.taken.append("hell"))[0]]  # type: ignore[func-returns-value]
    assert deliver(agent, "hello").outcome == "unknown"


@pytest.mark.parametrize("reason", ["permission", "question"])
def test_nothing_is_typed_into_a_dialog(agent: Puppet, program: Program, reason: str) -> None:
    program.now = Status("WAITING", reason, "Bash")
    assert deliver(agent, "hello") == Receipt("blocked", f"it waits for {reason}: Bash; nothing was typed")
    assert program.text == "" and program.enters_pressed == 0


def test_a_dialog_that_opens_after_the_paste_gets_no_enter(agent: Puppet, program: Program) -> None:
    def paste(text: str) -> None:
        program.text = text
        program.now = Status("WAITING", "permission", "Bash")

    program.on_paste = paste
    receipt = deliver(agent, "hello")
    assert receipt.outcome == "blocked" and "opened while" in receipt.evidence
    assert program.enters_pressed == 0


def test_a_dialog_that_closes_again_is_waited_for(agent: Puppet, program: Program) -> None:
    def paste(text: str) -> None:
        program.text, program.now = text, Status("WAITING", "permission", "Bash")
        threading.Timer(0.1, lambda: setattr(program, "now", Status("RUNNING"))).start()

    program.on_paste = paste
    assert deliver(agent, "hello").outcome == "delivered"


def test_no_enter_while_a_dialog_may_be_about_to_open(agent: Puppet, program: Program) -> None:
    program.on_paste = lambda text: (setattr(program, "text", text), setattr(program, "is_safe", False))[0]  # type: ignore[func-returns-value]
    assert deliver(agent, "hello").outcome == "unknown"
    assert program.enters_pressed == 0


@pytest.mark.parametrize("reason", ["auth", "limit"])
def test_a_failed_turn_does_not_lock_the_prompt(agent: Puppet, program: Program, reason: str) -> None:
    program.now = Status("WAITING", reason)
    assert deliver(agent, "hello").outcome == "delivered"


def test_a_dialog_before_the_first_prompt_blocks_at_once(agent: Puppet, program: Program) -> None:
    program.now, program.is_ready = Status("WAITING", "auth", "a login"), False
    assert deliver(agent, "hello").outcome == "blocked"


def test_a_start_up_is_waited_for_but_not_for_ever(agent: Puppet, program: Program) -> None:
    program.now, program.is_ready = Status("RUNNING", "starting"), False
    assert deliver(agent, "hello", timeout=0.1).outcome == "blocked"
    threading.Timer(0.2, lambda: setattr(program, "is_ready", True)).start()
    assert deliver(agent, "hello", timeout=5).outcome == "delivered"


@pytest.mark.parametrize("pane", ["", f"%1\t1\t1\t0\t0\t{ID}\tclaude\t0\t1\t1\tmng-a\ttitle"])
def test_an_ended_program_gets_nothing(agent: Puppet, program: Program, pane: str) -> None:
    agent.host.runner.pane = pane  # type: ignore[attr-defined]
    receipt = deliver(agent, "hello")
    assert receipt.outcome == "dead" and "nothing was typed" in receipt.evidence
    assert program.text == ""


def test_a_leftover_shell_gets_nothing(agent: Puppet, program: Program) -> None:
    Path(agent.folder, "pid").write_text("99")
    assert deliver(agent, "rm -rf /").outcome == "dead"
    assert program.text == ""


def test_death_before_the_enter_is_certain_and_after_it_is_not(agent: Puppet, program: Program) -> None:
    def die() -> None:
        agent.host.runner.pane = ""  # type: ignore[attr-defined]

    program.on_paste = lambda text: die()
    assert deliver(agent, "hello").outcome == "dead"
    agent.host.runner.pane = f"%1\t1\t0\t0\t0\t{ID}\tclaude\t0\t1\t1\tmng-a\ttitle"  # type: ignore[attr-defined]
    program.on_paste, program.on_enter = None, [die]
    assert deliver(agent, "hello").outcome == "unknown"


def test_death_after_it_was_recorded_is_a_delivery(agent: Puppet, program: Program) -> None:
    def take_and_die() -> None:
        threading.Timer(0.05, program.taken.append, ["hello"]).start()
        agent.host.runner.pane = ""  # type: ignore[attr-defined]

    program.on_enter = [take_and_die]
    assert deliver(agent, "hello").outcome in ("delivered", "unknown")


def test_silence_of_the_host_is_unknown(agent: Puppet, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Probe([], agent.host.runner.tree(), 0.0, "its tmux server does not answer")
    monkeypatch.setattr(Host, "probe", lambda self: gone)
    assert deliver(agent, "hello", timeout=0.1).outcome == "unknown"


# --- drafts


def test_a_draft_is_put_aside_and_comes_back(agent: Puppet, program: Program) -> None:
    program.text = "half a thought"
    assert deliver(agent, "hello").outcome == "delivered"
    assert program.taken == ["hello"] and program.text == "half a thought"


def test_a_draft_that_would_be_lost_blocks(agent: Puppet, program: Program) -> None:
    program.text, program.stashed = "half a thought", "another"
    receipt = deliver(agent, "hello")
    assert receipt.outcome == "blocked" and "half a thought" in receipt.evidence
    assert (program.text, program.stashed) == ("half a thought", "another")


def test_the_same_text_left_in_the_box_only_lacks_its_enter(agent: Puppet, program: Program) -> None:
    program.text = "hello"
    assert deliver(agent, "hello").outcome == "delivered"
    assert program.taken == ["hello"]


# --- programs that show or tell less


def test_a_program_without_a_readable_box_gets_a_few_enters(agent: Puppet, program: Program) -> None:
    class Blind(Program):
        box = AgentType.box
        enters: ClassVar[int] = 2

    blind = Blind()
    agent.host.runner.program = blind  # type: ignore[attr-defined]
    blind.on_enter = [lambda: None]
    assert deliver(agent, "hello").outcome == "delivered"
    blind.on_enter = [lambda: None] * 9
    blind.text, blind.enters_pressed = "", 0
    assert deliver(agent, "again").outcome == "unknown"
    assert blind.enters_pressed == 2


def test_a_program_with_an_interface_is_handed_the_message(agent: Puppet, program: Program) -> None:
    class ByApi(Program):
        by_api: ClassVar[bool] = True

        def hand_over(self, view: View, text: str) -> None:
            self.taken.append(text)

    agent.host.runner.program = by_api = ByApi()  # type: ignore[attr-defined]
    assert deliver(agent, "hello").outcome == "delivered"
    assert by_api.taken == ["hello"] and by_api.enters_pressed == 0


# --- answers


def test_the_answer_is_waited_for(agent: Puppet, program: Program) -> None:
    program.now = Status("RUNNING")
    threading.Timer(0.2, lambda: setattr(program, "now", Status("WAITING", "turn-end"))).start()
    program.replies["hello"] = "hi"
    assert answer(agent, "hello\r\n".strip(), timeout=5) == "hi"


def test_an_answer_that_needs_a_person_is_blocked(agent: Puppet, program: Program) -> None:
    program.now = Status("WAITING", "permission", "Bash")
    with pytest.raises(Blocked, match="permission: Bash"):
        answer(agent, "hello", timeout=5)


def test_no_answer(agent: Puppet, program: Program) -> None:
    program.now = Status("RUNNING")
    with pytest.raises(MngError, match=r"not answered after 0\.1 s"):
        answer(agent, "hello", timeout=0.1)
    agent.host.runner.pane = ""  # type: ignore[attr-defined]
    with pytest.raises(MngError, match="ended before it answered"):
        answer(agent, "hello", timeout=5)


def test_a_program_that_tells_nothing_has_no_answers(agent: Puppet) -> None:
    class Mute(Program):
        answer = AgentType.answer

    agent.host.runner.program = Mute()  # type: ignore[attr-defined]
    with pytest.raises(NotAvailable):
        answer(agent, "hello")


def test_panes_are_parsed_as_the_tests_write_them(agent: Puppet) -> None:
    pane = agent.view().pane
    assert isinstance(pane, Pane) and not pane.dead
