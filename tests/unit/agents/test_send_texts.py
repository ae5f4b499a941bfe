"""What of a text is typed, in which pieces, and where it would not be read."""

from __future__ import annotations

import re

import pytest

from mng.agents import send
from mng.agents.send import deliver
from mng.agents.types import Receipt
from mng.errors import UsageError
from tests.unit.agents.test_send import Program, Puppet
from tests.unit.agents.test_send import agent as agent
from tests.unit.agents.test_send import program as program

# --- texts


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ("a\r\nb\rc", "a\nb\nc"), ("a\x1b[31mb\x1b[0m", "ab"), ("a\x00\x07\x7f\x9bb", "ab"), ("\x1b[201~rm", "rm"),
        ("tab\tstays", "tab\tstays"), ("\ud800", "?"), ("\u4f60\U0001f600", "\u4f60\U0001f600"),
    ],
)  # fmt: skip
def test_control_characters_are_left_out(agent: Puppet, program: Program, given: str, typed: str) -> None:
    assert deliver(agent, given).outcome == "delivered"
    assert program.taken == [typed]


def test_what_is_left_out_is_said(agent: Puppet, capfd: pytest.CaptureFixture[str]) -> None:
    deliver(agent, "a\x07b")
    assert "control characters" in capfd.readouterr().err
    deliver(agent, "a\r\nb\tc")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("text", ["", "  \n\t", "\x1b[0m\x07", "quit", " quit\n"])
def test_a_text_that_says_nothing_or_ends_the_program_is_refused(agent: Puppet, program: Program, text: str) -> None:
    with pytest.raises(UsageError):
        deliver(agent, text)
    assert program.text == ""


# --- in pieces, and where it would not be read


def test_a_text_is_pasted_in_pieces_that_say_the_same() -> None:
    texts = ["x", "a\nb\nc\nd\ne", "w" * 1500, "\n\n\n\n", "one\n" * 9 + "y" * 701, "\u2028a\x85b\n\n\n\nc", "end\n"]
    for text in texts:
        for lines, most in ((3, 700), (0, 0), (1, 1), (3, 0), (0, 5)):
            found = send.pieces(text, lines, most)
            assert "".join(found) == text and all(found)
            assert not lines or all(piece.count("\n") < max(lines, 2) for piece in found)
            assert not most or all(len(piece) <= most for piece in found)


def test_a_command_is_refused_and_not_typed(agent: Puppet, program: Program) -> None:
    program.command = re.compile(r"\s*/\w+(?=\s|$)")  # type: ignore[misc]
    with pytest.raises(UsageError, match="would carry out /clear as a command"):
        deliver(agent, " /clear now")
    assert deliver(agent, "say /clear").outcome == "delivered"
    assert program.taken == ["say /clear"]


def test_nothing_is_typed_where_it_would_not_be_read(agent: Puppet, program: Program) -> None:
    program.closed = lambda screen: "its input box is in shell mode"  # type: ignore[method-assign]
    receipt = deliver(agent, "rm -rf /", timeout=0.2)
    assert receipt == Receipt("blocked", "its input box is in shell mode; nothing was typed")
    assert not program.text and not program.enters_pressed


def test_a_view_that_is_closed_again_is_waited_for(agent: Puppet, program: Program) -> None:
    looks = iter(["a menu is open", "a menu is open", ""])
    program.closed = lambda screen: next(looks, "")  # type: ignore[method-assign]
    assert deliver(agent, "hello").outcome == "delivered"
