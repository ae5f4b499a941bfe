import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mng.agents.opencode import Opencode, judge
from mng.agents.types import Status
from mng.errors import MngError
from mng.runner import Done
from tests.unit.agents.seen import NOW, Seen

OPENCODE = Opencode()
SCRIPT = Path(__file__).parents[3] / "roles" / "files" / "opencode.sh"
PERMISSION = {"id": "per_1", "permission": "bash", "patterns": ["rm x", "ls"]}
QUESTION = {"id": "que_1", "questions": [{"question": "Red or blue?"}]}


def answers(sessions: Any = None, permissions: Any = (), questions: Any = (), error: Any = None) -> str:
    lines = [sessions or {}, list(permissions), list(questions)]
    return "\n".join(json.dumps(line) for line in lines) + "\n" + (json.dumps(error) if error else "") + "\n"


def failed(name: str, message: str, **data: Any) -> dict[str, Any]:
    return {"type": "session.error", "properties": {"error": {"name": name, "data": {"message": message, **data}}}}


def told(status: Status) -> tuple[str, str, str]:
    return status.state, status.reason, status.detail


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    seen = Seen(tmp_path, "opencode")
    seen.wrote("port", "20123\n")
    seen.wrote("heard", "", ago=3)
    return seen


BUSY = {"ses_1": {"type": "busy"}}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (answers(), ("WAITING", "turn-end", "")),
        (answers(BUSY), ("RUNNING", "", "")),
        (answers(BUSY, [PERMISSION]), ("WAITING", "permission", "bash: rm x")),
        (answers(BUSY, [], [QUESTION]), ("WAITING", "question", "Red or blue?")),
        (answers(error=failed("APIError", "bad request", statusCode=400)), ("WAITING", "turn-end", "bad request")),
        (answers(error=failed("APIError", "no", statusCode=401)), ("WAITING", "auth", "no")),
        (answers(error=failed("ProviderAuthError", "log in")), ("WAITING", "auth", "log in")),
        (answers(error=failed("MessageAbortedError", "aborted")), ("WAITING", "turn-end", "")),
        (answers({"s": {"type": "retry", "message": "Rate limit"}}), ("WAITING", "limit", "Rate limit")),
        (answers({"s": {"type": "retry", "message": "error 500"}}), ("RUNNING", "tries again: error 500", "")),
        ("{}\n[", ("UNKNOWN", "its status file cannot be read", "")),
        ("", ("UNKNOWN", "its status file cannot be read", "")),
    ],
)
def test_the_servers_own_answers_are_the_state(seen: Seen, text: str, state: tuple[str, str, str]) -> None:
    seen.wrote("status", text)
    status = OPENCODE.status(seen.view("OpenCode"))
    assert told(status) == state
    assert status.since == NOW - 10


def test_while_it_starts_it_takes_nothing(seen: Seen) -> None:
    assert told(OPENCODE.status(seen.view("starting"))) == ("RUNNING", "starting", "")
    seen.wrote("status", answers())
    assert told(OPENCODE.status(seen.view("starting"))) == ("RUNNING", "starting", "")
    assert not OPENCODE.ready(seen.view("starting"))
    assert OPENCODE.ready(seen.view("OC | A title"))


def test_what_an_earlier_run_left_does_not_count(seen: Seen) -> None:
    seen.wrote("status", answers(BUSY, [PERMISSION]), ago=200)
    assert told(OPENCODE.status(seen.view("OpenCode"))) == ("RUNNING", "starting", "")


def test_an_agent_that_fell_silent_is_not_shown_as_running(seen: Seen) -> None:
    seen.wrote("status", answers(BUSY))
    seen.wrote("heard", "", ago=50)
    assert told(OPENCODE.status(seen.view("OpenCode"))) == ("UNKNOWN", "opencode does not answer", "")


