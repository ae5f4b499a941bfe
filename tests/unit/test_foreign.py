"""Records of hosts at the door: what mng could not have written makes that agent unreadable, and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mng import foreign
from mng.agents.creation import fit
from mng.errors import MngError, UsageError
from mng.host import Remote
from mng.inventory import last_known
from mng.inventory.inventory import on_host, once_on
from mng.names import check_name, is_branch
from mng.records import AgentRecord, Work
from mng.runner import LocalRunner
from mng.ssh.snapshot import Entry, Snapshot

ID = "agent-" + "0123456789abcdef" * 2
GOOD = AgentRecord(
    id=ID, name="web", type="claude", kind="claude", phase="ready", program=["claude", "--x"], command="a\nb", args=["\x1b[0m"],
    host_id="host-1", labels={"team": "red"}, windows={"log": "sleep 9"}, resume_message="go\non", idle_mode="io",
    idle_timeout_seconds=60.0, activity_sources=["agent", "user"], grants=["Bash(ls:*)"], plugin={"session_id": "x", "port": 1},
    work=Work(kind="clone", path="/d/worktrees/web/sub dir", root="/d/worktrees/web", source="/home/u/proj",
              home="/home/u/proj/.git", branch="mng/web", base="1" * 40, made_branch=True, claim=f"/d/agents/{ID}/placed"),
)  # fmt: skip
HOSTILE = [
    "..", "../..", "/..", "/d/worktrees/web/../../x", "-x", "--upload-pack=x", "\x1b]52;c;eA==\x07", "a\0b", "a\nb", "\x9b2J", "",
    1e300, -1e300, 10**400, -1, 0, True, None, [], {}, ["x"], {"x": 1}, [[[]]], "x" * (10 << 20),
]  # fmt: skip


def plain() -> dict[str, Any]:
    return dict(json.loads(GOOD.dump()))


def places(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path to every field, however deep."""
    below = [path for key, one in value.items() for path in places(one, (*at, key))] if isinstance(value, dict) else []
    return [*([at] if at else []), *below]


def planted(at: tuple[str, ...], value: Any) -> bytes:
    record = plain()
    table = record
    for key in at[:-1]:
        table = table[key]
    table[at[-1]] = value
    return json.dumps(record).encode()


def read(data: bytes) -> AgentRecord | str:
    try:
        return foreign.record(data, ID)
    except MngError as error:
        return error.what


def clean(word: str) -> bool:
    """For a terminal."""
    return not any(category(letter) in ("Cc", "Zl", "Zp") for letter in word)


def harmless(record: AgentRecord) -> None:
    """What the rest of mng relies on."""
    work = record.work
    assert record.id == ID and abs(record.create_time.timestamp()) < 1e12 and record.dump()
    assert check_name(record.name)
    for path in (work.path, work.root, work.source, work.repo, work.home, work.claim):
        assert not path or (path.startswith("/") and clean(path))
    assert ".." not in foreign.below(work).split("/") and not foreign.below(work).startswith("/")
    assert not work.branch or is_branch(work.branch)
    assert not work.base.startswith("-") and clean(work.base)
    assert record.idle_timeout_seconds is None or 0 < record.idle_timeout_seconds < 1e11
    for word in (record.name, record.kind, record.type, record.user, record.host_id, *record.activity_sources, *record.windows):
        assert clean(word) and not ("/" in word and word == record.kind)


def test_what_mng_writes_comes_in_as_it_is() -> None:
    assert foreign.record(GOOD.dump(), ID) == GOOD
    least = AgentRecord(id=ID, name="a", type="sh", work=Work(kind="in-place", path="/home/u"))
    assert foreign.record(least.dump(), ID) == least
    lifted = GOOD.model_copy(update={"work": GOOD.work.model_copy(update={"root": "/d/x/../worktrees/web"})})
    assert foreign.below(foreign.record(lifted.dump(), ID).work) == "sub dir"


