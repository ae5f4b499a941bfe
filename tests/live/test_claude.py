"""The real Claude Code: told apart, fed, asked and brought back."""

import json
import threading
import time
import unicodedata
from typing import Any

import pytest

from tests.bed import agents
from tests.bed.model_server import ModelServer
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.agents]

CONTENTS = [
    "x", "1", "two\nlines", "five\nlines\nof\na\ntext", "it's \"quoted\" $HOME `id` $(id)", "/no/such path", "!ls",
    "#hash", "-dash --x", "&amp", "?q", "trailing ;", "trailing \\", "\\", "look at @src", "@README.md", "tab\there",
    "e\u0301 \u4f60\u597d \U0001f600", "  indented", "blank\n\n\n\nlines", "a\\\nb\nc\nd", "exit now", "word " * 200,
    "~tilde #{x} | y > z", "k" * 10_000, "\n".join(f"line {n} " + "w" * 90 for n in range(1000)),
]  # fmt: skip


@pytest.fixture(params=agents.oldest_and_newest("claude"))
def claude(request: pytest.FixtureRequest, world: World, model: ModelServer) -> str:
    """Each pinned version in turn."""
    agents.set_up(world, model, "claude", request.param)
    return str(request.param)


class Claude:
    """An agent of the real program in a world; `create` is done."""

    def __init__(self, world: World, model: ModelServer, *words: str, name: str = "web", **how: Any) -> None:
        self.world, self.model, self.name = world, model, name
        world.mng("create", name, "claude", "--no-connect", "--await-ready", *words, **how)

    def message(self, text: str, *words: str, check: bool = True) -> dict[str, Any]:
        rows = self.world.mng("message", self.name, "-m", text, "--jsonl", *words, check=check).rows
        return dict(rows[0])

    @property
    def row(self) -> dict[str, Any]:
        rows = self.world.mng("list", "--jsonl").rows
        return dict(next(row for row in rows if row["name"] == self.name))

    def until(self, state: str, reason: str = "") -> dict[str, Any]:
        wanted = (state, reason)
        return self.world.wait(
            lambda: row if ((row := self.row)["state"], row["state_reason"]) == wanted else {}, 20, f"{state} {reason}"
        )

    def keys(self, *keys: str) -> None:
        self.world.tmux("send-keys", "-t", self.world.session(self.name), *keys)


def as_kept(text: str) -> str:
    """Claude keeps a message trimmed and without tabs; most versions compose it, 2.1.290 does the opposite."""
    return unicodedata.normalize("NFC", text.replace("\t", "    ")).strip()


