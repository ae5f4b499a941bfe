import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mng.agents.codex import Codex, messages
from mng.agents.hooked import fields
from mng.agents.types import Status
from mng.records import Work
from mng.roles.play import provision
from mng.runner import Done
from tests.unit.agents.seen import NOW, Seen

CODEX = Codex()
BUSY, ASKS, IDLE = "⠏ repo", "[ . ] Action Required | repo", "repo"
ROOT = Path(__file__).parents[3]


def event(name: str, **more: Any) -> str:
    start = {"session_id": "s-1", "transcript_path": "/r/s-1.jsonl", "hook_event_name": name}
    return json.dumps({**start, **more}, separators=(",", ":"))


def line(kind: str, **payload: Any) -> str:
    return json.dumps({"type": "event_msg", "payload": {"type": kind, **payload}}) + "\n"


def user(text: str) -> str:
    return line("item_completed", item={"type": "UserMessage", "content": [{"type": "text", "text": text}]})


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path, "codex")


def told(status: Status) -> tuple[str, str, str]:
    return status.state, status.reason, status.detail


def test_the_title_says_busy_and_idle(seen: Seen) -> None:
    seen.wrote("status", event("Stop"))
    assert told(CODEX.status(seen.view(BUSY))) == ("RUNNING", "", "")
    idle = CODEX.status(seen.view(IDLE))
    assert told(idle) == ("WAITING", "turn-end", "")
    assert (idle.since, idle.source) == (NOW - 10, "hook")


def test_before_the_first_message_it_waits(seen: Seen) -> None:
    assert told(CODEX.status(seen.view(IDLE))) == ("WAITING", "turn-end", "")
    assert CODEX.ready(seen.view(IDLE))


def test_while_it_starts_it_takes_nothing(seen: Seen) -> None:
    seen.answers(capture="  Loading")
    assert told(CODEX.status(seen.view("starting"))) == ("RUNNING", "starting", "")
    assert not CODEX.ready(seen.view("starting"))
    assert not CODEX.ready(seen.view(""))


def test_a_login_screen_is_told(seen: Seen) -> None:
    seen.answers(capture="Welcome to Codex\n> 1. Sign in with ChatGPT\n")
    assert told(CODEX.status(seen.view("starting"))) == ("WAITING", "auth", "codex login")


@pytest.mark.parametrize("title", [ASKS, "[ ! ] Action Required | repo"])
def test_a_permission_names_the_tool_and_what_it_would_run(seen: Seen, title: str) -> None:
    asked = event("PermissionRequest", tool_name="Bash", tool_input={"command": 'rm "x"', "description": "no"})
    seen.wrote("permission", asked)
    seen.wrote("status", asked)
    assert told(CODEX.status(seen.view(title))) == ("WAITING", "permission", 'Bash: rm "x"')
    assert told(CODEX.status(seen.view(BUSY))) == ("RUNNING", "", "")  # it was answered


def test_a_permission_outlives_events_of_a_tool_beside_it(seen: Seen) -> None:
    seen.wrote("permission", event("PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"}))
    seen.wrote("status", event("PostToolUse", tool_name="Bash", tool_input={"command": "ls"}))
    assert told(CODEX.status(seen.view(ASKS))) == ("WAITING", "permission", "Bash: rm x")


def test_a_question_is_no_permission(seen: Seen) -> None:
    seen.wrote("status", event("PreToolUse", tool_name="request_user_input", tool_input={}))
    assert told(CODEX.status(seen.view(ASKS))) == ("WAITING", "question", "")


def test_a_prompt_just_taken_is_busy_before_the_title_says_so(seen: Seen) -> None:
    seen.wrote("status", event("UserPromptSubmit", prompt="hi"), ago=0.4)
    assert told(CODEX.status(seen.view(IDLE))) == ("RUNNING", "", "")


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        ({"message": "exceeded retry limit, last status: 429 Too Many Requests"}, "limit", "exceeded retry limit"),
        ({"message": "Missing environment variable: `KEY`."}, "auth", "Missing environment variable"),
        ({"message": '{"error": {"message": "no such \\"model\\""}}'}, "turn-end", 'no such "model"'),
        (None, "turn-end", ""),
    ],
)
def test_a_turn_that_no_hook_ended_is_judged_by_its_rollout(
    seen: Seen, tmp_path: Path, error: dict[str, str] | None, reason: str, detail: str
) -> None:
    rollout = tmp_path / "rollout.jsonl"
    rollout.write_text(line("task_complete", error={"message": "an older one"}) + line("task_complete", error=error))
    seen.wrote("session", event("SessionStart", transcript_path=str(rollout)))
    seen.wrote("status", event("UserPromptSubmit"))
    status = CODEX.status(seen.view(IDLE))
    assert told(status)[:2] == ("WAITING", reason)
    assert status.detail.startswith(detail) and bool(status.detail) == bool(detail)


