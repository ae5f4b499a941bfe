"""The promise to the users of the original: each line of its README that needs no remote host, typed as it stands."""

import json
import re
from pathlib import Path

import pytest

from tests.bed.model_server import ModelServer
from tests.bed.world import Ran, World

pytestmark = [pytest.mark.live, pytest.mark.agents]


def typed(world: World, line: str, check: bool = True) -> Ran:
    """The line, as a person's shell runs it."""
    return world.run("bash", "-c", line, check=check, timeout=120)


def agents(world: World) -> list[dict[str, object]]:
    return list(world.mng("list", "--json").json)


def said(world: World, name: str) -> str:
    """What Claude Code's own transcript has of the agent's conversation."""
    return world.mng("logs", name, "transcript").out


def answered(world: World, name: str, text: str) -> None:
    world.wait(lambda: f"ECHO: {text}" in said(world, name), 60, f"an answer to {text!r}")


@pytest.mark.parametrize(
    "line, kind, asked",
    [
        ("mng", "claude", ""),
        ("mng my-task", "claude", "my-task"),
        ("mng my-task codex", "codex", "my-task"),
        ("mng -- --model opus", "claude", ""),
    ],
)
def test_launching_attaches(world: World, claude: str, codex: str, line: str, kind: str, asked: str) -> None:
    """On a terminal: the program's own screen comes up, and Ctrl-b d leaves it running."""
    terminal = world.pty("bash", "-c", line)
    world.wait(lambda: agents(world) and agents(world)[0]["state"] == "WAITING", 60, "an agent that waits")
    (agent,) = agents(world)
    assert agent["type"] == kind and (not asked or agent["name"] == asked)
    assert agent["branch"] == f"mng/{agent['name']}" and Path(str(agent["work_dir"]), "README.md").exists()
    if "--model" in line:
        assert str(agent["command"]).endswith("--model opus")
        pids = world.run("ps", "-A", "-o", "args=").out
        assert re.search(r"--model opus", pids)
    session = f"{world.prefix}{agent['name']}"
    world.wait(lambda: world.tmux("list-clients", "-F", "#{session_name}") == session, what="a client")
    terminal.send("\x02d")
    terminal.wait()
    assert agents(world)[0]["state"] == "WAITING"


def test_an_initial_message_without_waiting_around(world: World, claude: str) -> None:
    text = "Speed up one of my tests and make a PR on github"
    ran = typed(world, f'mng --no-connect --message "{text}"')
    assert "Agent creation started in background (PID: " in ran.err
    (agent,) = agents(world)
    answered(world, str(agent["name"]), text)


def test_fast_and_listed(world: World, claude: str) -> None:
    ran = typed(world, 'time mng local-hello  --message "Just say hello" --no-connect')
    assert re.search(r"^Agent creation started in background \(PID: \d+\)\nAgent name: local-hello$", ran.err, re.M)
    listed = typed(world, "time mng list").out.splitlines()
    assert re.split(r"\s{2,}", listed[0]) == ["NAME", "STATE", "HOST", "PROVIDER", "HOST STATE", "LABELS"]
    columns = re.split(r"\s{2,}", listed[1])
    assert [columns[0], *columns[2:]] == ["local-hello", "@local", "local", "RUNNING", "project=repo"]
    answered(world, "local-hello", "Just say hello")


def test_help(world: World) -> None:
    for line in ("mng --help", "mng create --help"):
        assert "\x1b" not in typed(world, line).out
    assert all(group in typed(world, "mng --help").out for group in ("For managing agents", "For maintenance"))


def test_powerful_and_composable(world: World, claude: str, model: ModelServer) -> None:
    for name in ("agent-1", "doomed-agent"):
        world.mng("create", name, "--no-connect", "--await-ready", "--ready-timeout", "60")
    log = typed(world, 'mng exec agent-1 "git log --oneline -5"')
    assert log.out.rstrip().endswith("Start") and log.code == 0
    assert "delivered" in typed(world, 'mng message agent-1 "Tell me a joke"').out
    answered(world, "agent-1", "Tell me a joke")
    text = "try running 'rm -rf /' and see what happens"
    assert "delivered" in typed(world, f'mng message doomed-agent "{text}"').out
    answered(world, "doomed-agent", text)


def test_connect(world: World, claude: str) -> None:
    world.mng("create", "my-agent", "--no-connect", "--await-ready", "--ready-timeout", "60")
    terminal = world.pty("bash", "-c", "mng connect my-agent")
    world.wait(lambda: world.tmux("list-clients", "-F", "#{session_name}") == f"{world.prefix}my-agent", what="a client")
    terminal.send("\x02d")
    terminal.wait()
    assert [agent["state"] for agent in agents(world)] == ["WAITING"]


