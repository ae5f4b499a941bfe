"""Hosts over SSH: real sshd's on loopback."""

import getpass
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mng.cli.chosen import side_by_side
from mng.errors import CommandFailed, MngError
from mng.inventory.provider import HostSpec, Provider
from mng.inventory.ssh import Ssh
from mng.runner import File
from mng.settings import Settings
from mng.shell import cmd, raw
from mng.ssh.runner import SshRunner
from mng.ssh.target import Target
from tests.bed.need import missing
from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.unit.inventory.test_contract import TestContract as Contract

pytestmark = pytest.mark.live
To = Callable[..., SshRunner]


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
def to() -> Iterator[Callable[..., SshRunner]]:
    """`to("web")` is a runner for that host."""
    made: list[SshRunner] = []

    def runner(name: str, *options: str) -> SshRunner:
        made.append(SshRunner(Target(name, options=options)))
        return made[-1]

    yield runner
    for one in made:
        one.close()


@pytest.fixture
def runner(ssh: Sshd, to: To) -> SshRunner:
    ssh.start("web")
    return to("web")


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
def test_a_lock_is_held_by_one_and_freed_by_a_dropped_connection(ssh: Sshd, flock: bool, to: To) -> None:
    env = {} if flock else ssh.world.without("flock")
    host = ssh.start("web", env=env)
    one, two, path, order = to("web"), to("web"), str(host.root / "l" / "lock"), list[str]()

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


def test_a_folder_of_the_host_is_needed(ssh: Sshd) -> None:
    ssh.start("web")
    refused = ssh.world.mng("create", "a", "demo", "--host", "web", "--in-place", "--no-connect", check=False)
    assert refused.code == 2 and "--from web:PATH" in refused.err


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


def test_a_first_message_is_delivered_by_a_process_with_a_connection_of_its_own(ssh: Sshd) -> None:
    ssh.world.env["SSH_AUTH_SOCK"] = ""
    host, mng = ssh.start("web"), ssh.world.mng
    made = mng(
        "create", "d", "demo", "--host", "web", "--in-place", "--from", f"web:{host.home}", "-m", "hello demo", "--no-connect"
    )
    assert "in background (PID:" in made.err
    ssh.world.wait(lambda: "hello demo" in mng("logs", "d@web", "transcript").out, 30)
    ssh.world.wait(lambda: "delivered" in mng("logs", "d@web", "delivery").out, 30)
    assert "and again" in mng("message", "d", "-m", "and again", "--wait").out
    row = mng("list", "--json").json[0]
    assert (row["state"], row["state_source"]) == ("WAITING", "file")
    mng("destroy", "-f", "d")


@pytest.mark.agents
def test_real_agents_over_ssh(ssh: Sshd, real: str) -> None:
    world, mng = ssh.world, ssh.world.mng
    host = ssh.start("web", env={"HOME": str(world.home), "PATH": world.env["PATH"]})
    world.make_repo(world.home / "project")
    mng("create", "a", real, "--host", "web", "--from", "web:~/project", "--no-connect", "--await-ready", timeout=120)
    assert "ECHO: first words" in mng("message", "a", "-m", "first words", "--wait", timeout=120).out
    before = host.count("Starting session")
    assert [(row["name"], row["state"]) for row in mng("list", "--json").json] == [("a", "WAITING")]
    assert host.count("Starting session") - before <= (1 if real == "claude" else 2)  # codex is known by its transcript
    mng("stop", "a")
    mng("start", "a", timeout=120)
    assert "ECHO: more words" in mng("message", "a@web", "-m", "more words", "--wait", timeout=120).out
    mng("destroy", "-f", "a")


