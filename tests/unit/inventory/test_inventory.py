"""Hosts by pattern: providers' and those of inventory files, from where these are found, to how each is reached."""

import os
import stat
from pathlib import Path

import pytest

from mng import settings
from mng.errors import MngError, NotAvailable, NotFound, UsageError
from mng.inventory.inventory import Inventory
from mng.inventory.places import sources
from mng.ssh.runner import SshRunner
from mng.ssh.target import Target

HOSTS = """
[web.hosts]
web1 = { address = "192.0.2.1", port = 2201, user = "deploy", key_file = "~/.ssh/web", tags = { env = "prod", zone = "a b" } }
"web[2:3]" = {}

[db.hosts]
db1 = { tags = { env = "prod" } }

[me.hosts]
here = { ansible_connection = "local" }

[all.vars]
user = "everyone"
"""


def names(pattern: str, limit: str = "") -> list[str]:
    return [host.name for host in Inventory().hosts(pattern, limit)]


def target(name: str) -> Target:
    runner = Inventory().host(name).runner
    assert isinstance(runner, SshRunner)
    return runner.target


@pytest.fixture
def project(home: Path) -> Path:
    folder = home / "work"
    (folder / ".git").mkdir()
    (folder / "inventory").mkdir()
    (folder / "inventory" / "hosts.toml").write_text(HOSTS)
    return folder


def test_hosts_of_a_project_by_pattern(project: Path) -> None:
    assert names("web") == ["web1", "web2", "web3"]
    assert names("web:!web2,db1") == ["web1", "web3", "db1"] or names("web,!web2,db1") == ["web1", "web3", "db1"]
    assert names("all") == ["web1", "web2", "web3", "db1", "local"], "here is this machine, and written down"
    assert names("local,web1") == ["local", "web1"] and names("localhost") == ["local"] and names("here") == ["local"]
    assert names("web", "web1,web3") == ["web1", "web3"] and names((), "db*") == ["db1"]
    assert Inventory().hosts(["web1", "db1"]) and len(Inventory().hosts(("web1", "db1"))) == 2
    assert [host.name for host in Inventory().hosts()] == ["local"], "those of files are not asked for"


def test_groups_by_provider_tag_and_state(project: Path) -> None:
    assert names("tag_env_prod") == ["web1", "db1"] and names("tag_zone_a_b") == ["web1"]
    assert names("provider_*:!here") == ["web1", "web2", "web3", "db1"]
    assert names("web:&tag_env_prod") == ["web1"]


def test_how_a_host_is_reached(project: Path) -> None:
    assert target("web1") == Target("192.0.2.1", 2201, "deploy", str(Path.home() / ".ssh/web"))
    assert target("web2") == Target("web2", 0, "everyone")
    assert Inventory().host("web1").tags == {"env": "prod", "zone": "a b"}
    assert target("me@192.0.2.7:2222") == Target("192.0.2.7", 2222, "me")
    assert names("me@192.0.2.7:2222,web1") == ["me@192.0.2.7:2222", "web1"] and names("me@host:22") == ["me@host:22"]
    first, again = Inventory().hosts("web1")[0], Inventory().host("web1")
    assert first.id == again.id and first.provider == "ssh"


