"""What goes wrong at Modal: said in a line, nothing left that costs, no work lost."""

from pathlib import Path

import pytest

from tests.bed.modal import Cloud
from tests.bed.world import SCRIPTS, World
from tests.live.test_docker_faults import gc
from tests.live.test_modal import SLEEP, hosts

pytestmark = [pytest.mark.live, pytest.mark.slow]
CREATE = ("create", "x", "--in", "modal", "--host-name", "box", *SLEEP)


def test_what_can_not_be_ended_is_told_and_found_again(world: World, cloud: Cloud) -> None:
    world.mng(*CREATE, timeout=180)
    cloud.fault("SandboxTerminate", status="INTERNAL", times=0)
    failed = world.mng("destroy", "-f", "x", check=False, timeout=120)
    assert failed.code == 1 and "Traceback" not in failed.err and len(cloud.running()) == 1
    cloud.fault("SandboxWaitUntilReady", status="INTERNAL", times=0)
    failed = world.mng("create", "y", "--in", "modal", *SLEEP, check=False, timeout=120)
    assert failed.code == 1 and "may run and cost" in failed.err and len(cloud.running()) == 2
    cloud.mend()
    gc(world)
    assert cloud.running() == [] and hosts(world) == {}


@pytest.mark.parametrize("rpc", ["SandboxCreate", "VolumePutFiles2", "SandboxWaitUntilReady", "SandboxGetTunnels"])
def test_answers_that_are_lost(world: World, cloud: Cloud, rpc: str) -> None:
    """The work is done there, and asked for once more: there is one sandbox."""
    cloud.fault(rpc, status="UNAVAILABLE", after=True)
    world.mng(*CREATE, timeout=180)
    assert len(cloud.running()) == 1 and hosts(world) == {"x": ("RUNNING", "RUNNING")}
    world.mng("destroy", "-f", "x", timeout=120)
    assert cloud.running() == []


def test_an_answer_that_never_comes(world: World, cloud: Cloud) -> None:
    cloud.fault("SandboxCreate", hang=True, after=True)
    failed = world.mng(*CREATE, check=False, timeout=180)
    assert failed.code == 4 and "did not make the sandbox within 30 s" in failed.err
    assert cloud.running() == [] and hosts(world) == {}


def test_a_throttled_account_is_waited_for(world: World, cloud: Cloud) -> None:
    cloud.fault("*", status="RESOURCE_EXHAUSTED", times=4, retry_after=0.2)
    world.mng(*CREATE, timeout=180)
    cloud.fault("*", status="RESOURCE_EXHAUSTED", times=4, retry_after=0.2)
    assert hosts(world) == {"x": ("RUNNING", "RUNNING")}
    world.mng("destroy", "-f", "x", timeout=120)


def test_a_tunnel_that_has_moved(world: World, cloud: Cloud) -> None:
    world.mng(*CREATE, timeout=180)
    world.mng("list")
    cloud.move(cloud.running()[0]["id"])
    assert world.mng("exec", "x", "echo there").out == "there\n"
    world.mng("destroy", "-f", "x", timeout=120)


def test_volumes_that_are_gone(world: World, cloud: Cloud) -> None:
    """Of what mng keeps there is a copy here; a user's volume does not come back empty as if nothing had been in it."""
    world.mng(*CREATE, timeout=180)
    world.mng("create", "y", "--in", "modal", "-b", "volume=cache:/cache", *SLEEP, timeout=180)
    world.mng("exec", "y", "echo precious > kept")
    world.mng("stop", "y", timeout=120)
    cloud.lose_volume(f"{cloud.running()[0]['app']}-state")
    listed = world.mng("list", "--json")
    assert {row["name"]: row["state"] for row in listed.json} == {"x": "RUNNING", "y": "STOPPED"}
    assert "put back from the copy here" in listed.err and "put back" not in world.mng("list").err
    cloud.lose_volume("cache")
    failed = world.mng("start", "y", check=False, timeout=120)
    assert failed.code == 3 and "the volume cache is gone" in failed.err and "modal volume create cache" in failed.err
    assert len(cloud.running()) == 1
    world.run(f"{SCRIPTS}/modal", "volume", "create", "cache")  # as the hint says
    world.mng("start", "y", timeout=120)
    assert world.mng("exec", "y", "cat kept").out == "precious\n"
    world.mng("destroy", "-f", "--all", timeout=120)


def test_records_that_can_not_be_read(world: World, cloud: Cloud) -> None:
    world.mng(*CREATE, timeout=180)
    folder = Path(cloud.state()["volumes"][f"{cloud.running()[0]['app']}-state"])
    (record,) = (folder / "hosts").iterdir()
    for rubbish in (b"", b"{", b"[]", b"\xff\x00"):
        record.write_bytes(rubbish)
        assert hosts(world) == {"x": ("RUNNING", "RUNNING")}
    (folder / "hosts" / "host-none.json").write_bytes(b"rubbish")
    assert "host-none can't be read" in world.mng("list").err and hosts(world) == {"x": ("RUNNING", "RUNNING")}
    (folder / "hosts" / "host-none.json").unlink()
    world.mng("destroy", "-f", "x", timeout=120)


def kept(cloud: Cloud) -> set[str]:
    return {one["id"] for one in cloud.state()["images"] if one["kind"] in ("exit", "snapshot")}


def test_a_day_is_over(world: World, cloud: Cloud) -> None:
    """Also with a GPU, which are other sandboxes at Modal. No state of theirs stays there."""
    before = kept(cloud)
    for name, words in (("x", ()), ("y", ("-b", "gpu=h100"))):
        world.mng("create", name, "--in", "modal", *words, *SLEEP, timeout=180)
        world.mng("exec", name, f"echo {name} > kept")
    for one in cloud.running():
        cloud.finish(one["id"], "timeout")
    failed = world.mng("exec", "x", "true", check=False)
    assert failed.code != 0 and "mng start" in failed.err and "Traceback" not in failed.err
    assert hosts(world) == {"x": ("STOPPED", "STOPPED"), "y": ("STOPPED", "STOPPED")}
    id_ = world.mng("snapshot", "x", "--format", "{id}", timeout=120).out.strip()
    world.mng("create", "z", "--snapshot", id_, "--no-connect", timeout=180)
    assert world.mng("exec", "z", "cat kept").out == "x\n"
    for name in ("x", "y"):
        world.mng("start", name, timeout=180)
        assert world.mng("exec", name, "cat kept").out == f"{name}\n"
    world.mng("destroy", "-f", "--all", timeout=120)
    assert kept(cloud) == before


def test_a_list_that_hangs_at_modal_keeps_no_other(world: World, cloud: Cloud) -> None:
    """Its hosts are shown as they were."""
    world.mng(*CREATE, timeout=180)
    world.mng("create", "here", *SLEEP)
    world.mng("list")
    for rpc, how in (("SandboxList", {"hang": True}), ("VolumeListFiles2", {"status": "INTERNAL"}), ("*", {"hang": True})):
        cloud.fault(rpc, times=0, **how)
        listed = world.mng("list", "--json")
        assert {row["name"]: row["host"]["state"] for row in listed.json} == {"x": "UNREACHABLE", "here": "RUNNING"}
        assert "Modal (modal)" in listed.err
        if "hang" in how:
            looked = world.pty("mng", "list")
            world.wait(lambda looked=looked: "waiting for modal" in looked.text, 30, "the rows so far")
            assert "here" in looked.text.partition("waiting for modal")[0], "the others' rows wait for nobody"
            looked.wait()
        cloud.mend()
    world.mng("destroy", "-f", "--all", timeout=120)
