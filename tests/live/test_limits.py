"""mng limit: agents that stop when they are idle, never while they work, and start with the machine."""

import os
import re
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bed import processes
from tests.bed.world import World

pytestmark = pytest.mark.live
DEMO = ["demo", "--no-connect", "--await-ready"]
CRONTAB = """#!/bin/sh
file={file}
case $1 in
-l) [ -s "$file" ] && cat "$file" || {{ echo "no crontab for you" >&2; exit 1; }} ;;
-) cat >"$file.new" && mv "$file.new" "$file" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >>{file}
unit=${{XDG_CONFIG_HOME:-$HOME/.config}}/systemd/user
for last; do :; done
case "$*" in
*' enable '*) mkdir -p $unit/default.target.wants && ln -s ../$last $unit/default.target.wants/$last ;;
*' disable '*) rm $unit/default.target.wants/$last ;;
esac
"""


def row(world: World, name: str) -> dict[str, Any]:
    return next(row for row in world.mng("list", "--json").json if row["name"] == name)


def watchers(world: World) -> list[str]:
    return [line for line in processes.carrying(world.mark).values() if line.startswith("sh ") and "/commands/idle.sh" in line]


def test_limits_are_kept_and_shown(world: World) -> None:
    world.mng("create", "a", *DEMO)
    none = {"idle_mode": "disabled", "idle_timeout_seconds": None, "activity_sources": [], "start_on_boot": False}
    assert {key: row(world, "a")[key] for key in none} == none
    set_ = world.mng("limit", "a", "--idle-timeout", "1h", "--json").json[0]
    assert (set_["result"], set_["idle_mode"], set_["idle_timeout_seconds"]) == ("set", "io", 3600)
    assert row(world, "a")["activity_sources"] == ["create", "boot", "start", "ssh", "agent", "user"]
    assert world.mng("limit", "a", "--json").json[0]["result"] == "unchanged"
    cases = [
        (["--idle-mode", "ssh"], "ssh", "create boot start ssh"),
        (["--add-activity-source", "user,agent", "--remove-activity-source", "boot"], "custom", "create start ssh user agent"),
        (["--activity-sources", "user", "--activity-sources", "start"], "custom", "user start"),
        (["--idle-mode", "run"], "run", "create boot start process"),
    ]
    for words, mode, sources in cases:
        dry = world.mng("limit", "a", *words, "--dry-run", "--json").json[0]
        assert dry["result"] == "would be set" and " ".join(row(world, "a")["activity_sources"]) != sources
        now = world.mng("limit", "a", *words, "--json").json[0]
        assert (now["idle_mode"], " ".join(now["activity_sources"])) == (mode, sources), words
        assert row(world, "a")["idle_mode"] == mode
    assert world.mng("limit", "--host", "local", "--idle-mode", "disabled", "--json").json[0]["idle_timeout_seconds"] is None
    world.wait(lambda: not watchers(world), what="the watcher to end")


def test_wrong_limits(world: World) -> None:
    world.mng("create", "a", *DEMO)
    for words, code, said in [
        (["--idle-mode", "io"], 2, "needs --idle-timeout"),
        (["--idle-timeout", "0"], 2, "longer than 0"),
        (["--idle-timeout", "soon"], 2, "is no duration"),
        (["--idle-mode", "lazy"], 2, "is none of io"),
        (["--idle-mode", "custom", "--idle-timeout", "5"], 2, "needs --activity-sources"),
        (["--idle-mode", "io", "--idle-timeout", "5", "--activity-sources", "user"], 2, "of its own"),
        (["--idle-timeout", "5", "--activity-sources", "mars"], 2, "no source 'mars'"),
        (["--add-activity-source", "user"], 1, "no idle timeout"),
    ]:
        wrong = world.mng("limit", "a", *words, check=False)
        assert (wrong.code, said in wrong.err) == (code, True), wrong
    assert world.mng("limit", "b", "--idle-timeout", "5", check=False).code == 3
    assert world.mng("limit", "--idle-timeout", "5", check=False).code == 2
    for words in (["--idle-mode", "io"], ["--idle-timeout", "0"]):
        assert world.mng("create", "b", *DEMO, *words, check=False).code == 2
    assert row(world, "a")["idle_mode"] == "disabled"


