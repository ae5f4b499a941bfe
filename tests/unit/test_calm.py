"""Nothing that a host says steers the terminal, and nothing that an agent wrote keeps others from being read."""

import json
import random

import pytest

from mng import output
from mng.agents import claude, codex, opencode
from mng.agents.hooked import fields
from mng.calm import calm
from mng.ssh.archive import Stream, inflated, members

EVIL = "a\x1b]52;c;cHduZWQ=\x07b\x9bc\u202ed\n\te"


def test_text_keeps_its_lines_and_loses_what_steers() -> None:
    assert (
        calm(EVIL) == "a\\x1b]52;c;cHduZWQ=\\x07b\\x9bc\\u202ed\n\te"
        and calm("日本\u3000é\xa0👩\u200d💻\r\n") == "日本\u3000é\xa0👩\u200d💻\n"
    )


def test_all_that_is_said_is_calm(capsys: pytest.CaptureFixture[str]) -> None:
    output.begin()
    for say in (output.note, output.warn, output.error, output.show):
        say(EVIL)
    said = "".join(capsys.readouterr())
    assert said.count("cHduZWQ") == 4 and not any(sign in said for sign in "\x1b\x9b\u202e")
    assert "\x9b" not in output.json_of({"x": EVIL}) and json.loads(output.json_of({"x": EVIL})) == {"x": EVIL}


def test_two_thousand_hostile_files_break_no_parser() -> None:
    some = random.Random(13)
    words = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"1e300", b"null", b"\\q", b"\xff", b"\x1b", b"\0", b"\n", b"-1"]
    words += [
        f'"{word}"'.encode() for word in ("status", "payload", "item", "message", "content", "error", "type", "task_complete")
    ]
    for _ in range(2000):
        data = b"".join(some.choices(words, k=some.randrange(40)))
        fields(data)
        claude.parsed(data)
        [(claude.said_by_user(line), claude.turn(line)) for line in claude.entries(b"{" + data + b"}\n")]
        codex.messages(b'{"payload":{"item":' + data + b"}}\n")
        codex.last_error(data + b"\n")
        opencode.judge(data, 1.0)
        list(members(Stream(inflated(some.choice((b"", b"\x1f\x8b")) + data * 60), "a host")))
