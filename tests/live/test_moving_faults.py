"""push and pull when they are killed, cut off, or have no room."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.live.test_moving import Pair, agent, tree
from tests.live.test_moving import local as local
from tests.live.test_moving import pair as pair

pytestmark = pytest.mark.live


BIG = 60_000_000


def big(pair: Pair, at: Path, count: int = 1) -> None:
    for number in range(count):
        (at / f"big{number}").write_bytes(os.urandom(BIG // count))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_the_target_is_as_before_or_whole(pair: Pair, sign: int) -> None:
    big(pair, pair.here, 20)
    (pair.here / "lines").write_text("changed")
    before, whole = tree(pair.work), tree(pair.here)
    slow = pair.world.start("mng", "push", "web", "--rsync-arg=--bwlimit=15000")
    pair.world.wait(lambda: list(pair.work.glob(".~tmp~/*")) or list(pair.work.glob(".*big*")), what="the first bytes")
    slow.send_signal(sign)
    slow.communicate(timeout=30)
    pair.world.wait(lambda: tree(pair.work, (".git", ".~tmp~")) in (before, whole), what="as before or whole")
    pair.mng("push", "web")
    assert tree(pair.work) == whole


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_a_new_folder_is_empty_or_whole(pair: Pair, sign: int) -> None:
    big(pair, pair.here, 20)
    (pair.here / "-odd\nname").mkdir(mode=0o750)
    pair.here.chmod(0o700)
    new, whole = pair.work / "new", tree(pair.here)
    slow = pair.world.start("mng", "push", "web:new", "--rsync-arg=--bwlimit=15000")
    pair.world.wait(lambda: list(new.glob(".~tmp~/*/*")), what="the first bytes")
    slow.send_signal(sign)
    slow.communicate(timeout=30)
    pair.world.wait(lambda: tree(new, (".git", ".~tmp~")) in ({}, whole), what="empty or whole")
    pair.mng("push", "web:new")
    assert tree(new) == whole and not (new / ".~tmp~").exists()
    assert stat.S_IMODE(new.stat().st_mode) == 0o700 and new.stat().st_mtime == pair.here.stat().st_mtime


def test_a_connection_that_ends_in_the_middle(world: World) -> None:
    bed = Sshd(world)
    try:
        pair = agent(world, bed)
        big(pair, pair.here, 20)
        (pair.here / "lines").write_text("changed")
        before, whole = tree(pair.work), tree(pair.here)
        slow = world.start("mng", "push", "web", "--rsync-arg=--bwlimit=15000")
        world.wait(lambda: list(pair.work.glob(".~tmp~/*")) or list(pair.work.glob(".*big*")), what="the first bytes")
        bed.hosts["box"].drop()
        _, err = slow.communicate(timeout=30)
        assert slow.returncode == 4 and "is as before" in err and "run it again" in err, err
        assert tree(pair.work, (".git", ".~tmp~")) == before
        pair.mng("push", "web")
        assert tree(pair.work) == whole
    finally:
        bed.end()


def test_progress_on_a_terminal(local: Pair) -> None:
    big(local, local.here, 20)
    terminal = local.world.pty("mng", "push", "web", "--rsync-arg=--bwlimit=20000")
    local.world.wait(lambda: "%" in terminal.text and "[" in terminal.text, 30, "a bar")
    terminal.wait()
    assert terminal.text.count("push to web") > 3


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_disk(local: Pair) -> None:
    small = local.world.root / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True)
    try:
        (local.work / "a").write_bytes(os.urandom(1_000_000))
        local.mng("pull", "web", small / "out")
        before = tree(small)
        (local.work / "a").write_bytes(os.urandom(1_100_000))
        (local.work / "b").write_bytes(os.urandom(900_000))
        ran = local.mng("pull", "web", small / "out", "--uncommitted-changes", "clobber", code=1)
        assert "No space left" in ran.err and "is as before" in ran.err
        assert tree(small) == before
        subprocess.run(["mount", "-o", "remount,size=9m", small], check=True)
        local.mng("pull", "web", small / "out")
        assert tree(small / "out") == tree(local.work)
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_host_without_rsync_says_so(pair: Pair) -> None:
    lacks = pair.world.without("rsync") if not pair.bed else {}
    if pair.bed:
        pair.world.tool("ssh", "#!/bin/sh\ncase \"$*\" in *rsync*) echo 'sh: 1: rsync: not found' >&2; exit 127 ;; esac\n"
                        + (pair.world.bin / "ssh").read_text().partition("\n")[2])  # fmt: skip
    assert "rsync is not installed on" in pair.mng("pull", "web", code=6, env=dict(lacks)).err