def test_a_message_just_taken_is_busy_before_its_turn_begins(seen: Seen) -> None:
    seen.wrote("status", answers())
    seen.wrote("../../activity/user", "", ago=2)
    assert told(OPENCODE.status(seen.view("OpenCode"))) == ("RUNNING", "", "")
    assert told(OPENCODE.status(seen.view("OpenCode", NOW + 4))) == ("WAITING", "turn-end", "")
    seen.wrote("status", answers(error=failed("APIError", "bad request")), ago=1)
    assert told(OPENCODE.status(seen.view("OpenCode"))) == ("WAITING", "turn-end", "bad request")


def message(id_: str, text: str, role: str = "user", **part: Any) -> dict[str, Any]:
    return {"info": {"id": id_, "role": role}, "parts": [{"type": "text", "text": text, **part}]}


def reply(body: Any, code: int = 200) -> Done:
    return Done(0, json.dumps(body).encode() + b"\n%d" % code)


def test_a_message_is_received_when_the_session_has_one_more_of_it(seen: Seen) -> None:
    seen.wrote("session", "ses_1\n")
    old = [message("msg_1", "hi"), message("msg_2", "ECHO: hi", "assistant")]
    seen.runner.answers = {"/message": reply(old)}
    mark = OPENCODE.mark(seen.view())
    assert not OPENCODE.received(seen.view(), "hi", mark)
    seen.runner.answers = {"/message": reply([*old, message("msg_3", "hi")])}
    assert OPENCODE.received(seen.view(), "hi", mark)
    assert not OPENCODE.received(seen.view(), "h", mark)
    assert not OPENCODE.received(seen.view(), "ECHO: hi", [])


def test_text_that_opencode_adds_is_not_the_users(seen: Seen) -> None:
    seen.wrote("session", "ses_1\n")
    seen.runner.answers = {"/message": reply([message("msg_1", "Called the tool", synthetic=True)])}
    assert not OPENCODE.received(seen.view(), "Called the tool", [])


def test_the_answer_is_what_was_said_after_the_last_message_of_that_text(seen: Seen) -> None:
    seen.wrote("session", "ses_1\n")
    talk = [message("1", "hi"), message("2", "old", "assistant"), message("3", "hi"), message("4", "new", "assistant")]
    seen.runner.answers = {"/message": reply([*talk, message("5", "", "assistant"), message("6", "end", "assistant")])}
    assert OPENCODE.answer(seen.view(), "hi") == "new\n\nend"
    assert OPENCODE.answer(seen.view(), "ho") is None


def test_the_first_message_opens_a_session_on_the_screen(seen: Seen) -> None:
    assert OPENCODE.mark(seen.view()) == []
    seen.runner.answers = {
        "prompt_async": Done(0, b"\n204"),
        "select-session": reply(True),
        "/session": reply({"id": "ses_9"}),
    }
    OPENCODE.hand_over(seen.view(), "it's\n$x")
    urls = [line.split()[-1] for line in seen.runner.ran]
    at = "http://127.0.0.1:20123"
    assert urls == [f"{at}/session", f"{at}/tui/select-session", f"{at}/session/ses_9/prompt_async"]
    assert seen.runner.files[f"{seen.folder}/plugin/opencode/session"] == b"ses_9"


def test_a_later_message_goes_to_the_session_on_the_screen(seen: Seen) -> None:
    seen.wrote("session", "ses_2\n")
    seen.runner.answers = {"prompt_async": Done(0, b"\n204")}
    OPENCODE.hand_over(seen.view(), "secret words")
    assert len(seen.runner.ran) == 1
    assert "secret words" not in seen.runner.ran[0]


@pytest.mark.parametrize("done", [reply({"error": "not now"}, 400), Done(7, b"\n000", b"curl: (7) not now")])
def test_a_refusal_is_an_error_with_its_reason(seen: Seen, done: Done) -> None:
    seen.wrote("session", "ses_2\n")
    seen.runner.answers = {"prompt_async": done}
    with pytest.raises(MngError, match="not now"):
        OPENCODE.hand_over(seen.view(), "hi")


@pytest.mark.parametrize("text", ["/x", "!ls", "a \n", "see @x", "\\"])
def test_every_text_is_given_as_it_is(text: str) -> None:
    assert OPENCODE.clean(text) == text


