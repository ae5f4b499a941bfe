"""pair: two folders kept equal by unison, here and over ssh, through whatever happens to it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bed.need import need
from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.live.test_moving import Pair, agent, tree

pytestmark = pytest.mark.live
SOON = 2.0  # seconds in which a change must be on the other side


@pytest.fixture(params=["local", "ssh"])
def pair(request: pytest.FixtureRequest, world: World) -> Iterator[Pair]:
    need("unison")
    bed = Sshd(world) if request.param == "ssh" else None
    try:
        yield agent(world, bed)
    finally:
        if bed:
            bed.end()


@pytest.fixture
def local(world: World) -> Pair:
    need("unison")
    return agent(world, None)


class Running:
    def __init__(self, pair: Pair, *words: str) -> None:
        self.pair, self.world = pair, pair.world
        (pair.work / "first").write_text("first")
        self.process = pair.world.start("mng", "pair", "web", "-v", *words)
        pair.world.wait(lambda: (pair.here / "first").exists() or self.process.poll() is not None, what="the first file")

    def equal(self, seconds: float = 15) -> None:
        def differ() -> bool:
            here, there = tree(self.pair.here), tree(self.pair.work)
            assert {path: what for path, what in here.items() if there.get(path) != what} == {}
            return here == there

        self.world.wait(differ, seconds, "both sides equal")

    def stop(self, sign: int = signal.SIGINT) -> str:
        self.process.send_signal(sign)
        _, err = self.process.communicate(timeout=30)
        return str(err)

    def nothing_runs(self) -> None:
        self.world.wait(lambda: not [line for line in everything(self.world) if "unison" in line], what="no unison anywhere")


def everything(world: World) -> list[str]:
    """Command lines of all processes that have to do with this world, on this machine and its hosts."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if os.fsencode(str(world.root)) in text and int(folder.name) != os.getpid():
                lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def took(what: Callable[[], object]) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < 15, "never"
        time.sleep(0.01)
    return time.monotonic() - began