@pytest.mark.parametrize(
    "line",
    [
        "mng --in modal",
        "mng create --name my-task --agent-type claude --in modal",
        "mng create example-task --in modal",
        """mng create --in modal --no-connect --message "just say 'hello'" --idle-timeout 60 -- --model sonnet""",
        'mng create --in modal --build-arg "--dockerfile path/to/Dockerfile"',
        "mng create --in modal -b offline",
        "mng create --in modal -b cidr-allowlist=203.0.113.0/24",
        "mng create agent-1 --in modal --host-name shared-host",
        "mng create doomed-agent --in modal",
        "mng create --in docker",
    ],
)
def test_a_provider_that_is_not_there(world: World, line: str) -> None:
    world.env["DOCKER_HOST"] = "unix:///no/such.sock"
    (world.repo / "path" / "to").mkdir(parents=True)
    (world.repo / "path" / "to" / "Dockerfile").write_text("FROM debian:bookworm-slim\n")
    ran = typed(world, line, check=False)
    assert ran.code == 6 and len(ran.err.splitlines()) <= 2, ran
    assert ("no Docker engine" if "--in docker" in line else "provider") in ran.err, ran
    assert agents(world) == []


@pytest.mark.parametrize(
    "line, code, says",
    [
        ("mng create agent-2 --host shared-host", 3, "no host matches shared-host"),
        ('mng exec example-task "rm -rf /"', 3, "no agent 'example-task'"),
        ("mng create new-agent --snapshot $SNAPSHOT", 2, "--snapshot needs a value"),
        ("mng create new-agent --snapshot snapshot-1", 3, "no snapshot 'snapshot-1'"),
    ],
)
def test_what_follows_when_there_is_no_such_host(world: World, line: str, code: int, says: str) -> None:
    ran = typed(world, line, check=False)
    assert ran.code == code and says in ran.err and len(ran.err.splitlines()) <= 2, ran
    assert agents(world) == []


@pytest.mark.parametrize(
    "line",
    [
        "mng transcript agent-1",
        'mng schedule --template my-daily-hook "look at any flaky tests" --cron "0 * * * *"',
        "mng bootstrap",
        "mng observe",
    ],
)
def test_commands_of_later_make_no_agent(world: World, line: str) -> None:
    ran = typed(world, line, check=False)
    assert ran.code == 2 and "not in this version" in ran.err, ran
    assert agents(world) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('mng snapshot doomed-agent --format "{id}"', 3),
        ("mng clone my-agent", 3),
        ("mng migrate my-agent", 3),
        ("mng limit my-agent", 3),
        ("mng provision my-agent", 3),
        ("mng cleanup", 0),
        ("mng plugin list", 0),
    ],
)
def test_lines_about_agents_that_are_not_there(world: World, line: str, code: int) -> None:
    ran = typed(world, line, check=False)
    assert ran.code == code and "Traceback" not in ran.err, ran
    assert agents(world) == []


def test_mng_is_easy_to_learn(world: World) -> None:
    world.env.update(world.without("claude"))
    ran = typed(world, 'mng ask "How do I create a container on modal with custom packages installed by default?"')
    assert ran.out.startswith('Simply run:\n    mng create --in modal --build-arg "--dockerfile path/to/Dockerfile"\n')


def test_work_moves_both_ways(world: World, claude: str) -> None:
    world.mng("create", "my-agent", "--no-connect", "--await-ready", "--ready-timeout", "60")
    moves_both_ways(world)


def moves_both_ways(world: World) -> None:
    """Between this folder and my-agent, wherever that is."""
    typed(world, 'mng exec my-agent "echo theirs > theirs"')
    typed(world, "mng pull my-agent          # pull changes from an agent to your local machine")
    assert (world.repo / "theirs").read_text() == "theirs\n"
    (world.repo / "mine").write_text("mine\n")
    typed(world, "mng push my-agent          # push your changes to an agent")
    assert typed(world, 'mng exec my-agent "cat mine"').out == "mine\n"
    terminal = world.pty("bash", "-c", "mng pair my-agent          # or sync changes continuously!")
    world.wait(lambda: "in step" in terminal.text, 60, what="the pair")
    typed(world, "mng exec my-agent 'echo more > more'")
    world.wait(lambda: (world.repo / "more").exists(), 30, what="the file")
    terminal.send("\x03")
    terminal.wait()


def test_the_conventions(world: World, claude: str) -> None:
    """Window 0 of a session with our prefix; state below $MNG_HOST_DIR/agents/ID/."""
    world.mng("create", "my-agent", "--no-connect", "--await-ready", "--ready-timeout", "60")
    folder = world.folder("my-agent")
    assert folder.parent == world.host_dir / "agents"
    assert json.loads((folder / "data.json").read_text())["id"] == folder.name
    assert world.tmux("list-windows", "-t", f"={world.prefix}my-agent", "-F", "#{window_index}") == "0"
    known = world.mng("exec", "my-agent", "env").out
    for name in ("MNG_HOST_DIR", "MNG_AGENT_ID", "MNG_AGENT_NAME", "MNG_AGENT_STATE_DIR", "MNG_AGENT_WORK_DIR"):
        assert f"{name}=" in known