def test_no_host_is_an_error_with_near_names(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pattern, close in (("wbe", "web"), ("web1:!web", "web1"), ("tag_env_prd", "tag_env_prod"), ("web9*", "")):
        with pytest.raises(NotFound) as error:
            names(pattern)
        assert error.value.exit_code == 3 and close in error.value.hint
    with pytest.raises(NotFound, match="no host matches web --limit db1"):
        names("web", "db1")
    assert names("web1:nope") == ["web1"]
    assert "no host or group nope" in capsys.readouterr().err
    with pytest.raises(NotFound) as error:
        names("web:&nope,mars")
    assert error.value.hint == "a pattern has commas or colons, not both"
    with pytest.raises(UsageError, match="web is 3 hosts"):
        Inventory().host("web")
    for pattern in ("~(", "web:!"):
        with pytest.raises(UsageError):
            names(pattern)
    with pytest.raises(NotFound, match=r"web\[3\]: there are only 3"):
        names("web[3]")


def test_limits_from_files(project: Path) -> None:
    (project / "some").write_text("web2\n\n~db\n")
    assert names("all", "@some") == ["web2", "db1"]
    with pytest.raises(UsageError, match="--limit @none: No such file"):
        names("all", "@none")
    with pytest.raises(NotFound, match="no host failed the last time"):
        names("all", "@failed")
    failed = Inventory().failed_file
    failed.parent.mkdir(parents=True, exist_ok=True)
    failed.write_text("web3\n")
    assert names("all", "@failed") == ["web3"]
    (project / "failed").write_text("web1\n")
    assert names("all", "@failed") == ["web1"], "a file of one's own"


class TestPlaces:
    def test_the_user_then_ansible_then_the_project(self, home: Path, project: Path) -> None:
        for file in (
            home / ".mng/inventory/hosts",
            home / "ansible/production",
            project / "sub/.mng/x",
            project / "sub/inventory/hosts.yml",
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
        (project / "ansible.cfg").write_text(f"[defaults]\ninventory = {home}/ansible/production , inventory\n")
        for name in ("hosts.toml~", "hosts.md", "hostsfile", ".hosts"):
            (project / "inventory" / name).write_text("")
        found = sources(settings.load(project / "sub"))
        assert [str(file.relative_to(home)) for file in found] == [
            ".mng/inventory/hosts", "ansible/production", "work/inventory", "work/inventory/hosts.toml",
            "work/sub/inventory/hosts.yml",
        ]  # fmt: skip

    def test_the_setting_alone_counts(self, home: Path, project: Path) -> None:
        (project / ".mng").mkdir()
        (project / "lab.ini").write_text("lab1\n")
        (project / ".mng" / "settings.toml").write_text('inventory = ["lab.ini"]\n')
        assert names("all") == ["lab1"]
        os.chdir(project / "inventory")
        assert names("lab1") == ["lab1"]
        (project / "lab.ini").unlink()
        with pytest.raises(UsageError, match=r"settings.toml: inventory: there is no .*lab.ini"):
            names("all")

    def test_variables_of_ansible(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (home / "one.ini").write_text("one\n")
        (home / "my.cfg").write_text("[defaults]\ninventory = one.ini\n")
        monkeypatch.setenv("ANSIBLE_CONFIG", str(home / "my.cfg"))
        assert names("all") == ["one"]
        monkeypatch.setenv("ANSIBLE_INVENTORY", f"{home}/two.ini")
        (home / "two.ini").write_text("two\n")
        assert names("all") == ["two"]


class TestWrongInventories:
    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("hosts.ini", "[web\nw1", "hosts.ini:1"),
            ("hosts.ini", "[web]\nw1 user", "hosts.ini:2: 'user' is not KEY=VALUE"),
            ("hosts.ini", "w1 a='b", "hosts.ini:1: .*No closing quotation"),
            ("hosts.ini", "[a:children]\nb", "hosts.ini:2: b is put into a, but there is no such group"),
            ("hosts.ini", "[a:vars]\nb=1", r"hosts.ini:1: \[a:vars\], but there is no group a"),
            ("hosts.ini", "[a:chidren]\nb", "neither a group nor its children or vars"),
            ("hosts.ini", "w[1:x]", r"w\[1:x\]: \[1:x\] is no range"),
            ("hosts.ini", "w[08:100]", "not equally long"),
            ("hosts.ini", "[a:children]\nb\n[b:children]\na", "the group a can't be in b, which is in it"),
            ("hosts.yml", "web:\n  hosts: [a, b]", "web: hosts has to be a mapping"),
            ("hosts.yml", "web:\n  hosts:\n   a: [", "hosts.yml:3|hosts.yml:4"),
            ("hosts.yml", "- a", "is no inventory"),
            ("hosts.yml", "plugin: aws_ec2", "Ansible's inventory plugin aws_ec2"),
            ("hosts.toml", "web = 1", "web has to be a group"),
            ("hosts.toml", "[web]\nweb1 = {}", "web has hosts, vars and children, not web1"),
            ("hosts.toml", "[web", "hosts.toml:1"),
            ("hosts.ini", "\udcff", "hosts.ini: 'utf-8' codec"),
        ],
    )
    def test_is_said_with_its_place(self, home: Path, name: str, text: str, said: str) -> None:
        file = home / ".mng/inventory" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(MngError, match=said):
            names("all")
        assert [host.name for host in Inventory().hosts()] == ["local"], "no command but those that ask for hosts notices"

    @pytest.mark.parametrize(
        ("line", "kind"),
        [("w ansible_connection=winrm", NotAvailable), ("w ansible_host='{{ nope }}'", UsageError),
         ("w ansible_port=ssh", UsageError),
         ("w ansible_host='{{ a | upper }}' a=1", UsageError), ("w ansible_host='{{ a }}' a='{{ a }}'", UsageError)],
    )  # fmt: skip
    def test_a_host_that_can_not_be_reached_is_said_when_it_is_needed(self, home: Path, line: str, kind: type[MngError]) -> None:
        (home / ".mng/inventory").mkdir(parents=True)
        (home / ".mng/inventory/hosts").write_text(f"{line}\nother\n")
        assert names("other") == ["other"]
        with pytest.raises(kind, match=r"^.?.?w[: ]"):
            names("w")


class TestPrograms:
    VARS = '{"p1": {"ansible_host": "192.0.2.5", "ansible_password": "hunter2", "db_secret": "x"}}'
    SAYS = f'{{"_meta": {{"hostvars": {VARS}}}, "g": ["p1"]}}'

    def program(self, home: Path, text: str) -> Path:
        file = home / ".mng/inventory/hosts.sh"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\necho run >> {home}/runs\n{text}\n")
        file.chmod(0o755)
        return file

    def test_run_only_when_hosts_are_asked_for(self, home: Path) -> None:
        self.program(home, f"echo '{self.SAYS}'")
        inventory = Inventory()
        assert [host.name for host in inventory.hosts()] == ["local"] and inventory.written().vars == {}
        assert not (home / "runs").exists()
        assert names("g") == ["p1"] and target("p1").address == "192.0.2.5"
        runs = (home / "runs").read_text()
        assert Inventory().written().vars == {"p1": {"ansible_host": "192.0.2.5"}}, "as it was said last"
        assert (home / "runs").read_text() == runs
        kept = list((home / ".mng/cache/inventory").iterdir())
        assert len(kept) == 1 and stat.S_IMODE(kept[0].stat().st_mode) == 0o600
        assert "hunter2" not in kept[0].read_text() and "secret" not in kept[0].read_text()

    @pytest.mark.parametrize(
        ("text", "said"),
        [("echo no >&2; exit 3", "--list: ended with 3: no"), ("echo hello", "prints no JSON"), ("echo []", "prints no groups"),
         ("echo '{\"g\": 1}'", "group g is neither a list nor a table")],
    )  # fmt: skip
    def test_what_goes_wrong_in_it(self, home: Path, text: str, said: str) -> None:
        self.program(home, text)
        with pytest.raises(MngError, match=said):
            names("all")

    def test_one_that_does_not_end(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mng.inventory.script.DEADLINE", 0.3)
        self.program(home, "sleep 100 & sleep 100")
        with pytest.raises(MngError, match=r"hosts.sh --list: not done after 0.3 s"):
            names("all")