def test_an_idle_agent_stops_and_goes_on_later(world: World) -> None:
    world.mng("create", "a", *DEMO, "--idle-timeout", "4")
    assert row(world, "a")["state"] == "WAITING"
    world.wait(lambda: len(watchers(world)) == 1, what="the watcher")
    world.wait(lambda: row(world, "a")["state"] == "STOPPED", 30)
    world.wait(lambda: not watchers(world), what="the watcher to end")
    world.mng("start", "a")
    world.wait(lambda: len(watchers(world)) == 1, what="the watcher")
    world.wait(lambda: row(world, "a")["state"] == "STOPPED", 30)
    world.expect_no_leftovers()


def test_a_working_agent_is_never_stopped(world: World) -> None:
    world.mng("create", "a", *DEMO, "--idle-timeout", "3")
    until = time.monotonic() + 9
    world.mng("message", "a", "-m", "run: sleep 8")
    world.wait(lambda: "permission" in row(world, "a")["state_reason"])
    world.tmux("send-keys", "-t", world.session("a"), "y", "Enter")
    while time.monotonic() < until:
        assert row(world, "a")["state"] in ("RUNNING", "WAITING")
        time.sleep(0.5)
    world.wait(lambda: row(world, "a")["state"] == "STOPPED", 30)
    assert world.mng("message", "a", "-m", "hello", "--start", "--wait").code == 0


def test_somebody_who_looks_keeps_it(world: World) -> None:
    world.mng("create", "a", *DEMO, "--idle-timeout", "3")
    terminal = world.pty("mng", "connect", "a")
    terminal.expect("Demo agent")
    time.sleep(7)
    assert row(world, "a")["state"] == "WAITING"
    assert "s left" in world.mng("stop", "a", "--idle").out
    terminal.send("\x02d")
    world.wait(lambda: row(world, "a")["state"] == "STOPPED", 30)


def test_a_program_that_reports_nothing_is_at_work_while_it_prints(world: World) -> None:
    for name, line in (("busy", "while sleep 0.3; do date; done"), ("silent", "sleep 99999")):
        world.mng("create", name, "--agent-cmd", line, "--no-connect", "--idle-timeout", "3")
    world.wait(lambda: row(world, "silent")["state"] == "STOPPED", 60, "the silent one to stop")
    time.sleep(4)
    assert row(world, "busy")["state"] == "RUNNING"
    assert "s left" in world.mng("stop", "busy", "--idle").out


def test_stop_idle_by_hand(world: World) -> None:
    world.mng("create", "a", *DEMO)
    world.mng("create", "b", *DEMO, "--idle-timeout", "1h")
    told = {row["name"]: row for row in world.mng("stop", "-a", "--idle", "--json").json}
    assert told["a"]["detail"] == "it has no idle timeout" and told["b"]["detail"].endswith("s left")
    for file in (world.folder("b") / "activity").iterdir():
        os.utime(file, (1, 1))
    status = world.folder("b") / "plugin/demo/status"
    status.write_text(re.sub(r'"since": [0-9.]+', '"since": 2', status.read_text()))
    assert world.mng("stop", "b", "--idle", "--dry-run", "--format", "{result} {detail}").out == "would stop \n"


def test_the_watcher_ends_with_the_agent_and_outlives_mng(world: World) -> None:
    world.mng("create", "a", *DEMO)
    began = world.start("mng", "limit", "a", "--idle-timeout", "1h")
    assert began.wait(30) == 0
    world.wait(lambda: len(watchers(world)) == 1, what="the watcher")
    world.mng("limit", "a", "--idle-timeout", "2h")
    world.wait(lambda: len(watchers(world)) == 1, what="one watcher, not two")
    os.kill(int((world.folder("a") / "pid").read_text()), signal.SIGKILL)
    world.wait(lambda: not watchers(world), 20, "the watcher to end with the agent")


