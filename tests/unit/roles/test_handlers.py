"""Handlers: once, at the end, and never forgotten."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mng.errors import CommandFailed
from mng.host import Host
from mng.roles import ops
from mng.roles.play import Play, provision
from mng.roles.role import role
from mng.shell import cmd
from tests.unit.roles.test_play import host as host
from tests.unit.roles.test_play import reload, shown


def test_handlers_run_once_at_the_end_also_after_a_failure(host: Host) -> None:
    @role()
    def fails(on: Play) -> None:
        with on.notify(reload):
            ops.file(on, "~/1", b"1")
            ops.file(on, "~/2", b"2")
        ops.command(on, cmd("false"))

    recap = provision(host, [fails, reload], failing=False)
    assert [(c.role, c.status) for c in recap.changes] == [
        ("fails", "changed"), ("fails", "changed"), ("fails", "failed"), ("reload", "skipped"), ("fails", "changed"),
    ]  # fmt: skip
    assert Path(host.home, "reloaded").read_text() == "reloaded\n"
    assert isinstance(recap.error, CommandFailed) and not Path(host.dir, "handlers.jsonl").exists()


def test_a_failing_handler_stays_to_be_done(host: Host) -> None:
    flag = Path(host.home, "flag")

    @role()
    def picky(on: Play) -> None:
        ops.command(on, cmd("test", "-e", str(flag)))

    @role()
    def base(on: Play) -> None:
        with on.notify(picky):
            ops.file(on, "~/1", b"1")

    assert provision(host, [base], failing=False).count("failed") == 1
    assert Path(host.dir, "handlers.jsonl").read_text().count("picky") == 1
    flag.touch()
    assert shown(provision(host, [base])) == [("base", "file ~/1", "ok"), ("base", f"test -e {flag}", "changed")]
    assert not Path(host.dir, "handlers.jsonl").exists()
    assert shown(provision(host, [base])) == [("base", "file ~/1", "ok")]


KILLED = """
import os, signal, sys
from mng.host import Host
from mng.roles import ops
from mng.roles.play import provision
from mng.roles.role import role
from mng.runner import LocalRunner
from tests.unit.roles.test_play import reload
host = Host("h", "web", "x", LocalRunner(), sys.argv[1], sys.argv[1] + "/mng", "mng-", local=True)
@role()
def base(on):
    with on.notify(reload):
        ops.file(on, "~/1", b"1")
    if not on.gathering:
        os.kill(os.getpid(), signal.SIGKILL)
provision(host, [base])
"""


def test_a_killed_run_leaves_its_handlers_to_the_next(host: Host) -> None:
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", KILLED, host.home], cwd=root)
    assert killed.returncode == -signal.SIGKILL
    assert Path(host.home, "1").exists() and not Path(host.home, "reloaded").exists()

    @role()
    def base(on: Play) -> None:
        with on.notify(reload):
            ops.file(on, "~/1", b"1")

    predicted = provision(host, [base], check=True)
    done = provision(host, [base])
    assert shown(predicted) == shown(done) and [c.status for c in done.changes] == ["ok", "changed"]
    assert Path(host.home, "reloaded").read_text() == "reloaded\n"
    assert provision(host, [base]).count("changed") == 0


def test_a_handler_nobody_knows_is_named_and_kept(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    left = Path(host.dir, "handlers.jsonl")
    left.parent.mkdir()
    line = json.dumps({"role": "gone", "handler": "reload", "options": {}})
    left.write_text(f"{line}\nrubbish\n")
    assert provision(host, []).changes == []
    said = capsys.readouterr().err
    assert "still to be done" in said and ("no role 'gone'" if host.local else "by its role") in said and "rubbish" in said
    assert left.read_text() == f"{line}\nrubbish\n"
    assert provision(host, [], earlier=False).changes == [] and capsys.readouterr().err == ""


def test_what_lies_on_a_host_elsewhere_chooses_no_role(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even one of ours; what is done now with the same words is finished."""
    away = replace(host, local=False)
    left = Path(host.dir, "handlers.jsonl")
    left.parent.mkdir()
    theirs = json.dumps({"role": "rsync", "handler": "rsync", "options": {}})
    mine = json.dumps({"role": "base", "handler": "reload", "options": {}}, sort_keys=True)
    left.write_text(f"{theirs}\n{mine}\n")

    @role()
    def base(on: Play) -> None:
        with on.notify(reload):
            ops.file(on, "~/1", b"1")

    assert provision(away, []).changes == []
    assert "by its role" in capsys.readouterr().err
    assert provision(away, [base]).count("changed") == 2
    assert Path(host.home, "reloaded").exists() and left.read_text() == f"{theirs}\n"
