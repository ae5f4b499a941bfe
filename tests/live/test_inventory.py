"""Commands on hosts by pattern: inventory files of the project and of the user, real sshd's on loopback."""

import getpass
import json
from collections.abc import Iterator

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.live.test_ssh import ssh as ssh

pytestmark = pytest.mark.live
ROLE = (
    "from mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\n"
    "\n\n@role()\ndef mark(on: Play) -> None:\n"
)


class Lab:
    """web1, web2 and db1, which only the project's inventory knows; nothing of them is in ssh_config."""

    def __init__(self, ssh: Sshd) -> None:
        self.world, self.hosts = ssh.world, {name: ssh.start(name, alias=False) for name in ("web1", "web2", "db1")}
        key = ssh.key.rename(ssh.key.with_name("lab key"))
        ssh.config.write_text(f"Host *\n    UserKnownHostsFile {ssh.folder}/known_hosts\n")
        lines = {name: f"{name} ansible_host=127.0.0.1 ansible_port={host.port}" for name, host in self.hosts.items()}
        self.file = self.world.repo / "inventory" / "hosts"
        self.file.parent.mkdir()
        self.file.write_text(
            f"[web]\n{lines['web1']}\n{lines['web2']}\n[db]\n{lines['db1']}\n[prod:children]\ndb\n[prod]\nweb1\n"
            f"[all:vars]\nansible_user={getpass.getuser()}\nansible_ssh_private_key_file='{key}'\n"
            "ansible_ssh_common_args='-o IdentitiesOnly=yes'\n"
        )
        self.mng = self.world.mng

    def named(self, *words: str) -> list[str]:
        return self.mng(*words, "--format", "{name}").out.split()


@pytest.fixture
def lab(ssh: Sshd) -> Iterator[Lab]:
    yield Lab(ssh)


def test_a_line_on_hosts_by_pattern(lab: Lab) -> None:
    assert sorted(lab.mng("exec", "--host", "all", "echo $HOME").out.splitlines()) == sorted(
        f"{name} | {host.home}" for name, host in lab.hosts.items()
    )
    alone = lab.mng("exec", "--host", "web:!web2", "cat; exit 7", input="in", check=False)
    assert (alone.code, alone.out) == (7, "in")
    some = lab.mng("exec", "--host", "all", "case $HOME in *db1*) exit 3 ;; esac", check=False)
    assert some.code == 5 and "2 ok, 1 failed" in some.err
    assert lab.named("list", "--host", "all", "--hosts") == ["web1", "web2", "db1"], "this machine only by its name"
    assert lab.named("list", "--hosts") == ["local", "web1", "web2", "db1"]
    again = lab.mng("exec", "--host", "all", "--limit", "@failed", "echo $HOME", "--json").json
    assert [(row["host"], row["agent"], row["stdout"]) for row in again] == [("db1", "db1", f"{lab.hosts['db1'].home}\n")]
    none = lab.mng("exec", "--host", "all", "--limit", "@failed", "true", check=False)
    assert none.code == 3 and "@failed: no host failed" in none.err, "it went well the last time"
    assert lab.mng("exec", "--host", "web1", "--cwd", "/", "pwd").out == "/\n"
    assert lab.mng("exec", "--host", "web", "--dry-run", "boom").err.splitlines() == [
        f"would run on web{n}: boom" for n in (1, 2)
    ]


def test_this_machine_only_by_its_name(lab: Lab) -> None:
    for pattern in ("local", "localhost", "local,web*,!web*,!db1"):
        assert lab.mng("exec", "--host", pattern, "echo $HOME").out == f"{lab.world.home}\n"
    for pattern in ("l*", "~loc", "!web1:!web2:!db1", "all:&local"):
        assert lab.mng("exec", "--host", pattern, "touch ~/here", check=False).code == 3


def test_a_host_that_is_away_costs_only_itself(lab: Lab) -> None:
    lab.hosts["web2"].stop()
    ran = lab.mng("exec", "--host", "web,db1", "echo hi", check=False)
    assert sorted(ran.out.splitlines()) == ["db1 | hi", "web1 | hi"] and ran.code == 4, ran
    assert "web2: failed" in ran.err
    assert lab.named("exec", "--host", "all", "--limit", "@failed", "--list-hosts", "true") == ["web2"]


