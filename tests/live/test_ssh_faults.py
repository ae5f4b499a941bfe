"""Hosts over SSH when something is killed, dropped or missing."""

import os
import shutil
import signal

import pytest

from mng.errors import CommandFailed, MngError
from mng.runner import File
from mng.shell import raw
from tests.bed.need import need
from tests.bed.sshd import Sshd
from tests.live.test_limits import CRONTAB
from tests.live.test_ssh import To, gone
from tests.live.test_ssh import runner as runner
from tests.live.test_ssh import ssh as ssh
from tests.live.test_ssh import to as to

pytestmark = pytest.mark.live


@pytest.mark.parametrize("step", ["claim", "work", "session", "ready", "end", "done"])
def test_a_create_that_is_killed_leaves_nothing_or_a_whole_agent(ssh: Sshd, step: str) -> None:
    host, mng = ssh.start("web"), ssh.world.mng
    ssh.world.make_repo(host.home / "repo")
    words = ("create", "a", "--agent-cmd", "cat", "--host", "web", "--from", "web:~/repo", "--no-connect")
    assert mng(*words, env={"MNG_FAULT": f"create.{step}"}, check=False).code == -9
    mng("gc")
    rows = mng("list", "--host", "web", "--json").json
    if step in ("ready", "end", "done"):
        assert [(row["name"], row["state"]) for row in rows] == [("a", "RUNNING")]
        mng("destroy", "-f", "a@web")
    assert mng("list", "--host", "web", "--json").json == []
    assert [left for name in ("agents", "names", "worktrees") for left in (host.dir / name).glob("*")] == []
    assert ssh.world.git("branch", "--list", "mng/*", cwd=host.home / "repo") == ""


def test_a_connection_lost_in_the_middle_of_a_create(ssh: Sshd) -> None:
    host, mng = ssh.start("web"), ssh.world.mng
    place = ("--host", "web", "--in-place", "--from", "web:~", "--no-connect")
    making = ssh.world.start("mng", "create", "a", "--agent-cmd", "cat", *place, "--user-command", "touch begun; sleep 60")
    ssh.world.wait((host.home / "begun").exists)
    host.drop()
    _, err = making.communicate(timeout=30)
    assert making.returncode == 4 and "the connection was lost during: " in err
    assert list((host.dir / "agents").iterdir()) == [] and mng("list", "--host", "web", "--json").json == []
    assert mng("gc").err == "nothing to remove\n"


def test_ctrl_c_and_kill_end_what_runs_on_the_host(ssh: Sshd) -> None:
    host = ssh.start("web")
    for number, sign in enumerate((signal.SIGINT, signal.SIGKILL)):
        pid = host.root / f"pid{number}"
        running = ssh.world.start("mng", "exec", "--host", "web", f"echo $$ > {pid}; sleep 60; true")
        ssh.world.wait(lambda pid=pid: pid.exists() and pid.read_text())
        running.send_signal(sign)
        running.communicate(timeout=20)
        gone(int(pid.read_text()), ssh.world)


