"""The real Claude Code in a container: asked, answered, its work brought here."""

import json
from collections.abc import Iterator

import pytest

from tests.bed import agents
from tests.bed.engine import Engine
from tests.bed.model_server import ModelServer
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.agents]
SETTINGS = ".claude/settings.json"


@pytest.fixture
def near(there: World, docker: Engine) -> Iterator[ModelServer]:
    """A model server that containers reach, its user logged in here."""
    with ModelServer(docker.gateway) as model:
        agents.set_up(there, model, "claude")
        yield model


def with_claude(world: World) -> list[str]:
    """The program of this machine in the container, and what its user lets it do."""
    program = agents.program("claude").resolve()
    settings = f"{world.home}/{SETTINGS}:/root/{SETTINGS}"
    return ["--in", "docker", "-s", f"--volume={program}:/usr/local/bin/claude:ro", "--upload-file", settings]


def test_a_message_that_would_be_a_command_makes_no_container(there: World) -> None:
    refused = there.mng("create", "web", "claude", "--in", "docker", "-m", "/clear", "--no-connect", check=False)
    assert refused.code == 2 and "would carry out /clear" in refused.err and "making a host" not in refused.err


def test_claude_works_in_a_container(there: World, near: ModelServer) -> None:
    there.mng("create", "web", "claude", *with_claude(there), "-m", "TOOL[touch made.txt]", "--await-ready", "--no-connect",
              timeout=180)  # fmt: skip
    there.mng("message", "web", "-m", "and what now", "--wait", timeout=120)
    row = next(row for row in there.mng("list", "--json").json if row["name"] == "web")
    assert (row["state"], row["state_reason"], row["host"]["provider"]) == ("WAITING", "turn-end", "docker")
    kept = there.mng("exec", "web", "cat ~/.claude/projects/*/*.jsonl").out
    assert "TOOL-DONE" in kept and "ECHO: and what now" in kept
    there.mng("pull", "web:made.txt", there.root / "pulled")
    assert (there.root / "pulled").exists()
    there.mng("stop", "web")
    there.mng("start", "web", timeout=120)
    there.mng("message", "web", "-m", "third words", "--wait", timeout=120)
    assert "and what now" in json.dumps(near.requests("third words")[-1].body)