def test_events_of_an_earlier_run_do_not_count(seen: Seen) -> None:
    seen.wrote("status", event("UserPromptSubmit"), ago=200)
    assert CODEX.status(seen.view(IDLE)).source == "screen"


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("/status", " /status "), ("/a b", " /a b"), ("!ls", " !ls"), ("# x", "# x"), ("see @src", "see @src "),
        ("for $name", "for $name "),        ("a\n/b", "a\n/b "), ("a/b", "a/b"),
        ("mail a@b", "mail a@b"), ("x \n", "x"), ("-n", "-n"), ("end;", "end;"),
        ("end\\", "end\\"),
    ],
)  # fmt: skip
def test_what_would_be_a_command_or_open_a_list_is_not(text: str, given: str) -> None:
    assert CODEX.clean(text) == given
    assert given.strip() == text.strip()


def test_a_message_is_received_when_the_rollout_grew_by_it(seen: Seen) -> None:
    seen.wrote("session", event("SessionStart"))
    seen.answers(wc="120 /r/s-1.jsonl")
    mark = CODEX.mark(seen.view())
    assert mark == ["/r/s-1.jsonl", 120, ""]
    seen.answers(tail=user("another") + user("hi"))
    assert CODEX.received(seen.view(), "hi\n", mark)
    assert not CODEX.received(seen.view(), "h", mark)
    assert "tail -c +121 /r/s-1.jsonl | tail -c 16777216" in seen.runner.ran


def test_a_first_message_makes_the_rollout(seen: Seen) -> None:
    mark = CODEX.mark(seen.view())
    assert mark == ["", 0, ""]
    assert not CODEX.received(seen.view(), "hi", mark)
    seen.wrote("session", event("SessionStart"))
    seen.answers(tail=user("hi"))
    assert CODEX.received(seen.view(), "hi", mark)
    assert "tail -c 16777216 /r/s-1.jsonl" in seen.runner.ran


def test_a_message_behind_a_running_tool_is_seen_in_the_queue(seen: Seen) -> None:
    mark = CODEX.mark(seen.view(BUSY))
    screen = "• Messages to be submitted after next tool call (press esc…)\n  ↳ steer\n    me\n› Ask Codex"
    seen.answers(capture=screen)
    assert "queue" in CODEX.received(seen.view(BUSY), "steer me", mark)
    assert not CODEX.received(seen.view(BUSY), "steer it", mark)
    assert not CODEX.received(seen.view(BUSY), "steer me", CODEX.mark(seen.view(BUSY)))  # it was there before


BOX = "\x1b[1;2m› \x1b[0mearlier\n\n\x1b[1m›\x1b[0m {}\x1b[0m  \n      \n  \x1b[38;5;2mmodel\x1b[39m\n  ? for shortcuts"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("\x1b[2mAsk Codex to do anything", ""),
        ("a draft", "a draft"),
        ("one\n  two\n \n  three", "one\n  two\n\n  three"),
        ("\x1b[38;5;6m[Pasted Content 5000 chars]", "[Pasted text]"),
    ],
)
def test_the_input_box_is_read_without_its_hint(shown: str, text: str) -> None:
    assert CODEX.box(BOX.format(shown)) == text


def test_a_screen_without_a_prompt_has_no_box() -> None:
    assert CODEX.box("\x1b[1;2m› \x1b[0mearlier\n\nLoading") is None
    assert CODEX.box("") is None


def test_no_key_is_pressed_just_before_a_dialog_may_open(seen: Seen) -> None:
    seen.wrote("status", event("PreToolUse"), ago=0.5)
    assert not CODEX.safe(seen.view(BUSY))
    assert CODEX.safe(seen.view(BUSY, NOW + 3))
    seen.wrote("status", event("PostToolUse"), ago=0.5)
    assert CODEX.safe(seen.view(BUSY))


def test_the_answer_is_what_was_said_after_the_last_message_of_that_text(seen: Seen) -> None:
    def reply(text: str) -> str:
        return line("item_completed", item={"type": "AgentMessage", "content": [{"type": "Text", "text": text}]})

    assert CODEX.answer(seen.view(), "hi") is None
    seen.wrote("session", event("SessionStart"))
    seen.answers(tail=user("hi") + reply("old") + user("hi") + reply("first") + reply("second"))
    assert CODEX.answer(seen.view(), "hi") == "first\n\nsecond"
    assert CODEX.answer(seen.view(), "ho") is None


