"""Delivering messages: one sender at a time, never into a shell or a dialog, confirmed by the program's own record."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from mng import hooks, output
from mng.agents import tmux
from mng.agents.agent import Agent
from mng.agents.letter import Letter, mailbox
from mng.agents.state import status
from mng.agents.types import AgentType, Receipt, Status, View
from mng.errors import Blocked, MngError, NotAvailable, Unreachable, UsageError
from mng.shell import Cmd, cmd

CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ENDED = ("STOPPED", "DONE", "FAILED", "REPLACED")
DIALOGS = ("permission", "question", "dialog")
BLIND_GAP = 0.15  # seconds between text and Enter where the input box can't be read
SHOWS = 0.5  # seconds until a pasted text is in the input box
SWALLOWED = 1.0  # seconds after which a text that is still in the box did not get its Enter
PASSES = 0.15  # seconds in which a waiting hook sees that it may go on
RECORDS = 2.0  # seconds until a program has recorded what it took, seldom more
LEAST = 10.0  # seconds that a typed message is looked for at least
TAKES = 0.0003  # seconds that a program on a busy machine takes for each character of it, beside that


def deliver(agent: Agent, text: str, *, key: str = "", timeout: float = 30.0, locked: bool = False) -> Receipt:
    """What became of it. With a key it arrives once, however often sent; `timeout`: for the program to be ready.

    `locked`: this process holds the lock of the one sender already.
    """
    given, text = text, typed_text(agent.kind, agent.name, text)
    hooks.before("message", agent=agent, text=text)
    receipt = delivered(agent, given, text, key, timeout, locked)
    hooks.after("message", agent=agent, text=text, receipt=receipt)
    return receipt


def delivered(agent: Agent, given: str, text: str, key: str, timeout: float, locked: bool) -> Receipt:
    if CONTROL.search(given.replace("\r", "\n")):
        output.note(f"{agent.name}: the message had control characters; they were left out")
    end = time.monotonic() + timeout
    try:
        _, now = Delivery(agent, text, end).look()
        if now.state in ENDED:
            raise Ended("dead", f"{now.state}: {now.reason}; nothing was typed")
        with ExitStack() as held:
            if not locked:
                alone(agent, held, timeout)
            letter = Letter.of(agent, key, text)
            if letter.receipt:
                return letter.receipt
            return Delivery(agent, text, max(end, time.monotonic() + 1)).run(letter)
    except Ended as ended:
        return ended.receipt


def alone(agent: Agent, held: ExitStack, timeout: float) -> None:
    """One sender at a time."""
    try:
        held.enter_context(agent.host.runner.lock(f"{mailbox(agent)}/send.lock", timeout))
    except Unreachable:
        raise
    except MngError as error:
        raise Ended("blocked", f"{error.what}; nothing was typed") from None


def typed_text(kind: AgentType, name: str, text: str) -> str:
    """The text as it is typed; UsageError for one that says nothing, would end the program or be carried out by it."""
    text = CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).encode(errors="replace").decode()
    if not text.strip():
        raise UsageError("the message is empty")
    if text.strip() in kind.exit_words:
        raise UsageError(f"{text.strip()!r} would end {name}", f"to end it: mng stop {name}")
    if found := kind.command.match(text):
        word = found[0].strip()
        raise UsageError(
            f"{name} would carry out {word} as a command of its program instead of reading it",
            f"to say it, put a word before it; to run it, type it yourself: mng connect {name}",
        )
    return kind.clean(text)


def check_messages(kind: AgentType, name: str, *texts: str | None) -> None:
    """UsageError if one that is given is none that could be typed; for before anything is made."""
    for text in filter(None, texts):
        typed_text(kind, name, text)


class Ended(Exception):
    """The delivery is over before its end."""

    def __init__(self, outcome: str, evidence: str) -> None:
        self.receipt = Receipt(outcome, evidence)  # type: ignore[arg-type]


@dataclass
class Delivery:
    """One message on its way; `end` is a moment of time.monotonic()."""

    agent: Agent
    text: str
    end: float
    typed: bool = False
    pressed: int = 0

    @property
    def kind(self) -> AgentType:
        return self.agent.kind

    @property
    def sees_box(self) -> bool:
        return type(self.kind).box is not AgentType.box

    def run(self, letter: Letter) -> Receipt:
        try:
            receipt = self.again(letter) if letter.tried else self.anew(letter)
        except Ended as ended:
            receipt = ended.receipt
        certain = receipt.outcome == "delivered" or not (self.typed or letter.tried)
        letter.keep(receipt.outcome if certain else "unknown", receipt.evidence)
        return receipt

    def anew(self, letter: Letter) -> Receipt:
        view = self.open_prompt()
        if self.kind.by_api:
            letter.mark = self.kind.mark(view)
            letter.keep("pending")
            self.kind.hand_over(view, self.text)
            return self.confirmed(letter, view)
        here = self.free_box(view)
        letter.mark = self.kind.mark(view)
        letter.keep("pending")
        try:
            if not here:
                self.paste(view)
            self.typed = True
            return self.enter(letter, view)
        finally:
            self.open_gate(view)

    def again(self, letter: Letter) -> Receipt:
        """After an attempt that may have typed it: only what is missing of it."""
        view, _ = self.look()
        if evidence := self.kind.received(view, self.text, letter.mark):
            return Receipt("delivered", evidence)
        if self.kind.altered(view, self.text, letter.mark):
            return Receipt("unknown", "its record has what may be this message in other words; it is not typed again")
        view = self.open_prompt()
        box = self.box(view)
        if self.kind.by_api or (box is not None and (not box or not self.holds(box))):
            return self.anew(letter)  # neither in the box nor in the record: it was not taken
        if box is None:
            return Receipt("unknown", "an earlier attempt may have typed it, and its record does not have it")
        try:
            self.typed = True
            return self.enter(letter, view)
        finally:
            self.open_gate(view)

    def look(self) -> tuple[View, Status]:
        view = self.agent.view()
        return view, status(view)

    def open_prompt(self) -> View:
        """Wait until the program takes messages."""
        while True:
            view, now = self.look()
            if now.state in ENDED:
                raise Ended("dead", f"{now.state}: {now.reason}; nothing was typed")
            ready = now.state in ("RUNNING", "WAITING") and self.kind.ready(view)
            if now.state == "WAITING" and (now.reason in DIALOGS or not ready):
                raise Ended("blocked", f"it waits for {asked(now)}; nothing was typed")
            why = f"it takes no messages: {now.state} {now.reason}".rstrip()
            if ready and (self.kind.by_api or self.kind.safe(view)):
                why = self.closed(view)
                if not why:
                    return view
            if time.monotonic() > self.end:
                outcome = "unknown" if now.state == "UNKNOWN" else "blocked"
                raise Ended(outcome, f"{why}; nothing was typed")
            time.sleep(0.1)

    def closed(self, view: View) -> str:
        """Why its terminal would not take what is typed for a message: another view is open, the program is suspended."""
        return self.kind.closed(self.screen(view)) if self.sees_box else ""

    def box(self, view: View) -> str | None:
        return self.kind.box(self.screen(view)) if self.sees_box else None

    def screen(self, view: View) -> str:
        assert view.pane
        line = tmux.capture(view.pane.id, colours=True)
        return self.agent.host.runner.run(line, check=False).out.decode(errors="replace")

    def holds(self, box: str) -> bool:
        """Whether the text in the box is this message; of a long one only a sign is there."""
        squeezed, text = squeeze(box), squeeze(self.text)
        return squeezed.startswith("[Pastedtext") or (bool(squeezed) and text.endswith(squeezed[-40:]))

    def free_box(self, view: View) -> bool:
        """Put a person's draft aside; True if what is there is this very message, typed but not sent."""
        box = self.box(view)
        if not box:
            return False
        if squeeze(box) == squeeze(self.text):
            return True
        if keys := self.kind.stash(self.screen(view)):
            self.press(view, *keys)
            if self.until(lambda: self.box(view) == "", 1.0):
                return False
        raise Ended("blocked", f"its input box holds a draft: {box.splitlines()[0][:40]}; nothing was typed")

    def paste(self, view: View) -> None:
        assert view.pane
        line, script = tmux.paste(view.pane.id, f"mng-{secrets.token_hex(4)}", pieces(self.text, *self.kind.paste_limit))
        done = self.agent.host.runner.run(self.closed_gate(view, line), stdin=script, check=False)
        if done.code:
            _, now = self.look()
            if now.state in ENDED:
                raise Ended("dead", f"{now.state}: {now.reason}; nothing was typed")
            raise MngError(f"tmux could not paste the message: {done.complaint}")

    def enter(self, letter: Letter, view: View) -> Receipt:
        """Press Enter until the record has the message, never while anything but the prompt would get it."""
        self.shown(view)
        last = time.monotonic() + LEAST + len(self.text) * TAKES
        now, screen = Status("RUNNING"), ""
        while time.monotonic() < last:
            if self.kind.gate:
                self.agent.host.runner.run(self.closed_gate(view, cmd("true")))
            screen = self.screen(view) if self.sees_box else ""
            view, now = self.look()  # last of all, so that the least can happen before the Enter
            if now.state in ENDED:
                return self.died(letter, view, now)
            if self.wants_enter(view, now, screen):
                self.press(view, "Enter")
                self.pressed += 1
            if evidence := self.recorded(letter, view):
                return Receipt("delivered", evidence)
            self.open_gate(view)
            time.sleep(PASSES)  # hooks that waited go on, and a dialog that follows them is seen
            if not self.sees_box and self.pressed >= self.kind.enters:
                break
        if now.state == "WAITING" and now.reason in DIALOGS:
            return Receipt("blocked", f"{asked(now)} opened while the message was typed; it was not sent")
        where = "is still in its input box" if self.sees_box and self.kind.box(screen) else "is not in its record"
        return Receipt("unknown", f"typed, and Enter pressed {self.pressed} times, but the message {where}")

    def wants_enter(self, view: View, now: Status, screen: str) -> bool:
        """An open prompt, and the text in it as far as that can be seen."""
        if now.state not in ("RUNNING", "WAITING") or now.reason in DIALOGS or not self.kind.safe(view):
            return False
        return not self.pressed or self.is_there(screen)

    def is_there(self, screen: str) -> bool:
        """Whether the text is still in the box; where that can't be told, it may be until some Enters were pressed."""
        box = self.kind.box(screen) if self.sees_box else None
        if box is None:
            end = self.kind.box_end(screen)
            return self.pressed < self.kind.enters if end is None else self.holds(end)
        return self.holds(box)

    def recorded(self, letter: Letter, view: View) -> str:
        """The evidence, waited for as long as it usually takes; not so long while the box still holds the text."""
        began, pause = time.monotonic(), 0.04
        while True:
            if evidence := self.kind.received(view, self.text, letter.mark):
                return evidence
            waited = time.monotonic() - began
            if waited > RECORDS or (not self.pressed and waited > 0.2):
                return ""
            if waited > SWALLOWED and self.holds(self.box(view) or ""):
                return ""
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def confirmed(self, letter: Letter, view: View) -> Receipt:
        """After handing it over: the record has it, soon."""
        if self.until(lambda: bool(self.kind.received(view, self.text, letter.mark)), LEAST):
            return Receipt("delivered", self.kind.received(view, self.text, letter.mark))
        return Receipt("unknown", "handed over, but its record does not have the message")

    def died(self, letter: Letter, view: View, now: Status) -> Receipt:
        if evidence := self.kind.received(view, self.text, letter.mark):
            return Receipt("delivered", evidence)
        if self.pressed:
            return Receipt("unknown", f"{now.state} ({now.reason}) before its record had the message")
        return Receipt("dead", f"{now.state}: {now.reason}; the message was not sent")

    def shown(self, view: View) -> None:
        """Until the text is in the box, so that an Enter right after it is not part of the paste."""
        if not self.sees_box:
            time.sleep(BLIND_GAP)
        else:
            self.until(lambda: self.holds(self.box(view) or ""), SHOWS)

    def press(self, view: View, *keys: str) -> None:
        assert view.pane
        self.agent.host.runner.run(tmux.press(view.pane.id, *keys), check=False)

    def closed_gate(self, view: View, line: Cmd) -> Cmd:
        """The line, run while the program's hooks let no dialog open."""
        if not self.kind.gate:
            return line
        return cmd("touch", "--", view.plugin(self.kind.gate)).then(line)

    def open_gate(self, view: View) -> None:
        if self.kind.gate:
            self.agent.host.runner.run(cmd("rm", "-f", "--", view.plugin(self.kind.gate)), check=False)

    def until(self, happened: Callable[[], bool], seconds: float) -> bool:
        end, pause = time.monotonic() + seconds, 0.02
        while not happened():
            if time.monotonic() > end:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        return True


