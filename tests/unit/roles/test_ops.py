"""Ops read first, change only what isn't right, and change nothing the second time or with check."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mng.errors import MngError, NotAvailable, UsageError
from mng.host import Host
from mng.roles import ops
from mng.roles.env import env, parse
from mng.roles.play import Play, provision
from mng.roles.role import in_order, role
from mng.roles.steps import Steps, steps
from mng.runner import LocalRunner
from mng.shell import cmd


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host("host-1", "here", "local", LocalRunner(), str(tmp_path), str(tmp_path / "mng"), "mng-", local=True)


OPS: list[Callable[[Play], bool]] = [
    lambda on: ops.directory(on, "~/a b/c"),
    lambda on: ops.file(on, "~/file", b"x\n", 0o600),
    lambda on: ops.text_at(on, "~/text", "end", end=True),
    lambda on: ops.text_at(on, "~/text", "begin", end=False),
    lambda on: ops.json_keys(on, "~/settings.json", {"a": {"b": 1}}),
    lambda on: ops.command(on, cmd("touch", f"{on.host.home}/made"), creates="~/made"),
]


@pytest.mark.parametrize("op", OPS)
def test_check_changes_nothing_then_changed_then_ok(host: Host, op: Callable[[Play], bool]) -> None:
    before = sorted(Path(host.home).rglob("*"))
    assert op(Play(host, check=True))
    assert [path for path in sorted(Path(host.home).rglob("*")) if not path.name.endswith("lock")] == before
    assert op(Play(host)) and not op(Play(host)) and not op(Play(host, check=True))


def test_json_keeps_what_is_there_and_refuses_rubbish(host: Host) -> None:
    path = Path(host.home, "s.json")
    path.write_text('{"mine": [1], "a": {"c": 2}}')
    path.chmod(0o644)
    ops.json_keys(Play(host), "~/s.json", {"a": {"b": 1}})
    assert json.loads(path.read_text()) == {"mine": [1], "a": {"c": 2, "b": 1}}
    path.write_text("{broken")
    with pytest.raises(MngError, match="not valid JSON"):
        ops.json_keys(Play(host), "~/s.json", {"a": 1})
    assert path.read_text() == "{broken"


def test_a_missing_program_is_not_installed_unasked(host: Host) -> None:
    install = cmd("touch", f"{host.home}/installed")
    with pytest.raises(NotAvailable) as error:
        ops.program(Play(host), "no-such-program", install)
    assert "run: touch" in error.value.hint and not Path(host.home, "installed").exists()
    assert ops.program(Play(host, bootstrap="yes"), "no-such-program", install)
    assert Path(host.home, "installed").exists()
    assert not ops.program(Play(host), "sh", None)


def test_roles_come_after_what_they_need_and_once() -> None:
    @role()
    def base(on: Play) -> None: ...

    @role(needs=[base])
    def web(on: Play, port: int = 80) -> None: ...

    @role(needs=[base, web])
    def app(on: Play) -> None: ...

    assert [one.name for one in in_order([app])] == ["base", "web", "app"]
    assert [(one.name, one.options) for one in in_order([web(port=1), app])] == [
        ("base", {}), ("web", {"port": 1}), ("app", {}),
    ]  # fmt: skip


def test_steps_and_recap(host: Host) -> None:
    work = Path(host.home, "work")
    work.mkdir()
    asked = Steps(("d",), (("u/f", b"data", 0o755),), (("a", "line"),), (("a", "first"),), ("pwd > where; echo $X > x",))
    recap = provision(
        host, [env(path=f"{host.home}/env", values={"X": "a 'b\nc"}), steps(asked=asked, folder=str(work), within=cmd("true"))]
    )
    assert (work / "d").is_dir() and (work / "u/f").stat().st_mode & 0o777 == 0o755
    assert (work / "a").read_text() == "first\nline\n" and (work / "where").read_text() == f"{work}\n"
    assert str(recap) == "here: ok=0 changed=6 unreachable=0 failed=0 skipped=0"
    assert Path(host.home, "env").stat().st_mode & 0o777 == 0o600


def test_a_failing_step_is_in_the_recap(host: Host) -> None:
    play = Play(host)
    with pytest.raises(MngError):
        ops.command(play, cmd("false"))
    assert play.recap.count("failed") == 1


def test_env_files() -> None:
    assert parse("# c\n\nexport A=1\nB='x y'\nC=\"z\"\nD=a=b\n", "f") == {"A": "1", "B": "x y", "C": "z", "D": "a=b"}
    with pytest.raises(UsageError, match=r"f:2: not KEY=VALUE"):
        parse("A=1\nnonsense\n", "f")
