"""Agents that move between this machine, containers and SSH hosts, with all that they have."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.bed.model_server import ModelServer
from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.live.test_clone import unsettle
from tests.live.test_schemas import checked

pytestmark = [pytest.mark.live, pytest.mark.slow]
DEMO = ["demo", "--no-connect", "--await-ready"]
STATE = """
git rev-parse HEAD && git status --porcelain && git diff --cached && git diff && git branch --show-current
find . -name .git -prune -o -type f -exec cksum {} + | LC_ALL=C sort; find . -type l -exec readlink {} \\;; cat kept.ignored
"""


@pytest.fixture
def roads(there: World) -> Iterator[World]:
    """A Docker engine and an SSH host `box`."""
    bed = Sshd(there)
    try:
        bed.start("box")
        yield there
    finally:
        bed.end()


def begun(world: World) -> str:
    """An agent `a` with every kind of work and something said; the state of its work dir."""
    (world.repo / ".gitignore").write_text("*.ignored\n")
    world.git("add", "-A")
    world.git("commit", "-qm", "Ignore")
    world.mng("create", "a", *DEMO, "--env", "COLOUR=it's blue", "--label", "team=red")
    work = world.host_dir / "worktrees" / world.mng("list", "--json").json[0]["work_dir"].rpartition("/")[2]
    unsettle(work, world)
    (work / "kept.ignored").write_text("ignored, not lost")
    (work / "link to").symlink_to("made.txt")
    (work / "program").write_text("#!/bin/sh\n")
    (work / "program").chmod(0o755)
    world.mng("message", "a", "-m", "first words", "--wait", timeout=120)
    return state(world)


def state(world: World, name: str = "a") -> str:
    return world.mng("exec", name, STATE).out


def said(world: World, name: str = "a") -> str:
    return world.mng("exec", name, 'cat "$MNG_AGENT_STATE_DIR/plugin/demo/transcript.jsonl"').out


def where(world: World) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["host"]["name"], row["state"]) for row in json.loads(world.mng("list", "--json").out)}


def test_there_and_elsewhere_and_back(roads: World) -> None:
    before = begun(roads)
    for words, host in (
        (["--in", "docker", "--host-name", "can"], "can"),
        (["--host", "box"], "box"),
        (["--host", "local"], "local"),
    ):
        checked("migrate", roads.mng("migrate", "a", *words, "--no-connect", "--json", timeout=120).out)
        assert [one for one, _ in where(roads).values()] == [host]
        assert state(roads) == before, host
        assert "first words" in said(roads)
        roads.mng("message", "a", "-m", f"now on {host}", "--wait", timeout=120)
    assert "now on can" in said(roads) and "now on box" in said(roads)
    assert roads.mng("exec", "a", 'printf %s "$COLOUR"').out == "it's blue"
    assert roads.mng("list", "--json").json[0]["labels"]["team"] == "red"
    assert roads.mng("list", "--hosts", "--json").out.count('"can"') == 0, "its container went with it"


def test_a_copy_goes_elsewhere(roads: World) -> None:
    begun(roads)
    roads.mng("clone", "a", "b", "--in", "docker", "--host-name", "can", "--no-connect", timeout=120)
    roads.mng("clone", "b", "c", "--host", "box", "--no-connect", timeout=120)
    roads.mng("clone", "c", "d", "--host", "local", "--no-connect", timeout=120)
    assert {name: state == "RUNNING" or state == "WAITING" for name, (_, state) in where(roads).items()} == dict.fromkeys(
        "abcd", True
    )
    for name in "bcd":
        assert "first words" in said(roads, name)
        ran = roads.mng("exec", name, "git branch --show-current; git status --porcelain; cat 'new folder/untracked ü.txt'").out
        assert ran.startswith(f"mng/{name}\n") and ran.endswith("untracked") and "staged.txt" in ran, name
    roads.mng("clone", "b", "e", "--no-connect")
    assert where(roads)["e"][0] == "can", "the host of its source, unless another is said"


@pytest.mark.parametrize(
    "step", ["create.claim", "create.work", "create.session", "create.ready", "migrate.made", "destroy.work"]
)
def test_killed_on_the_way(roads: World, step: str) -> None:
    """The source is whole until the other is; nothing of either is lost, and gc ends what was begun, or gives it up."""
    before = begun(roads)
    assert roads.mng("migrate", "a", "--host", "box", "--no-connect", check=False, env={"MNG_FAULT": step}).code == -9
    roads.mng("gc")
    there = {row["host"]["name"]: row["state"] for row in roads.mng("list", "--json").json}
    complete = step in ("create.ready", "migrate.made", "destroy.work")
    assert set(there) == ({"box"} if complete else {"local"})
    for host in there:
        name = f"a@{host if host == 'box' else 'local'}"
        roads.mng("start", name)
        assert state(roads, name) == before and "first words" in said(roads, name)
    if not complete:
        roads.mng("migrate", "a", "--host", "box", "--no-connect")
        assert state(roads) == before


@pytest.mark.agents
def test_the_conversation_of_a_real_agent_goes_along(world: World, model: ModelServer, real: str) -> None:
    bed = Sshd(world)
    env = {name: value for name, value in world.env.items() if name not in ("HOME", "MNG_HOST_DIR", "TMUX_TMPDIR")}
    try:
        box = bed.start("box", env={name: value for name, value in env.items() if not name.startswith("MNG_")})
        for name in (".claude.json", ".claude/settings.json", ".codex/config.toml", ".config/opencode/opencode.json"):
            if (world.home / name).exists():  # its user is logged in there, too
                (box.home / name).parent.mkdir(parents=True, exist_ok=True)
                (box.home / name).write_bytes((world.home / name).read_bytes())
        world.mng("create", "a", real, "--no-connect", "--await-ready", timeout=120)
        world.mng("message", "a", "-m", "zebra", "--wait", timeout=120)
        for name, words, host in (("b", ["clone", "a", "b"], "local"), ("a", ["migrate", "a"], "box")):
            world.mng(*words, "--host", host, "--no-connect", "--await-ready", timeout=180)
            text = f"words on {host}"
            assert f"ECHO: {text}" in world.mng("message", name, "-m", text, "--wait", timeout=120).out
            said = json.dumps(model.requests(text)[-1].body)
            assert "zebra" in said and ("words on box" in said) == (host == "box")
        world.mng("stop", "a")
        world.mng("start", "a", timeout=120)
        world.mng("message", "a", "-m", "once more", "--wait", timeout=120)
        said = json.dumps(model.requests("once more")[-1].body)
        assert "words on box" in said and "words on local" not in said
        world.mng("destroy", "-f", "a", "b")
    finally:
        bed.end()


def test_what_can_not_be_moved(roads: World) -> None:
    roads.mng("create", "a", *DEMO)
    assert "to which host" in roads.mng("migrate", "a", check=False).err
    assert "is on local already" in roads.mng("migrate", "a", "--host", "local", check=False).err
    assert roads.mng("migrate", "nobody", "--host", "box", check=False).code == 3
    assert "would move a" in roads.mng("migrate", "a", "--host", "box", "--dry-run").err
    failed = roads.mng("migrate", "a", "--host", "box", "--user-command", "exit 7", "--no-connect", check=False)
    assert failed.code == 5 and [state for _, state in where(roads).values()] in (["WAITING"], ["RUNNING"])
    assert roads.mng("migrate", "a", "--in", "docker", "-b", "image=no-such:1", "--no-connect", check=False).code == 1
    assert len(where(roads)) == 1


def test_a_clone_of_a_repository_without_a_remote_has_none_there(roads: World) -> None:
    roads.mng("create", "a", *DEMO)
    roads.mng("migrate", "a", "--host", "box", "--no-connect")
    assert roads.mng("exec", "a", "git remote; git status").out.startswith("On branch mng/a")
    assert "refs/mng/saved" not in roads.mng("destroy", "-f", "a").err, "what came from here is not unsaved"


def test_what_a_killed_move_left_is_removed(world: World) -> None:
    old, new = world.root / "tmp/mng-carry-abcdef", world.root / "tmp/mng-carry-ghijkl"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1000, 1000))
    assert "what a killed move left" in world.mng("gc").out
    assert new.exists() and not old.exists()
