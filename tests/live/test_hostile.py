"""The hostile agent does what it says, or tests that survive it prove nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bed.agents import Fake
from tests.bed.world import World

pytestmark = pytest.mark.live
SESSION = "11111111-2222-4333-8444-555555555555"


class Driven:
    """A `claude` in tmux, as mng's agent type would start it."""

    def __init__(self, world: World, fake: Callable[..., Fake], *words: str, **mischief: float) -> None:
        self.world, self.fake = world, fake(**mischief)
        hook = {"type": "command", "command": f"cat >>{world.root}/hooks; echo >>{world.root}/hooks"}
        events = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "Stop", "SessionEnd")
        self.settings = world.root / "settings.json"
        self.settings.write_text(json.dumps({"hooks": {event: [{"hooks": [hook]}] for event in events}}))
        account = world.home / ".claude.json"
        trusted = {str(world.repo): {"hasTrustDialogAccepted": True}}
        account.write_text(json.dumps(json.loads(account.read_text()) | {"projects": trusted}))
        self.start("--session-id", SESSION, *words)

    def start(self, *words: str) -> None:
        target = ["-s", self.world.prefix + "fake", "-c", self.world.repo]
        self.world.tmux("new-session", "-d", *target, "claude", "--settings", self.settings, *words)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(next((self.world.home / ".claude/sessions").glob("*.json")).read_text()))

    def until(self, status: str) -> None:
        self.world.wait(lambda: self.status()["status"] == status, 10, status)

    def keys(self, *keys: str) -> None:
        self.world.tmux("send-keys", "-t", self.world.session("fake"), *keys)

    def paste(self, text: str) -> None:
        self.world.run("tmux", "load-buffer", "-b", "b", "-", input=text)
        self.world.tmux("paste-buffer", "-p", "-r", "-d", "-b", "b", "-t", self.world.session("fake"))

    def hooks(self) -> list[str]:
        lines = (self.world.root / "hooks").read_text().splitlines()
        return [json.loads(line)["hook_event_name"] for line in lines if "hook_event_name" in line]

    def transcript(self) -> list[dict[str, Any]]:
        folder = "".join(one if one.isalnum() else "-" for one in str(self.world.repo))
        path: Path = self.world.home / ".claude/projects" / folder / f"{SESSION}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def driven(world: World, fake: Callable[..., Fake]) -> Callable[..., Driven]:
    return lambda *words, **mischief: Driven(world, fake, *words, **mischief)


def test_without_mischief_it_is_a_claude(driven: Callable[..., Driven]) -> None:
    claude = driven("--", "first\nmessage")
    claude.world.wait(lambda: "Stop" in claude.hooks())
    claude.until("idle")
    assert claude.fake.turns() == ["first\nmessage"]
    claude.paste("two\tlines\r\nof it  ")
    claude.keys("Enter")
    claude.world.wait(lambda: len(claude.fake.turns()) == 2)
    claude.paste("TOOL and wait")
    claude.keys("Enter")
    claude.until("waiting")
    claude.keys("1")
    claude.world.wait(lambda: claude.hooks().count("Stop") == 3)
    assert claude.fake.turns()[1:] == ["two    lines\nof it", "TOOL and wait"]
    said = [line["origin"]["kind"] for line in claude.transcript() if line["type"] == "user" and "origin" in line]
    assert said == ["human"] * 3
    claude.until("idle")
    claude.paste("/exit")
    claude.keys("Enter")
    claude.world.wait(lambda: claude.hooks()[-1] == "SessionEnd")
    claude.world.wait(lambda: not list((claude.world.home / ".claude/sessions").glob("*")))
    assert claude.hooks()[:4] == ["SessionStart", "UserPromptSubmit", "Stop", "UserPromptSubmit"]
    claude.world.wait(lambda: not claude.world.sessions())
    claude.start("--resume", SESSION)
    claude.until("idle")
    assert claude.status()["sessionId"] == SESSION


def test_enter_in_a_permission_dialog_approves_and_eats_the_message(driven: Callable[..., Driven]) -> None:
    claude = driven("TOOL")
    claude.until("waiting")
    assert claude.status()["waitingFor"] == "permission prompt"
    assert "PermissionRequest" in claude.hooks()
    claude.paste("a message")
    claude.keys("Enter")
    claude.until("idle")
    assert [fact["wrongly"] for fact in claude.fake.truth("approved")] == [True]
    assert [fact["text"] for fact in claude.fake.truth("eaten")] == ["a message"]
    assert (claude.world.repo / "made.txt").exists()


def test_a_denied_tool_does_not_run(driven: Callable[..., Driven]) -> None:
    claude = driven("TOOL")
    claude.until("waiting")
    claude.keys("3")
    claude.until("idle")
    assert not (claude.world.repo / "made.txt").exists()
    assert "Stop" not in claude.hooks()


def test_a_message_sent_while_a_tool_runs_is_injected_without_a_hook(driven: Callable[..., Driven]) -> None:
    claude = driven(slow=1, dialog=0)
    claude.until("idle")
    claude.paste("TOOL")
    claude.keys("Enter")
    claude.until("waiting")
    claude.keys("1")
    claude.paste("by the way")
    claude.keys("Enter")
    claude.world.wait(lambda: [fact["source"] for fact in claude.fake.truth("turn")] == ["typed", "injected"])
    assert claude.hooks().count("UserPromptSubmit") == 1
    kinds = [(line["type"], line.get("operation")) for line in claude.transcript()]
    assert kinds.index(("queue-operation", "enqueue")) < kinds.index(("attachment", None))


@pytest.mark.parametrize("kind", ["swallow", "early"])
def test_an_enter_can_be_lost_and_the_text_stays(driven: Callable[..., Driven], kind: str) -> None:
    claude = driven(**{kind: 1, "slow": 1})
    claude.until("idle")
    if kind == "early":
        claude.paste("before")
        claude.keys("Enter")
        claude.world.wait(lambda: claude.fake.turns() == ["before"])
    before = claude.fake.turns()
    claude.paste("some text")
    claude.keys("Enter")
    claude.world.wait(lambda: "❯ some text" in claude.world.screen("fake"))
    assert claude.fake.turns() == before


def test_menus_and_dialogs_open_and_close_by_themselves(driven: Callable[..., Driven]) -> None:
    claude = driven("hello", menu=1, dialog=1)
    claude.world.wait(lambda: claude.status().get("waitingFor") == "permission prompt")
    claude.world.wait(lambda: claude.status().get("waitingFor") == "dialog open")
    claude.until("idle")
    assert claude.fake.truth("approved") == []


def test_it_dies_and_leaves_its_status_behind(driven: Callable[..., Driven]) -> None:
    claude = driven("hello", die=1)
    claude.world.wait(lambda: claude.fake.truth("died"))
    claude.world.wait(lambda: claude.world.sessions() == [])
    assert claude.status()["status"] == "busy"


def test_it_asks_about_folders_that_nobody_trusts(world: World, fake: Callable[..., Fake]) -> None:
    fake()
    world.tmux("new-session", "-d", "-s", world.prefix + "fake", "-c", world.repo, "claude")
    world.wait(lambda: "trust this folder" in world.screen("fake"))
    assert not (world.home / ".claude/sessions").exists()
    world.tmux("send-keys", "-t", world.session("fake"), "Enter")
    world.wait(lambda: list((world.home / ".claude/sessions").glob("*")))
