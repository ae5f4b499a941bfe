"""The pinned agents run and reach the model server: the ground that the tests of mng's agent types stand on."""

import pytest

from tests.bed.model_server import ModelServer
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.agents]
ASK_ONCE = {
    "claude": ["claude", "-p"],
    "codex": ["codex", "exec", "--skip-git-repo-check"],
    "opencode": ["opencode", "run"],
}


def test_an_agent_answers_and_runs_a_tool(world: World, model: ModelServer, real: str) -> None:
    message = f"{real}: TOOL[touch made.txt]"
    ran = world.run(*ASK_ONCE[real], message, timeout=90)
    assert "TOOL-DONE" in ran.out, str(ran)
    assert (world.repo / "made.txt").exists()
    assert [ask.result is None for ask in model.requests(message)] == [True, False]