@pytest.mark.parametrize("at", places(plain()), ids=".".join)
def test_every_field_of_every_kind(at: tuple[str, ...]) -> None:
    for value in HOSTILE:
        found = read(planted(at, value))
        if isinstance(found, str):
            assert found.startswith(("unreadable record", "record version")) and len(found) < 300 and found.isprintable(), found
        else:
            harmless(found)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("id", "agent-" + "1" * 32), ("id", "../x"), ("name", "a b"), ("name", "-x"), ("name", "x" * 64), ("kind", "../../x"),
        ("type", ""), ("version", -3), ("create_time", "0001-01-01T00:00:00Z"), ("create_time", "2024-01-01T00:00:00"),
        ("create_time", 1e300), ("idle_timeout_seconds", 1e300), ("idle_timeout_seconds", -1), ("windows", {"\x1b": "x"}),
        ("labels", {"a": "\x1b]52;"}), ("plugin", {"port": 1e300}), ("plugin", {"a": [{"b": "\0"}]}), ("later", {"x": 10**30}),
        ("work.path", "relative"), ("work.path", ""),
        ("work.path", "/d/worktrees/web/../.ssh"), ("work.path", "/d/worktrees/web2"),
        ("work.path", "/d/worktrees/web/a\x1b"), ("work.root", "/d/worktrees/web/sub"), ("work.home", "file:///x"),
        ("work.home", "-x"), ("work.repo", "/a\nb"), ("work.claim", "placed"), ("work.source", "/x" * 4000),
        ("work.branch", "--upload-pack=x"), ("work.branch", "a..b"), ("work.branch", "a:b"), ("work.base", "--output=/x"),
        ("work.base", "1" * 40 + ":../x"), ("work.base", "1" * 40 + ":/x"), ("work.kind", "other"), ("activity_sources", ["a b"]),
    ],
)  # fmt: skip
def test_what_does_not_come_in(at: str, value: Any) -> None:
    data = json.dumps({**plain(), "later": value}).encode() if at == "later" else planted(tuple(at.split(".")), value)
    assert isinstance(read(data), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE[:-1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(places(plain())), JSON)
def test_anything_in_any_field(at: tuple[str, ...], value: Any) -> None:
    found = read(planted(at, value))
    if isinstance(found, AgentRecord):
        harmless(found)


@settings(max_examples=300, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_for_a_record(data: bytes) -> None:
    assert isinstance(read(data), str)


@pytest.mark.parametrize("away", [False, True])
def test_one_that_does_not_come_in_costs_no_other(tmp_path: Path, away: bool) -> None:
    host = Remote("host-1", "box", "ssh", LocalRunner(), "/root", "/d")
    data = {f"agent-{number:032x}": planted(("id",), f"agent-{number:032x}") for number in range(30)}
    bad = dict(zip(list(data)[1:], [planted(("work", "path"), value) for value in HOSTILE if value != "x"], strict=False))
    tree = Snapshot(LocalRunner(), "/d")
    tree.entries = {f"/d/agents/{id_}/data.json": Entry(one, 1.0) for id_, one in {**data, **bad}.items()}
    tree.listed = {*tree.entries, *(f"/d/agents/{id_}" for id_ in data)}
    found = on_host(host, tree)
    if away:
        last_known.remember(tmp_path, host, {id_: tree.entries[f"/d/agents/{id_}/data.json"].data for id_ in data}, {})
        known = last_known.recall(tmp_path, host)
        assert known and known.names >= {"web"}
        found = once_on(host, known)
    assert {one.id for one in found} == set(data)
    assert {one.id for one in found if one.record} == set(data) - set(bad)
    assert all("data.json: unreadable record" in one.problem for one in found if not one.record)


BRANCHES = st.text(st.sampled_from("a/.@{-~^:?*[\\ \x7f\x01ä\nHED") | st.characters(exclude_categories=["Cs"]), max_size=12)
ODD = ["", "-a", "a", "a/b", "a//b", "/a", "a/", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a..b", "@", "a@", "@{", "a@{-1}",
       "HEAD", "a b", "ä", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a\x7f", "a\n", "a/HEAD", "x.LOCK"]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BRANCHES | st.sampled_from(ODD))
def test_branches_as_git_has_them(name: str) -> None:
    if "\0" in name:
        assert not is_branch(name)
        return
    done = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, cwd="/")
    assert is_branch(name) == (done.returncode == 0), (name, done)


def test_what_could_not_be_read_again_is_not_made() -> None:
    host = Remote("host-1", "box", "ssh", LocalRunner(), "/root", "/d")
    assert fit(GOOD, host) is GOOD
    for change in ({"labels": {"a": "\x1b]52;"}}, {"args": ["x" * foreign.MOST]}, {"idle_timeout_seconds": 1e300}):
        with pytest.raises(UsageError, match="web can't be made"):
            fit(GOOD.model_copy(update=change), host)