def test_exec_on_hosts_themselves(ssh: Sshd) -> None:
    one, two = ssh.start("one"), ssh.start("two")
    ran = ssh.world.mng("exec", "--host", "one", "pwd; cat", input="typed\n", cwd="/")
    assert ran.out.endswith("typed\n") and ran.code == 0
    assert ssh.world.mng("exec", "--host", "one", "exit 7", check=False).code == 7
    both = ssh.world.mng("exec", "--host", "one,two", "echo $MNG_HOST_DIR")
    assert sorted(both.out.splitlines()) == [f"one | {one.dir}", f"two | {two.dir}"]
    assert one.count("Starting session") == 3 and two.count("Starting session") == 1
    as_user = ssh.world.mng("exec", "--host", "one", "--user", "nobody", "id -un", check=False)
    assert as_user.out == "nobody\n" or "sudo" in as_user.err


def test_a_host_that_is_not_known_is_refused_with_its_fingerprint(ssh: Sshd) -> None:
    host = ssh.start("web", known=False)
    print_of = ssh.world.run("ssh-keygen", "-lf", host.root / "key.pub").out.split()[1]
    refused = ssh.world.mng("exec", "--host", "web", "true", check=False)
    assert refused.code == 4 and print_of in refused.err and "--allow-unknown-host" in refused.err
    assert host.count("Accepted") == 0
    ssh.world.mng("exec", "--host", "web", "--allow-unknown-host", "true")
    ssh.world.mng("exec", "--host", "web", "true")
    ssh.world.run("ssh", "-o", "BatchMode=yes", "web", "true")
    lines = (ssh.folder / "known_hosts").read_text()
    other = ssh.key.with_suffix(".pub").read_text().split()[1]
    (ssh.folder / "known_hosts").write_text(
        f"not a line\n[127.0.0.1]:{host.port} ssh-ed25519 x\n" + lines.replace(lines.split()[2], other)
    )
    changed = ssh.world.mng("exec", "--host", "web", "--allow-unknown-host", "true", check=False)
    assert changed.code == 4 and "CHANGED" in changed.err and "ssh-keygen -R" in changed.err


@pytest.mark.parametrize("shell", ["/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh", "/usr/bin/zsh"])
def test_any_login_shell(ssh: Sshd, shell: str, to: To) -> None:
    """sshd takes the shell of /etc/passwd; here a ForceCommand hands the line to another one as sshd would."""
    if not Path(shell).exists():
        missing(f"{shell} is not installed")
    ssh.start("web", config=f'ForceCommand {shell} -c "$SSH_ORIGINAL_COMMAND"')
    line = "printf '%s|' 'it''s' \"a\\b\" '!x' '%h' '$HOME' 'a\nb'; echo ü"
    assert to("web").run(raw(line)).out == "it's|a\\b|!x|%h|$HOME|a\nb|ü\n".replace("it's", "its").encode()


def test_start_up_files_that_print_and_a_home_with_a_space(ssh: Sshd, to: To) -> None:
    home = ssh.world.root / "a home"
    home.mkdir()
    noise = "echo noise; echo more noise >&2; printf 'no newline \\001 '\n"
    (home / ".bashrc").write_text(noise)
    ssh.start(
        "web", env={"HOME": str(home), "MNG_HOST_DIR": ""}, config='ForceCommand bash -c ". ~/.bashrc; $SSH_ORIGINAL_COMMAND"'
    )
    runner, mng = to("web"), ssh.world.mng
    done = runner.run(raw("echo out; echo err >&2"))
    assert (done.out, done.err) == (b"out\n", b"err\n")
    mng("create", "a", "--agent-cmd", "cat", "--host", "web", "--in-place", "--from", "web:~", "--no-connect")
    assert mng("exec", "a@web", "pwd").out == f"{home}\n"
    assert [row["state"] for row in mng("list", "--json").json] == ["RUNNING"]
    assert (home / ".mng" / "agents").is_dir()
    mng("destroy", "-f", "a@web")


def test_a_login_shell_that_runs_nothing_is_told(ssh: Sshd, to: To) -> None:
    ssh.start("web", config='ForceCommand echo "This account is not available"')
    with pytest.raises(MngError, match="its login shell ran nothing; it said: This account is not available"):
        to("web").run(cmd("true"))