# --- start on boot


def boots(world: World, system: str) -> Path:
    """Fakes of crontab or systemctl; the file that they keep."""
    file = world.root / system
    world.tool(system, (CRONTAB if system == "crontab" else SYSTEMCTL).format(file=file))
    return file


def test_start_on_boot_by_crontab(world: World) -> None:
    world.env.update(world.without("systemctl"))
    path = world.env["PATH"]
    Path(path, "crontab").unlink(missing_ok=True)
    table = world.root / "crontab"
    Path(path, "crontab").write_text(CRONTAB.format(file=table))
    Path(path, "crontab").chmod(0o755)
    table.write_text("# mine\n5 4 * * * true\n")
    world.mng("create", "a", *DEMO, "--start-on-boot")
    world.mng("create", "b", *DEMO)
    world.mng("limit", "b", "--start-on-boot")
    world.mng("limit", "b", "--start-on-boot")
    assert row(world, "a")["start_on_boot"] is True
    lines = table.read_text().splitlines()
    assert lines[:2] == ["# mine", "5 4 * * * true"] and len(lines) == 4
    world.mng("stop", "a")
    line = next(line for line in lines if world.record("a")["id"] in line)
    bare = {"HOME": str(world.home), "PATH": "/usr/bin:/bin"}
    world.run("env", "-i", *(f"{k}={v}" for k, v in bare.items()), "sh", "-c", line.removeprefix("@reboot "), cwd="/")
    assert row(world, "a")["state"] in ("RUNNING", "WAITING")
    world.mng("limit", "b", "--no-start-on-boot")
    world.mng("destroy", "-f", "a")
    assert table.read_text() == "# mine\n5 4 * * * true\n"


def test_start_on_boot_by_systemd(world: World) -> None:
    asked = boots(world, "systemctl")
    world.env["XDG_CONFIG_HOME"] = str(world.home / ".config")
    world.mng("create", "a", *DEMO)
    said = world.mng("limit", "a", "--start-on-boot").err
    assert "loginctl enable-linger" in said
    folder = world.home / ".config/systemd/user"
    (unit,) = folder.glob("*.service")
    assert "enable" in asked.read_text() and (folder / "default.target.wants" / unit.name).exists()
    world.mng("stop", "a")
    exec_line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    world.run("env", "-i", f"HOME={world.home}", *shlex.split(exec_line.removeprefix("ExecStart=")), cwd="/")
    assert row(world, "a")["state"] in ("RUNNING", "WAITING")
    world.mng("destroy", "-f", "a")
    assert not [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]


def test_no_start_on_boot_without_either(world: World) -> None:
    world.env.update(world.without("systemctl", "crontab"))
    world.mng("create", "a", *DEMO)
    wrong = world.mng("limit", "a", "--start-on-boot", check=False)
    assert wrong.code == 6 and "systemd" in wrong.err and row(world, "a")["start_on_boot"] is False
    assert world.mng("create", "b", *DEMO, "--start-on-boot", check=False).code == 6
    assert [row["name"] for row in world.mng("list", "--json").json] == ["a"]


def test_an_unreadable_crontab_is_not_overwritten(world: World) -> None:
    world.env.update(world.without("systemctl"))
    wrote = world.root / "wrote"
    fake = Path(world.env["PATH"], "crontab")
    fake.unlink(missing_ok=True)
    fake.write_text(f'#!/bin/sh\n[ "$1" = - ] && touch {wrote}\necho "not allowed" >&2; exit 1\n')
    fake.chmod(0o755)
    world.mng("create", "a", *DEMO)
    wrong = world.mng("limit", "a", "--start-on-boot", check=False)
    assert wrong.code == 1 and "not allowed" in wrong.err and not wrote.exists()
