"""What a run of Claude Code is started with, and where it is trusted."""

import json
from pathlib import Path
from typing import Any

import pytest

from mng.agents.claude import Claude, project
from mng.agents.claude_settings import without_session, without_settings
from mng.errors import UsageError
from mng.records import AgentRecord, Work
from mng.roles.claude import trusted
from tests.unit.agents.seen import Seen

CLAUDE = Claude()


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path, "claude")


# --- how it is started


def record(*args: str, **plugin: str) -> AgentRecord:
    work = Work(kind="worktree", path="/w/a", repo="/src/.git")
    return AgentRecord(id="agent-1", name="a", type="claude", kind="claude", args=list(args), work=work, plugin=plugin)


def test_a_session_is_chosen_once_unless_the_user_does(seen: Seen) -> None:
    assert len(CLAUDE.prepare(record(), seen.host).plugin["session_id"]) == 36
    for words in (["--resume", "x"], ["-c"], ["--session-id=x"]):
        assert CLAUDE.prepare(record(*words), seen.host).plugin == {}


def test_the_first_start_and_the_next(seen: Seen) -> None:
    first = CLAUDE.launch(record("--model", "opus", session_id="S"), seen.host, resume=False).line
    assert "--session-id S" in first and first.endswith("--model opus") and 'exec "$@"' in first
    seen.host.runner.files[f"{seen.host.agent_dir('agent-1')}/plugin/claude/session"] = (  # type: ignore[attr-defined]
        b'{"session_id":"T","transcript_path":"/t.jsonl","source":"clear"}'
    )
    assert "--resume T" in CLAUDE.launch(record(session_id="S"), seen.host, resume=True).line
    seen.runner.answers["test -s"] = seen_nothing()
    again = CLAUDE.launch(record("-r", "x", "--model", "opus", session_id="S"), seen.host, resume=True).line
    assert "--session-id T" in again and "-r x" not in again and again.endswith("--model opus")


def seen_nothing() -> Any:
    from mng.runner import Done

    return Done(1)


def test_words_that_choose_a_session_are_taken_out() -> None:
    assert without_session(["--resume", "x", "--model", "m", "-c", "--", "-c"]) == ["--model", "m", "--", "-c"]
    assert without_session(["-r", "--model", "m", "--session-id=x"]) == ["--model", "m"]


def test_settings_that_were_typed_are_part_of_ours(seen: Seen) -> None:
    own = json.dumps({"model": "m", "hooks": {"Stop": [{"hooks": ["theirs"]}]}})
    line = CLAUDE.launch(record("--settings", own, session_id="S"), seen.host, resume=False).line
    assert line.count("--settings") == 1
    said = json.loads(line.split("--settings '")[1].rpartition("'")[0].replace("'\"'\"'", "'"))
    assert said["model"] == "m" and said["hooks"]["Stop"][0] == {"hooks": ["theirs"]} and len(said["hooks"]["Stop"]) == 2
    assert without_settings(["a", "--settings=f", "--", "--settings"], lambda path: {path: b'{"x": 1}'}) == (
        ["a", "--", "--settings"], {"x": 1},
    )  # fmt: skip
    with pytest.raises(UsageError, match="neither JSON nor a file"):
        without_settings(["--settings", "gone"], lambda path: {})


def launched(seen: Seen, *args: str) -> dict[str, Any]:
    """The settings that a run is started with."""
    line = CLAUDE.launch(record(*args, session_id="S"), seen.host, resume=False).line
    return dict(json.loads(line.split("--settings '")[1].rpartition("}'")[0].replace("'\"'\"'", "'") + "}"))


def test_the_permission_mode_of_the_user_is_repeated_unless_something_nearer_says_another(seen: Seen) -> None:
    def has(path: str, mode: str) -> None:
        seen.runner.files[path] = json.dumps({"permissions": {"defaultMode": mode}}).encode()

    assert "permissions" not in launched(seen)
    has(f"{seen.host.home}/.claude/settings.json", "default")
    assert launched(seen)["permissions"] == {"defaultMode": "default"}
    assert launched(seen, "--settings", '{"permissions": {"defaultMode": "plan"}}')["permissions"] == {"defaultMode": "plan"}
    has("/w/a/.claude/settings.local.json", "acceptEdits")
    assert "permissions" not in launched(seen)


def test_settings_that_are_none_of_ours_do_not_stop_it(seen: Seen) -> None:
    for text in (b"{", b"[]", b'{"permissions": []}', b'{"permissions": {"defaultMode": 7}}'):
        seen.runner.files[f"{seen.host.home}/.claude/settings.json"] = text
        assert "permissions" not in launched(seen)


def test_the_bypass_that_was_typed_is_not_asked_about_again(seen: Seen) -> None:
    line = CLAUDE.launch(record("--dangerously-skip-permissions", session_id="S"), seen.host, resume=False).line
    assert "skipDangerousModePermissionPrompt" in line
    assert "skipDangerous" not in CLAUDE.launch(record(session_id="S"), seen.host, resume=False).line


# --- trust


@pytest.mark.parametrize(
    ("folder", "known"), [("/src", True), ("/src/deep/er", True), ("/srcs", False), ("/", False), ("/no", False)]
)
def test_trust_is_inherited(folder: str, known: bool) -> None:
    account = {"projects": {"/src": {"hasTrustDialogAccepted": True}, "/no": {"hasTrustDialogAccepted": False}}}
    assert trusted(json.dumps(account).encode(), folder) is known


@pytest.mark.parametrize("account", [None, b"", b"{", b"[]"])
def test_no_account_trusts_nothing(account: bytes | None) -> None:
    assert trusted(account, "/src") is False


def test_trust_is_asked_of_the_main_repository() -> None:
    assert project(record()) == "/src"
    copy = Work(kind="copy", path="/w/a/sub", root="/w/a", repo="/src/.git")
    assert project(record().model_copy(update={"work": copy})) == "/w/a"
