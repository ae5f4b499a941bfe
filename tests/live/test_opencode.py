"""The real OpenCode: made, talked to, watched, stopped and resumed."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.bed.model_server import ModelServer
from tests.bed.world import World
from tests.live.test_codex import DANGER, KINDS, settled, state

pytestmark = [pytest.mark.live, pytest.mark.agents]


def plugin(world: World, name: str) -> str:
    return (world.folder("a") / "plugin" / "opencode" / name).read_text().strip()


def messages(world: World) -> list[dict[str, Any]]:
    """The conversation, asked of opencode's API."""
    secret = world.folder("a") / "plugin" / "opencode" / "curl"
    url = f"http://127.0.0.1:{plugin(world, 'port')}/session/{plugin(world, 'session')}/message"
    return list(world.run("curl", "-sS", "-m", "20", "-K", secret, url).json)


def said(world: World, role: str) -> list[str]:
    mine = [one for one in messages(world) if one["info"]["role"] == role]
    return ["".join(part.get("text", "") for part in one["parts"] if part["type"] == "text") for one in mine]


@pytest.fixture
def agent(world: World, opencode: str) -> World:
    world.mng("create", "a", opencode, "--no-connect", "--await-ready", "--ready-timeout", "90", timeout=120)
    return world


def test_a_conversation_outlives_its_program(world: World, model: ModelServer, opencode: str) -> None:
    config = world.home / ".config" / "opencode" / "opencode.json"
    before = json.loads(config.read_text())
    world.mng("create", "a", opencode, "--no-connect", "--message", "hello opencode one")
    world.wait(lambda: "ECHO: hello opencode one" in said(world, "assistant"), 120)
    world.wait(lambda: "hello opencode one" in world.screen("a"), 20, "the screen shows the session")
    world.mng("message", "a", "-m", "TOOL[touch made.txt]")
    worktree = Path(world.record("a")["work"]["path"])
    world.wait(lambda: (worktree / "made.txt").exists(), 60)
    world.wait(lambda: any(text.startswith("TOOL-DONE") for text in said(world, "assistant")), 60)
    settled(world, "WAITING", "turn-end")
    session = plugin(world, "session")
    world.mng("stop", "a")
    assert state(world)[0] == "STOPPED"
    world.mng("start", "a", "--no-connect")
    world.mng("message", "a", "-m", "hello opencode two", "--ready-timeout", "90", timeout=120)
    world.wait(lambda: "ECHO: hello opencode two" in said(world, "assistant"), 60)
    assert plugin(world, "session") == session
    assert "hello opencode one" in json.dumps(model.requests("hello opencode two")[-1].body)
    assert world.git("status", "--porcelain") == ""
    assert json.loads(config.read_text()) == {**before, "$schema": "https://opencode.ai/config.json"}  # its own doing


def test_a_permission_is_told_and_no_message_answers_it(agent: World) -> None:
    readme = Path(agent.record("a")["work"]["path"]) / "README.md"
    agent.mng("message", "a", "-m", DANGER)
    settled(agent, "WAITING", "permission", "bash: chmod 600 README.md")
    blocked = agent.mng("message", "a", "-m", "do go on", "--json", check=False)
    assert blocked.code == 7
    assert state(agent) == ("WAITING", "permission", "bash: chmod 600 README.md")
    assert readme.stat().st_mode & 0o777 == 0o644
    agent.tmux("send-keys", "-t", agent.session("a"), "Enter")
    agent.wait(lambda: readme.stat().st_mode & 0o777 == 0o600, 30)
    settled(agent, "WAITING", "turn-end")
    agent.mng("message", "a", "-m", "ASK")
    settled(agent, "WAITING", "question", "Red or blue?")


@pytest.mark.slow
def test_every_kind_of_text_arrives_once_and_exactly(agent: World) -> None:
    for text in [*KINDS, "  blanks around \n"]:
        receipt = agent.mng("message", "a", "--message-file", "-", "--json", input=text).json[0]
        assert receipt["result"] == "delivered", text[:40]
    assert said(agent, "user") == [*KINDS, "  blanks around \n"]


def test_a_failed_turn_says_why(agent: World) -> None:
    agent.mng("message", "a", "-m", "ERR400 please")
    settled(agent, "WAITING", "turn-end", "error 400 as asked for")
    agent.mng("message", "a", "-m", "ERR401 please")
    settled(agent, "WAITING", "auth", "error 401 as asked for")
    agent.mng("message", "a", "-m", "all is well")
    settled(agent, "WAITING", "turn-end", "")
    agent.mng("message", "a", "-m", "ERR429 please")
    settled(agent, "WAITING", "limit", "error 429 as asked for")


def test_what_a_person_types_is_followed_into_a_new_session(agent: World) -> None:
    agent.mng("message", "a", "-m", "first session")
    agent.wait(lambda: "ECHO: first session" in said(agent, "assistant"), 60)
    first = plugin(agent, "session")
    agent.tmux("send-keys", "-t", agent.session("a"), "-l", "/new")
    agent.wait(lambda: "New session" in agent.screen("a"), 20)
    agent.tmux("send-keys", "-t", agent.session("a"), "Enter")
    agent.wait(lambda: "first session" not in agent.screen("a"), 20)
    agent.tmux("send-keys", "-t", agent.session("a"), "-l", "typed by hand")
    agent.wait(lambda: "typed by hand" in agent.screen("a"), 20)
    agent.tmux("send-keys", "-t", agent.session("a"), "Enter")
    agent.wait(lambda: plugin(agent, "session") != first, 30)
    agent.mng("message", "a", "-m", "and by mng")
    assert said(agent, "user") == ["typed by hand", "and by mng"]


def test_nothing_is_left_of_a_program_that_was_killed(agent: World) -> None:
    agent.expect_no_leftovers()
    secret = plugin(agent, "curl").split(":")[1].rstrip('"')
    assert secret not in agent.run("ps", "-A", "-ww", "-o", "args").out
    agent.mng("message", "a", "-m", "WAIT60")
    settled(agent, "RUNNING")
    os.kill(int(plugin(agent, "pid")), signal.SIGKILL)
    settled(agent, "FAILED", "exit code 137")
    agent.mng("start", "a", "--no-connect")
    settled(agent, "WAITING", "turn-end")
    agent.mng("message", "a", "-m", "WAIT60 again")
    settled(agent, "RUNNING")
    agent.tmux("kill-session", "-t", f"={agent.prefix}a")
    settled(agent, "STOPPED")
    agent.wait(lambda: not agent.leftovers(), 20, "opencode ends with its session")
