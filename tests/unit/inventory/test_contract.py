"""What every provider of hosts promises; and the inventory over them."""

import time
from pathlib import Path

import pytest

from mng.agents.host_row import host_row
from mng.errors import NotAvailable, NotFound, UsageError
from mng.inventory.inventory import Inventory, on_host
from mng.inventory.local import Local
from mng.inventory.provider import HostSpec, Provider, Snapshot, SnapshotSpec
from mng.records import AgentRecord, Work
from mng.settings import Settings
from mng.shell import cmd


@pytest.fixture(params=["local"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Provider:
    return {"local": lambda: Local(str(tmp_path), "mng-")}[request.param]()


class TestContract:
    def test_a_host_has_a_shell_a_home_and_a_name(self, provider: Provider) -> None:
        host = provider.create(HostSpec())
        assert host.provider == provider.name and host.id.startswith("host-")
        assert host.runner.run(cmd("echo", "hi there")).text == "hi there"
        assert host.runner.run(cmd("test", "-d", host.home)).code == 0

    def test_it_is_listed_and_stays_the_same(self, provider: Provider) -> None:
        host = provider.create(HostSpec())
        assert host.id in [one.id for one in provider.hosts()] == [one.id for one in provider.hosts()]
        assert provider.start(host).id == host.id

    @pytest.mark.parametrize("what", ["stop", "destroy", "drop_snapshot"])
    def test_what_it_can_not_do_it_says(self, provider: Provider, what: str) -> None:
        host = provider.create(HostSpec())
        thing = Snapshot("s", "s", host.id, 0.0) if what == "drop_snapshot" else host
        with pytest.raises(NotAvailable):
            getattr(provider, what)(thing)

    def test_snapshots_that_it_does_not_take_it_refuses(self, provider: Provider) -> None:
        with pytest.raises(NotAvailable):
            provider.snapshot(provider.create(HostSpec()), SnapshotSpec())
        assert provider.snapshots() == []

    def test_it_can_be_checked(self, provider: Provider) -> None:
        checks = provider.checks()
        assert f"provider {provider.name}" in [check.name for check in checks]
        assert all(check.found and check.status in ("ok", "missing", "warning") for check in checks)

    def test_it_refuses_what_it_does_not_know(self, provider: Provider) -> None:
        for spec in (HostSpec(build_args=("gpu=1",)), HostSpec(start_args=("-x",)), HostSpec(tags={"a": "b"})):
            with pytest.raises(UsageError):
                provider.create(spec)
        with pytest.raises(NotAvailable):
            provider.create(HostSpec(snapshot="s"))


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(Settings(prefix="mng-", host_dir=tmp_path))


def test_hosts_by_pattern(inventory: Inventory) -> None:
    for pattern in ("local", "localhost", "@local", inventory.local.host.id):
        assert [host.name for host in inventory.hosts((pattern,))] == ["local"]
    for pattern in ("all", "*", "l*", "~l", "!web", "provider_local", "state_running"):
        with pytest.raises(NotFound, match="no host matches"):
            inventory.hosts((pattern,))
    with pytest.raises(NotFound, match="no host matches loca"):
        inventory.hosts(("loca",))
    with pytest.raises(NotAvailable, match="no provider 'mars'"):
        inventory.provider("mars")


def test_a_host_that_a_command_has_to_itself(inventory: Inventory) -> None:
    (host,) = inventory.hosts()
    before = time.time()
    assert host.locked == 0
    with inventory.alone_with(host):
        (seen,) = [host_row(host) for host in inventory.hosts()]
        assert seen.is_locked and seen.locked_time and seen.locked_time.timestamp() > before - 2
    assert [host.locked for host in inventory.hosts()] == [0]


def test_agents_that_are_found_and_those_that_can_not_be_read(inventory: Inventory, tmp_path: Path) -> None:
    one, two, three, four, five = (f"agent-{number:032x}" for number in range(1, 6))
    good = AgentRecord(id=one, name="a", type="x", work=Work(kind="copy", path="/w"))
    for id_, data in ((one, good.dump()), (two, b"{"), (three, b"")):
        (tmp_path / "agents" / id_).mkdir(parents=True)
        (tmp_path / "agents" / id_ / "data.json").write_bytes(data)
    (tmp_path / "agents" / f".gone-{four}").mkdir()
    (tmp_path / "agents" / five).mkdir()
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "b").symlink_to(f"../agents/{two}")
    found = {one.id: one for one in on_host(inventory.local.host, inventory.local.host.tree())}
    assert sorted(found) == [one, two, three]
    assert found[one].record and found[two].name == "b" and found[three].name == three
    assert f"{two}/data.json" in found[two].problem
