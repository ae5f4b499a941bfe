"""mng clone: the work, the environment and the conversation of an agent, in another that goes its own way."""

from pathlib import Path

import pytest

from mng.agents.hooked import fields
from tests.bed.world import World

pytestmark = pytest.mark.live
DEMO = ["demo", "--no-connect", "--await-ready"]


def work(world: World, name: str) -> Path:
    return Path(world.record(name)["work"]["path"])


def answered(world: World, name: str, text: str) -> None:
    world.mng("message", name, "-m", text, "--wait", timeout=120)


def unsettle(folder: Path, world: World) -> None:
    """Commits, staged, changed, untracked, renamed and removed files."""
    (folder / "made.txt").write_text("committed")
    world.git("add", "-A", cwd=folder)
    world.git("commit", "-qm", "Work", cwd=folder)
    (folder / "made.txt").write_text("changed")
    (folder / "staged.txt").write_text("staged")
    world.git("add", "staged.txt", cwd=folder)
    (folder / "staged.txt").write_text("staged, then changed")
    (folder / "new folder").mkdir()
    (folder / "new folder" / "untracked ü.txt").write_text("untracked")
    world.git("mv", "src/app.py", "src/main.py", cwd=folder)


def test_the_work_comes_along(world: World) -> None:
    world.mng("create", "a", *DEMO, "--env", 'COLOUR=it\'s "blue"\n$HOME', "--label", "team=red", "--add-cmd", "log=sleep 9999")
    unsettle(work(world, "a"), world)
    before = world.git("status", "--porcelain", cwd=work(world, "a"))
    world.mng("clone", "a", "b", "--no-connect", "--env", "SIZE=2")
    assert world.git("status", "--porcelain", cwd=work(world, "b")) == before
    assert (work(world, "b") / "new folder" / "untracked ü.txt").read_text() == "untracked"
    assert (work(world, "b") / "staged.txt").read_text() == "staged, then changed"
    assert world.git("branch", "--show-current", cwd=work(world, "b")) == "mng/b"
    assert world.git("log", "-1", "--format=%s", cwd=work(world, "b")) == "Work"
    shown = world.mng("exec", "b", 'printf %s "$COLOUR$SIZE"').out
    assert shown == 'it\'s "blue"\n$HOME2'
    assert world.record("b")["labels"] == {"project": "repo", "team": "red"}
    assert world.record("b")["windows"] == {"log": "sleep 9999"}
    (work(world, "b") / "made.txt").write_text("by b")
    assert (work(world, "a") / "made.txt").read_text() == "changed"
    world.mng("destroy", "-f", "a")
    assert world.git("status", "--porcelain", cwd=work(world, "b"))


@pytest.mark.parametrize("kind", ["copy", "clone", "in-place"])
def test_other_work_dirs(world: World, kind: str) -> None:
    world.mng("create", "a", *DEMO, f"--{kind}")
    (work(world, "a") / "more").write_text("x")
    row = world.mng("clone", "a", "b", "--no-connect", "--json").json
    assert row["work_kind"] == ("worktree" if kind == "in-place" else kind)
    assert (work(world, "b") / "more").read_text() == "x"
    world.mng("destroy", "-f", "a")
    assert (work(world, "b") / "more").read_text() == "x"


def test_a_copy_with_git_stays_one(world: World) -> None:
    world.mng("create", "a", *DEMO, "--copy", "--include-git")
    unsettle(work(world, "a"), world)
    world.mng("clone", "a", "b", "--no-connect")
    world.mng("destroy", "-f", "a")
    assert world.git("log", "-1", "--format=%s", cwd=work(world, "b")) == "Work"
    assert world.git("status", "--porcelain", cwd=work(world, "b"))


