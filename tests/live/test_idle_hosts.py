"""Containers whose agents are idle or have ended: paused or stopped from inside, without mng, and brought back."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from mng.agents import limits
from mng.agents.demo import Demo
from tests.bed.sshd import Sshd
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
DEMO = ["demo", "--no-connect", "--await-ready"]
HOOKS = """
for kind in boot post_services stop; do
    mkdir -p ~/.mng/hooks/$kind
    printf '#!/bin/sh\\necho %s >>~/hooked\\n' $kind >~/.mng/hooks/$kind/tell
    chmod +x ~/.mng/hooks/$kind/tell
done
"""


def rows(world: World) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in world.mng("list", "--json").json}


def hosts(world: World) -> set[str]:
    return {row["host"]["state"] for row in rows(world).values()}


def test_idle_agents_pause_their_host_and_come_back(there: World) -> None:
    there.mng("create", "a", *DEMO, "--in", "docker", "--host-name", "box", "--idle-timeout", "12", timeout=180)
    there.mng("create", "b", *DEMO, "--host", "box", "--idle-timeout", "10")
    there.mng("create", "ended", "--agent-cmd", "true", "--no-connect", "--host", "box", check=False)
    assert hosts(there) == {"RUNNING"} and rows(there)["a"]["idle_mode"] == "io"
    there.mng("exec", "a", HOOKS)
    there.wait(lambda: hosts(there) == {"PAUSED"}, 60, "the host to be paused")
    assert {name: row["state"] for name, row in rows(there).items()} == {"a": "STOPPED", "b": "STOPPED", "ended": "DONE"}
    assert {row["name"]: row["result"] for row in there.mng("start", "a", "--json", timeout=120).json} == dict.fromkeys(
        "ab", "started"
    )
    there.mng("limit", "a", "--idle-mode", "disabled")
    assert {rows(there)[name]["state"] for name in "ab"} <= {"WAITING", "RUNNING"} and rows(there)["ended"]["state"] == "DONE"
    assert there.mng("exec", "a", "cat ~/hooked").out.split()[:3] == ["stop", "boot", "post_services"]
    there.mng("message", "a", "-m", "still there?", "--wait", timeout=120)


def test_a_host_stops_when_all_its_agents_have_ended(there: World) -> None:
    there.mng("create", "a", "--in", "docker", "--agent-cmd", "sleep 2", "--no-connect", timeout=180)
    there.mng("create", "b", "--host", rows(there)["a"]["host"]["name"], "--agent-cmd", "sleep 3; exit 4", "--no-connect")
    there.wait(lambda: hosts(there) == {"STOPPED"}, 60, "the host to stop")
    assert {name: row["state"] for name, row in rows(there).items()} == {"a": "DONE", "b": "FAILED"}


def test_on_a_host_that_is_not_ours_only_the_agent_stops(world: World) -> None:
    bed = Sshd(world)
    try:
        bed.start("box")
        world.mng("create", "a", *DEMO, "--host", "box", "--idle-timeout", "3")
        world.mng("create", "b", *DEMO, "--host", "box", "--idle-timeout", "1h")
        world.wait(lambda: rows(world)["a"]["state"] == "STOPPED", 60, "a to stop")
        assert rows(world)["b"]["state"] == "WAITING"
        world.mng("limit", "b", "--idle-timeout", "2")
        world.wait(lambda: rows(world)["b"]["state"] == "STOPPED", 60, "b to stop")
        world.expect_no_leftovers()
    finally:
        bed.end()


BEFORE = ["create", "boot", "start", "ssh", "agent", "user"]  # all of them long ago
KEPT_BY = {  # what of these just happened keeps it, in each mode
    "io": BEFORE, "user": ["create", "boot", "start", "ssh", "user"], "agent": ["create", "boot", "start", "ssh", "agent"],
    "ssh": ["create", "boot", "start", "ssh"], "create": ["create"], "boot": ["boot"], "start": ["boot", "start"],
}  # fmt: skip


@pytest.mark.parametrize("mode", KEPT_BY)
def test_every_mode(world: World, mode: str) -> None:
    """The watcher itself, with a tmux that has one pane: which activity keeps the agent, and which does not."""
    dir, folder = world.root / "far", world.root / "far/agents/agent-1"
    for one in ("commands", "activity", "agents/agent-1/activity", "agents/agent-1/plugin/demo"):
        (dir / one).mkdir(parents=True)
    script = (Path(limits.__file__).parent / "watch.sh").read_text().split("\nended=0\n")[0]
    (dir / "commands/watch.sh").write_text(f'{script}\npanes="=agent-1 0 $2 1 s $3 title"\njudge "$dir/agents/agent-1"\n')
    (folder / "data.json").write_text('{"phase": "ready"}')
    status = folder / "plugin/demo/status"

    def judged(*new: str, state: str = "idle") -> str:
        status.write_text(f'{{"state": "{state}"}}')
        for name in ("create", "boot", "start", "agent", "user"):
            (folder / "activity" / name).touch()
        (dir / "activity/boot").touch()
        for path in (*folder.glob("activity/*"), dir / "activity/boot", status):
            os.utime(path, (1000 + (path == status), 1000 + (path == status)))
        for name in new:
            path = dir / "activity/boot" if name == "boot" else status if name == "agent" else folder / "activity" / name
            if name in ("start",):
                os.utime(status, (time.time(), time.time() + 1))
            path.touch() if name != "ssh" else None
        words = (int("ssh" in new), int(time.time()) if "print" in new else 1000)
        return world.run("sh", dir / "commands/watch.sh", "/no", *words).out.strip()

    sources = " ".join(limits.MODES[mode])
    (folder / "limits").write_text(f"seconds=60 sources='{sources}' kind=demo\nrests() {{ {Demo.rests}; }}\n")
    assert judged() == "idle"
    assert judged(state="busy") == "busy"
    for name in BEFORE:
        if name == "start" and mode not in ("create", "boot"):
            continue  # its status counts as the agent's, too
        assert judged(name) == ("busy" if name in KEPT_BY[mode] else "idle"), name
    assert judged("print") == "idle", "its status tells, whatever it prints"
    (folder / "limits").write_text(f"seconds=60 sources='{sources}' kind=generic prints=1\nrests() {{ false; }}\n")
    assert judged() == "idle" and judged("print") == ("busy" if "agent" in KEPT_BY[mode] else "idle")
