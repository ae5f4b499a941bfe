"""Broken records, full disks, missing programs, odd names: one clear line each, and the others still listed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.need import need
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live

SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


def clear(ran: Ran, code: int) -> str:
    """An error as people should see it: the code, one line and at most a hint, no traceback."""
    assert ran.code == code, str(ran)
    assert "Traceback" not in ran.err, ran.err
    lines = ran.err.strip().splitlines()
    assert lines and lines[0].startswith("mng: ") and len(lines) <= 3, ran.err
    return lines[0]


def states(world: World, **how: object) -> dict[str, str]:
    return {row["name"]: row["state"] for row in world.mng("list", "--json", **how).json}


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\x00\xff\xfe" * 50, b"null", b"[]", b'{"id": 3}', b'{"id":"agent-x","name":["a"],"type":{},"work":7}'],
)
def test_a_record_of_rubbish(world: World, data: bytes) -> None:
    for name in ("bad", "good"):
        world.mng("create", name, *SLEEP)
    (world.folder("bad") / "data.json").write_bytes(data)
    assert states(world) == {"good": "RUNNING", "bad": "UNKNOWN"}
    assert "data.json" in world.mng("list").out
    assert world.mng("exec", "good", "echo ok").out == "ok\n"
    assert "data.json" in clear(world.mng("stop", "bad", check=False), 1)
    clear(world.mng("destroy", "-f", "bad", check=False), 1)
    world.mng("destroy", "-f", "bad", "--discard")
    assert states(world) == {"good": "RUNNING"}
    world.mng("create", "bad", "--new-branch=mng/bad-2", *SLEEP)
    assert states(world) == {"good": "RUNNING", "bad": "RUNNING"}


@pytest.fixture
def small_disk(world: World) -> Iterator[Path]:
    """MNG_HOST_DIR on a file system of 8 MB of its own."""
    world.host_dir.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", world.host_dir], capture_output=True)
    if done.returncode:
        need("mount-tmpfs")
    yield world.host_dir
    subprocess.run(["umount", "-l", world.host_dir], check=True)


def test_a_full_disk(world: World, small_disk: Path) -> None:
    world.mng("create", "a", *SLEEP)
    world.mng("create", "b", *SLEEP)
    (Path(world.record("b")["work"]["path"]) / "precious").write_text("work")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass  # full now
    assert states(world) == {"a": "RUNNING", "b": "RUNNING"}
    clear(world.mng("create", "c", *SLEEP, check=False), 1)
    world.mng("stop", "a")
    world.mng("destroy", "-f", "a")
    world.mng("destroy", "-f", "b")  # its work is saved in the repository, which has room
    assert states(world) == {}
    assert world.git("for-each-ref", "refs/mng/saved/b/*")


def test_a_read_only_host_dir(world: World, small_disk: Path) -> None:
    world.mng("create", "a", *SLEEP)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert states(world) == {"a": "RUNNING"}
    clear(world.mng("create", "b", *SLEEP, check=False), 1)
    refused = world.mng("destroy", "-f", "a", check=False)
    assert refused.code == 1 and "Read-only" in refused.err and "Traceback" not in refused.err
    assert world.git("branch", "--list", "mng/b") == ""
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    world.mng("destroy", "-f", "a")
    assert states(world) == {}


def test_no_tmux(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    env = world.without("tmux")
    assert states(world, env=env) == {"a": "UNKNOWN"}
    assert "tmux" in clear(world.mng("create", "b", *SLEEP, env=env, check=False), 6)
    assert world.git("branch", "--list", "mng/b") == ""
    assert states(world) == {"a": "RUNNING"}


def test_no_git(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    env = world.without("git")
    assert states(world, env=env) == {"a": "RUNNING"}
    assert "git" in clear(world.mng("create", "b", *SLEEP, env=env, check=False), 6)
    refused = world.mng("destroy", "-f", "a", env=env, check=False)
    clear(refused, 8)
    assert Path(world.record("a")["work"]["path"]).is_dir()


def test_a_vanished_work_dir(world: World) -> None:
    for name in ("a", "b"):
        world.mng("create", name, *SLEEP)
    work = world.record("a")["work"]["path"]
    world.mng("stop", "a")
    shutil.rmtree(work)
    assert states(world) == {"a": "STOPPED", "b": "RUNNING"}
    assert work in clear(world.mng("start", "a", check=False), 3)
    clear(world.mng("exec", "a", "true", check=False), 3)
    world.mng("destroy", "-f", "a")
    assert states(world) == {"b": "RUNNING"}
    world.mng("create", "a", *SLEEP)


def test_an_agent_that_exits_at_once(world: World) -> None:
    failed = world.mng("create", "x", "--agent-cmd", "echo no-such-account >&2; exit 3", "--no-connect", check=False)
    line = clear(failed, 1)
    assert "ended at once" in line and "exit code 3" in line
    assert "no-such-account" in failed.err and "mng destroy x" in failed.err
    assert states(world) == {"x": "FAILED"}


def test_an_agent_that_does_not_exist(world: World) -> None:
    assert "no-such-program" in clear(world.mng("create", "x", "no-such-program", "--no-connect", check=False), 6)
    assert "no-such-program" in clear(
        world.mng("create", "x", "--agent-cmd", "no-such-program -x", "--no-connect", check=False), 6
    )
    assert states(world) == {}
    assert world.git("branch", "--list", "mng/*") == ""


def test_an_agent_that_ends_by_itself(world: World) -> None:
    world.mng("create", "x", "--agent-cmd", "sleep 0.3", "--no-connect")
    world.wait(lambda: states(world) == {"x": "DONE"}, what="DONE")
    assert "dead" in world.mng("message", "x", "-m", "hello", "--no-start", check=False).out


def test_a_hand_made_session(world: World) -> None:
    world.tmux("new-session", "-d", "-s", f"{world.prefix}hand", "sleep 99999")
    world.tmux("new-session", "-d", "-s", f"{world.prefix}shell")
    world.wait(lambda: states(world) == {"hand": "RUNNING", "shell": "DONE"}, what="a shell that has started")
    clear(world.mng("create", "hand", *SLEEP, check=False), 1)
    told = world.mng("message", "shell", "-m", "touch pwned", check=False)
    assert told.code == 1 and "dead" in told.out
    assert "pwned" not in world.tmux("capture-pane", "-p", "-t", f"={world.prefix}shell:")
    world.mng("stop", "hand")
    assert states(world) == {"shell": "DONE"}


def test_a_tmux_server_that_died(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    world.tmux("kill-server")
    row = world.mng("list", "--json").json[0]
    assert (row["state"], row["state_reason"]) == ("STOPPED", "its tmux session is gone")
    world.mng("start", "a")
    assert states(world) == {"a": "RUNNING"}


def test_a_tmux_server_that_hangs(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    pid = int(world.tmux("display-message", "-p", "#{pid}"))
    os.kill(pid, 19)
    try:
        assert states(world) == {"a": "UNKNOWN"}
    finally:
        os.kill(pid, 18)
    assert states(world) == {"a": "RUNNING"}


def test_a_clock_that_jumps(world: World) -> None:
    """Times of state files far ahead or far behind: states come from what is there, not from comparing times."""
    world.mng("create", "run", *SLEEP)
    world.mng("create", "stop", *SLEEP)
    world.mng("stop", "stop")
    for when in (4_000_000_000, 1):
        for file in world.host_dir.glob("agents/*/**/*"):
            os.utime(file, (when, when))
        assert states(world) == {"run": "RUNNING", "stop": "STOPPED"}
        assert all(row["idle_seconds"] is None or row["idle_seconds"] >= 0 for row in world.mng("list", "--json").json)


@pytest.mark.parametrize(
    "name", ["a/b", "a.b", "a:b", "a'b", 'a"b', "$(touch x)", "a b", "-", "é", "a" * 200, ".", "..", "a\nb", "`id`"]
)
def test_names_that_cannot_be(world: World, name: str) -> None:
    world.mng("create", "fine", *SLEEP)
    clear(world.mng("create", "--name", name, *SLEEP, check=False), 2)
    clear(world.mng("rename", "fine", "--new", name, check=False), 2)
    assert states(world) == {"fine": "RUNNING"}
    assert not list(world.repo.glob("x"))


def test_similar_names_are_never_crossed(world: World) -> None:
    for name in ("ab", "abc", "a"):
        world.mng("create", name, "--agent-cmd", "cat", "--no-connect")
    assert world.mng("exec", "ab", "echo $MNG_AGENT_NAME").out == "ab\n"
    world.mng("stop", "ab")
    assert states(world) == {"ab": "STOPPED", "abc": "RUNNING", "a": "RUNNING"}
    told = world.mng("message", "ab", "-m", "for-ab-only", "--no-start", check=False)
    assert told.code == 1
    assert "for-ab-only" not in world.screen("abc")
    world.tmux("kill-session", "-t", f"={world.prefix}a")
    assert states(world) == {"ab": "STOPPED", "abc": "RUNNING", "a": "STOPPED"}
    world.mng("destroy", "-f", "a")
    assert states(world) == {"ab": "STOPPED", "abc": "RUNNING"}
    world.mng("destroy", "-f", "ab")
    assert states(world) == {"abc": "RUNNING"}


def test_stop_ends_the_whole_tree_and_no_sibling(world: World) -> None:
    script = "sh -c 'setsid sleep 4242 & sleep 4243 & wait'"
    for name in ("one", "two"):
        world.mng("create", name, "--agent-cmd", script, "-c", "extra=sleep 4244", "--no-connect")

    def sleepers() -> list[str]:
        lines = world.run("ps", "-A", "-o", "args=").out.splitlines()
        return sorted(line for line in lines if line.startswith("sleep 424"))

    world.wait(lambda: len(sleepers()) == 6, what="both trees")
    world.mng("stop", "one")
    assert sleepers() == ["sleep 4242", "sleep 4243", "sleep 4244"]
    world.mng("stop", "two")
    assert sleepers() == []


def test_an_agent_that_ignores_every_signal_but_kill(world: World) -> None:
    world.mng("create", "x", "--agent-cmd", "sh -c \"trap '' TERM HUP INT; while :; do sleep 0.2; done\"", "--no-connect")
    world.mng("stop", "x", "--graceful-timeout", "1")
    assert states(world) == {"x": "STOPPED"}
    world.expect_no_leftovers()


def test_the_data_of_a_newer_mng_is_kept(world: World) -> None:
    world.mng("create", "x", *SLEEP)
    path = world.folder("x") / "data.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "from_the_future": 1}))
    world.mng("rename", "x", "y")
    assert json.loads(path.read_text())["from_the_future"] == 1
