"""How many calls each command makes to Modal, and many sandboxes at once."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bed.modal import Cloud
from tests.bed.world import World
from tests.live.test_modal import SLEEP, hosts

pytestmark = [pytest.mark.live, pytest.mark.slow]
OPENING = {"AppGetOrCreate", "VolumeGetOrCreate"}  # one each, of every command
LOOKING = {**dict.fromkeys(OPENING, 1), "VolumeListFiles2": 1, "SandboxListV2": 2, "AuthTokenGet": 1}  # and of each host:
EACH = {"VolumeGetFile2": 1, "SandboxGetTunnelsV2": 1}


def test_how_many_calls_a_command_makes(world: World, cloud: Cloud) -> None:
    """No more than these, with one host; `list` and `exec` are exact, and two more calls for each further host."""

    def calls(*words: str) -> dict[str, int]:
        cloud.forget()
        world.mng(*words, timeout=180)
        return dict(cloud.counts())

    create = ("create", "web", "--in", "modal", *SLEEP)
    most = {create: 20, ("snapshot", "web"): 32, ("stop", "web"): 40, ("start", "web"): 32, ("destroy", "-f", "web"): 32}
    found = calls(*create)
    assert sum(found.values()) <= most.pop(create), found
    assert found["SandboxCreateV2"] == 1 and found["VolumePutFiles2"] == 2  # a file is two calls
    assert calls("list") == calls("exec", "web", "true") == LOOKING | EACH
    old = Path(cloud.state()["volumes"][f"{cloud.running()[0]['app']}-state"], "hosts")
    for file in old.iterdir():
        os.utime(file, (time.time() - 120,) * 2)
    assert calls("list") == LOOKING | EACH
    assert calls("list") == LOOKING | {"SandboxGetTunnelsV2": 1}  # what does not change is read once
    for words, limit in most.items():
        found = calls(*words)
        assert sum(found.values()) <= limit, (words, found)
    assert calls("list") == {}  # nothing is known to be there
    world.mng("create", "here", *SLEEP)
    for words in (("list",), ("exec", "here", "true"), ("message", "here", "-m", "x"), ("destroy", "-f", "here")):
        cloud.forget()
        world.mng(*words, check=False)
        assert cloud.counts() == {}, words


def test_twenty_side_by_side(world: World, cloud: Cloud) -> None:
    names = [f"n{number:02}" for number in range(20)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda name: world.mng("create", name, "--in", "modal", *SLEEP, timeout=400), names))
    assert len(made) == len(cloud.running()) == 20
    cloud.forget()
    assert hosts(world) == dict.fromkeys(names, ("RUNNING", "RUNNING"))
    counts = cloud.counts()
    pages = counts.pop("SandboxListV2")
    assert counts == {**{rpc: 1 for rpc in LOOKING if rpc != "SandboxListV2"}, **dict.fromkeys(EACH, 20)}
    assert pages <= 6  # the emulator's pages are small
    done = world.mng("exec", *names, "--", "hostname", timeout=180)
    assert len(done.out.split()) >= 20
    for one in cloud.running()[:5]:
        cloud.finish(one["id"], "timeout")
    assert sorted(state for _, state in hosts(world).values()) == ["RUNNING"] * 15 + ["STOPPED"] * 5
    world.mng("destroy", "-f", "--all", timeout=400)
    assert cloud.running() == [] and hosts(world) == {}
