"""Claude Code as its files, hooks and screens tell it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mng.agents.claude import Claude, plain
from mng.agents.hooked import visible
from mng.agents.types import Status
from tests.unit.agents.seen import NOW, Seen

CLAUDE = Claude()
RULE = "\u2500" * 60


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path, "claude")


def live(seen: Seen, status: str, ago: float = 20, **facts: Any) -> None:
    seen.wrote("live", json.dumps({"pid": 7, "status": status, "statusUpdatedAt": (NOW - ago) * 1000, **facts}))


def hook(seen: Seen, name: str, ago: float = 10, **facts: Any) -> None:
    text = json.dumps({"session_id": "s", "transcript_path": "/t.jsonl", "hook_event_name": name, **facts})
    seen.wrote("status", text, ago)
    if name in ("PermissionRequest", "SessionStart"):
        seen.wrote({"PermissionRequest": "permission", "SessionStart": "session"}[name], text, ago)


def state(seen: Seen) -> tuple[str, str, str]:
    now: Status = CLAUDE.status(seen.view())
    return now.state, now.reason, now.detail


# --- states


def test_before_its_prompt_it_is_starting(seen: Seen) -> None:
    assert state(seen) == ("RUNNING", "starting", "")
    assert not CLAUDE.ready(seen.view())


def test_a_start_up_that_shows_no_prompt_and_prints_nothing_waits_for_somebody(seen: Seen) -> None:
    assert CLAUDE.status(seen.view(silent=60))[:3] == ("WAITING", "dialog", "no prompt yet")
    assert not CLAUDE.ready(seen.view(silent=60))


def test_a_status_file_without_a_status_is_a_start_up(seen: Seen) -> None:
    seen.wrote("live", json.dumps({"pid": 7, "sessionId": "s", "version": "2.1.332"}))
    assert state(seen) == ("RUNNING", "starting", "")
    assert not CLAUDE.ready(seen.view())
    live(seen, "idle")
    assert CLAUDE.ready(seen.view())


@pytest.mark.parametrize(
    ("screen", "reason"),
    [("Do you trust this folder? Yes, I trust this folder", "permission"), ("Detected a custom API key", "auth"),
     ("Select login method:", "auth"), ("New MCP server found", "permission")],
)  # fmt: skip
def test_a_dialog_before_the_prompt_is_read_off_the_screen(seen: Seen, screen: str, reason: str) -> None:
    seen.runner.answers["capture-pane"] = screen
    assert state(seen)[:2] == ("WAITING", reason)
    assert not CLAUDE.ready(seen.view())


def test_its_status_file_says_busy_and_idle(seen: Seen) -> None:
    live(seen, "busy")
    assert CLAUDE.status(seen.view()) == Status("RUNNING", since=NOW - 20, source="file")
    live(seen, "idle")
    assert CLAUDE.status(seen.view()) == Status("WAITING", "turn-end", since=NOW - 20, source="file")
    live(seen, "shell")
    assert state(seen) == ("WAITING", "turn-end", "")


def test_a_hook_is_ahead_of_the_file_for_a_moment(seen: Seen) -> None:
    live(seen, "idle", ago=5)
    hook(seen, "UserPromptSubmit", ago=0.5)
    assert state(seen)[0] == "RUNNING"
    live(seen, "busy", ago=5)
    hook(seen, "PermissionRequest", ago=0.5, tool_name="Write")
    assert state(seen) == ("WAITING", "permission", "Write")


def test_an_event_that_the_file_never_followed_is_old(seen: Seen) -> None:
    live(seen, "idle", ago=60)
    hook(seen, "UserPromptSubmit", ago=30)
    assert state(seen)[0] == "WAITING"


def test_events_of_an_earlier_run_do_not_count(seen: Seen) -> None:
    live(seen, "idle")
    hook(seen, "StopFailure", ago=200, error="rate_limit")
    assert state(seen) == ("WAITING", "turn-end", "")


def test_a_permission_names_its_tool_even_after_later_events(seen: Seen) -> None:
    live(seen, "waiting", ago=9, waitingFor="permission prompt")
    hook(seen, "PermissionRequest", ago=9, tool_name="Bash")
    hook(seen, "PostToolUse", ago=8, tool_name="Read")
    assert state(seen) == ("WAITING", "permission", "Bash")


def test_an_old_permission_is_not_named(seen: Seen) -> None:
    hook(seen, "PermissionRequest", ago=50, tool_name="Bash")
    live(seen, "waiting", ago=9, waitingFor="sandbox request")
    assert state(seen) == ("WAITING", "permission", "sandbox request")


def test_questions_are_questions(seen: Seen) -> None:
    live(seen, "waiting", ago=9, waitingFor="permission prompt")
    hook(seen, "PermissionRequest", ago=9, tool_name="AskUserQuestion")
    assert state(seen)[:2] == ("WAITING", "question")
    live(seen, "waiting", ago=1, waitingFor="input needed")
    hook(seen, "Stop", ago=30)
    assert state(seen) == ("WAITING", "question", "")


def test_a_dialog_before_a_tool_asks_for_that_tool_though_no_hook_announced_it(seen: Seen) -> None:
    hook(seen, "PermissionRequest", ago=3, tool_name="Write")  # an earlier one
    hook(seen, "PreToolUse", ago=2, tool_name="Bash")
    for says in ("dialog open", "permission prompt"):
        live(seen, "waiting", ago=1, waitingFor=says)
        assert state(seen) == ("WAITING", "permission", "Bash")


@pytest.mark.parametrize(
    ("says", "waits"),
    [("dialog open", ("dialog", "")), ("new in the next version", ("dialog", "new in the next version")),
     ("goal proposal", ("permission", "goal proposal")), ("sandbox request", ("permission", "sandbox request"))],
)  # fmt: skip
def test_what_a_dialog_wants_is_told_as_far_as_it_is_known(seen: Seen, says: str, waits: tuple[str, str]) -> None:
    hook(seen, "Stop", ago=30)
    live(seen, "waiting", ago=1, waitingFor=says)
    assert state(seen) == ("WAITING", *waits)


@pytest.mark.parametrize(
    ("error", "reason"),
    [("authentication_failed", "auth"), ("rate_limit", "limit"), ("billing_error", "limit"), ("server_error", "turn-end")],
)
def test_a_failed_turn_says_what_a_person_must_do(seen: Seen, error: str, reason: str) -> None:
    live(seen, "idle")
    hook(seen, "StopFailure", error=error, last_assistant_message="API Error")
    assert state(seen) == ("WAITING", reason, "API Error")
    assert CLAUDE.ready(seen.view())


@pytest.mark.parametrize("text", ['{"status": "id', "[]", "{}", "\x00"])
def test_half_a_status_file_is_no_state(seen: Seen, text: str) -> None:
    seen.wrote("live", text)
    assert state(seen)[0] == "UNKNOWN"


# --- when an Enter is safe


def test_no_enter_between_a_tools_hook_and_its_dialog(seen: Seen) -> None:
    live(seen, "busy")
    assert CLAUDE.safe(seen.view())
    hook(seen, "PreToolUse", ago=0.3, tool_name="Bash")
    assert not CLAUDE.safe(seen.view())
    hook(seen, "PreToolUse", ago=5, tool_name="Bash")
    assert CLAUDE.safe(seen.view()), "a tool that runs for long asks no more"


def test_no_enter_right_after_a_turn(seen: Seen) -> None:
    live(seen, "busy")
    hook(seen, "Stop", ago=0.1)
    assert not CLAUDE.safe(seen.view())
    hook(seen, "Stop", ago=5)
    live(seen, "idle", ago=0.2)
    assert not CLAUDE.safe(seen.view())
    live(seen, "idle", ago=1)
    assert CLAUDE.safe(seen.view())


# --- the input box


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ("\u276f\xa0", ""), ("\u276f hello", "hello"), ("\u276f one\n  two", "one\n  two"),
        ("\x1b[39m\u276f \x1b[7m \x1b[0m", ""),
        ("\u276f \x1b[7mT\x1b[0;2mry \"fix it\"\x1b[0m", ""),
        ("\x1b[38;5;246m\u276f \x1b[7m\x1b[39mP\x1b[0;2m\x1b[39m\x1b[49mress up to edit\x1b[0m", ""),
        ("\u276f \x1b[38;2;1;2;3mhello\x1b[0m", "hello"),
    ],
)  # fmt: skip
def test_the_box_is_between_the_last_rules(box: str, text: str) -> None:
    screen = f"\u276f earlier\n{RULE}\nsaid\n\x1b[38;5;244m{RULE}\x1b[0m\n{box}\n{RULE}\n  ? for shortcuts"
    assert CLAUDE.box(screen) == text


def test_a_long_text_counts_its_further_lines_in_the_rule() -> None:
    screen = f"\u276f earlier\n\u2500\u2500\u2500 \u2191 50 more {RULE}\n  line 50\n  line 51\n{RULE}\n  ? for shortcuts"
    assert CLAUDE.box(screen) == "line 50\n  line 51"
    assert CLAUDE.closed(screen) == ""


@pytest.mark.parametrize(
    ("screen", "why"),
    [
        (f"{RULE}\n\u276f\xa0\n{RULE}\n ? for shortcuts", ""),
        (f"{RULE}\n!\xa0\n{RULE}\n ! for shell mode", "mode of '!'"),
        (f"{RULE}\n! ls\n{RULE}\n ! for shell mode", "mode of '!'"),
        (f"\u276f said before\n{RULE}\n Showing detailed transcript", "not on the screen"),
        (f"{RULE}\n Bash command\n  rm -rf\n{RULE}\n 1. Yes", "not on the screen"),
        ("Claude Code is suspended. Run `fg` to bring it back.", "not on the screen"),
        ("", "not on the screen"),
    ],
)
def test_where_a_message_would_not_be_read(screen: str, why: str) -> None:
    told = CLAUDE.closed(screen)
    assert why in told if why else told == ""


@pytest.mark.parametrize("screen", ["", RULE, f"{RULE}\n Bash command\n{RULE}", f"x\n{RULE}\n\u276f hi"])
def test_a_screen_without_a_box(screen: str) -> None:
    assert CLAUDE.box(screen) is None


def test_a_second_draft_is_not_put_aside() -> None:
    assert CLAUDE.stash(f"{RULE}\n\u276f hi\n{RULE}\n ? for shortcuts") == ("C-s",)
    assert CLAUDE.stash(f"{RULE}\n\u276f hi\n{RULE}\n \u203a stashed") == ()


def test_what_is_dim_is_not_there() -> None:
    assert visible("a\x1b[2mb\x1b[22mc \x1b[1mbold\x1b[0m") == "ac bold"


# --- what is typed, and what counts as taken


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("plain", "plain"), ("/etc/x", " /etc/x"), ("!ls", " !ls"), ("#x", "#x"), ("a @file", "a @file "), ("@f", "@f "),
        ("a@b.c", "a@b.c"), ("end\\", "end\\ "), ("end \n\n", "end"), ("two\nlines", "two\nlines"), ("-x", "-x"),
    ],
)  # fmt: skip
def test_nothing_is_a_command(text: str, typed: str) -> None:
    assert CLAUDE.clean(text) == typed


def transcript(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def user(text: Any, source: str = "typed", kind: str = "human") -> dict[str, Any]:
    return {"type": "user", "message": {"content": text}, "origin": {"kind": kind}, "promptSource": source}


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (user("hi"), True),
        (user("hi \n"), True),
        (user([{"type": "text", "text": "hi"}]), True),
        ({"type": "queue-operation", "operation": "enqueue", "content": "hi"}, True),
        (user("hi", "queued"), False),  # went into the queue earlier, for another message perhaps
        ({"type": "queue-operation", "operation": "remove", "content": "hi"}, False),
        ({"type": "attachment", "attachment": {"type": "queued_command", "prompt": "hi"}}, False),
        ({"type": "user", "message": {"content": [{"type": "tool_result", "content": "hi"}]}}, False),
        ({"type": "assistant", "message": {"content": [{"type": "text", "text": "hi"}]}}, False),
        (user("hi there"), False),
        (user('\n\n<pasted_content id="e1f0">\nhi\n</pasted_content id="e1f0">\n'), True),
        (
            {
                "type": "queue-operation",
                "operation": "enqueue",
                "content": '<pasted_content id="e1f0">\nhi\n</pasted_content id="e1f0">',
            },
            True,
        ),
        (user('<of_the_next_version kind="x">hi</of_the_next_version>'), True),
    ],
)
def test_only_a_new_entry_with_the_same_text_is_evidence(seen: Seen, line: dict[str, Any], taken: bool) -> None:
    hook(seen, "SessionStart")
    seen.answers(tail=transcript(line))
    assert bool(CLAUDE.received(seen.view(), "hi", ["/t.jsonl", 0])) is taken


def test_the_record_is_read_from_the_mark_and_whole_in_a_new_session(seen: Seen) -> None:
    hook(seen, "SessionStart")
    seen.answers(wc="120 /t.jsonl")
    assert CLAUDE.mark(seen.view()) == ["/t.jsonl", 120]
    CLAUDE.received(seen.view(), "hi", ["/t.jsonl", 120])
    assert seen.runner.ran[-1] == "tail -c +121 /t.jsonl | tail -c 16777216"
    CLAUDE.received(seen.view(), "hi", ["/old.jsonl", 120])
    assert seen.runner.ran[-2:] == ["tail -c +121 /old.jsonl | tail -c 16777216", "tail -c 16777216 /t.jsonl"]


def test_half_a_line_is_not_read(seen: Seen) -> None:
    hook(seen, "SessionStart")
    seen.answers(tail=transcript(user("other")) + json.dumps(user("hi"))[:-9])
    assert CLAUDE.received(seen.view(), "hi", ["/t.jsonl", 0]) == ""


def test_the_answer_is_what_follows_the_last_turn_with_the_text(seen: Seen) -> None:
    def says(text: str) -> dict[str, Any]:
        return {"type": "assistant", "message": {"content": [{"type": "text", "text": text}, {"type": "tool_use"}]}}

    hook(seen, "SessionStart")
    seen.answers(tail=transcript(user("hi"), says("old"), user("x"), says("y"), user("hi"), says("a"), says("b")))
    assert CLAUDE.answer(seen.view(), "hi") == "a\n\nb"
    assert CLAUDE.answer(seen.view(), "never") is None


def test_an_answer_to_what_was_wrapped_is_found(seen: Seen) -> None:
    said = {"type": "assistant", "message": {"content": [{"type": "text", "text": "yes"}]}}
    hook(seen, "SessionStart")
    seen.answers(tail=transcript(user('\n<pasted_content id="0a1b">\nhi\nho\n</pasted_content id="0a1b">\n'), said))
    assert CLAUDE.answer(seen.view(), "hi\nho") == "yes"


@pytest.mark.parametrize(
    ("line", "maybe"),
    [
        (user("<new> fix\n it </new> and more"), True),
        (user("[Pasted text #1 +9 lines]"), True),
        ({"type": "queue-operation", "operation": "enqueue", "content": "> fix it"}, True),
        (user("anything else"), False),
        (user("fix it", kind="task-notification"), False),
        ({"type": "assistant", "message": {"content": [{"type": "text", "text": "fix it"}]}}, False),
    ],
)
def test_a_message_that_may_be_this_one_in_other_words_is_told(seen: Seen, line: dict[str, Any], maybe: bool) -> None:
    hook(seen, "SessionStart")
    seen.answers(tail=transcript(line))
    assert CLAUDE.altered(seen.view(), "fix it", ["/t.jsonl", 0]) is maybe


def test_an_answer_that_is_written_before_its_turn(seen: Seen) -> None:
    def line(at: int, kind: str, content: object, **more: Any) -> str:
        return json.dumps({"type": kind, "timestamp": f"2026-01-01T00:00:0{at}Z", "message": {"content": content}, **more})

    turn = {"origin": {"kind": "human"}, "promptSource": "typed"}
    said = [line(1, "user", "more", **turn), line(4, "assistant", [{"type": "text", "text": "the second"}]),
            line(2, "assistant", [{"type": "text", "text": "the first"}]), line(3, "user", "more", **turn)]  # fmt: skip
    hook(seen, "SessionStart")
    seen.answers(tail="".join(f"{one}\n" for one in ['{"type":"mode"}', *said]))
    assert CLAUDE.answer(seen.view(), "more") == "the second"
    assert CLAUDE.answer(seen.view(), "other") is None


def test_messages_are_compared_as_claude_keeps_them() -> None:
    assert plain("e\u0301\tx \n") == "\u00e9    x"