@pytest.mark.parametrize(
    "line",
    ["exec --list-hosts true", "provision --list-hosts --role base", "start --list-hosts", "stop --list-hosts",
     "limit --list-hosts", "message --list-hosts -m x", "destroy --list-hosts -f --discard", "list --list-hosts", "list --hosts"],
)  # fmt: skip
def test_whom_a_command_would_touch(lab: Lab, line: str) -> None:
    assert lab.named(*line.split(), "--host", "web[0],db1") == ["web1", "db1"]
    assert lab.named(*line.split(), "--host", "web:&prod") == ["web1"]
    if not line.startswith("list"):
        assert lab.named(*line.split(), "--limit", "web*:!web2") == ["web1"]
    assert lab.mng(*line.split(), "--host", "wbe", check=False).code == 3
    assert "there is: web" in lab.mng(*line.split(), "--host", "wbe", check=False).err
    assert all(host.count("Connection from") == 0 for host in lab.hosts.values()), "nobody went there"


def test_agents_on_hosts_of_an_inventory(lab: Lab) -> None:
    work = lab.hosts["web1"].home / "work"
    work.mkdir()
    lab.mng("create", "a", "--agent-cmd", "cat", "--host", "web1", "--in-place", "--from", f"web1:{work}", "--no-connect")
    lab.mng("create", "here", "demo", "--no-connect", "--no-ensure-clean")
    assert lab.named("list") == ["a", "here"] and lab.named("list", "--host", "web") == ["a"]
    assert lab.named("stop", "a", "--list-hosts") == ["web1"] and lab.named("stop", "--all", "--list-hosts") == ["web1", "local"]
    assert lab.mng("stop", "--host", "prod").out == "a: stopped\n"
    assert lab.mng("start", "--limit", "web1").out == "a: started\n"
    assert lab.mng("exec", "a@web1", "pwd").out == f"{work}\n"
    assert lab.mng("stop", "--host", "db", check=False).code == 3, "no agent there"
    lab.file.write_text("[all]\nweb1 ansible_host=192.0.2.1 ansible_ssh_common_args=\"-o ProxyCommand='touch ~/redirected'\"\n")
    for _ in range(2):  # how a host is reached is fixed when it gets its first agent, whatever an inventory says then
        fixed = lab.mng("list", "--json")
        assert [(row["name"], row["host"]["state"]) for row in fixed.json] == [("a", "RUNNING"), ("here", "RUNNING")]
        assert "web1 is reached as when it got its first agent" in fixed.err
        lab.file.write_text("[all]\nweb1 ansible_connection=local\n")
    assert lab.mng("exec", "--host", "web1", "echo $HOME").out.strip() == str(lab.hosts["web1"].home)
    lab.file.unlink()
    assert lab.mng("exec", "a", "pwd").out == f"{work}\n" and not (lab.world.home / "redirected").exists()


def test_hosts_and_groups(lab: Lab) -> None:
    shown = lab.mng("list", "--hosts").out.splitlines()
    assert shown[0].split() == ["NAME", "PROVIDER", "STATE", "ADDRESS", "GROUPS"]
    assert shown[2].split() == ["web1", "ssh", f"{getpass.getuser()}@127.0.0.1:{lab.hosts['web1'].port}", "prod,", "web"]
    rows = lab.mng("list", "--hosts", "--host", "local", "--json").json
    assert rows[0] | {"tags": {}} == {
        "name": "local", "provider": "local", "state": "RUNNING", "address": "", "tags": {}, "problem": "",
        "groups": [],
    }  # fmt: skip
    lab.file.write_text(lab.file.read_text().replace("[web]\n", "[web]\nwin ansible_connection=winrm\n"))
    bad = lab.mng("list", "--hosts", "--host", "win", "--json").json
    assert "reached by winrm" in bad[0]["problem"]
    assert lab.mng("exec", "--host", "win", "true", check=False).code == 6