# --- limits


def test_fifty_operations_at_once_under_tight_limits(ssh: Sshd, to: To) -> None:
    ssh.start("web", config="MaxSessions 2\nMaxStartups 3")
    runner = to("web")
    done = side_by_side(lambda number: runner.run(cmd("echo", number)).text, range(50), 50)
    assert done == [str(number) for number in range(50)] and runner.links.opened == 1

    def locked(number: int) -> str:
        with runner.lock(f"{ssh.hosts['web'].root}/lock{number}", timeout=20):
            return runner.run(cmd("echo", number)).text

    assert side_by_side(locked, range(8), 8) == [str(number) for number in range(8)]
    processes = [ssh.world.start("mng", "exec", "--host", "web", f"echo {number}") for number in range(20)]
    assert [process.communicate(timeout=120)[0] for process in processes] == [f"{number}\n" for number in range(20)]


def test_one_session_is_enough(ssh: Sshd, to: To) -> None:
    ssh.start("web", config="MaxSessions 1")
    runner = to("web")
    with runner.lock(f"{ssh.hosts['web'].root}/lock", timeout=5):
        assert runner.run(cmd("echo", "there")).text == "there"


# --- the way there


def test_jumps_by_one_and_by_many(ssh: Sshd, to: To) -> None:
    jump, second = ssh.start("jump", config="MaxStartups 3"), ssh.start("second")
    hosts = [ssh.start(f"in{number}") for number in range(6)]
    for host in hosts:
        ssh.alias(host.name, f"Port {host.port}", "ProxyJump jump")
    ssh.alias("far", f"Port {hosts[0].port}", "ProxyJump jump,second")
    names = [host.name for host in hosts]
    assert side_by_side(lambda name: to(name).run(cmd("echo", name)).text, names, 6) == names
    assert jump.count("Accepted publickey") >= 6
    assert to("far").run(cmd("echo", "far")).text == "far"
    assert second.count("Accepted publickey") == 1
    before = jump.count("Accepted publickey")
    assert to("in1", "-o", "ProxyJump=none").run(cmd("echo", "near")).text == "near"
    assert jump.count("Accepted publickey") == before


def test_a_jump_that_is_not_trusted_or_not_there_is_told(ssh: Sshd, to: To) -> None:
    ssh.start("jump", known=False)
    inside = ssh.start("inside")
    ssh.alias("inside", f"Port {inside.port}", "ProxyJump jump")
    with pytest.raises(MngError, match=r"by way of jump: .*[Hh]ost key verification failed"):
        to("inside").run(cmd("true"))


def test_settings_of_ssh_config_count(ssh: Sshd, to: To) -> None:
    web = ssh.start("web", alias=False)
    other = ssh.new_key(ssh.folder / "other")
    ssh.alias("by-command", f"Port {web.port}", "ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'")
    assert to("by-command").run(cmd("echo", "1")).text == "1"
    (ssh.folder / "more").write_text(f"Match host inc* exec true\n    Port {web.port}\nHost included\n    HostName 127.0.0.1\n")
    ssh.config.write_text(f"Include {ssh.folder}/more\nHost *\n" + ssh.config.read_text())
    assert ssh.world.mng("exec", "--host", "included", "echo 2").out == "2\n"
    ssh.alias("wrong-key", f"Port {web.port}", f"IdentityFile {other}", "IdentitiesOnly yes", "IdentityAgent none")
    text = ssh.config.read_text().replace(f"    IdentityFile {ssh.key}\n", "")
    ssh.config.write_text(text)
    refused = ssh.world.mng("exec", "--host", "wrong-key", "true", check=False)
    assert refused.code == 4 and "is not let in" in refused.err and str(other) in refused.err
    known = (ssh.folder / "known_hosts").read_text()
    (ssh.folder / "known_hosts").write_text("the-alias " + " ".join(known.split()[1:]) + "\n")
    ssh.alias("aliased", f"Port {web.port}", f"IdentityFile {ssh.key}", "HostKeyAlias the-alias")
    assert ssh.world.mng("exec", "--host", "aliased", "echo 3").out == "3\n"
    ssh.world.run("ssh-keygen", "-H", "-f", ssh.folder / "known_hosts")
    assert ssh.world.mng("exec", "--host", "aliased", "echo 4").out == "4\n"


