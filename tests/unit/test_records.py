"""Records: whole, versioned, and an error in words for anything else."""

import pytest

from mng.errors import MngError
from mng.host import parse_pane
from mng.records import AgentRecord, Work


def record() -> AgentRecord:
    return AgentRecord(id="agent-1", name="a", type="demo", kind="demo", work=Work(kind="copy", path="/w"))


def test_there_and_back_with_keys_of_a_newer_mng() -> None:
    data = record().dump().replace(b'"type"', b'"later": {"x": 1}, "type"')
    again = AgentRecord.parse(data)
    assert again.name == "a" and again.create_time == AgentRecord.parse(again.dump()).create_time
    assert b'"later"' in again.dump()


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"{}", b"\xff", b'{"id": 1}', record().dump()[:40]])
def test_anything_else_is_told(data: bytes) -> None:
    with pytest.raises(MngError, match="unreadable record"):
        AgentRecord.parse(data)


def test_a_newer_version_is_told() -> None:
    with pytest.raises(MngError, match="version 9 is newer"):
        AgentRecord.parse(record().dump().replace(b'"version": 1', b'"version": 9'))


def test_a_pane_of_tmux() -> None:
    pane = parse_pane("%3\t77\t0\t1\t0\tagent-1\tsleep\t2\t1700000000\t1700000001\tmng-a\ta\ttitle")
    assert pane and (pane.id, pane.pid, pane.dead, pane.agent, pane.session) == ("%3", 77, False, "agent-1", "mng-a")
    assert pane.attached and pane.title == "a\ttitle"
    assert parse_pane("") is None and parse_pane("%3\t1") is None
