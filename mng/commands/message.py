"""mng message"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.send import answer, deliver
from mng.agents.team import Team
from mng.cli.chosen import Outcome, chosen
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Exclusive, Options, option
from mng.cli.targets import TargetOptions
from mng.cli.text import composed, given_message, on_terminal, one_reader, piped_text
from mng.errors import MngError, UsageError
from mng.names import near
from mng.rows import Results

CODES = {"delivered": 0, "blocked": 7, "dead": 1, "unknown": 1}


class MessageOptions(Options):
    """Message"""

    exclusive: ClassVar[Exclusive] = (("message", "message_file"),)

    message: str | None = option(
        None, "-m", secret=True, empty=True, help="the text (default: a last word that is no agent, stdin, $EDITOR)"
    )
    message_file: str | None = option(None, help="file with the text (- for stdin)")
    start: bool = option(True, help="start the agent first if it is stopped")
    wait: bool = option(False, help="until it has answered; the answer is the result")
    wait_timeout: Duration = option(3600.0, help="how long to wait for the answer")
    id_: str | None = option(None, help="key of this message: sent again, it does not arrive twice")
    ready_timeout: Duration = option(30.0, help="how long the agent may take to accept it")
    dry_run: bool = option(False, help="say who would get it, send nothing")


class Message(TargetOptions, MessageOptions, CommonOptions):
    """Message"""


class Sent(Outcome):
    """What became of a message: delivered, blocked, dead or unknown, and the evidence."""

    columns: ClassVar[dict[str, str]] = {"NAME": "name", "RESULT": "result", "EVIDENCE": "detail"}

    answer: str = ""

    def human(self) -> str:
        return self.answer if self.answer else super().human()


class Answered(Sent):
    """With --wait."""

    columns: ClassVar[dict[str, str]] = {**Sent.columns, "ANSWER": "answer"}


@command
def message(c: Context, o: Message) -> Results[Sent | Outcome]:
    """Send a message to agents

    Each ends as delivered, blocked (it waits for something else first), dead or unknown, with the evidence. A text that the
    agent's program would carry out rather than read, as Claude Code does with /clear, is refused.
    """
    one_reader(o)
    team, text, words = (
        o.team().with_hand_made(),
        given_message(o.message, o.message_file),
        list(o.agents),
    )
    if text is None and words and (len(words) > 1 or o.all_ or o.include) and not is_agent(team, words[-1]):
        text = words.pop()
        output.hide(text)
    agents = chosen(team, o.model_copy(update={"agents": words}))
    if text is None:
        text = piped_text() if not on_terminal() else None
        text = composed("Message for " + ", ".join(agent.name for agent in agents.agents)) if text is None else text
    if not text.strip():
        raise UsageError("the message is empty")
    if o.dry_run:
        return agents.each(lambda agent: Outcome(name=agent.name, host=agent.host.name, result="would be sent to"))
    return agents.each(lambda agent: sent(agent, text, o))


def is_agent(team: Team, word: str) -> bool:
    """Whether a last word names a target. One that nearly does is refused, or a typo would be sent as a message."""
    try:
        team.named(word)
    except MngError:
        close = near(word, [agent.name for agent in team.agents]) if " " not in word else []
        if close:
            raise UsageError(
                f"is {word!r} the message, or an agent?",
                f"did you mean {close[0]}? A message of one word goes after -m",
            ) from None
        return False
    return True


def sent(agent: Agent, text: str, o: Message) -> Sent:
    state = agent.status()
    if o.start and agent.record.id and state.state in ("STOPPED", "DONE", "FAILED"):
        output.progress(f"starting {agent.name}, which was {state.state}")
        agent.start(resume=True)
    receipt = deliver(agent, text, key=o.id_ or "", timeout=o.ready_timeout)
    said = answer(agent, text, timeout=o.wait_timeout) if o.wait and receipt.outcome == "delivered" else ""
    return (Answered if o.wait else Sent)(
        name=agent.name, host=agent.host.name, result=receipt.outcome, detail=receipt.evidence, answer=said,
        exit_code=CODES[receipt.outcome],
    )  # fmt: skip