def pieces(text: str, lines: int, most: int) -> list[str]:
    """The text in parts of at most so many lines and characters (0: any number), none of them empty."""
    parts = text.splitlines(keepends=True) if lines or most else [text]
    found = [""]
    for part in parts:
        while part:
            room = most - len(found[-1]) if most else len(part)
            if found[-1] and (room < len(part) or (lines and found[-1].count("\n") + 1 >= lines)):
                found.append("")
                continue
            found[-1] += part[:room]
            part = part[room:]
    return found


def squeeze(text: str) -> str:
    """What of a text survives being shown in a terminal."""
    return "".join(unicodedata.normalize("NFC", text).split())


def asked(now: Status) -> str:
    return f"{now.reason}: {now.detail}" if now.detail else now.reason


def answer(agent: Agent, text: str, timeout: float = 3600.0) -> str:
    """What it says to a message just delivered, once its turn is over; Blocked if it needs a person first."""
    if type(agent.kind).answer is AgentType.answer:
        raise NotAvailable(f"{agent.name}: a program of type {agent.kind.name} does not tell what it answers")
    text = typed_text(agent.kind, agent.name, text)
    end, since = time.monotonic() + timeout, 0.0
    while True:
        view = agent.view()
        now = status(view)
        said = agent.kind.answer(view, text) if now.state in ("WAITING", *ENDED) else ""
        if said and now.reason not in DIALOGS and (now.state in ENDED or agent.kind.safe(view)):
            return said
        if now.state in ENDED:
            raise MngError(f"{agent.name} ended before it answered: {now.reason}")
        since = (since or time.monotonic()) if now.state == "WAITING" else 0.0
        if since and time.monotonic() - since > 2 and now.reason in DIALOGS:
            raise Blocked(f"{agent.name} waits for {asked(now)}", f"see: mng connect {agent.name}")
        if since and time.monotonic() - since > (5 if text.startswith("/") else 30):
            return said or ""  # a command of the program has no answer, and what it is to say may come late
        if time.monotonic() > end:
            raise MngError(f"{agent.name} has not answered after {timeout:g} s", f"see: mng connect {agent.name}")
        time.sleep(0.2)
