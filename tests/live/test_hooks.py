"""What plugins hook into is called by the operation, once, whichever command leads to it; a refusal holds at every door."""

from collections.abc import Callable, Iterator

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live
Mng = Callable[..., Ran]
STOP, START = ["before_stop", "after_stop"], ["before_start", "after_start"]
DESTROY, MESSAGE = ["before_destroy", "after_destroy"], ["before_message", "after_message"]
PROVISION = ["before_provision", "after_provision"]
WATCH = """
import os
from mng.errors import MngError
from mng.plugins import hookimpl

def note(hook, name):
    with open(os.environ["HOOKS_LOG"], "a") as file:
        file.write(f"{hook} {name}\\n")
    if hook in os.environ.get("HOOKS_REFUSE", "").split():
        raise MngError(f"{name}: no {hook}")

@hookimpl
def before_create(plan):
    note("before_create", plan.record.name)
@hookimpl
def after_create(agent):
    note("after_create", agent.name)
@hookimpl
def before_provision(host):
    note("before_provision", host.name)
@hookimpl
def after_provision(host):
    note("after_provision", host.name)
@hookimpl
def before_start(agent):
    note("before_start", agent.name)
@hookimpl
def after_start(agent):
    note("after_start", agent.name)
@hookimpl
def before_stop(agent):
    note("before_stop", agent.name)
@hookimpl
def after_stop(agent):
    note("after_stop", agent.name)
@hookimpl
def before_destroy(agent):
    note("before_destroy", agent.name)
@hookimpl
def after_destroy(agent):
    note("after_destroy", agent.name)
@hookimpl
def before_message(agent):
    note("before_message", agent.name)
@hookimpl
def after_message(agent):
    note("after_message", agent.name)
"""


@pytest.fixture
def watched(world: World) -> World:
    """With a plugin that writes down what is called, and refuses what HOOKS_REFUSE says."""
    (world.home / "watch_hooks.py").write_text(WATCH)
    world.env |= {"PYTHONPATH": str(world.home), "HOOKS_LOG": str(world.root / "hooks")}
    settings = world.home / ".mng/profiles/default/settings.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('[plugins.watch]\nmodule = "watch_hooks"\n')
    return world


@pytest.fixture
def agent(watched: World) -> World:
    """With an agent `web` that runs."""
    watched.mng("create", "web", "demo", "--no-connect", "--await-ready", "--idle-timeout", "1h")
    called(watched)
    return watched


@pytest.fixture
def roads(agent: World) -> Iterator[World]:
    """With an SSH host `box`."""
    bed = Sshd(agent)
    try:
        bed.start("box")
        yield agent
    finally:
        bed.end()


def called(world: World, name: str = "web") -> list[str]:
    """The hooks of this agent or host since the last time."""
    log = world.root / "hooks"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [hook for hook, whose in lines if whose == name]


def state(world: World, name: str = "web") -> str:
    return {row["name"]: row["state"] for row in world.mng("list", "--json").json}.get(name, "")


STOPS = [
    ["stop", "web"],
    ["cleanup", "-f", "--stop", "--agent-type", "demo"],
    ["push", "web", "--stop", "--uncommitted-changes", "clobber"],
    ["pull", "web", "--stop", "--uncommitted-changes", "clobber"],
]


@pytest.mark.parametrize("words", STOPS, ids=" ".join)
def test_every_stop(agent: World, words: list[str]) -> None:
    (agent.folder("web") / "new.txt").touch()
    before = sorted(agent.repo.iterdir())
    refused = agent.mng(*words, check=False, env={"HOOKS_REFUSE": "before_stop"})
    assert refused.code == 1 and "web: no before_stop" in refused.out + refused.err
    assert called(agent) == ["before_stop"] and state(agent) in ("RUNNING", "WAITING")
    assert sorted(agent.repo.iterdir()) == before, "nothing is done"
    agent.mng(*words)
    assert called(agent) == STOP and state(agent) == "STOPPED"


