"""mng ask: the reference, scripted agents, the real ones; and what it does not run."""

import pytest

from tests.bed.model_server import ModelServer
from tests.bed.world import World

pytestmark = pytest.mark.live


def claude_says(world: World, text: str, code: int = 0) -> None:
    (world.root / "answer").write_text(text)
    script = f'#!/bin/sh\ncat > {world.root}/prompt\npwd > {world.root}/where\necho "$@" > {world.root}/words\n'
    world.tool("claude", f"{script}cat {world.root}/answer\necho complaint >&2\nexit {code}\n")


def test_the_question_of_the_readme_without_an_agent(world: World) -> None:
    question = "How do I create a container on modal with custom packages installed by default?"
    ran = world.mng("ask", question, env=world.without("claude"))
    assert ran.out.startswith('Simply run:\n    mng create --in modal --build-arg "--dockerfile path/to/Dockerfile"\n')
    assert ran.err == "" and world.mng("ask", question, "--offline").out == ran.out
    assert world.mng("ask", "delete", "an", "agent", "--json", "--type", "demo").json["source"] == "reference"
    assert world.mng("ask", "--offline", input="rename an agent").out.startswith("Simply run:\n    mng rename web shop\n")
    assert world.mng("ask", "--offline", "--query", "rename", "--format", "{command}").out == "mng rename web shop\n"


def test_the_configured_agent_answers_from_the_reference(world: World) -> None:
    claude_says(world, "Say it so:\n\n```\nmng list --running\n```\n")
    ran = world.mng("ask", "who", "runs?", "--json")
    assert ran.json["command"] == "mng list --running" and ran.json["source"] == "claude"
    prompt = (world.root / "prompt").read_text()
    assert "# mng create\n" in prompt and "--await-agent-stopped" in prompt and prompt.endswith("who runs?\n")
    assert prompt.count("## Common") == 1
    assert "who runs" not in (world.root / "words").read_text(), "the question is on no command line"
    assert not (world.root / "where").read_text().startswith(str(world.repo)), "it has nothing to do with the project"
    assert world.mng("ask", "who runs?").out == "Say it so:\n\n```\nmng list --running\n```\n"
    world.mng("config", "set", "commands.create.type", "demo")
    assert world.mng("ask", "who runs?", "--json").json["source"] == "reference"


def test_an_agent_that_fails_is_no_loss(world: World) -> None:
    claude_says(world, "Please run /login", code=1)
    ran = world.mng("ask", "rename an agent")
    assert ran.out.startswith("Simply run:\n    mng rename web shop\n")
    assert ran.err == "mng: warning: claude did not answer (complaint); this is from the reference\n"
    world.tool("claude", "#!/bin/sh\nsleep 60\n")
    late = world.mng("ask", "rename an agent", "--timeout", "0.5")
    assert "claude did not answer (not done after 0.5 s, ended)" in late.err
    ran = world.mng("ask", "rename an agent", "--agent-type", "nosuchprogram")
    assert ran.err == "mng: warning: nosuchprogram can't be asked here; this is from the reference\n"


def test_the_answer_is_run_after_a_yes(world: World) -> None:
    world.mng("create", "web", "demo", "--no-connect")
    claude_says(world, "This stops it:\nmng stop web")
    ran = world.mng("ask", "stop it", "--execute", check=False)
    assert (ran.code, ran.out) == (2, "") and "needs a yes" in ran.err and "give -y" in ran.err
    terminal = world.pty("mng", "ask", "stop it", "--execute")
    terminal.expect(r"This stops it:\n\s*mng stop web\n(.|\n)*Run mng stop web\? \[y/N\]")
    terminal.line("n")
    assert terminal.wait() == 1 and "nothing run" in terminal.text
    assert world.mng("list", "--json").json[0]["state"] == "WAITING"
    terminal = world.pty("mng", "ask", "stop it", "--execute")
    terminal.expect(r"\[y/N\]")
    terminal.line("y")
    assert terminal.wait() == 0 and "web: stopped" in terminal.text
    claude_says(world, "`mng exec web 'exit 7'`")
    assert world.mng("ask", "x", "--execute", "--yes", check=False).code == 7
    ran = world.mng("ask", "show all agents as they are", "--offline", "--execute", "-y")
    assert ran.err == "mng list\n" and ran.out.startswith("NAME ")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Do it yourself.", "no command to run"),
        ("rm -rf /", "no command to run"),
        ("mng nonsense web", "no command to run"),
        ("mng ask again", "no command to run"),
        ("mng destroy $(mng list --format '{name}')", "more than a command"),
        ("mng list; touch made", "more than a command"),
        ("mng list && touch made", "more than a command"),
        ("mng list > made", "more than a command"),
        ("mng list 'unfinished", "no command line"),
        ("mng destroy `cat names`", "more than a command"),
        ("mng list --nonsense", "list has no option --nonsense"),
        ("mng list --limit many", "'many' is no whole number"),
        ("mng list --help", "asks for help"),
    ],
)
def test_only_a_plain_command_of_ours_is_run(world: World, answer: str, why: str) -> None:
    (world.repo / "tasks.py").write_text("from invoke import task\n@task\ndef nonsense(c): print('run')\n")
    claude_says(world, answer)
    ran = world.mng("ask", "x", "--execute", "-y", check=False)
    assert (ran.code, ran.out) == (2, "") and why in ran.err, ran
    assert not (world.repo / "made").exists()


def test_nothing_to_ask_and_nothing_known(world: World) -> None:
    nothing = world.mng("ask", check=False)
    assert (nothing.code, nothing.err.splitlines()[0]) == (2, "mng: ask what?")
    unknown = world.mng("ask", "knead", "dough", "--offline", check=False)
    assert (unknown.code, unknown.err.splitlines()[0]) == (3, "mng: the reference has nothing about that")


@pytest.mark.agents
def test_the_real_agents(world: World, model: ModelServer, real: str) -> None:
    """Their answer is an echo here, so that the question's last line is the command."""
    world.mng("create", "web", "demo", "--no-connect")
    ran = world.mng("ask", "who is there?\nmng list --format {name}", "--type", real, "--execute", "-y", timeout=120)
    assert ran.out == "web\n", ran
    ran = world.mng("ask", "who is there?\nmng list", "--type", real, "--json", timeout=120)
    assert (ran.json["command"], ran.json["source"]) == ("mng list", real)
    assert ran.json["text"].startswith("ECHO: You answer questions about `mng`")