def test_a_host_with_nothing_but_busybox_and_tmux(ssh: Sshd, to: To) -> None:
    need("busybox")
    tools = ssh.world.root / "poor"
    tools.mkdir()
    for name in ssh.world.run("busybox", "--list").out.split():
        (tools / name).symlink_to(shutil.which("busybox") or "")
    (tools / "tmux").symlink_to(shutil.which("tmux") or "")
    host, mng = ssh.start("web", env={"PATH": str(tools)}), ssh.world.mng
    runner = to("web")
    assert "BusyBox" in runner.run(raw("tar --help 2>&1; flock --help 2>&1; sh --help 2>&1")).text
    path = str(host.home / "a b" / "c")
    runner.put({path: File(b"data", 0o640)})
    assert runner.get([path, path + "no"]) == {path: b"data"}
    with runner.lock(path + ".lock", 2), pytest.raises(MngError, match="still locked"), to("web").lock(path + ".lock", 0):
        pass
    with pytest.raises(CommandFailed, match="not done after"):
        runner.run(raw("sleep 50"), timeout=0.3)
    mng("create", "a", "--agent-cmd", "cat", "--host", "web", "--in-place", "--from", "web:~", "--no-connect")
    assert [(row["name"], row["state"]) for row in mng("list", "--json").json] == [("a", "RUNNING")]
    assert "delivered" in mng("message", "a", "-m", "hello there").out
    assert mng("stop", "a").out == "a: stopped\n" and mng("start", "a").out == "a: started\n"
    assert mng("destroy", "-f", "a").out == "a: destroyed\n"
    assert mng("list", "--json").json == []
    apk = tools / "apk"  # as Alpine's: what is installed is in a file
    apk.write_text(
        '#!/bin/sh\necho "$*" >>~/apk\n'
        'case $1 in info) grep -qx "$4" ~/has ;; add) shift 3; printf "%s\\n" "$@" >>~/has ;; esac\n'
    )
    apk.chmod(0o755)
    (host.home / "has").write_text("git\ntmux\n")
    words = ["provision", "--host", "web", "--role", "base", "--role", "rsync", "--create-directory", "~/new dir", "--json"]
    assert [row["status"] for row in mng(*words).json] == ["changed", "ok", "changed"]
    assert "add --quiet -- rsync curl" in (host.home / "apk").read_text() and (host.home / "new dir").is_dir()
    assert [row["status"] for row in mng(*words).json] == ["ok"] * 3


def test_limits_boot_and_restore_on_a_host(ssh: Sshd) -> None:
    cron = ssh.world.tool("crontab", CRONTAB.format(file=ssh.world.root / "crontab"))
    host, mng = ssh.start("web", env={"PATH": f"{cron.parent}:{os.environ['PATH']}"}), ssh.world.mng
    ssh.world.git("clone", "-q", ssh.world.repo, host.home / "work")
    mng(
        "create",
        "a",
        "demo",
        "--host",
        "web",
        "--from",
        f"web:{host.home}/work",
        "--no-connect",
        "--await-ready",
        "--start-on-boot",
    )
    assert "@reboot" in (ssh.world.root / "crontab").read_text()
    mng("exec", "a", "echo from far away > notes.txt")
    assert mng("limit", "a", "--idle-timeout", "2", "--no-start-on-boot", "--json").json[0]["result"] == "set"
    assert "@reboot" not in (ssh.world.root / "crontab").read_text()

    def state() -> str:
        return str(mng("list", "--json").json[0]["state"])

    ssh.world.wait(lambda: state() == "STOPPED", 60, what="idle for 2 s")
    mng("limit", "a", "--idle-mode", "disabled")
    mng("start", "a")
    assert state() in ("RUNNING", "WAITING")
    gone = mng("destroy", "-f", "a")
    assert "refs/mng/saved/a/" in gone.out + gone.err, gone
    assert mng("list", "--json").json == [] and not list((host.dir / "worktrees").glob("*"))
    none = mng("restore", "a", check=False)
    assert none.code == 3 and "nothing is saved" in none.err, "nobody lists a host without agents"
    assert mng("restore", "--list", "--host", "web", "--format", "{name}@{host}").out == "a@web\n"
    mng("restore", "a", "--host", "web")
    assert mng("exec", "a", "cat notes.txt").out.strip() == "from far away"


def test_a_host_in_the_settings_is_not_listed_twice(ssh: Sshd) -> None:
    ssh.start("web")
    mng = ssh.world.mng
    mng("create", "a", "--agent-cmd", "cat", "--host", "web", "--in-place", "--from", "web:~", "--no-connect")
    mng("config", "set", "--scope", "user", "providers.lab.backend", "ssh")
    mng("config", "set", "--scope", "user", "providers.lab.hosts.web.tags.gpu", "yes")
    rows = mng("list", "--json").json
    assert [(row["name"], row["host"]["provider"], row["host"]["tags"]) for row in rows] == [("a", "lab", {"gpu": "yes"})]
    mng("destroy", "-f", "a")