def test_roles_on_hosts(lab: Lab, world: World) -> None:
    (world.repo / "roles").mkdir()
    (world.repo / "roles/mark.py").write_text(ROLE + '    ops.file(on, "~/marked", b"yes\\n")\n')
    (world.repo / "tasks.py").write_text("")
    done = lab.mng("provision", "--host", "web:db:!web2", "--role", "mark", check=False)
    assert done.code == 0, done
    assert [name for name, host in lab.hosts.items() if (host.home / "marked").exists()] == ["web1", "db1"]
    assert "no-such" in (again := lab.mng("provision", "--host", "web,no-such", "--role", "mark")).err, again


def test_roles_on_hosts_one_of_which_is_dead(lab: Lab, world: World) -> None:
    """The others go on; the dead one is unreachable in the recap, in the exit code, and in @failed."""
    (world.repo / "roles").mkdir()
    (world.repo / "roles/mark.py").write_text(ROLE + '    ops.file(on, "~/marked", b"yes\\n")\n')
    (world.repo / "tasks.py").write_text("")
    lab.hosts["web1"].stop()
    words = (
        "provision",
        "--host",
        "web,db1",
        "--role",
        "mark",
        "--upload-file",
        f"{lab.file}:there",
        "--user-command",
        "pwd > at",
    )
    done = lab.mng(*words, check=False)
    assert done.code == 4, done
    told = [line for line in done.err.splitlines() if "=" in line]
    assert "web1: ok=0 changed=0 unreachable=1 failed=0 skipped=0" in told, done
    assert "web2: ok=0 changed=3 unreachable=0 failed=0 skipped=0" in told and "db1: ok=0 changed=3" in done.err
    assert "web1: web1 can't be reached" in done.err and "Connection refused" in done.err
    out = done.out.splitlines()
    assert "db1 | changed mark: file ~/marked" in out and "web2 | changed mark: file ~/marked" in out and len(out) == 6
    home = lab.hosts["web2"].home
    assert (home / "at").read_text() == f"{home}\n" and (home / "there").read_text() == lab.file.read_text()
    assert lab.named("exec", "--host", "all", "--limit", "@failed", "--list-hosts", "true") == ["web1"]
    rows = lab.mng(*words, "--json", "--check", check=False).json
    assert [(row["host"], row["status"], row["exit_code"]) for row in rows if row["role"] in ("", "mark")] == [
        ("web1", "unreachable", 4), ("web2", "ok", 0), ("db1", "ok", 0),
    ]  # fmt: skip
    only = lab.mng("provision", "--host", "web1", "--role", "mark", check=False)
    assert only.code == 4 and "unreachable=1" in only.err and only.out == ""


def test_a_line_by_fab(lab: Lab, world: World) -> None:
    (world.home / ".fabric.yaml").write_text("tasks:\n    executor_class: mng.cli.fab.Executor\n")
    ran = world.run("fab", "-H", "web,!web2", "--", "echo $HOME")
    assert ran.out == f"{lab.hosts['web1'].home}\n"
    none = world.run("fab", "-H", "wbe", "--", "true", check=False)
    assert none.code != 0 and "no host matches wbe" in none.err and "Traceback" not in none.err


def test_a_program_is_run_only_for_hosts(lab: Lab, world: World) -> None:
    runs = world.root / "runs"
    rows = {"web": {"hosts": ["p1"], "vars": {"ansible_password": "hunter2"}}, "_meta": {"hostvars": {}}}
    (world.root / "said.json").write_text(json.dumps(rows))
    lab.file.write_text(f"#!/bin/sh\necho run >> {runs}\ncat {world.root}/said.json\n")
    lab.file.chmod(0o755)
    lab.mng("list")
    lab.mng("create", "x", "demo", "--no-connect", "--no-ensure-clean")
    assert not runs.exists()
    assert lab.named("list", "--hosts", "--host", "web") == ["p1"]
    assert len(runs.read_text().splitlines()) == 1
    secret = [file for file in world.root.rglob("*") if file.is_file() and b"hunter2" in file.read_bytes()]
    assert secret == [world.root / "said.json"]