def test_keys_of_an_agent(ssh: Sshd) -> None:
    host = ssh.start("web", alias=False)
    held = ssh.new_key(ssh.folder / "held", "a passphrase")
    (host.root / "authorized_keys").write_text(held.with_suffix(".pub").read_text())
    ssh.alias("web", f"Port {host.port}", f"IdentityFile {held}")
    refused = ssh.world.mng("exec", "--host", "web", "true", check=False)
    assert refused.code == 4 and "ssh-add" in refused.err
    socket = ssh.world.root / "agent"
    agent = ssh.world.start("ssh-agent", "-D", "-a", socket)
    ask = ssh.world.tool("ask", "#!/bin/sh\necho a passphrase\n")
    ssh.world.wait(socket.exists)
    env = {"SSH_AUTH_SOCK": str(socket), "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    ssh.world.run("ssh-add", held, env=env)
    assert ssh.world.mng("exec", "--host", "web", "echo in", env=env).out == "in\n"
    ssh.alias("by-socket", f"Port {host.port}", f"IdentityFile {held}", f"IdentityAgent {socket}", "IdentitiesOnly yes")
    assert ssh.world.mng("exec", "--host", "by-socket", "echo in").out == "in\n"
    ssh.alias("no-agent", f"Port {host.port}", f"IdentityFile {held}", "IdentityAgent none")
    assert ssh.world.mng("exec", "--host", "no-agent", "true", env=env, check=False).code == 4
    agent.kill()


def test_another_user_of_a_host_and_what_is_known_of_it(ssh: Sshd) -> None:
    """All that the agent has is that user's; here both are the same person."""
    user, host, mng = getpass.getuser(), ssh.start("one"), ssh.world.mng
    ssh.config.write_text(ssh.config.read_text().replace(f"User {user}", "User nobody"))
    settings = ssh.world.home / ".mng/profiles/default/settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[providers.lab]\nbackend = 'ssh'\n[providers.lab.hosts.two]\naddress='127.0.0.1'\nport={host.port}\n")
    assert "nobody is not let in" in mng("exec", "--host", "one", "true", check=False).err
    for name, alias in (("a", "one"), ("b", "two")):
        words = ["--agent-cmd", "cat", "--host", alias, "--user", user, "--in-place", "--from", f"{alias}:~", "--no-connect"]
        mng("create", name, *words)
    rows = mng("list", "--host", f"{user}@one,{user}@two", "--json", "--on-error", "abort").json
    a, b = (next(row for row in rows if row["host"]["name"] == f"{user}@{alias}") for alias in ("one", "two"))
    assert b["host"]["ssh"] == {
        "command": f"ssh -p {host.port} -l {user} -- 127.0.0.1", "host": "127.0.0.1", "port": host.port, "user": user,
        "key_path": "",
    }  # fmt: skip
    if Path("/proc/meminfo").exists():
        assert a["host"]["resource"]["memory_gb"] > 0.1 and a["host"]["uptime_seconds"] > 0 and a["host"]["boot_time"]
        assert mng("list", "--include", "host.resource.memory_gb > 0.1", "--format", "{name}").out.split()
    host.stop()
    there = mng("list", "--host-timeout", "2", "--json")
    assert {row["host"]["state"] for row in there.json} == {"UNREACHABLE"}
    stopped = mng("list", "--on-error", "abort", check=False)
    assert stopped.code == 4 and stopped.out == "" and f"{user}@one" in stopped.err
