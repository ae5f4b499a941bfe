"""Agents that come to Modal from elsewhere, and leave it."""

import pytest

from tests.bed.modal import Cloud
from tests.bed.world import World
from tests.live.test_modal import DEMO, hosts

pytestmark = [pytest.mark.live, pytest.mark.slow]


def test_clones_and_migrations(world: World, there: World, cloud: Cloud) -> None:
    """From here to Modal, from there to a container, and home: with uncommitted work, and the conversation where it moves."""
    world.mng("create", "a", *DEMO)
    world.mng("message", "a", "-m", "zebra", "--wait")
    world.mng("exec", "a", "echo precious > kept")
    world.mng("clone", "a", "b", "--in", "modal", "--no-connect", timeout=180)
    assert world.mng("exec", "b", "cat kept").out == "precious\n"
    world.mng("migrate", "a", "--in", "modal", "--no-connect", timeout=240)
    rows = {row["name"]: row["host"]["provider"] for row in world.mng("list", "--json").json}
    assert rows == {"a": "modal", "b": "modal"} and len(cloud.running()) == 2
    assert world.mng("exec", "a", "cat kept").out == "precious\n"
    world.mng("clone", "a", "c", "--in", "docker", "--no-connect", timeout=180)
    assert world.mng("exec", "c", "cat kept").out == "precious\n"
    world.mng("migrate", "a", "--host", "local", "--no-connect", timeout=240)
    rows = {row["name"]: row["host"]["provider"] for row in world.mng("list", "--json").json}
    assert rows == {"a": "local", "b": "modal", "c": "docker"} and len(cloud.running()) == 1
    assert world.mng("exec", "a", "cat kept").out == "precious\n"
    world.mng("destroy", "-f", "--all", timeout=180)
    assert cloud.running() == [] and hosts(world) == {}


@pytest.mark.account
def test_work_goes_to_and_fro(world: World, cloud: Cloud) -> None:
    world.mng("create", "a", "--in", "modal", *DEMO, timeout=180)
    (world.repo / "new.txt").write_text("from here\n")
    world.mng("push", "a")
    assert world.mng("exec", "a", "cat new.txt").out == "from here\n"
    world.mng("exec", "a", "echo from there > back.txt")
    world.mng("pull", "a", "./got")
    assert (world.repo / "got" / "back.txt").read_text() == "from there\n"
    world.mng("destroy", "-f", "a", timeout=120)


@pytest.mark.account
def test_what_a_stopped_host_still_tells(world: World, cloud: Cloud) -> None:
    world.mng("create", "a", "--in", "modal", *DEMO, timeout=180)
    world.mng("message", "a", "-m", "zebra", "--wait")
    there = world.mng("logs", "a").out
    world.mng("stop", "a", timeout=120)
    assert world.mng("logs", "a").out == there != ""


@pytest.mark.account
def test_cleanup(world: World, cloud: Cloud) -> None:
    world.mng("create", "a", "--in", "modal", *DEMO, timeout=180)
    world.mng("create", "b", *DEMO)
    world.mng("cleanup", "--yes", "--provider", "modal", timeout=120)
    assert cloud.running() == [] and list(hosts(world)) == ["b"]
