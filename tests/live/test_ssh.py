"""Hosts over SSH: real sshd's on loopback."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mng.errors import CommandFailed, MngError
from mng.inventory.provider import HostSpec, Provider
from mng.inventory.ssh import Ssh
from mng.runner import File
from mng.settings import Settings
from mng.shell import cmd, raw
from mng.ssh.runner import SshRunner
from mng.ssh.target import Target
from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.unit.inventory.test_contract import TestContract as Contract

pytestmark = pytest.mark.live


@pytest.fixture
def ssh(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    bed = Sshd(world)
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)
    try:
        yield bed
    finally:
        bed.end()


@pytest.fixture
def runner(ssh: Sshd) -> Iterator[SshRunner]:
    ssh.start("web")
    runner = SshRunner(Target("web"))
    yield runner
    runner.close()


class TestSshContract(Contract):
    @pytest.fixture
    def provider(self, ssh: Sshd) -> Provider:  # type: ignore[override]
        ssh.start("web")
        providers = {"ssh": {"backend": "ssh", "hosts": {"web": {"tags": {"env": "prod"}}}}}
        return Ssh("ssh", Settings(prefix="mng-", host_dir=Path("/x"), providers=providers))

    def test_its_hosts_have_tags(self, provider: Provider) -> None:
        assert provider.create(HostSpec()).tags == {"env": "prod"}


def test_output_code_and_stdin(runner: SshRunner) -> None:
    done = runner.run(raw("cat; echo err >&2; exit 3"), stdin=b"\xff\x00in", check=False)
    assert (done.code, done.out, done.err) == (3, b"\xff\x00in", b"err\n")
    assert runner.run(raw("kill -9 $$"), check=False).code == 137
    assert runner.run(raw("printf '%s' 'a\n!b\\'")).out == b"a\n!b\\"
    data = os.urandom(3_000_000)
    assert runner.run(raw("cat"), stdin=data).out == data
    seen: list[tuple[str, bytes]] = []
    runner.run(raw("echo a; sleep 0.2; echo b >&2"), live=lambda stream, data: seen.append((stream, data)))
    assert seen == [("out", b"a\n"), ("err", b"b\n")]
    assert runner.links.opened == 1


def test_a_time_out_ends_the_whole_group(runner: SshRunner, ssh: Sshd) -> None:
    pids = ssh.hosts["web"].root / "pids"
    with pytest.raises(CommandFailed, match=r"not done after 0\.5 s"):
        runner.run(raw(f"trap '' TERM; sleep 60 & echo $! > {pids}; sleep 60"), timeout=0.5)
    gone(int(pids.read_text()), ssh.world)


def test_a_dropped_connection_ends_what_ran_and_is_told(runner: SshRunner, ssh: Sshd) -> None:
    pids = ssh.hosts["web"].root / "pids"
    threading.Timer(0.7, ssh.hosts["web"].drop).start()
    with pytest.raises(MngError, match="the connection was lost during"):
        runner.run(raw(f"sleep 60 & echo $! > {pids}; sleep 60"))
    gone(int(pids.read_text()), ssh.world)
    assert runner.run(cmd("echo", "again")).text == "again"


def gone(pid: int, world: World) -> None:
    def ended() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    world.wait(ended, 6)


def test_put_and_get(runner: SshRunner, ssh: Sshd) -> None:
    path = str(ssh.hosts["web"].root / "it's a\nfolder" / "file")
    runner.put({path: File(b"one"), path + "2": File(b"")})
    runner.put({path: File(b"two", 0o640)})
    assert runner.get([path, path + "2", path + ".no"]) == {path: b"two", path + "2": b""}
    assert Path(path).stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in Path(path).parent.iterdir()) == ["file", "file2"]
    with pytest.raises(MngError, match="cannot write"):
        runner.put({path + "/below": File(b"")})


@pytest.mark.parametrize("flock", [True, False])
def test_a_lock_is_held_by_one_and_freed_by_a_dropped_connection(ssh: Sshd, flock: bool) -> None:
    env = {} if flock else ssh.world.without("flock")
    host = ssh.start("web", env=env)
    one, two, path, order = SshRunner(Target("web")), SshRunner(Target("web")), str(host.root / "l" / "lock"), list[str]()

    def other() -> None:
        with two.lock(path, timeout=10):
            order.append("other")

    with one.lock(path, timeout=1):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.3)
        order.append("mine")
        with pytest.raises(MngError, match="still locked"), one.lock(path, timeout=0):
            pass
    thread.join()
    assert order == ["mine", "other"]
    with pytest.raises(MngError, match="lost, and with it the lock"), one.lock(path, timeout=1):
        host.drop()
        time.sleep(0.2)
        one.run(cmd("true"))
    with one.lock(path, timeout=8):
        assert one.run(cmd("echo", "mine")).text == "mine"


def test_every_command_on_a_host(ssh: Sshd) -> None:
    host, mng = ssh.start("web"), ssh.world.mng
    work = host.home / "work"
    work.mkdir()
    mng("create", "a1", "--agent-cmd", "cat", "--host", "web", "--in-place", "--from", f"web:{work}", "--no-connect")
    assert [(row["name"], row["state"], row["host"]["name"]) for row in mng("list", "--json").json] == [("a1", "RUNNING", "web")]
    assert mng("exec", "a1", "pwd; echo $MNG_AGENT_NAME").out == f"{work}\na1\n"
    assert "delivered" in mng("message", "a1@web", "-m", "hello there").out
    ssh.world.wait(lambda: "hello there" in mng("logs", "a1", "screen").out)
    assert mng("stop", "a1").out == "a1: stopped\n"
    assert mng("start", "a1@web").out == "a1: started\n"
    mng("rename", "a1", "b1")
    assert mng("list", "--host", "web", "--fields", "name,state", "--json").json == [{"name": "b1", "state": "RUNNING"}]
    mng("destroy", "-f", "b1")
    assert mng("list", "--json").json == [] and list((host.dir / "agents").iterdir()) == []
    assert work.is_dir()
