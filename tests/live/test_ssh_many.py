"""Many hosts over SSH, one of them dead, one slow."""

import shutil
import sys
import time
from datetime import datetime

import pytest

from mng.cli.chosen import side_by_side
from tests.bed.sshd import Sshd
from tests.live.test_ssh import ssh as ssh
from tests.live.test_ssh import to as to

pytestmark = pytest.mark.live


def test_twenty_hosts_one_dead_one_slow(ssh: Sshd) -> None:
    hosts = side_by_side(lambda number: ssh.start(f"h{number}", alias=False), range(20), 4)
    for host in hosts:
        ssh.alias(host.name, f"Port {host.port}")
        host.fill(ssh.world.prefix, 3)
    ssh.black_hole("dead")
    ssh.slow("slow", hosts[0], 1.5)
    settings = ssh.world.home / ".mng" / "profiles" / "default" / "settings.toml"
    settings.parent.mkdir(parents=True)
    names = [*(host.name for host in hosts), "dead"]
    settings.write_text("[providers.lab]\nbackend = 'ssh'\n" + "".join(f"[providers.lab.hosts.{name}]\n" for name in names))
    mng = ssh.world.mng
    began = time.monotonic()
    listed = mng("list", "--json", "--host-timeout", "4")
    assert time.monotonic() - began < 4 + 3
    rows = listed.json
    assert len(rows) == 60 and {row["state"] for row in rows} == {"RUNNING"}
    assert "dead is UNREACHABLE" in listed.err
    assert [host.count("Accepted publickey") for host in hosts] == [1] * 20
    assert [host.count("Starting session") for host in hosts] == [1] * 20
    looked = ssh.world.pty("mng", "list", "--host-timeout", "4", size=(90, 140))
    ssh.world.wait(lambda: "waiting for dead" in looked.text, 30, "the rows so far")
    assert "h19-a0" in looked.text.partition("waiting for dead")[0], "the others' rows wait for nobody"
    ssh.world.wait(lambda: "dead is UNREACHABLE" in looked.text, 30, "the end")
    ssh.world.wait(lambda: "h19-a2" in looked.text.rpartition("\x1b[J")[2], 10, "the whole in its place")
    hosts[3].stop()
    again = mng("list", "--host-timeout", "4").out.splitlines()
    lost = [line for line in again if "@h3 " in line]
    assert len(lost) == 3 and all("UNKNOWN(was RUNNING)" in line and "UNREACHABLE (as of 20" in line for line in lost)
    assert sum("RUNNING " in line and "UNKNOWN" not in line for line in again) >= 57
    for words in (("exec", "h3-a0@h3", "true"), ("message", "h3-a0@h3", "-m", "hi"), ("destroy", "-f", "h3-a0@h3")):
        gone = mng(*words, check=False)
        assert gone.code == 4 and "Connection refused" in gone.err
    silent = mng("exec", "--host", "dead", "true", check=False)
    assert silent.code == 4 and "no answer in time" in silent.err
    assert mng("exec", "--host", "slow", "echo in time").out == "in time\n"


def test_two_hundred_hosts(ssh: Sshd) -> None:
    """Names of one sshd: never more connections at once than there are forks, and little memory."""
    one = ssh.start("one", config="MaxStartups 200")
    hosts = "".join(f"h{number} ansible_host=127.0.0.1 ansible_port={one.port}\n" for number in range(200))
    (ssh.world.repo / "inventory").mkdir()
    (ssh.world.repo / "inventory/hosts").write_text(f"[many]\n{hosts}")
    (ssh.world.repo / "up").write_text("up")
    line = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
    line += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    for words, rows in (
        (["exec", "--host", "many", "echo hi"], 200),
        (["provision", "--host", "many", "--upload-file", "up:~/up", "--forks", "8"], 200),
        (["list", "--host", "many", "--host-timeout", "60"], 0),
    ):
        before = len(one.log)
        ran = ssh.world.run(sys.executable, "-c", line, shutil.which("mng", path=ssh.world.env["PATH"]), *words, timeout=240)
        assert len(ran.out.splitlines()) == rows, ran
        assert int(ran.err.split()[-1]) < 150_000 * (1024 if sys.platform == "darwin" else 1), ran.err
        ended = "Disconnected from user", "Connection closed by", "Read error from remote host"
        now = most = 0
        for said in one.log[before:].splitlines():
            now += ("Accepted publickey" in said) - said.startswith(ended)
            most = max(most, now)
        assert most < 100, f"{words}: {most} connections at once"
    assert one.count("Accepted publickey") == 200 + 400 + 200


def test_connecting_to_a_terminal_elsewhere(ssh: Sshd) -> None:
    host, mng = ssh.start("web"), ssh.world.mng
    mng("create", "t", "--agent-cmd", "cat", "--host", "web", "--in-place", "--from", "web:/tmp", "--no-connect")
    terminal = ssh.world.pty("mng", "connect", "t@web", "--retry", "2", "--retry-delay", "1")
    terminal.expect(f"{ssh.world.prefix}t")
    terminal.line("typed by hand")
    ssh.world.wait(lambda: mng("logs", "t@web", "screen").out.count("typed by hand") == 2)
    ssh.world.wait(lambda: time.time() - (host.dir / "activity" / "ssh").stat().st_mtime < 3)
    (row,) = mng("list", "--host", "web", "--json").json
    assert time.time() - datetime.fromisoformat(row["host"]["ssh_activity_time"]).timestamp() < 30
    host.drop()
    terminal.expect("connection to web is lost; again in 1 s")
    terminal.expect("typed by hand")
    terminal.send("\x02d")
    assert terminal.wait() == 0
    once = ssh.world.pty("mng", "connect", "t@web", "--no-reconnect")
    once.expect("typed by hand")
    host.drop()
    once.expect("ssh ended with exit code 255")
    assert once.wait() == 5
    mng("destroy", "-f", "t@web")