def test_the_line_resumes_unless_the_user_chose_a_session(seen: Seen) -> None:
    seen.runner.files[f"{seen.folder}/plugin/opencode/session"] = b"ses_1\n"
    start = f"sh {seen.host.dir}/commands/opencode.sh {seen.folder}/plugin/opencode opencode"
    assert OPENCODE.launch(seen.record, seen.host, resume=False).line == start
    assert OPENCODE.launch(seen.record, seen.host, resume=True).line == start + " -s ses_1"
    chosen = seen.record.model_copy(update={"args": ["--session", "ses_7", "--agent", "my plan"]})
    assert OPENCODE.launch(chosen, seen.host, resume=True).line == start + " --session ses_7 --agent 'my plan'"


def test_variables_that_the_users_settings_read_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert "ANTHROPIC_API_KEY" in OPENCODE.pass_env
    (tmp_path / "opencode").mkdir()
    (tmp_path / "opencode" / "opencode.jsonc").write_text('{"apiKey": "{env:MY_KEY}"} // and so on')
    assert "MY_KEY" in OPENCODE.pass_env


# --- the script, with an opencode and a curl made of shell

CURL = """#!/bin/sh
case "$*" in
*/event) cat events; sleep 60 & echo $! >sleeper; wait ;;
*/session/status*) cat answers ;;
*/global/health) ;;
*) exit 7 ;;
esac
"""
EVENTS = """data: {"id":"e","type":"server.connected","properties":{}}
data: {"id":"e","type":"session.created","properties":{"sessionID":"ses_1","info":{"id":"ses_1"}}}
data: {"id":"e","type":"session.created","properties":{"sessionID":"ses_2","info":{"id":"ses_2","parentID":"ses_1"}}}
data: {"id":"e","type":"message.updated","properties":{"sessionID":"ses_2","info":{"id":"m","role":"user"}}}
data: {"id":"e","type":"message.part.delta","properties":{"delta":"\\"type\\":\\"session.error\\""}}
data: {"id":"e","type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"APIError"}}}
"""


def test_the_script_watches_chooses_a_port_and_ends_with_the_programs_code(tmp_path: Path) -> None:
    bin_, folder = tmp_path / "bin", tmp_path / "agents" / "a" / "plugin" / "opencode"
    taken = tmp_path / "agents" / "b" / "plugin" / "opencode"
    for place in (bin_, taken, tmp_path / "agents" / "a" / "activity"):
        place.mkdir(parents=True)
    (taken / "port").write_text("20001\n")
    (bin_ / "curl").write_text(CURL)
    (bin_ / "curl").chmod(0o755)
    (tmp_path / "events").write_text(EVENTS)
    (tmp_path / "answers").write_text("{}\n[]\n[]\n")
    program = 'umask; echo "$@"; echo $OPENCODE_SERVER_PASSWORD >pw; while ! [ -e go ]; do sleep 0.05; done; exit 7'
    with subprocess.Popen(
        ["sh", str(SCRIPT), str(folder), "sh", "-c", program, "x", "-s", "ses_0"], cwd=tmp_path, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}, umask=0o022,
    ) as process:  # fmt: skip
        status = folder / "status"
        until = time.monotonic() + 20
        while not (status.exists() and "session.error" in status.read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        kept = judge(status.read_bytes(), 5.0)
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=20)
    os.kill(int((tmp_path / "sleeper").read_text()), 9)
    assert (kept.state, kept.reason) == ("WAITING", "turn-end")
    assert process.returncode == 7
    port = (folder / "port").read_text().strip()
    assert out == f"\x1b]2;starting\x070022\n-s ses_0 --hostname 127.0.0.1 --port {port}\n"
    assert (folder / "session").read_text() == "ses_1\n"
    assert (folder / "curl").read_text() == f'user = "opencode:{(tmp_path / "pw").read_text().strip()}"\n'
    assert (folder / "curl").stat().st_mode & 0o777 == 0o600
