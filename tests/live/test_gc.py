"""mng gc: only what is ours, unreferenced and saved goes."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.bed import processes
from tests.bed.world import World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]
ALL = ["--all-agent-resources", "--machines", "--snapshots", "--volumes", "--work-dirs", "--logs", "--build-cache"]


def work(world: World, name: str) -> Path:
    return Path(world.record(name)["work"]["path"])


def forgotten(world: World, name: str, *words: str) -> Path:
    """A work dir whose agent is not known any more."""
    world.mng("create", name, *SLEEP, *words)
    path = work(world, name)
    (path / "precious").write_text("work")
    world.mng("stop", name)
    shutil.rmtree(world.folder(name))
    (world.host_dir / "names" / name).unlink()
    return path


@pytest.mark.parametrize("kind", ["worktree", "copy", "clone"])
def test_a_work_dir_without_an_agent_is_saved_and_removed(world: World, kind: str) -> None:
    path = forgotten(world, "lost", f"--{kind}")
    assert f"work dir {path}: would be removed" in world.mng("gc", "--dry-run").out or path.exists()
    gone = world.mng("gc", "--work-dirs", "--json")
    assert [row["result"] for row in gone.json] == ["removed"] and not path.exists()
    where = world.repo if kind == "worktree" else world.host_dir / "saved.git"
    (ref,) = world.git("for-each-ref", "--format", "%(refname)", "refs/mng/saved/lost/*", cwd=where).splitlines()
    assert world.git("show", f"{ref}:precious", cwd=where) == "work"
    assert world.git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert world.mng("gc").err.strip() == "nothing to remove"


def test_what_is_not_ours_or_has_an_agent_stays(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    world.mng("create", "b", *SLEEP)
    (world.folder("b") / "data.json").write_text("{")
    mine = [world.host_dir / "worktrees" / "mine", world.host_dir / "worktrees" / "my-folder"]
    for folder in mine:
        folder.mkdir()
    before = sorted((world.host_dir / "worktrees").iterdir())
    assert world.mng("gc", *ALL, "--json").json == []
    assert sorted((world.host_dir / "worktrees").iterdir()) == before and len(before) == 4


def test_what_cannot_be_saved_stays(world: World) -> None:
    path = forgotten(world, "lost")
    refs = world.repo / ".git" / "refs" / "mng"
    refs.write_text("in the way")
    kept = world.mng("gc", "--json", check=False)
    assert kept.code == 8 and kept.json[0]["result"] == "kept" and (path / "precious").exists()
    assert world.mng("gc", "--on-error", "abort", check=False).code == 8
    refs.unlink()
    world.mng("gc")
    assert not path.exists()


def test_logs_and_caches_only_when_asked(world: World) -> None:
    world.mng("create", "a", *SLEEP)
    (world.folder("a") / "logs").mkdir(exist_ok=True)
    world.mng("destroy", "-f", "a", "--keep-logs")
    old = world.home / ".mng" / "logs" / "mng.jsonl.1"
    old.write_text("{}\n")
    cache = world.home / ".mng" / "cache"
    cache.mkdir(exist_ok=True)
    world.mng("gc")
    assert old.exists() and cache.exists() and list((world.host_dir / "logs/agents").iterdir())
    assert len(world.mng("gc", "--logs", "--dry-run", "--json").json) == 2 and old.exists()
    world.mng("gc", "--logs", "--machine-cache", "--provider", "local")
    assert not old.exists() and not cache.exists() and not list((world.host_dir / "logs/agents").iterdir())
    assert (world.home / ".mng" / "logs" / "mng.jsonl").exists()
    assert world.mng("gc", "--provider", "mars", check=False).code == 6
    assert world.mng("gc", "--all-providers", "--json").json == []


def test_again_and_again(world: World) -> None:
    path = forgotten(world, "lost")
    running = world.start("mng", "gc", "-w", "0.3")
    world.wait(lambda: not path.exists())
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(20) == 130


def test_a_copy_that_outlives_its_mng_ends_before_it_is_removed(world: World) -> None:
    """Killed in the middle of --copy, the copying goes on for a while: gc ends it rather than race with it."""
    fill = f'for to in {world.host_dir}/worktrees/x-*; do echo x >"$to/$i"; done'
    world.tool(
        "cp", f"#!/bin/sh\ntouch {world.root}/copying\ni=0\nwhile [ $i -lt 600 ]; do {fill}; i=$((i + 1)); sleep 0.05; done\n"
    )
    plain = world.root / "plain"
    plain.mkdir()
    (plain / "a").write_text("a")
    mng = world.start("mng", "create", "x", *SLEEP, "--copy", "--from", str(plain))
    world.wait(lambda: (world.root / "copying").exists())
    os.kill(mng.pid, signal.SIGKILL)
    mng.wait(10)
    (folder,) = (world.host_dir / "worktrees").iterdir()
    before = len(list(folder.iterdir()))
    time.sleep(0.5)
    assert len(list(folder.iterdir())) > before, "the copying ended with mng: nothing is tested here"
    world.mng("gc")
    assert not folder.exists()
    time.sleep(0.5)
    assert not folder.exists() and not [line for line in processes.carrying(world.mark).values() if "/bin/cp" in line]
    assert not list((world.host_dir / "journal").iterdir())


def test_a_step_that_outlives_its_mng_ends_too(world: World) -> None:
    mng = world.start("mng", "create", "x", *SLEEP, "--user-command", f"touch {world.root}/begun; sleep 9876")
    world.wait(lambda: (world.root / "begun").exists())
    os.kill(mng.pid, signal.SIGKILL)
    mng.wait(10)
    world.mng("gc")
    assert not [line for line in processes.carrying(world.mark).values() if "9876" in line]
    assert not list((world.host_dir / "worktrees").iterdir())
    assert json.loads(world.mng("list", "--json").out) == []