def test_a_stop_because_it_is_idle(agent: World) -> None:
    agent.mng("limit", "web", "--idle-timeout", "1s")
    agent.wait(lambda: "after_stop" in (agent.root / "hooks").read_text(), 30)
    assert called(agent) == STOP and state(agent) == "STOPPED"
    agent.mng("start", "web", env={"HOOKS_REFUSE": "before_stop"})  # its watcher has the environment of who started it
    agent.wait(lambda: "before_stop" in (agent.root / "hooks").read_text(), 30)
    assert state(agent) in ("RUNNING", "WAITING")


def test_restarts_of_provision(agent: World) -> None:
    agent.mng("create", "other", "demo", "--no-connect", "--await-ready")
    called(agent)
    words = ["provision", "web", "--env", "A=1", "--restart"]
    refused = agent.mng(*words, check=False, env={"HOOKS_REFUSE": "before_stop"})
    assert refused.code == 1 and "web: no before_stop" in refused.err
    assert called(agent) == ["before_stop"] and state(agent) in ("RUNNING", "WAITING")
    agent.mng(*words)
    assert called(agent) == [*STOP, *START]
    called(agent)
    agent.mng(*words, "--dry-run")
    assert called(agent) == []


def test_roles_done_to_a_host(agent: World) -> None:
    key = agent.home / "k.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me\n")
    (agent.repo / "fabfile.py").write_text("from mng.cli.fab import role\n")
    (agent.repo / "fabric.yaml").write_text("tasks: {executor_class: mng.cli.fab.Executor}\n")
    for words in (
        ["mng", "provision", "--host", "local", "--role", "base"],
        ["mng", "limit", "web", "--add-ssh-key", str(key)],
        ["fab", "-H", "local", "role", "base"],
    ):
        refused = agent.run(*words, check=False, env={"HOOKS_REFUSE": "before_provision"})
        assert refused.code == 1 and "no before_provision" in refused.out + refused.err, str(refused)
        assert called(agent, "local") == ["before_provision"]
        assert not (agent.home / ".ssh/authorized_keys").exists() or "limit" not in words
        agent.run(*words)
        assert called(agent, "local") == PROVISION, words


def test_migrate_stops_and_destroys(roads: World) -> None:
    words = ["migrate", "web", "--host", "box", "--no-connect"]
    for hook in ("before_destroy", "before_stop"):
        refused = roads.mng(*words, check=False, env={"HOOKS_REFUSE": hook})
        assert (refused.code, refused.err) == (1, f"mng: web: no {hook}\n")
        assert state(roads) in ("RUNNING", "WAITING")
    assert called(roads) == ["before_destroy", "before_destroy", "before_stop"]
    refused = roads.mng(*words, check=False, env={"HOOKS_REFUSE": "before_create"})
    assert refused.code == 1 and state(roads) in ("RUNNING", "WAITING")
    assert called(roads) == ["before_destroy", *STOP, "before_create", *START]  # it goes on where it was
    roads.mng(*words)
    assert called(roads) == ["before_destroy", *STOP, "before_create", *START, "after_create", "after_destroy"]


DESTROYS = [["destroy", "-f", "web"], ["cleanup", "-f", "--agent-type", "demo"]]


@pytest.mark.parametrize("words", DESTROYS, ids=" ".join)
def test_every_destroy(agent: World, words: list[str]) -> None:
    refused = agent.mng(*words, check=False, env={"HOOKS_REFUSE": "before_destroy"})
    assert refused.code == 1 and "web: no before_destroy" in refused.out + refused.err
    assert called(agent) == ["before_destroy"] and state(agent) in ("RUNNING", "WAITING")
    agent.mng(*words)
    assert called(agent) == DESTROY and state(agent) == ""


