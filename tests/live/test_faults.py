"""mng killed or interrupted at every step: nothing is left over, no work is lost, the name is free again."""

import shutil
from pathlib import Path

import pytest

from tests.bed.world import World

pytestmark = pytest.mark.live

RACING = """#!/bin/sh
case "$*" in
*new-session*) [ -e {mark} ] || {{ touch {mark}; echo 'server exited unexpectedly' >&2; exit 1; }} ;;
esac
exec {tmux} "$@"
"""
CREATE = ["claim", "work", "steps", "session", "ready", "end", "done"]
DESTROY = ["save", "work", "state", "gone"]
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


def create(world: World, name: str, *words: str, **how: object):
    return world.mng("create", name, *SLEEP, "--user-command", "true", *words, **how)


def everything(world: World) -> dict[str, object]:
    """All that agents leave on a machine, to compare with nothing."""
    host = world.host_dir
    return {
        "agents": sorted(path.name for path in host.glob("agents/*")) + sorted(p.name for p in host.glob("agents/.*")),
        "names": sorted(path.name for path in host.glob("names/*")),
        "worktrees": sorted(path.name for path in host.glob("worktrees/*")),
        "journal": sorted(path.name for path in host.glob("journal/*")),
        "sessions": world.sessions(),
        "branches": world.git("branch", "--format", "%(refname:short)", "--list", "mng/*"),
        "registered": world.git("worktree", "list", "--porcelain").count("worktree ") - 1,
    }


NOTHING = {"agents": [], "names": [], "worktrees": [], "journal": [], "sessions": [], "branches": "", "registered": 0}


@pytest.mark.parametrize("step", CREATE)
def test_killed_create(world: World, step: str) -> None:
    create(world, "other")
    killed = create(world, "x", check=False, env={"MNG_FAULT": f"create.{step}"})
    assert killed.code == -9
    listed = {row["name"]: row["state"] for row in world.mng("list", "--json").json}
    assert listed["other"] == "RUNNING"
    world.mng("gc")
    world.mng("gc")
    listed = {row["name"]: row["state"] for row in world.mng("list", "--json").json}
    if "x" in listed:  # it was complete but for its last words
        assert listed["x"] == "RUNNING" and step in ("ready", "end", "done")
        world.mng("destroy", "-f", "x")
    world.mng("destroy", "-f", "other")
    assert everything(world) == NOTHING
    create(world, "x")
    assert world.mng("list", "--json").json[0]["state"] == "RUNNING"


@pytest.mark.parametrize("step", CREATE)
def test_a_killed_create_does_not_keep_its_name(world: World, step: str) -> None:
    """Without gc: the next create of that name finishes what was left, or says that the agent is there."""
    create(world, "x", check=False, env={"MNG_FAULT": f"create.{step}"})
    again = create(world, "x", check=False)
    assert again.code == 0 or "there is an agent x already" in again.err, again
    assert [row["state"] for row in world.mng("list", "--json").json] == ["RUNNING"]


@pytest.mark.parametrize("step", CREATE[:-1])
def test_interrupted_create(world: World, step: str) -> None:
    stopped = create(world, "x", check=False, env={"MNG_FAULT": f"create.{step}:int"})
    assert stopped.code == 130, stopped
    assert "Traceback" not in stopped.err
    assert len(stopped.err.strip().splitlines()) <= 3
    assert everything(world) == NOTHING


@pytest.mark.parametrize("step", DESTROY)
@pytest.mark.parametrize("how", ["", ":int"])
def test_broken_off_destroy(world: World, step: str, how: str) -> None:
    create(world, "x")
    work = Path(world.record("x")["work"]["path"])
    (work / "precious").write_text("work")
    broken = world.mng("destroy", "-f", "x", check=False, env={"MNG_FAULT": f"destroy.{step}{how}"})
    assert broken.code == (130 if how else -9), broken
    world.mng("list")
    world.mng("gc")
    assert everything(world) == NOTHING
    saved = world.git("for-each-ref", "--format", "%(refname)", "refs/mng/saved/x/*").splitlines()
    assert saved, "its work is nowhere"
    assert all(world.git("show", f"{ref}:precious") == "work" for ref in saved)
    create(world, "x")


def test_a_failing_step_undoes_the_create(world: World) -> None:
    failed = create(world, "x", "--user-command", "exit 7", check=False)
    assert failed.code == 5 and "exit 7" in failed.err
    assert everything(world) == NOTHING


def test_twenty_creates_of_one_name(world: World) -> None:
    running = [world.start("mng", "create", "x", *SLEEP) for _ in range(20)]
    ended = [(process.wait(60), process.stderr.read()) for process in running]
    assert sorted(code for code, _ in ended) == [0] + [1] * 19, ended
    assert all("there is an agent x already" in err for code, err in ended if code)
    assert [row["state"] for row in world.mng("list", "--json").json] == ["RUNNING"]
    world.mng("destroy", "-f", "x")
    assert everything(world) == NOTHING


def test_twenty_different_creates_at_once(world: World) -> None:
    running = [world.start("mng", "create", f"a{n}", *SLEEP) for n in range(20)]
    ended = [(process.wait(120), process.stderr.read()) for process in running]
    assert [code for code, _ in ended] == [0] * 20, ended
    assert {row["state"] for row in world.mng("list", "--json").json} == {"RUNNING"}
    assert len(world.mng("list", "--json").json) == 20
    world.mng("destroy", "-f", "--all")
    assert everything(world) == NOTHING
    world.expect_no_leftovers()


def test_list_during_churn(world: World) -> None:
    """Agents that come and go never make list fail, and never hide the others."""
    create(world, "steady")
    once = "mng create c$0 --agent-cmd 'sleep 9999' --no-connect -q && mng destroy -f -q c$0"
    churn = [world.start("sh", "-c", f"for i in 1 2 3; do {once} || exit; done", n) for n in range(3)]
    while any(process.poll() is None for process in churn):
        names = [row["name"] for row in world.mng("list", "--json").json]
        assert "steady" in names
    assert [process.returncode for process in churn] == [0, 0, 0]


def test_a_tmux_server_that_is_just_ending(world: World) -> None:
    """As `mng stop` of the only agent leaves it for a moment."""
    mark = world.root / "raced"
    world.tool("tmux", RACING.format(mark=mark, tmux=shutil.which("tmux")))
    world.mng("create", "x", "--agent-cmd", "sleep 99999", "--no-connect")
    assert mark.exists() and world.mng("list", "--json").json[0]["state"] == "RUNNING"
