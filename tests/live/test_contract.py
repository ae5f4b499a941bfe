"""What every provider that makes hosts promises. Of those that make none: tests/unit/inventory/test_contract.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mng.errors import MngError, NotAvailable, NotFound, UsageError
from mng.host import Asleep, Host
from mng.inventory.docker import Docker
from mng.inventory.modal import Modal
from mng.inventory.provider import HostSpec, Provider, SnapshotSpec
from mng.shell import cmd
from tests.bed.engine import BASE

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(params=["docker", pytest.param("modal", marks=pytest.mark.account)])
def provider(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    owner = f"host-{tmp_path.name[-6:]}{tmp_path.parent.name[-6:]}"
    one: Provider
    if request.param == "docker":
        one = Docker("docker", owner, tmp_path, f"{owner}-", request.getfixturevalue("docker").host)
    else:
        cloud = request.getfixturevalue("one_cloud")
        for name, value in cloud.env.items():
            monkeypatch.setenv(name, value)
        one = Modal("modal", owner, tmp_path, "mng-")
    yield one
    for host in one.hosts():
        one.destroy(host)
    if isinstance(one, Modal):
        cloud.clear(one.cloud)


def spec(name: str = "", **words: object) -> HostSpec:
    return HostSpec(name, build_args=(f"image={BASE}",), **words)  # type: ignore[arg-type]


def text(host: Host, *words: str) -> str:
    return host.runner.run(cmd(*words), timeout=30).text


def test_its_life(provider: Provider) -> None:
    assert provider.makes_hosts and provider.hosts() == [] and provider.snapshots() == []
    host = provider.create(spec("box", tags={"team": "a"}))
    assert (host.provider, host.name, host.tags, host.state) == (provider.name, "box", {"team": "a"}, "RUNNING")
    assert host.id.startswith("host-") and 0 <= provider.age(host) < 600
    assert text(host, "echo", "hi there") == "hi there" and text(host, "test", "-d", host.home) == ""
    assert [one.id for one in provider.hosts()] == [host.id]
    for word in ("box", host.id):
        found = provider.named(word)
        assert found and found.id == host.id
    assert provider.named("other") is None

    text(host, "sh", "-c", "echo precious > /root/kept")
    again = provider.start(host)  # it runs
    assert text(again, "cat", "/root/kept") == "precious"
    provider.stop(host)
    asleep = provider.named("box")
    assert isinstance(asleep, Asleep) and asleep.state == "STOPPED" and asleep.tags == {"team": "a"}
    with pytest.raises(NotAvailable, match="is STOPPED"):
        asleep.runner.run(cmd("true"))
    provider.stop(asleep)  # it does not run
    started = provider.start(asleep)
    assert (started.id, started.state) == (host.id, "RUNNING") and text(started, "cat", "/root/kept") == "precious"

    provider.destroy(started)
    assert provider.hosts() == [] and provider.named("box") is None and provider.snapshots() == []
    with pytest.raises(MngError):
        provider.start(started)


def test_its_snapshots(provider: Provider) -> None:
    host = provider.create(spec("box"))
    text(host, "sh", "-c", "echo before > /root/kept")
    kept = provider.snapshot(host, SnapshotSpec("first", "what it was", {"a": "b"}))
    assert (kept.name, kept.host_id, kept.description, kept.tags) == ("first", host.id, "what it was", {"a": "b"})
    assert [one.id for one in provider.snapshots()] == [one.id for one in provider.snapshots(host)] == [kept.id]
    (listed,) = provider.hosts()
    assert listed.image and [one.id for one in listed.snapshots] == [kept.id]
    text(host, "sh", "-c", "echo after > /root/kept")
    other = provider.create(HostSpec("other", snapshot=kept.id))
    assert other.id != host.id and text(other, "cat", "/root/kept") == "before" and provider.snapshots(other) == []
    assert text(provider.start(host, kept.id), "cat", "/root/kept") == "before"
    with pytest.raises(NotFound, match="no snapshot 'none'"):
        provider.create(HostSpec("third", snapshot="none"))
    provider.destroy(host, keep=["snapshots"])
    assert [one.id for one in provider.snapshots()] == [kept.id] and len(provider.hosts()) == 1
    assert text(other, "cat", "/root/kept") == "before"
    own = provider.snapshot(other, SnapshotSpec())
    provider.drop_snapshot(own)
    assert [one.id for one in provider.snapshots()] == [kept.id]
    provider.destroy(other)
    (spare,) = [one for one in provider.spares() if one.kind == "snapshots"]
    spare.remove()
    assert provider.snapshots() == [] and provider.hosts() == []


def test_what_it_refuses_leaves_nothing(provider: Provider) -> None:
    for wrong in ("rubbish=1", "image=none.example/none"):
        with pytest.raises(MngError):
            provider.create(HostSpec(build_args=(wrong,)))
    with pytest.raises(UsageError):
        provider.create(HostSpec("a b/c"))
    assert provider.hosts() == []


def test_it_can_be_checked(provider: Provider) -> None:
    checks = provider.checks()
    assert f"provider {provider.name}" in [check.name for check in checks]
    assert all(check.found and check.status == "ok" for check in checks)


def test_another_installation_has_other_hosts(provider: Provider, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    host = provider.create(spec("box"))
    other: Provider
    if isinstance(provider, Docker):
        other = Docker("docker", "host-other", tmp_path / "other", "mng-", str(provider.engine.address))
    else:
        other = Modal("modal", "host-other", tmp_path / "other", "mng-")
    assert other.hosts() == [] and other.named(host.id) is None
    if isinstance(other, Modal):
        request.getfixturevalue("one_cloud").clear(other.cloud)