def test_a_killed_destroy_and_a_killed_create_are_finished_once(agent: World) -> None:
    agent.mng("destroy", "-f", "web", check=False, env={"MNG_FAULT": "destroy.work"})
    agent.mng("gc")
    assert called(agent) == DESTROY and state(agent) == ""
    agent.mng("create", "web", "demo", "--no-connect", check=False, env={"MNG_FAULT": "create.ready"})
    assert called(agent) == ["before_create", *START]
    agent.mng("gc")
    assert called(agent) == ["after_create"] and state(agent) in ("RUNNING", "WAITING")


def test_agents_that_are_not_whole(agent: World) -> None:
    """A session made by hand, and one whose record can't be read."""
    agent.tmux("new-session", "-d", "-s", f"{agent.prefix}hand", "sleep 1000")
    (agent.host_dir / "names/web/data.json").write_text("{")
    for name, more in (("hand", []), ("web", ["--discard"])):
        refused = agent.mng("destroy", "-f", name, *more, check=False, env={"HOOKS_REFUSE": "before_destroy"})
        assert refused.code == 1 and f"{name}: no before_destroy" in refused.out + refused.err
        assert name in agent.sessions() and called(agent, name) == ["before_destroy"]
        agent.mng("destroy", "-f", name, *more)
        assert name not in agent.sessions() and called(agent, name) == DESTROY


def test_every_start_and_create(agent: World) -> None:
    agent.mng("stop", "web")
    called(agent)
    for words in (["start", "web"], ["message", "web", "-m", "hi"], ["create", "web", "demo", "--reuse", "--no-connect"]):
        refused = agent.mng(*words, check=False, env={"HOOKS_REFUSE": "before_start"})
        assert refused.code == 1 and "web: no before_start" in refused.err and called(agent) == ["before_start"]
        agent.mng(*words)
        assert called(agent) == [*START, *(MESSAGE if words[0] == "message" else [])]
        agent.mng("stop", "web")
        called(agent)
    agent.mng("destroy", "-f", "web")
    called(agent)
    for words in (["create", "web", "demo"], ["clone", "web", "next"], ["restore", "web"]):
        name = "next" if words[0] == "clone" else "web"
        connect = [] if words[0] == "restore" else ["--no-connect"]
        refused = agent.mng(*words, *connect, check=False, env={"HOOKS_REFUSE": "before_create"})
        assert refused.code == 1 and f"{name}: no before_create" in refused.err and called(agent, name) == ["before_create"]
        agent.mng(*words, *connect)
        assert called(agent, name) == ["before_create", *START, "after_create"], words
        if words[0] == "clone":  # there is work to restore
            (agent.host_dir / agent.record("web")["work"]["path"] / "draft.txt").write_text("x")
            agent.mng("destroy", "-f", "web", "next")
            called(agent)


def test_every_message(agent: World) -> None:
    (agent.root / "text").write_text("from a file")
    resumed = ["create", "later", "demo", "--no-connect", "--resume-message", "go on"]
    agent.mng(*resumed)
    agent.mng("stop", "later")
    called(agent)
    doors = (["message", "web", "-m", "one"], ["message", "web", "--message-file", str(agent.root / "text")])
    for words in doors:
        refused = agent.mng(*words, check=False, env={"HOOKS_REFUSE": "before_message"})
        assert (refused.code, refused.err) == (1, "mng: web: no before_message\n") and called(agent) == ["before_message"]
        agent.mng(*words)
        assert called(agent) == MESSAGE
    agent.mng("start", "later")
    assert called(agent, "later") == [*START, *MESSAGE]
    for more in ([], ["--await-ready"]):  # in the background, and before it returns
        agent.mng("create", f"new{len(more)}", "demo", "--no-connect", "--message", "first", *more)
        agent.wait(lambda: "after_message" in (agent.root / "hooks").read_text())
        assert [hook for hook in called(agent, f"new{len(more)}") if "message" in hook] == MESSAGE
    assert "before_message" not in agent.screen("web")
