"""Results in every format, and what goes to stderr."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from mng import output
from mng.errors import UsageError
from mng.output import Results, Row
from mng.rows import Template, check, value_at

Capture = pytest.CaptureFixture[str]


class Snapshot(Row):
    id: str


class Host(Row):
    name: str
    snapshots: list[Snapshot] = Field(default_factory=list)


class Agent(Row):
    columns: ClassVar[dict[str, str]] = {"NAME": "name", "HOST": "host.name", "LABELS": "labels"}

    name: str
    host: Host | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    ready: bool = False
    since: datetime | None = None
    plugin: dict[str, Any] = Field(default_factory=dict)
    exit_code: int = 0


class Made(Row):
    name: str

    def human(self) -> str:
        return f"made {self.name}"


WEB = Agent(
    name="web", host=Host(name="local", snapshots=[Snapshot(id="s1"), Snapshot(id="s2")]), labels={"a": "1", "b": "2"},
    tags=["x", "y"], ready=True, since=datetime(2026, 1, 2, 3, 4, 5, 678, UTC), plugin={"p": {"q": 7}},
)  # fmt: skip
BARE = Agent(name="größe")

SHOWN: list[tuple[str, Any, str]] = [
    ("human", Results([WEB, BARE]), "NAME    HOST    LABELS\nweb     local   a=1,b=2\ngröße\n"),
    ("human", Results(), ""),
    ("human", Made(name="x"), "made x\n"),
    ("human", WEB, "NAME     web\nHOST     local\nLABELS   a=1,b=2\n"),
    ("human", "text", "text\n"),
    ("human", ["a", "b"], "a\nb\n"),
    ("human", None, ""),
    ("json", Results(), "[]\n"),
    ("json", Made(name="ö"), '{"name": "ö"}\n'),
    ("json", Results([Made(name="a"), Made(name="b")]), '[{"name": "a"}, {"name": "b"}]\n'),
    ("json", "text", '"text"\n'),
    ("json", {"a": Path("/b")}, '{"a": "/b"}\n'),
    ("json", None, ""),
    ("jsonl", Results([Made(name="a"), Made(name="b")]), '{"name": "a"}\n{"name": "b"}\n'),
    ("jsonl", Results(), ""),
    ("{name}", Results([WEB, BARE]), "web\ngröße\n"),
    ("{name}", Results(), ""),
    ("{name}\\t{host.name}\\n", WEB, "web\tlocal\n\n"),
    ("{{{name}}}", WEB, "{web}\n"),
    ("{ready} {tags} {labels} {since}", WEB, "true x,y a=1,b=2 2026-01-02T03:04:05+00:00\n"),
    ("{labels.a}{labels.nope}{plugin.p.q}", WEB, "17\n"),
    ("{host.snapshots[0].id}{host.snapshots[9].id}", WEB, "s1\n"),
    ("{host.name}{since}", BARE, "\n"),
]


@pytest.mark.parametrize(("shape", "value", "text"), SHOWN)
def test_shown(shape: str, value: Any, text: str, capsys: Capture) -> None:
    output.begin(shape)
    output.show(value)
    assert capsys.readouterr() == (text, "")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{nme}", "no field 'nme'\n     did you mean name?"),
        ("{host.nme}", "no field 'host.nme'\n     did you mean host.name?"),
        ("{host.snapshots[0].idd}", "no field 'host.snapshots.[0].idd'"),
        ("{name.first}", "no field 'name.first'\n     name has no parts"),
        ("{}", "--format: {} names no field"),
    ],
)
def test_unknown_fields(template: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        output.begin(template)
        assert output.now.template
        output.now.template.check(Results[Agent | Made] | None)
    assert message in str(error.value.message)


def test_rows_are_shown_as_they_come(capsys: Capture) -> None:
    def rows() -> Iterator[Row]:
        yield Made(name="a")
        assert capsys.readouterr().out == '{"name": "a"}\n'
        yield Made(name="b")

    output.begin("jsonl")
    output.show(rows())
    output.begin("json")
    output.show(iter([Made(name="c")]))
    assert capsys.readouterr().out == '{"name": "b"}\n[{"name": "c"}]\n'


def test_the_worst_exit_code() -> None:
    assert Results([BARE, Agent(name="x", exit_code=5), Agent(name="y", exit_code=3)]).exit_code == 5
    assert Results([Made(name="x")]).exit_code == 0


def test_what_a_host_says_does_not_steer_the_terminal(capsys: Capture) -> None:
    output.show(Results([Agent(name="a\x1b[31m\nb\u202e")]))
    assert "\x1b" not in (shown := capsys.readouterr().out) and "a\\x1b[31m\\nb\\u202e" in shown


def test_names_that_are_no_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output.begin("json")
    output.show("a\udcff")
    assert capfdbinary.readouterr().out == b'"a\\udcff"\n'


def test_slices() -> None:
    assert value_at(WEB, "host.snapshots[:1]") == [Snapshot(id="s1")]
    assert value_at(WEB, "name[0]") is None
    check(Agent, "host.snapshots[1:].id")
    with pytest.raises(UsageError, match="neither an index nor a slice"):
        value_at(WEB, "tags[x]")


def test_braces() -> None:
    with pytest.raises(UsageError, match="--format"):
        Template("{name")


def test_stderr(capsys: Capture) -> None:
    for quiet, verbose, text in (
        (False, 0, "note\nmng: warning: w\nerror\n"),
        (True, 2, "error\n"),
        (False, 1, "note\nmng: warning: w\none\nwaiting\nerror\n"),
        (False, 2, "note\nmng: warning: w\none\nwaiting\n$ git log  (0.500 s, exit code 3)\nerror\n"),
    ):
        output.begin(quiet=quiet, verbose=verbose)
        output.note("note")
        output.warn("w")
        output.detail("one")
        output.progress("waiting")
        output.ran("git log", 0.5, 3)
        output.error("error")
        assert capsys.readouterr() == ("", text)


def test_nobody_to_ask() -> None:
    assert output.confirm("Sure?") is None