def test_a_conversation_goes_on_after_stop_and_start(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--message", "first words")
    assert agent.message("second words", "--wait")["answer"] == "ECHO: second words"
    status = world.git("status", "--porcelain", cwd=agent.row["work_dir"])
    assert status == "", "its work dir is untouched"
    world.mng("stop", "web")
    assert agent.row["state"] == "STOPPED"
    world.mng("start", "web")
    assert agent.message("third words", "--wait")["answer"] == "ECHO: third words"
    said = json.dumps(model.requests("third words")[-1].body)
    assert "first words" in said and "second words" in said
    account = json.loads((world.home / ".claude.json").read_text())
    assert [key for key, of in account["projects"].items() if of.get("hasTrustDialogAccepted")] == [str(world.repo)]


def test_every_content_arrives_as_it_is(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    for text in CONTENTS:
        answer = world.mng("message", "web", "--jsonl", input=text, timeout=60).rows[0]
        assert answer["result"] == "delivered", text[:50]
        world.wait(lambda text=text: any(as_kept(ask.text) == as_kept(text) for ask in model.requests()), 15, text[:50])  # type: ignore[misc]
    for text in ("", "  \n", "exit", " :q ", "/clear", " /exit", "/help me", "\n/compact\nnow"):
        assert world.mng("message", "web", input=text, check=False).code == 2
    ran = world.mng("message", "web", input="a\x1b[31mred\x07\r\nb", check=False)
    assert ran.code == 0 and "control characters" in ran.err
    world.wait(lambda: model.requests("ared\nb"))
    assert agent.row["state"] in ("RUNNING", "WAITING")


def test_a_key_makes_a_second_delivery_harmless(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    assert agent.message("only once", "--id", "k 1")["result"] == "delivered"
    assert agent.message("only once", "--id", "k 1")["result"] == "delivered"
    agent.message("the end", "--wait")
    assert json.dumps(model.requests("the end")[-1].body["messages"]).count("only once") == 2  # and its echo
    assert world.mng("message", "web", "-m", "other", "--id", "k 1", check=False).code == 2


def test_a_permission_dialog_is_named_and_never_answered(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--message", "TOOL[chmod 600 README.md]")
    row = agent.until("WAITING", "permission")
    assert row["state_detail"] == "Bash"
    sent = agent.message("go on", check=False)
    assert sent["result"] == "blocked" and "permission: Bash" in sent["detail"]
    time.sleep(0.5)
    assert agent.row["state_reason"] == "permission"
    assert not model.requests("go on")
    agent.keys("Escape")
    agent.until("WAITING", "turn-end")
    assert agent.message("ASK")["result"] == "delivered"
    agent.until("WAITING", "question")
    assert agent.message("blue", check=False)["result"] == "blocked"
    agent.keys("Escape")
    agent.until("WAITING", "turn-end")
    assert agent.message("ERR401", "--wait")["result"] == "delivered"
    agent.until("WAITING", "auth")
    assert agent.message("better now", "--wait")["answer"] == "ECHO: better now"
    assert agent.message("ERR429", "--wait")["result"] == "delivered"
    agent.until("WAITING", "limit")


def test_senders_at_the_moment_a_dialog_opens(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    for turn in range(4):
        results: list[str] = []

        def send(text: str, results: list[str] = results) -> None:
            results.append(agent.message(text, check=False)["result"])

        first = agent.message(f"turn {turn} TOOL[chmod 600 README.md]")
        others = [threading.Thread(target=send, args=(f"meanwhile {turn} {n}",)) for n in range(3)]
        [one.start() for one in others]
        [one.join() for one in others]
        agent.until("WAITING", "permission")
        assert first["result"] == "delivered" and set(results) <= {"delivered", "blocked"}
        agent.keys("Escape")
        agent.until("WAITING", "turn-end")


def test_what_is_sent_while_it_works_waits_in_its_queue(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--message", "WAIT8 a while")
    agent.until("RUNNING")
    for _ in range(2):
        sent = agent.message("the same words")
        assert sent["result"] == "delivered" and "queue" in sent["detail"]
    agent.until("WAITING", "turn-end")
    assert agent.message("at last", "--wait")["answer"] == "ECHO: at last"
    assert json.dumps(model.requests("at last")[-1].body["messages"]).count("the same words") >= 2


def test_a_draft_is_put_aside_and_comes_back(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    agent.keys("-l", "half a thought")
    world.wait(lambda: "half a thought" in world.screen("web"))
    world.tmux("copy-mode", "-t", world.session("web"))  # and the person is reading further up
    assert agent.message("whole words", "--wait")["answer"] == "ECHO: whole words"
    world.wait(lambda: "half a thought" in world.screen("web"))
    assert not model.requests("half")


def test_what_is_granted_is_not_asked_for(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--grant", "Bash(chmod:*)")
    asks = "TOOL[chmod 600 README.md]"
    assert agent.message(asks, "--wait")["result"] == "delivered"
    assert agent.row["state_reason"] == "turn-end"
    assert world.mng("limit", "web", "--json").json[0]["grants"] == ["Bash(chmod:*)"]
    assert world.mng("limit", "web", "--revoke", "Bash(x)", check=False).code == 3
    world.mng("limit", "web", "--revoke", "Bash(chmod:*)", "--grant", "Bash(true:*)")
    world.mng("stop", "web")
    world.mng("start", "web")
    agent.message(asks)
    agent.until("WAITING", "permission")
    agent.keys("Escape")
    agent.until("WAITING", "turn-end")
    assert "Bash(chmod:*)" in world.mng("provision", "web", "--grant", "Bash(chmod:*)", "--no-restart").out
    world.mng("stop", "web")
    world.mng("start", "web")
    agent.message(asks, "--wait")
    assert agent.row["state_reason"] == "turn-end"
    world.mng("create", "other", "--agent-cmd", "sleep 99", "--no-connect")
    assert world.mng("limit", "other", "--grant", "x", check=False).code == 6


def test_two_agents_in_one_folder_are_told_apart(world: World, model: ModelServer, claude: str) -> None:
    one = Claude(world, model, "--in-place", name="one")
    two = Claude(world, model, "--in-place", name="two")
    one.message("WAIT4 one works")
    one.until("RUNNING")
    assert two.row["state"] == "WAITING"
    assert two.message("for two", "--wait")["answer"] == "ECHO: for two"
    assert one.until("WAITING", "turn-end")


def test_clear_starts_another_session_which_is_followed(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--message", "zebra")
    agent.until("WAITING", "turn-end")
    agent.keys("-l", "/clear")
    agent.keys("Enter")
    kept = world.folder("web") / "plugin/claude/session"
    world.wait(lambda: b'"clear"' in kept.read_bytes())
    assert agent.message("after", "--wait")["answer"] == "ECHO: after"
    world.mng("stop", "web")
    world.mng("start", "web")
    assert agent.message("later", "--wait")["answer"] == "ECHO: later"
    said = json.dumps(model.requests("later")[-1].body["messages"])
    assert "after" in said and "zebra" not in said


def test_hooks_and_settings_of_the_user_stay_in_force(world: World, model: ModelServer, claude: str) -> None:
    def hooks(name: str) -> dict[str, Any]:
        return {"Stop": [{"hooks": [{"type": "command", "command": f"touch {world.root}/{name}"}]}]}

    path = world.home / ".claude" / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hooks": hooks("users")}))
    agent = Claude(world, model, "--message", "hi", "--", "--settings", json.dumps({"hooks": hooks("typed")}))
    world.wait(lambda: (world.root / "users").exists() and (world.root / "typed").exists())
    agent.until("WAITING", "turn-end")


def test_a_killed_program_is_not_running_and_comes_back(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model, "--message", "WAIT9 before the end")
    agent.until("RUNNING")
    live = json.loads((world.folder("web") / "plugin/claude/live").read_text())
    world.run("kill", "-9", live["pid"])
    world.wait(lambda: agent.row["state"] == "FAILED")
    assert agent.message("hello?", "--no-start", check=False)["result"] == "dead"
    assert agent.message("hello again", "--wait")["answer"] == "ECHO: hello again"


def test_a_dialog_at_start_up_is_told(world: World, model: ModelServer, claude: str) -> None:
    world.env["ANTHROPIC_API_KEY"] = "sk-ant-test-" + "x" * 30
    del world.env["ANTHROPIC_AUTH_TOKEN"]
    world.mng("create", "web", "claude", "--no-connect")
    told = world.wait(lambda: [row for row in world.mng("list", "--jsonl").rows if row["state_reason"] == "auth"], 20)
    assert told[0]["state"] == "WAITING"
    sent = world.mng("message", "web", "-m", "hi", "--jsonl", check=False)
    assert sent.code == 7 and sent.rows[0]["result"] == "blocked"


def test_a_first_message_that_would_be_a_command_is_refused_before_anything_is_made(world: World, claude: str) -> None:
    for words in (["--message", "/clear"], ["--resume-message", " /compact now"]):
        refused = world.mng("create", "web", "claude", "--no-connect", *words, check=False)
        assert refused.code == 2 and "as a command of its program" in refused.err
    assert world.mng("list", "--jsonl").rows == []


def test_a_permission_mode_of_the_users_opens_no_dialog_at_start_up(world: World, model: ModelServer, claude: str) -> None:
    settings(world, permissions={"defaultMode": "default"})
    agent = Claude(world, model, "--message", "\n".join(f"line {n}" for n in range(9)))
    agent.until("WAITING", "turn-end")
    assert model.requests("line 8")[0].text.strip().startswith("line 0")
    agent.message("TOOL[chmod 600 README.md]")
    assert agent.until("WAITING", "permission")["state_detail"] == "Bash"
    agent.keys("Escape")
    agent.until("WAITING", "turn-end")


def test_what_is_typed_would_not_be_read_so_nothing_is_typed(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    agent.keys("-l", "!")
    world.wait(lambda: "shell mode" in world.screen("web"))
    sent = agent.message("touch ran-it", "--ready-timeout", "1", check=False)
    assert sent["result"] == "blocked" and "mode of '!'" in sent["detail"]
    agent.keys("BSpace")
    agent.keys("C-o")  # its whole transcript
    world.wait(lambda: "transcript" in world.screen("web"))
    sent = agent.message("touch ran-it", "--ready-timeout", "1", check=False)
    assert sent["result"] == "blocked" and "not on the screen" in sent["detail"]
    agent.keys("C-o")
    assert agent.message("hello again", "--wait")["answer"] == "ECHO: hello again"
    assert not list(world.root.rglob("ran-it")) and not model.requests("ran-it")


def test_a_menu_of_the_program_is_no_place_for_a_message(world: World, model: ModelServer, claude: str) -> None:
    agent = Claude(world, model)
    agent.keys("-l", "/model")
    time.sleep(0.5)
    agent.keys("Enter")
    world.wait(lambda: "Select model" in world.screen("web"))
    sent = agent.message("one\ntwo", "--ready-timeout", "1", check=False)
    assert sent["result"] == "blocked", sent
    agent.keys("Escape")
    assert agent.message("one\ntwo", "--wait")["answer"] == "ECHO: one\ntwo"


def settings(world: World, **more: Any) -> None:
    """Beside what the user's settings say already."""
    path = world.home / ".claude" / "settings.json"
    now = json.loads(path.read_text())
    path.write_text(json.dumps({**now, **more, "permissions": {**now["permissions"], **more.get("permissions", {})}}))