def test_changes_go_both_ways_until_ctrl_c(pair: Pair) -> None:
    running = Running(pair)
    times = []
    for number in range(3):
        (pair.here / f"mine{number}").write_text("mine")
        times.append(took(lambda: (pair.work / f"mine{number}").exists()))  # noqa: B023
        (pair.work / f"theirs{number}").write_text("theirs")
        times.append(took(lambda: (pair.here / f"theirs{number}").exists()))  # noqa: B023
    assert sorted(times)[len(times) // 2] < SOON, times
    for name in ["two words", "new\nline", "-rf", "it's", 'q"', "ünï", "{a,b}", "*", "[x]", "back\\slash"]:
        (pair.here / name).write_text(name)
    (pair.here / "src" / "app.py").unlink()
    (pair.work / "link").symlink_to("nowhere")
    (pair.work / "run").write_text("#!/bin/sh\n")
    (pair.work / "run").chmod(0o755)
    (pair.work / "empty").mkdir()
    running.equal()
    (pair.here / ".lines.swp").write_text("edited")  # as editors write
    (pair.here / ".lines.swp").rename(pair.here / "lines")
    for number in range(1000):
        (pair.work / f"many{number}").write_text(str(number))
    running.equal(30)
    assert (pair.work / "lines").read_text() == "edited" and (pair.here / "many999").exists()
    (pair.here / "last").write_text("just before the end")
    assert "once more" in running.stop() and running.process.returncode == 0
    assert tree(pair.here) == tree(pair.work) and (pair.work / "last").exists()
    running.nothing_runs()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_killed_it_leaves_nothing_running_and_goes_on_later(pair: Pair, sign: int) -> None:
    running = Running(pair)
    running.stop(sign)
    running.nothing_runs()
    (pair.here / "meanwhile").write_text("x")
    again = Running(pair)
    again.equal()
    again.stop()
    assert (pair.work / "meanwhile").exists()


def test_a_lost_connection_is_made_again(world: World) -> None:
    need("unison")
    bed = Sshd(world)
    try:
        pair = agent(world, bed)
        running = Running(pair)
        bed.hosts["box"].drop()
        (pair.here / "after").write_text("x")
        (pair.work / "there").write_text("x")
        running.equal(30)
        bed.hosts["box"].stop()
        bed.hosts["box"].drop()
        time.sleep(1.5)
        assert running.process.poll() is None
        err = running.stop(signal.SIGTERM)
        assert running.process.returncode == 4 and "connecting again" in err and "as they were last" in err, err
        running.nothing_runs()
    finally:
        bed.end()


@pytest.mark.parametrize("wins", ["newer", "source", "target"])
def test_conflicts_by_mode_and_the_other_is_kept(local: Pair, wins: str) -> None:
    (local.work / "both").write_text("theirs")
    (local.here / "both").write_text("mine")
    os.utime(local.here / "both", (1, 1))
    running = Running(local, "--conflict", wins)
    running.equal()
    running.stop()
    assert (local.here / "both").read_text() == ("mine" if wins == "target" else "theirs")
    kept = [file.read_text() for file in (local.world.host_dir / "pair" / "backup").rglob("*both*")]
    assert kept == ["theirs" if wins == "target" else "mine"]


def test_conflicts_are_asked_about(local: Pair) -> None:
    (local.work / "both").write_text("theirs")
    (local.here / "both").write_text("mine")
    terminal = local.world.pty("mng", "pair", "web", "--conflict", "ask")
    local.world.wait(lambda: "both was changed on both sides" in terminal.text, what="the question")
    terminal.send("t\r")
    local.world.wait(lambda: (local.work / "both").read_text() == "mine", what="what was said")
    terminal.send("\x03")
    terminal.wait()
    without = local.world.start("mng", "pair", "web", "--conflict", "ask", "--json")
    (local.work / "both").write_text("theirs again")
    (local.here / "both").write_text("mine again")
    time.sleep(4)
    without.send_signal(signal.SIGINT)
    out, _ = without.communicate(timeout=20)
    assert '"conflicts": ["both"]' in out and (local.here / "both").read_text() == "mine again"


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_one_direction(local: Pair, direction: str) -> None:
    (local.here / "mine").write_text("mine")
    (local.work / "theirs").write_text("theirs")
    running = local.world.start("mng", "pair", "web", "--sync-direction", direction, "--target", str(local.here))
    one, other = (
        (local.here / "theirs", local.work / "mine") if direction == "forward" else (local.work / "mine", local.here / "theirs")
    )
    local.world.wait(one.exists, what="the file")
    time.sleep(2.5)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert not other.exists()


def test_what_git_ignores_and_what_is_excluded(local: Pair) -> None:
    for side in (local.here, local.work):
        (side / f"{side.name}.log").write_text("x")
        (side / f"{side.name}.tmp").write_text("x")
    (local.work / "kept.log").write_text("x")
    running = Running(local, "--exclude", "*.tmp", "--include", "kept.log")
    running.stop()
    both = set(tree(local.here)) & set(tree(local.work))
    assert not {name for name in both if name.endswith((".tmp", ".log")) and name != "kept.log"} and "kept.log" in both


def test_commits_first(pair: Pair) -> None:
    tip = pair.commit(pair.work, "theirs", "1")
    assert tip[:12] in pair.mng("pair", "web", "--dry-run").err and pair.git("rev-parse", "HEAD") != tip
    running = Running(pair)
    assert pair.git("rev-parse", "HEAD") == tip
    running.stop()
    tip = pair.commit(pair.here, "mine", "1")
    running = Running(pair)
    pair.world.wait(lambda: pair.git("rev-parse", "HEAD", at=pair.work) == tip, what="the commit")
    running.stop()
    pair.commit(pair.here, "mine", "2")
    pair.commit(pair.work, "theirs", "2")
    assert "commits of their own" in pair.mng("pair", "web", code=8).err
    (pair.work / "mine").unlink()
    pair.commit(pair.work, "lines", "theirs")
    pair.git("reset", "-q", "--hard", "HEAD^", at=pair.here)
    (pair.here / "lines").write_text("mine")
    running = Running(pair, "--uncommitted-changes", "clobber")
    running.equal()
    running.stop()
    assert pair.git("for-each-ref", "refs/mng/saved")


def test_what_it_refuses(local: Pair) -> None:
    out = local.world.root / "out"
    assert "no work tree of git" in local.mng("pair", "web", "--target", out, code=8).err
    running = Running(local)
    assert "paired already" in local.mng("pair", "web", code=1).err
    running.stop()
    local.world.tool("unison", "#!/bin/sh\necho unison version 2.48.4\n")
    assert "not installed" in local.mng("pair", "web", code=6, env=dict(local.world.without("unison"))).err


def test_two_versions_of_unison(world: World) -> None:
    need("unison")
    bed = Sshd(world)
    try:
        pair = agent(world, bed)
        tool = world.tool("unison", "#!/bin/sh\necho unison version 2.48.4\n")
        ran = pair.mng("pair", "web", code=6)
        assert "2.48 on local" in ran.err and "2.52 on box" in ran.err
        tool.unlink()
    finally:
        bed.end()


def test_without_git(local: Pair) -> None:
    out = local.world.root / "out"
    (local.work / "first").write_text("x")
    running = local.world.start("mng", "pair", "web", "--target", str(out), "--no-require-git")
    local.world.wait(lambda: (out / "first").exists(), what="the file")
    (out / "back").write_text("x")
    local.world.wait(lambda: (local.work / "back").exists(), what="the file back")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert tree(out) == tree(local.work)


def test_a_work_dir_that_goes_takes_nothing_along(local: Pair) -> None:
    running = Running(local)
    before = set(tree(local.here))
    local.world.mng("destroy", "-f", "web")
    local.world.wait(lambda: running.process.poll() is not None, what="its end")
    assert running.process.returncode and set(tree(local.here)) == before
