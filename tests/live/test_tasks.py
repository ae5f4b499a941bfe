"""The commands from Invoke, Fabric and Python."""

import json
from pathlib import Path

import pytest

from tests.bed.world import World
from tests.live.test_commands import create, names

pytestmark = pytest.mark.live


TASKS = """
from invoke.tasks import task
from mng.commands import create, destroy, list_ as agents

@task
def night(c):
    "Make one and count"
    row = create(c, name="owl", agent_cmd="sleep 99999", connect=False)
    assert row.name == "owl" and [one.name for one in agents(c)] == ["owl"]
    assert destroy(c, agents=["owl"], force=True)[0].result == "destroyed"
    print("done", row.state)
"""


@pytest.mark.parametrize("program", ["mng", "inv", "fab"])
def test_a_projects_own_tasks(world: World, program: str) -> None:
    (world.repo / ("fabfile.py" if program == "fab" else "tasks.py")).write_text(
        TASKS.replace("list_ as agents", "list as agents")
    )
    (world.repo / ".gitignore").write_text("__pycache__/\n")
    world.git("add", "-A")
    world.git("commit", "-qm", "tasks")
    ran = world.run(program, "night")
    assert ran.out == "done RUNNING\n", ran


@pytest.mark.parametrize("program", ["inv", "fab"])
def test_our_commands_as_tasks(world: World, program: str) -> None:
    root = Path(__file__).parent.parent.parent
    listed = world.run(program, "--list", cwd=root).out
    assert all(name in listed for name in ("create", "destroy", "test", "lint", "docs", "bench"))
    world.run(
        program,
        "create",
        "--name",
        "x",
        "--agent-cmd",
        "sleep 99999",
        "--no-connect",
        "--context",
        world.repo,
        cwd=root,
    )
    assert names(world) == ["x"]
    assert json.loads(world.run(program, "list", "--json", cwd=root).out)[0]["name"] == "x"


def test_log_options_of_every_command(world: World) -> None:
    log = world.root / "log.jsonl"
    create(world, "a")
    world.mng(
        "exec",
        "a",
        "echo printed",
        "--log-file",
        log,
        "--log-commands",
        "--log-command-output",
        "--log-env-vars",
        "--json",
    )
    text = log.read_text()
    assert "echo printed" in text and '"environment"' in text
    entries = [json.loads(line) for line in text.splitlines()]
    assert entries[-1]["command"] == "exec" and entries[-1]["exit_code"] == 0
