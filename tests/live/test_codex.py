"""The real Codex: made, talked to, watched, stopped and resumed."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mng.agents.hooked import fields
from tests.bed.model_server import ModelServer
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.agents]
KINDS = [
    "x", "- first", "/status of it", "!ls", "# head", "? help", "end;", "end\\", "see @README.md", "for $name", "exit",
    "quotes \" ' `id` $HOME $(id) %s", "one\n\n two\n\tthree", "äöü 漢字 🎉 e\u0301", "word " * 2000,
    "0123456789 " * 9500,
]  # fmt: skip
DANGER = "TOOL[chmod 600 README.md] PERM"


def state(world: World, name: str = "a") -> tuple[str, str, str]:
    (row,) = [row for row in world.mng("list", "--json").json if row["name"] == name]
    return row["state"], row["state_reason"], row["state_detail"]


def settled(world: World, *wanted: str) -> None:
    world.wait(lambda: state(world)[: len(wanted)] == wanted, 60, " ".join(wanted))


def session(world: World) -> dict[str, Any]:
    """What the first hook told."""
    return fields((world.folder("a") / "plugin" / "codex" / "session").read_bytes())  # only the head of it is there


def said(world: World, role: str) -> list[str]:
    """The transcript: all that the user (UserMessage) or the agent (AgentMessage) said."""
    lines = map(json.loads, Path(session(world)["transcript_path"]).read_text().splitlines())
    items = [line["payload"]["item"] for line in lines if line["payload"].get("type") == "item_completed"]
    return ["".join(part["text"] for part in item["content"]) for item in items if item["type"] == role]


@pytest.fixture
def agent(world: World, codex: str) -> World:
    world.mng("create", "a", codex, "--no-connect", "--await-ready", "--ready-timeout", "60")
    return world


def test_a_conversation_outlives_its_program(world: World, model: ModelServer, codex: str) -> None:
    before = (world.home / ".codex" / "config.toml").read_text()
    world.mng("create", "a", codex, "--no-connect", "--message", "hello codex one")
    world.wait(lambda: "ECHO: hello codex one" in said(world, "AgentMessage"), 60)
    world.mng("message", "a", "-m", "TOOL[touch made.txt]")
    worktree = Path(world.record("a")["work"]["path"])
    world.wait(lambda: (worktree / "made.txt").exists(), 30)
    settled(world, "WAITING", "turn-end")
    first = session(world)["session_id"]
    world.mng("stop", "a")
    assert state(world)[0] == "STOPPED"
    world.mng("start", "a", "--no-connect")
    world.mng("message", "a", "-m", "hello codex two")
    world.wait(lambda: "ECHO: hello codex two" in said(world, "AgentMessage"), 60)
    assert session(world)["session_id"] == first
    assert "hello codex one" in json.dumps(model.requests("hello codex two")[-1].body)
    assert world.git("status", "--porcelain") == ""
    assert (world.home / ".codex" / "config.toml").read_text().startswith(before)


def test_a_permission_is_told_and_no_message_answers_it(agent: World) -> None:
    readme = Path(agent.record("a")["work"]["path"]) / "README.md"
    agent.mng("message", "a", "-m", DANGER)
    settled(agent, "WAITING", "permission", "Bash: chmod 600 README.md")
    blocked = agent.mng("message", "a", "-m", "do go on", "--json", check=False)
    assert blocked.code == 7
    assert state(agent) == ("WAITING", "permission", "Bash: chmod 600 README.md")
    assert readme.stat().st_mode & 0o777 == 0o644
    agent.tmux("send-keys", "-t", agent.session("a"), "y")
    agent.wait(lambda: readme.stat().st_mode & 0o777 == 0o600, 20)
    settled(agent, "WAITING", "turn-end")


def test_a_message_to_a_busy_agent_waits_in_its_queue(agent: World) -> None:
    agent.mng("message", "a", "-m", "TOOL[touch began; sleep 5]")
    agent.wait(lambda: (Path(agent.record("a")["work"]["path"]) / "began").exists(), 30)
    receipt = agent.mng("message", "a", "-m", "steer it", "--json").json[0]
    assert receipt["result"] == "delivered" and "queue" in receipt["detail"]
    assert state(agent)[0] == "RUNNING"
    agent.wait(lambda: "ECHO: steer it" in said(agent, "AgentMessage"), 30)
    assert said(agent, "UserMessage").count("steer it") == 1


@pytest.mark.slow
def test_every_kind_of_text_arrives_once_and_whole(agent: World) -> None:
    for text in KINDS:
        settled(agent, "WAITING")
        receipt = agent.mng("message", "a", "--message-file", "-", "--json", input=text).json[0]
        assert receipt["result"] == "delivered", text[:40]
    assert said(agent, "UserMessage") == [text.strip() for text in KINDS]


def test_a_failed_turn_says_why(agent: World) -> None:
    agent.mng("message", "a", "-m", "ERR400 please")
    settled(agent, "WAITING", "turn-end", "error 400 as asked for")
    agent.mng("message", "a", "-m", "ERR429 please")
    settled(agent, "WAITING", "limit")
    agent.mng("message", "a", "-m", "all is well")
    settled(agent, "WAITING", "turn-end", "")


def test_nothing_is_left_of_a_program_that_was_killed(agent: World) -> None:
    agent.expect_no_leftovers()
    agent.mng("message", "a", "-m", "WAIT30")
    settled(agent, "RUNNING")
    shell = agent.tmux("display", "-p", "-t", agent.session("a"), "#{pane_pid}")
    program = int(agent.run("pgrep", "-P", shell).out.split()[0])
    os.kill(program, signal.SIGKILL)
    settled(agent, "FAILED", "exit code 137")
    agent.mng("start", "a", "--no-connect")
    settled(agent, "WAITING", "turn-end")
    agent.tmux("kill-session", "-t", f"={agent.prefix}a")
    settled(agent, "STOPPED")
    agent.wait(lambda: not agent.leftovers(), 20, "codex ends with its session")


def test_a_login_screen_is_told(world: World, codex: str) -> None:
    (world.home / ".codex" / "config.toml").write_text("")
    world.mng("create", "a", codex, "--no-connect")
    settled(world, "WAITING", "auth")
    assert world.mng("message", "a", "-m", "hello", check=False).code == 7
