"""mng killed at every step of what it does with containers, and an engine that goes away amid it: nothing is lost or stays."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.engine import Engine
from tests.bed.world import PATIENCE, World

pytestmark = [pytest.mark.live, pytest.mark.slow]
SLEEP = ("--agent-cmd", "sleep 99999", "--no-connect")
GC = """if True:
    import sys, mng.commands.gc
    from mng.main import main
    import mng.inventory.docker
    sys.modules["mng.commands.gc"].BEING_MADE = mng.inventory.docker.BEING_MADE = 0.0
    main()"""


def gc(world: World, *words: str) -> str:
    """Now, rather than when nobody can still be making what is there."""
    return "".join([world.run(sys.executable, "-c", GC, "gc", *words).out for _ in range(2)])


def containers(world: World, docker: Engine) -> list[str]:
    return docker.docker("ps", "-aq", "--filter", f"name={world.prefix}").split()


def states(world: World) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["state"], row["host"]["state"]) for row in world.mng("list", "--json").json}


@pytest.mark.parametrize(
    "step", ["host.made", "host.furnished", "host.started", "create.claim", "create.work", "create.session", "create.ready"]
)
def test_killed_create(there: World, docker: Engine, step: str) -> None:
    killed = there.mng("create", "x", "--in", "docker", *SLEEP, env={"MNG_FAULT": step}, check=False, timeout=180)
    assert killed.code == -9 and len(containers(there, docker)) == 1
    gc(there)
    if step == "create.ready":  # complete but for its last words
        assert states(there) == {"x": ("RUNNING", "RUNNING")}
        there.mng("destroy", "-f", "x")
    assert states(there) == {} and containers(there, docker) == []
    assert not list((there.host_dir / "journal").glob("*"))


def test_killed_stop_and_snapshot(there: World, docker: Engine) -> None:
    there.mng("create", "x", "--in", "docker", *SLEEP, timeout=180)
    there.mng("exec", "x", "echo precious > kept")
    for step, host in (("host.stop", "RUNNING"), ("host.stopped", "STOPPED")):
        assert there.mng("stop", "x", env={"MNG_FAULT": step}, check=False).code == -9
        gc(there)
        assert states(there)["x"][0] == "STOPPED" and states(there)["x"][1] in (host, "STOPPED")
        there.mng("start", "x")
        assert there.mng("exec", "x", "cat kept").out == "precious\n"
    assert there.mng("snapshot", "x", env={"MNG_FAULT": "host.kept"}, check=False).code == -9
    gc(there)
    (one,) = there.mng("snapshot", "list", "--json").json
    assert there.mng("exec", "x", "cat kept").out == "precious\n", "a host that was paused for it runs"
    there.mng("create", "y", "--in", "docker", "--snapshot", one["id"], "--no-connect")
    assert there.mng("exec", "y", "cat kept").out == "precious\n"
    there.mng("destroy", "-f", "x", "y")
    assert containers(there, docker) == []


@pytest.mark.parametrize("step", ["host.kept", "host.replaced", "host.alone"])
def test_killed_start_from_a_snapshot(there: World, docker: Engine, step: str) -> None:
    there.mng("create", "x", "--in", "docker", *SLEEP, timeout=180)
    there.mng("exec", "x", "echo first > kept")
    id_ = there.mng("snapshot", "x", "--format", "{id}").out.strip()
    there.mng("exec", "x", "echo second > kept")
    there.mng("stop", "x")
    assert there.mng("start", "x", "--snapshot", id_, env={"MNG_FAULT": step}, check=False).code == -9
    gc(there)
    assert states(there) == {"x": ("STOPPED", "STARTING" if step == "host.alone" else "STOPPED")}
    there.mng("start", "x")
    assert there.mng("exec", "x", "cat kept").out == ("first\n" if step == "host.alone" else "second\n")
    there.mng("stop", "x")
    there.mng("start", "x", "--snapshot", id_)
    assert there.mng("exec", "x", "cat kept").out == "first\n" and len(containers(there, docker)) == 1
    there.mng("destroy", "-f", "x")
    assert containers(there, docker) == [] and there.mng("snapshot", "list", "--json").json == []


@pytest.mark.parametrize("step", ["host.started", "create.work", "migrate.made"])
def test_killed_migrate(there: World, docker: Engine, step: str) -> None:
    there.mng("create", "x", *SLEEP)
    Path(there.mng("list", "--json").json[0]["work_dir"], "kept").write_text("precious\n")
    words = ["migrate", "x", "--in", "docker", "--no-connect"]
    assert there.mng(*words, env={"MNG_FAULT": step}, check=False, timeout=180).code == -9
    gc(there)
    (row,) = there.mng("list", "--json").json
    assert row["host"]["provider"] == ("docker" if step == "migrate.made" else "local")
    assert len(containers(there, docker)) == (step == "migrate.made")
    if step != "migrate.made":
        there.mng(*words, timeout=180)
    assert there.mng("exec", "x", "cat kept").out == "precious\n"


@pytest.fixture
def alone(world: World) -> Iterator[tuple[World, Engine]]:
    """An engine for this test alone, to be ended in the middle."""
    from tests.bed.engine import engine

    with engine(f"faults-{os.getpid()}") as one:
        world.env["DOCKER_HOST"] = one.host
        yield world, one


def test_an_engine_that_ends_amid_a_create_and_is_back(alone: tuple[World, Engine]) -> None:
    world, docker = alone
    world.mng("create", "web", "--in", "docker", "--host-name", "box", *SLEEP, timeout=180)
    world.mng("exec", "web", "echo precious > kept")
    world.mng("list")
    begun = world.start("mng", "create", "second", "--in", "docker", *SLEEP)
    world.wait(lambda: len(containers(world, docker)) == 2, 60, "the second container")
    os.kill(int((docker.folder / "pid").read_text()), signal.SIGTERM)
    world.wait(lambda: not (docker.folder / "pid").exists(), 60, "the engine to end")
    begun.wait(60 * PATIENCE)
    assert begun.returncode not in (0, -9) and "Traceback" not in (said := begun.stderr.read()), said
    assert states(world)["web"] == ("UNKNOWN", "UNREACHABLE")
    for words in (["gc"], ["stop", "web"], ["destroy", "-f", "web"], ["start", "web"]):
        done = world.mng(*words, check=False)
        assert "Traceback" not in done.err and (words == ["gc"] or done.code), done
    docker.run()
    assert states(world)["web"] == ("STOPPED", "STOPPED")
    world.mng("start", "web", timeout=120)
    assert world.mng("exec", "web", "cat kept").out == "precious\n"
    gc(world)
    assert json.loads(world.mng("list", "--json").out)[0]["name"] == "web" and len(containers(world, docker)) == 1
    assert "refs/mng/saved/web/" in "".join([(done := world.mng("destroy", "-f", "web")).err, done.out])
    assert containers(world, docker) == []


def test_what_no_host_uses_is_removed_when_it_is_asked_for(alone: tuple[World, Engine]) -> None:
    world, docker = alone

    def images() -> list[str]:
        names = docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        return [name for name in names if name.startswith("mng-host:") or name == "<none>:<none>"]

    folder = world.root / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM debian:bookworm-slim\nRUN touch /of-the-user\n")
    world.mng("create", "own", "--in", "docker", "-b", f"context-dir={folder}", *SLEEP, timeout=180)
    world.mng("create", "x", "--in", "docker", "-s", "--volume=/data", *SLEEP, timeout=180)
    world.mng("exec", "x", "echo precious > /data/kept")
    world.mng("snapshot", "x", "--name", "last")
    words = ("--keep-snapshots", "--keep-volumes", "--keep-images", "--keep-cache")
    assert "destroyed" in world.mng("destroy", "-f", "x", *words).out
    assert docker.docker("volume", "ls", "-q"), "the volume without a name"
    assert [row["name"] for row in world.mng("snapshot", "list", "--json").json] == ["last"]
    assert "nothing to remove" in (said := world.mng("gc")).out + said.err, "a snapshot goes only when it is asked for"
    world.mng("create", "y", "--in", "docker", "--snapshot", "last", "--no-connect")
    assert "last" not in gc(world, "--snapshots", "--volumes")
    world.mng("destroy", "-f", "y", "--keep-containers")
    assert len(containers(world, docker)) == 2, "without an agent, but kept"
    gc(world)
    before = images()
    assert len(containers(world, docker)) == 1 and len(before) >= 2
    assert "would be removed" in gc(world, "--snapshots", "--dry-run")
    assert "(last)" in gc(world, "--snapshots")
    assert world.mng("snapshot", "list", "--json").json == []
    assert "mng-host:" in gc(world, "--build-cache") and 0 < len(images()) < len(before)
    world.mng("stop", "own")
    world.mng("start", "own")
    world.mng("destroy", "-f", "own")
    gc(world, "--build-cache")
    assert images() == [] and docker.docker("images", "-q", "debian:bookworm-slim"), "what mng did not make stays"
