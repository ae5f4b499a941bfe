"""Conversations that come from a host: no host chooses where a file is put here, which is read, or a word of a command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from mng.agents.claude import Claude
from mng.agents.codex import Codex
from mng.agents.opencode import Opencode, sound
from mng.host import Host
from mng.records import AgentRecord, Work
from mng.runner import FakeRunner
from tests.unit.agents.seen import ID, Seen

UUID = "0199c6f2-1111-7222-8333-444455556666"
NAME = f"2026/11/28/rollout-2026-11-28T05-00-00-{UUID}.jsonl"
HERE = Host("here", "local", "local", FakeRunner(), "/home/u", "/h", "mng-", local=True)


def mine(kind: str) -> AgentRecord:
    return AgentRecord(id=ID, name="b", type=kind, kind=kind, work=Work(kind="clone", path="/w"))


def told(tmp_path: Path, session: str, path: str) -> Seen:
    seen = Seen(tmp_path, "codex")
    seen.wrote("session", json.dumps({"session_id": session, "transcript_path": path}))
    seen.runner.files[path] = b"said"
    return seen


def test_a_rollout_goes_where_codex_would_put_it(tmp_path: Path) -> None:
    record, files = Codex().bring(mine("codex"), told(tmp_path, UUID, f"/x/sessions/{NAME}").view(), HERE)
    assert record.plugin == {"branched_from": UUID, "rollout": NAME} and list(files.values()) == [b"said"]


@pytest.mark.parametrize("place", ["../../.bash_profile", "/.bash_profile", "x/../../../.profile", f"{NAME}/../x", ".bashrc",
                                   "-x", "2026/11/28/rollout-../../../x.jsonl", f"{NAME}\\n", ""])  # fmt: skip
def test_a_rollout_goes_nowhere_else(tmp_path: Path, place: str) -> None:
    record, files = Codex().bring(mine("codex"), told(tmp_path, UUID, f"/x/sessions/{place}").view(), HERE)
    assert "rollout" not in record.plugin and not files


@pytest.mark.parametrize("session", ["--config=x", "-c", "a b", "../x", "", "x" * 65])
def test_a_session_is_no_option_of_codex(tmp_path: Path, session: str) -> None:
    record, files = Codex().bring(mine("codex"), told(tmp_path, session, f"/x/sessions/{NAME}").view(), HERE)
    assert record.plugin == {} and not files


@pytest.mark.parametrize("there", [True, False])
def test_no_file_of_this_machine_is_read_for_a_conversation(tmp_path: Path, there: bool) -> None:
    """The host says that it has one, and then sends none: claude must not look for it here."""
    seen = Seen(tmp_path, "claude")
    seen.wrote("session", json.dumps({"session_id": UUID, "transcript_path": "/home/u/.ssh/id"}))
    if there:
        seen.runner.files["/home/u/.ssh/id"] = b"said"
    record, files = Claude().bring(mine("claude"), seen.view(), HERE)
    kept = f"/h/agents/{ID}/plugin/claude/branch.jsonl"
    assert files == ({kept: b"said"} if there else {})
    assert record.plugin.get("branched_from") == (kept if there else None)


def conversation(**ids: Any) -> bytes:
    part = {"id": ids.get("part", "prt_1"), "messageID": "msg_1", "sessionID": "ses_1", "type": "text", "text": "../.."}
    info = {"id": ids.get("message", "msg_1"), "sessionID": ids.get("of", "ses_1"), "role": "user"}
    return json.dumps({"info": {"id": ids.get("session", "ses_1")}, "messages": [{"info": info, "parts": [part]}]}).encode()


def test_ids_of_opencode_name_no_file_elsewhere() -> None:
    assert sound(conversation()) and Opencode().name == "opencode"
    for one in ("part", "message", "of", "session"):
        for odd in ("../../x", "/x", "a/b", "", None, 7, [], "x" * 500):
            assert not sound(conversation(**{one: odd})), (one, odd)
    assert not any(sound(data) for data in (b"", b"[]", b"{}", b"null", b'{"info":{"id":"x"},"messages":[7]}'))
