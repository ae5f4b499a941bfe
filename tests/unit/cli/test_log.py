"""What the log keeps, what it does not, and that it gets in nobody's way."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from mng import log, output
from tests.unit.cli.fakes import contents


def entries(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / ".mng" / "logs" / "mng.jsonl").read_text().splitlines()]


def test_a_command_leaves_a_line_without_secrets(mng: Callable[[str], Any], home: Path) -> None:
    mng("create web -m 's3cret words' --env KEY=s3cret --no-connect --label a=1 --label b=2 -- --key x")
    mng("fail mng")
    made, failed = entries(home)
    assert made["command"] == "create"
    assert made["argv"] == [
        "--name=web", "--label=a=1", "--label=b=2", "--message=***", "--agent-args=***", "--agent-args=***",
        "--no-connect", "--env=***",
    ]  # fmt: skip
    assert (made["exit_code"], "error" in made) == (0, False)
    assert {"time", "pid", "seconds"} < made.keys()
    assert (failed["exit_code"], failed["error"]) == (3, "no agent named 'web'")
    file = home / ".mng" / "logs" / "mng.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3cret" not in file.read_text()


def test_what_runs_on_hosts(home: Path) -> None:
    for flags in ((False, False), (True, False), (True, True)):
        output.log_to(home / ".mng", None, *flags, False)
        output.ran("echo ***", 0.25, 0, b"printed")
    plain, full = entries(home)
    assert (plain["ran"], plain["seconds"], plain["exit_code"], "output" in plain) == ("echo ***", 0.25, 0, False)
    assert full["output"] == "printed"


def test_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "s3cret")
    output.log_to(home / ".mng", None, False, False, True)
    (entry,) = entries(home)
    assert (entry["environment"]["API_KEY"], entry["environment"]["HOME"]) == ("***", str(home))


def test_another_log_file(mng: Callable[[str], Any], home: Path) -> None:
    mng(f"list --log-file {home}/my.log")
    assert json.loads((home / "my.log").read_text())["command"] == "list"
    assert not (home / ".mng" / "logs").exists()


def test_rotation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST", 300)
    book = log.Log(home / "log" / "mng.jsonl")
    for number in range(40):
        book.write(number=number)
    files = sorted((home / "log").iterdir())
    assert {file.name for file in files} - {"mng.jsonl"} == {f"mng.jsonl.{n}" for n in range(1, 5)}
    numbers = [json.loads(line)["number"] for file in reversed(files) for line in file.read_text().splitlines()]
    assert numbers == list(range(numbers[0], 40)) and numbers[0] > 0
    assert all(file.stat().st_size < 400 for file in files)


def test_a_log_that_cannot_be_written(mng: Callable[[str], Any], home: Path) -> None:
    (home / ".mng").mkdir()
    (home / ".mng" / "logs").write_text("in the way")
    ended = mng("list")
    assert ended.code == 0
    assert ended.err.count("cannot write the log") == 1
    ended = mng("list --log-file /dev/full")
    assert (ended.code, ended.err.count("warning: cannot write the log /dev/full: No space left")) == (0, 1)


def test_python_callers_are_not_logged(home: Path) -> None:
    contents.load("list")(Context())
    assert not (home / ".mng").exists()