def test_half_a_line_is_no_message() -> None:
    assert messages((user("one") + user("two")[:-1]).encode()) == {"one"}


def test_fields_are_read_of_an_event_cut_short() -> None:
    text = event("PreToolUse", tool_name="apply", tool_input={"command": 'say \\"session_id\\":\\"fake'})
    assert fields(text[:-4].encode()) == {
        "session_id": "s-1", "transcript_path": "/r/s-1.jsonl", "hook_event_name": "PreToolUse", "tool_name": "apply",
    }  # fmt: skip
    assert fields(b'{"prompt":"\\"session_id\\":\\"x\\"","session_id":"y"}') == {
        "prompt": '"session_id":"x"', "session_id": "y",
    }  # fmt: skip


def test_the_line_has_all_that_is_ours_and_then_all_that_is_the_users(seen: Seen, tmp_path: Path) -> None:
    record = seen.record.model_copy(update={"args": ["-m", "x $y", "it's"], "program": ["npx", "codex"]})
    record.work = Work(kind="worktree", path="/t/wt", root="/t/wt", repo="/w/my repo/.git")
    shown = CODEX.launch(record, seen.host, resume=False).line
    assert "npx codex --no-daemon --dangerously-bypass-hook-trust" in shown
    assert shown.endswith("""-m 'x $y' 'it'"'"'s'""")
    assert '"/t/wt"={trust_level="trusted"},"/w/my repo"={trust_level="trusted"}' in shown
    assert "npx codex resume" not in shown
    script = tmp_path / "printed"
    subprocess.run(["sh", "-c", f'npx() {{ for word; do echo "<$word>"; done >{script}; }}; {shown}'], check=True)
    words = script.read_text()
    assert f'command="sh {seen.host.dir}/commands/hook.sh Stop {seen.folder}/plugin/codex"' in words
    assert words.endswith("<-m>\n<x $y>\n<it's>\n")


def test_resume_goes_on_with_the_session_that_the_hook_told(seen: Seen) -> None:
    seen.runner.files[f"{seen.folder}/plugin/codex/session"] = event("SessionStart").encode()
    assert "codex resume s-1 --no-daemon" in CODEX.launch(seen.record, seen.host, resume=True).line
    assert "codex --no-daemon" in CODEX.launch(seen.record, seen.host, resume=False).line


def test_keys_that_the_users_providers_name_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    assert "OPENAI_API_KEY" in CODEX.pass_env
    (tmp_path / "config.toml").write_text('[model_providers.x]\nenv_key="MY_KEY"\nenv_http_headers={A="MY_HEAD"}\n')
    assert {"MY_KEY", "MY_HEAD"} <= set(CODEX.pass_env)
    (tmp_path / "config.toml").write_text("not = = toml")
    assert "OPENAI_API_KEY" in CODEX.pass_env


def test_the_role_asks_for_the_program_and_is_ok_the_second_time(seen: Seen) -> None:
    seen.runner.answers["command -v"] = Done(0)
    assert provision(seen.host, CODEX.roles(seen.record, seen.host)).count("changed") == 1
    assert provision(seen.host, CODEX.roles(seen.record, seen.host)).count("changed") == 0


def hook(folder: Path, name: str, text: str) -> None:
    line = ["sh", str(ROOT / "roles/files/hook.sh"), name, str(folder)]
    done = subprocess.run(line, input=text.encode(), capture_output=True, check=True, timeout=20)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_the_hook_keeps_the_head_of_the_latest_event(tmp_path: Path) -> None:
    (tmp_path / "activity").mkdir()
    folder = tmp_path / "plugin" / "codex"
    hook(folder, "SessionStart", event("SessionStart"))
    hook(folder, "UserPromptSubmit", event("UserPromptSubmit", prompt="x" * 300_000))
    assert (folder / "status").stat().st_size == 4096
    assert (folder / "status").stat().st_mode & 0o777 == 0o600
    hook(folder, "PermissionRequest", event("PermissionRequest", tool_name="Bash"))
    hook(folder, "Stop", event("Stop"))
    assert sorted(path.name for path in folder.iterdir()) == ["permission", "session", "status"]
    kept = {path.name: fields(path.read_bytes())["hook_event_name"] for path in folder.iterdir()}
    assert kept == {"permission": "PermissionRequest", "session": "UserPromptSubmit", "status": "Stop"}
    assert {path.name for path in (tmp_path / "activity").iterdir()} == {"agent", "user"}
