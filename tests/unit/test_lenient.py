"""What agents wrote is read, whatever it is."""

import pytest

from mng import lenient
from mng.agents.hooked import fields


@pytest.mark.parametrize(
    "value, said",
    [("soon", 0.0), (1e300, 0.0), ("1e999", 0.0), (float("nan"), 0.0), (10**400, 0.0), (True, 0.0), ([], 0.0), (None, 0.0),
     (b"", 0.0), (b" 12\n", 12.0), ("3.5", 3.5), (1_800_000_000_000, 1.8e12)],
)  # fmt: skip
def test_numbers(value: object, said: float) -> None:
    assert lenient.number(value) == said


def test_json_that_is_none_or_too_deep() -> None:
    assert lenient.loaded(b"\xff") is None and lenient.loaded("[" * 100_000) is None and lenient.loaded(b"1" * 5000) is None
    assert list(lenient.lines(b'{"a": 1}\n[1]\n{"a"\nnull\n{"b": 2}\n{"cut": 1}')) == [{"a": 1}, {"b": 2}]
    assert list(lenient.lines(b'{"a": 1}\n{"b": 2}\n', b'"b"')) == [{"b": 2}]


def test_text_can_always_be_written() -> None:
    assert lenient.text("a\ud800b").encode() == b"a?b" and lenient.text(7) == ""


def test_fields_of_an_event_that_is_not_what_a_hook_keeps() -> None:
    assert fields(b'{"a": "\\q", "b": "x", "c": "\xff", "d": "\\ud800"') == {"b": "x", "d": "?"}