def test_the_demo_conversation(world: World) -> None:
    world.mng("create", "a", *DEMO)
    answered(world, "a", "first words")
    world.mng("clone", "a", "b", "--no-connect", "--await-ready")
    answered(world, "b", "for b alone")
    answered(world, "a", "for a alone")
    said = {name: (world.folder(name) / "plugin/demo/transcript.jsonl").read_text() for name in "ab"}
    assert all("first words" in text for text in said.values())
    assert "for b alone" in said["b"] and "for b alone" not in said["a"]
    assert "for a alone" in said["a"] and "for a alone" not in said["b"]


def test_a_generic_agent_and_another_type(world: World) -> None:
    world.mng("create", "a", "--agent-cmd", "sleep 99999", "--no-connect", "--env", "X=1")
    world.mng("clone", "a", "b", "--no-connect")
    assert world.record("b")["command"] == "sleep 99999"
    world.mng("clone", "a", "c", "--type", "demo", "--no-connect", "--await-ready")
    assert world.record("c")["kind"] == "demo" and "X=" in (world.folder("c") / "env").read_text()


def test_what_can_not_be_cloned(world: World) -> None:
    world.mng("create", "web", "--agent-cmd", "sleep 99999", "--no-connect")
    near = world.mng("clone", "wob", check=False)
    assert near.code == 3 and "did you mean web?" in near.err
    taken = world.mng("clone", "web", "web", check=False)
    assert taken.code == 1 and "there is an agent web already" in taken.err
    assert world.mng("clone", check=False).code == 2
    both = world.mng("clone", "web", "x", "--from", "web", check=False)
    assert both.code == 2 and "exclude each other" in both.err
    dry = world.mng("clone", "web", "x", "--dry-run")
    assert "would create x" in dry.err and [row["name"] for row in world.mng("list", "--json").json] == ["web"]
    world.tmux("new-session", "-d", "-s", world.prefix + "hand", "sleep 999")
    assert world.mng("clone", "hand", check=False).code == 3


def test_a_killed_clone_leaves_nothing(world: World) -> None:
    world.mng("create", "a", *DEMO)
    unsettle(work(world, "a"), world)
    assert world.mng("clone", "a", "b", "--no-connect", check=False, env={"MNG_FAULT": "create.session"}).code == -9
    world.mng("gc")
    assert [row["name"] for row in world.mng("list", "--json").json] == ["a"]
    world.mng("clone", "a", "b", "--no-connect")


@pytest.mark.agents
def test_real_conversations_branch(world: World, real: str) -> None:
    """What is said to one does not show in the other, and both know what was said before."""
    ready = ["--no-connect", "--await-ready", "--ready-timeout", "90"]
    world.mng("create", "a", real, *ready, timeout=120)
    answered(world, "a", "first words")
    before = transcript(world, "a", real)
    assert "first words" in before
    world.mng("clone", "a", "b", *ready, timeout=120)
    world.mng("stop", "b")  # before it is told anything, its conversation must not be lost
    world.mng("start", "b")
    answered(world, "b", "for b alone")
    answered(world, "a", "for a alone")
    a, b = transcript(world, "a", real), transcript(world, "b", real)
    assert "for a alone" in a and "for b alone" not in a
    assert "for b alone" in b and "for a alone" not in b
    assert "first words" in world.wait(lambda: world.screen("b", 200)), "it does not know what was said before"
    world.mng("stop", "b")
    world.mng("start", "b")
    answered(world, "b", "again for b")
    assert "for b alone" in world.screen("b", 200) and "again for b" not in transcript(world, "a", real)
    assert work(world, "b") != work(world, "a") and str(work(world, "b")) in transcript(world, "b", real)


def transcript(world: World, name: str, kind: str) -> str:
    """As the program itself keeps it."""
    folder = world.folder(name) / "plugin" / kind
    if kind == "opencode":
        return world.run("opencode", "export", (folder / "session").read_text().strip(), cwd=work(world, name)).out
    return Path(fields((folder / "session").read_bytes())["transcript_path"]).read_text()
