"""The demo agent, driven through tmux as mng and people drive it."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mng.agents import demo_program
from tests.bed import processes
from tests.bed.world import World

pytestmark = pytest.mark.live
AWKWARD = "two\nlines, \"quotes\" 'and' $HOME `id` \\ #!/ ünïcödé 漢字 🙂;\n\ttab"


@dataclass
class Demo:
    world: World
    folder: Path

    def start(self, *words: str) -> None:
        program = [sys.executable, "-I", demo_program.__file__, str(self.folder), *words]
        keep = ["sh", "-c", 'f=$1; shift; "$@"; echo $? >"$f"; exec cat', "sh", str(self.world.root / "code"), *program]
        words = ["tmux", "new-session", "-d", "-x", 100, "-y", 30, "-s", self.target, "-c", self.world.repo, *keep]
        if "server exited" in self.world.run(*words, check=False).err:  # with the session before
            time.sleep(0.5)
            self.world.run(*words)
        self.world.tmux("has-session", "-t", self.target)

    @property
    def target(self) -> str:
        return self.world.prefix + "demo"

    def keys(self, *keys: str) -> None:
        self.world.tmux("send-keys", "-t", self.target, *keys)

    def send(self, text: str) -> None:
        self.world.run("tmux", "load-buffer", "-b", "b", "-", input=text)
        self.world.tmux("paste-buffer", "-p", "-r", "-d", "-b", "b", "-t", self.target)
        self.keys("Enter")

    def status(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "status").read_text()))

    def said(self) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in (self.folder / "transcript.jsonl").read_text().splitlines()]
        return [(line["role"], line["text"]) for line in lines]

    def until(self, state: str, waiting_for: str | None = None) -> None:
        wanted = (state, waiting_for)
        self.world.wait(lambda: (self.status()["state"], self.status()["waiting_for"]) == wanted, 10, f"{wanted}")

    def answer(self, count: int) -> str:
        """The last of so many lines of transcript, once the agent is idle again."""
        self.world.wait(lambda: len(self.said()) == count and self.status()["state"] == "idle", 10, f"{count} lines")
        role, text = self.said()[-1]
        assert role == "assistant"
        return text

    def exit_code(self) -> int:
        return int(self.world.wait((self.world.root / "code").read_text, 10, "its end"))


@pytest.fixture
def demo(world: World) -> Demo:
    return Demo(world, world.root / "state")


@pytest.mark.parametrize("message", ["x", AWKWARD, "long " * 20_000, "-t --", "/x", "!ls", "?", "日" * 500])
def test_a_message_arrives_as_it_was_pasted(demo: Demo, message: str) -> None:
    demo.start()
    demo.until("idle")
    demo.send(message)
    demo.answer(2)
    assert demo.said()[0] == ("user", message)


def test_it_works_on_its_folder(demo: Demo) -> None:
    demo.start("hello", "there")
    assert "list files" in demo.answer(2)
    assert demo.said()[0] == ("user", "hello there")
    demo.send("list files")
    assert "README.md" in demo.answer(4)
    demo.send("write notes.txt: line one\nline two")
    assert demo.answer(6) == "Wrote notes.txt."
    assert (demo.world.repo / "notes.txt").read_text() == "line one\nline two\n"
    demo.send("write ../out.txt: no")
    assert "outside" in demo.answer(8)
    assert not (demo.world.root / "out.txt").exists()


def test_it_asks_before_it_runs_a_command_and_only_a_key_is_consent(demo: Demo) -> None:
    demo.start()
    demo.until("idle")
    demo.send("run: touch made; echo did")
    demo.until("waiting", "permission: run")
    demo.send("yes please")
    demo.keys("q")
    assert demo.status()["state"] == "waiting"
    assert not (demo.world.repo / "made").exists()
    demo.keys("y")
    assert "did" in demo.answer(2)
    assert (demo.world.repo / "made").exists()
    demo.send("run: rm made")
    demo.until("waiting", "permission: run")
    demo.keys("n")
    assert demo.answer(4) == "Not run."
    demo.send("ask")
    demo.until("waiting", "question")
    demo.send("blue")
    assert demo.answer(6) == "You chose blue."


def test_ctrl_c_interrupts_a_turn_and_what_it_runs(demo: Demo) -> None:
    demo.start("--yes", "run: sleep 303; echo late")
    demo.until("busy")
    demo.world.wait(lambda: "sleep 303" in processes.carrying(demo.world.mark).values(), 10, "the command to run")
    demo.keys("C-c")
    assert demo.answer(2) == "Interrupted."
    assert "sleep 303" not in processes.carrying(demo.world.mark).values()
    demo.send("typed after that")
    assert "typed after that" in demo.answer(4)


def test_messages_sent_while_it_is_busy_are_answered_in_turn(demo: Demo) -> None:
    demo.start()
    demo.until("idle")
    for word in ("one", "two", "three"):
        demo.send(word)
    demo.answer(6)
    assert [text for role, text in demo.said() if role == "user"] == ["one", "two", "three"]


@pytest.mark.parametrize("keys", [("/exit", "Enter"), ("C-c", "C-c"), ("C-d",)])
def test_it_leaves_when_told(demo: Demo, keys: tuple[str, ...]) -> None:
    demo.start()
    demo.until("idle")
    demo.keys(*keys)
    assert demo.exit_code() == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_and_the_session_can_be_resumed(demo: Demo, sign: signal.Signals) -> None:
    demo.start("hi")
    demo.answer(2)
    session = demo.status()["session"]
    os.kill(demo.status()["pid"], sign)
    assert demo.exit_code() == 0
    assert "Traceback" not in demo.world.screen("demo")
    demo.world.tmux("kill-session", "-t", demo.target)
    demo.start("--resume")
    demo.world.wait(lambda: f"Session {session} goes on" in demo.world.screen("demo"))
    demo.world.tmux("resize-window", "-t", demo.target, "-x", 30, "-y", 10)
    demo.send("still there?")
    assert "still there?" in demo.answer(4)
    assert demo.status()["session"] == session
