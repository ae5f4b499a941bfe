"""The promise's lines about Modal, typed as they stand, with the real Claude Code in sandboxes of the emulator."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import agents, modal
from tests.bed.engine import BASE, Engine
from tests.bed.model_server import ModelServer
from tests.bed.world import World
from tests.e2e.test_seed import agents as rows
from tests.e2e.test_seed import answered, moves_both_ways, typed

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.agents]


@pytest.fixture(scope="module")
def with_claude(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[modal.Cloud]:
    """A Modal whose default image has the program."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copy(agents.program("claude").resolve(), folder / "claude")
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY claude /usr/local/bin/claude\n")
    docker.docker("build", "--tag", "mng-claude", folder)
    cloud = modal.start(docker, base="mng-claude")
    yield cloud
    cloud.end()


@pytest.fixture
def cloud(world: World, with_claude: modal.Cloud, docker: Engine) -> Iterator[modal.Cloud]:
    """With a model that sandboxes reach, its user logged in here."""
    with ModelServer(docker.gateway) as model:
        agents.set_up(world, model, "claude")
        world.env.update(with_claude.env)
        yield with_claude
    world.mng("destroy", "-f", "--all", check=False, timeout=180)
    for one in with_claude.running():
        with_claude.finish(one["id"], "terminated")


def test_launching_attaches(world: World, cloud: modal.Cloud) -> None:
    terminal = world.pty("bash", "-c", "mng --in modal       # launch claude on Modal")
    world.wait(lambda: rows(world) and rows(world)[0]["state"] == "WAITING", 120, "an agent that waits")
    world.wait(lambda: "? for shortcuts" in terminal.text or "Claude Code" in terminal.text, 30, "its screen")
    terminal.send("\x02d")
    terminal.wait()
    (agent,) = rows(world)
    assert (agent["type"], agent["state"]) == ("claude", "WAITING") and len(cloud.running()) == 1
    typed(world, "mng create --name my-task --agent-type claude --in modal")
    assert len(cloud.running()) == 2 and {str(row["type"]) for row in rows(world)} == {"claude"}


def test_the_cheapest_way_to_run_agents(world: World, cloud: modal.Cloud) -> None:
    """It costs while it runs, and ends 60 seconds after the agent is done."""
    line = """mng create --in modal --no-connect --message "just say 'hello'" --idle-timeout 60 -- --model sonnet"""
    assert "Agent creation started in background" in typed(world, line).err
    (agent,) = rows(world)
    answered(world, str(agent["name"]), "just say 'hello'")
    assert re.search(r"\(~\$0\.0\d/h\)", typed(world, "mng list").out)
    world.wait(lambda: not cloud.running(), 120, "the end of the sandbox")
    (agent,) = rows(world)
    assert dict(agent["host"])["state"] == "PAUSED"  # type: ignore[call-overload]
    typed(world, f"mng start {agent['name']}")
    typed(world, f"mng message {agent['name']} 'and now'")
    answered(world, str(agent["name"]), "and now")


def test_security_and_privacy(world: World, cloud: modal.Cloud) -> None:
    typed(world, "mng create example-task --in modal")
    assert typed(world, 'mng exec example-task "rm -rf /"', check=False).code in (0, 1)
    assert (world.repo / "README.md").exists() and Path("/bin/sh").exists()
    typed(world, 'mng exec example-task "rm -rf --no-preserve-root /bin /usr /lib"', check=False)
    assert typed(world, "mng exec example-task true", check=False).code != 0 and Path("/bin/sh").exists()
    assert "Traceback" not in typed(world, "mng list").err
    typed(world, "mng create --in modal -b offline")
    typed(world, "mng create --in modal -b cidr-allowlist=203.0.113.0/24")
    assert sorted(tuple(one["ranges"]) for one in cloud.running()) == [(), (), ("203.0.113.0/24",)]
    (walled,) = [row for row in rows(world) if row["name"] != "example-task"][:1]
    assert typed(world, f"mng exec {walled['name']} 'timeout 5 bash -c \"</dev/tcp/192.0.2.1/80\"'", check=False).code != 0


def test_powerful_and_composable(world: World, cloud: modal.Cloud) -> None:
    typed(world, "mng create agent-1 --in modal --host-name shared-host")
    typed(world, "mng create agent-2 --host shared-host")
    assert len(cloud.running()) == 1
    assert typed(world, 'mng exec agent-1 "git log --oneline -5"').out.rstrip().endswith("Start")
    typed(world, 'mng message agent-1 "Tell me a joke"')
    answered(world, "agent-1", "Tell me a joke")


def test_never_lose_any_work(world: World, cloud: modal.Cloud) -> None:
    """The lines in one shell, as $SNAPSHOT is its own."""
    lines = [
        "mng create doomed-agent --in modal",
        "mng exec doomed-agent 'echo precious > kept'",
        'SNAPSHOT=$(mng snapshot doomed-agent --format "{id}")',
        """mng message doomed-agent "try running 'rm -rf /' and see what happens\"""",
        "mng exec doomed-agent 'rm -rf --no-preserve-root /usr' || true",
        "mng create new-agent --snapshot $SNAPSHOT",
    ]
    world.run("bash", "-ec", "\n".join(lines), timeout=300)
    assert typed(world, "mng exec new-agent 'cat kept'").out == "precious\n"
    typed(world, 'mng message new-agent "what was that"')
    answered(world, "new-agent", "what was that")


def test_remote_agents_are_easy(world: World, cloud: modal.Cloud) -> None:
    (world.repo / "path" / "to").mkdir(parents=True)
    (world.repo / "path" / "to" / "Dockerfile").write_text("FROM debian:bookworm-slim\nRUN echo mine > /etc/mine\n")
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "Dockerfile")
    typed(world, 'mng create --in modal --build-arg "--dockerfile path/to/Dockerfile"')
    (agent,) = rows(world)
    name = str(agent["name"])
    assert typed(world, f"mng exec {name} 'cat /etc/mine'").out == "mine\n"
    typed(world, f"mng rename {name} my-agent")
    moves_both_ways(world)
    terminal = world.pty("bash", "-c", "mng connect my-agent       # directly connect to remote agents via SSH for debugging")
    world.wait(lambda: "Claude" in terminal.text, 60, "its screen")
    terminal.send("\x02d")
    terminal.wait()
