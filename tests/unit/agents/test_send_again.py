"""Messages sent again, and by several at once: keys, killed senders, turns."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mng.agents.letter import mailbox
from mng.agents.send import deliver
from mng.agents.types import Status
from mng.errors import UsageError
from mng.runner import LocalRunner
from tests.unit.agents.test_send import Program, Puppet, kept
from tests.unit.agents.test_send import agent as agent
from tests.unit.agents.test_send import program as program

# --- keys


def test_a_key_delivers_once(agent: Puppet, program: Program) -> None:
    for _ in range(3):
        assert deliver(agent, "hello", key="k").outcome == "delivered"
    assert program.taken == ["hello"]
    assert deliver(agent, "hello").outcome == "delivered"
    assert program.taken == ["hello", "hello"]


def test_a_key_belongs_to_one_text(agent: Puppet) -> None:
    deliver(agent, "hello", key="k")
    with pytest.raises(UsageError, match="another message"):
        deliver(agent, "other", key="k")


def test_any_key_makes_a_file_name(agent: Puppet, program: Program) -> None:
    for key in ("../../x", "a b", "\u00e9" * 200, "."):
        deliver(agent, key, key=key)
        deliver(agent, key, key=key)
    assert len(program.taken) == 4
    assert len(list(Path(mailbox(agent), "messages").iterdir())) == 4


class Killed(BaseException):
    """As if by SIGKILL."""


@contextlib.contextmanager
def killed() -> Iterator[None]:
    with pytest.raises(Killed):
        yield


def kill() -> None:
    raise Killed


def test_a_sender_killed_before_the_paste_is_made_up_for(agent: Puppet, program: Program) -> None:
    program.on_paste = lambda text: kill()
    with killed():
        deliver(agent, "hello", key="k")
    assert kept(agent, "k")["outcome"] == "pending"
    program.on_paste = None
    assert deliver(agent, "hello", key="k").outcome == "delivered"
    assert program.taken == ["hello"]


def test_a_sender_killed_before_the_enter_leaves_only_that_to_do(agent: Puppet, program: Program) -> None:
    program.on_enter = [kill]
    with killed():
        deliver(agent, "hello", key="k")
    assert deliver(agent, "hello", key="k").outcome == "delivered"
    assert program.taken == ["hello"]


def test_what_the_program_recorded_as_other_words_is_not_typed_again(agent: Puppet, program: Program) -> None:
    def take_altered() -> None:
        program.text = f"<wrapped>{program.text}"
        program.submit()

    program.on_enter = [take_altered]
    assert deliver(agent, "hello", key="k").outcome == "unknown"
    program.altered = lambda view, text, mark: any(text in one for one in program.taken[mark:])  # type: ignore[method-assign]
    again = deliver(agent, "hello", key="k")
    assert again.outcome == "unknown" and "in other words" in again.evidence
    assert program.taken == ["<wrapped>hello"]


def test_a_sender_killed_after_the_enter_did_it_all(agent: Puppet, program: Program) -> None:
    def take_and_kill() -> None:
        program.submit()
        kill()

    program.on_enter = [take_and_kill]
    with killed():
        deliver(agent, "hello", key="k")
    program.now = Status("WAITING", "permission")  # even now there is nothing left to type
    assert deliver(agent, "hello", key="k").outcome == "delivered"
    assert program.taken == ["hello"]


def test_where_the_box_cannot_be_read_a_doubtful_message_stays_so(agent: Puppet, program: Program) -> None:
    program.on_enter = [kill]
    with killed():
        deliver(agent, "hello", key="k")
    program.sees = False
    for _ in range(2):
        assert deliver(agent, "hello", key="k").outcome == "unknown"
    assert program.enters_pressed == 1


def test_a_doubt_survives_a_blocked_retry(agent: Puppet, program: Program) -> None:
    program.on_enter = [lambda: setattr(program, "text", "")]
    assert deliver(agent, "hello", key="k").outcome == "unknown"
    program.now = Status("WAITING", "permission")
    assert deliver(agent, "hello", key="k").outcome == "blocked"
    program.now = Status("WAITING", "turn-end")
    program.taken.append("hello")  # the record was late
    assert deliver(agent, "hello", key="k").outcome == "delivered"
    assert program.taken == ["hello"]


def test_a_blocked_message_is_sent_anew(agent: Puppet, program: Program) -> None:
    program.now = Status("WAITING", "permission")
    assert deliver(agent, "hello", key="k").outcome == "blocked"
    program.now = Status("WAITING", "turn-end")
    assert deliver(agent, "hello", key="k").outcome == "delivered"


# --- one at a time


def test_senders_take_turns(agent: Puppet, program: Program) -> None:
    texts = [f"message {n}" for n in range(8)]
    threads = [threading.Thread(target=deliver, args=(agent, text)) for text in texts]
    [one.start() for one in threads]
    [one.join() for one in threads]
    assert sorted(program.taken) == texts


def test_a_sender_that_never_gets_its_turn_is_blocked(agent: Puppet, program: Program) -> None:
    with LocalRunner().lock(f"{agent.folder}/send.lock", 1):
        receipt = deliver(agent, "hello", timeout=0.1)
    assert receipt.outcome == "blocked" and "locked" in receipt.evidence
    assert program.text == ""


def test_a_session_made_by_hand_has_a_mailbox_of_its_own(agent: Puppet) -> None:
    agent.record.id, agent.record.name = "", "x/../y"
    assert mailbox(agent) == f"{agent.host.dir}/by-hand/x%2F..%2Fy"
