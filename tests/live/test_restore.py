"""mng restore: a destroyed agent is back as it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bed.world import World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


def work(world: World, name: str) -> Path:
    return Path(world.record(name)["work"]["path"])


def unsettle(folder: Path, world: World) -> None:
    """Everything that git can tell of a work tree at once."""

    def git(*words: str) -> None:
        world.git(*words, cwd=folder)

    for name in ("both", "changed", "gone", "gone-unstaged", "mode", "old name"):
        (folder / name).write_text(f"{name}\n" * 9)
    git("add", "-A")
    git("commit", "-qm", "First")
    (folder / "second").write_text("second")
    git("add", "-A")
    git("commit", "-qm", "Second")
    git("mv", "old name", "new name")
    git("rm", "-q", "gone")
    (folder / "gone-unstaged").unlink()
    (folder / "both").write_text("staged\n")
    git("add", "both")
    (folder / "both").write_text("staged, then changed\n")
    (folder / "changed").write_text("changed\n")
    (folder / "mode").chmod(0o755)
    (folder / "link").symlink_to("nowhere at all")
    (folder / "staged link").symlink_to("changed")
    git("add", "staged link")
    (folder / "in a folder").mkdir()
    (folder / "in a folder" / "ünïcode\nname").write_bytes(bytes(range(256)))


def state(folder: Path, world: World) -> dict[str, Any]:
    """What git says, and every file with its content and mode."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if ".git" in path.parts or (path.is_dir() and not path.is_symlink()):
            continue
        files[name] = f"-> {path.readlink()}" if path.is_symlink() else (path.stat().st_mode & 0o111 != 0, path.read_bytes())
    git = {
        "status": world.git("status", "--porcelain", "-uall", cwd=folder, check=False),
        "staged": world.git("diff", "--cached", cwd=folder, check=False),
        "log": world.git("log", "--format=%H %s", cwd=folder, check=False),
        "branch": world.git("branch", "--show-current", cwd=folder, check=False),
    }
    return {**git, "files": files}


def destroyed(world: World, *names: str) -> None:
    world.mng("destroy", "-f", *names)


@pytest.mark.parametrize("kind", ["--worktree", "--clone", "--copy", "--copy --include-git"])
def test_all_is_as_it_was(world: World, kind: str) -> None:
    world.mng("create", "a", *SLEEP, *kind.split(), "--label", "team=red")
    folder = work(world, "a")
    if kind == "--copy":
        (folder / "made").write_text("x")
        (folder / "README.md").unlink()
    else:
        unsettle(folder, world)
    before = state(folder, world)
    destroyed(world, "a")
    assert not folder.exists()
    row = world.mng("restore", "a", "--json").json
    assert row["state"] == "RUNNING" and row["labels"]["team"] == "red" and row["work_dir"] == str(folder)
    assert state(folder, world) == before
    destroyed(world, "a")
    world.mng("restore", "a", "--no-start")
    assert state(folder, world) == before
    assert world.mng("list", "--format", "{state}").out == "STOPPED\n"
    assert len(world.mng("restore", "--list", "--json").json) == 1, "the same work is not saved twice"
    world.mng("start", "a")


@pytest.mark.parametrize("everything", [True, False])
def test_only_staged_or_only_changed(world: World, everything: bool) -> None:
    world.mng("create", "a", *SLEEP)
    (work(world, "a") / "README.md").write_text("changed")
    if everything:
        world.git("add", "-A", cwd=work(world, "a"))
    before = state(work(world, "a"), world)
    destroyed(world, "a")
    world.mng("restore", "a")
    assert state(work(world, "a"), world) == before


def test_submodules_and_repositories_inside(world: World) -> None:
    library = world.make_repo(world.root / "library", {"lib.py": "1\n"})
    world.git("submodule", "add", "-q", str(library), "lib")
    world.git("commit", "-qam", "Library")
    world.mng("create", "a", *SLEEP)
    folder = work(world, "a")
    sub, nested = folder / "lib", folder / "nested"
    (sub / "lib.py").write_text("2\n")
    world.git("commit", "-qam", "Two", cwd=sub)
    (sub / "lib.py").write_text("3\n")
    (sub / "new").write_text("new")
    world.make_repo(nested, {"inner": "text"})
    (nested / "inner").write_text("changed")
    before = [state(path, world) for path in (folder, sub, nested)]
    destroyed(world, "a")
    world.mng("restore", "a")
    assert [state(path, world) for path in (folder, sub, nested)] == before


def test_a_branch_that_is_still_there(world: World) -> None:
    """One that mng did not make stays when the agent goes; another agent may have it by then."""
    world.git("branch", "theirs")
    world.mng("create", "a", *SLEEP, "--base-branch", "theirs", "--no-new-branch")
    (work(world, "a") / "x").write_text("x")
    destroyed(world, "a")
    world.mng("restore", "a")
    assert world.git("branch", "--show-current", cwd=work(world, "a")) == "theirs"
    destroyed(world, "a")
    world.git("checkout", "-q", "theirs")
    world.mng("restore", "a")
    assert world.git("branch", "--show-current", cwd=work(world, "a")) == "mng/a"
    destroyed(world, "a")
    world.git("commit", "-q", "--allow-empty", "-m", "Elsewhere")
    world.git("branch", "mng/a")
    world.mng("restore", "a")
    assert world.git("branch", "--show-current", cwd=work(world, "a")) == "mng/a-2"
    assert (work(world, "a") / "x").read_text() == "x"


def test_several_saves_and_what_goes_wrong(world: World) -> None:
    nothing = world.mng("restore", "web", check=False)
    assert nothing.code == 3 and "--list" in nothing.err and world.mng("restore", "--list").out == ""
    for text in ("one", "two"):
        world.mng("create", "web", *SLEEP)
        (work(world, "web") / "file").write_text(text)
        destroyed(world, "web")
    first, second = (row["at"] for row in world.mng("restore", "web", "--list", "--json").json)
    dry = world.mng("restore", "web", "--dry-run")
    assert "would restore web" in dry.err and world.mng("list").out == ""
    world.mng("restore", "web")
    assert (work(world, "web") / "file").read_text() == "two"
    taken = world.mng("restore", "web", "--at", first, check=False)
    assert taken.code == 1 and "there is an agent web already" in taken.err
    world.mng("rename", "web", "later")
    again = world.mng("restore", "web", check=False)
    assert again.code == 1 and "restored already: it is later" in again.err
    world.mng("restore", "web", "--at", first)
    assert (work(world, "web") / "file").read_text() == "one"
    near = world.mng("restore", "wob", check=False)
    assert near.code == 3 and "did you mean web?" in near.err
    world.mng("destroy", "-f", "web")
    never = world.mng("restore", "web", "--at", "1999", check=False)
    assert never.code == 3 and second in never.err
    assert world.mng("restore", check=False).code == 2
    for ref in world.git("for-each-ref", "--format=%(refname)", "refs/mng").splitlines():
        world.git("update-ref", "-d", ref)
    gone = world.mng("restore", "web", "--at", first, check=False)
    assert gone.code == 3 and "is gone" in gone.err


def test_no_secret_outlives_its_agent(world: World) -> None:
    world.mng("create", "a", *SLEEP, "--env", "TOKEN=hunter2", "--env", "SIZE=1")
    (work(world, "a") / "x").write_text("x")
    destroyed(world, "a")
    (kept,) = (world.host_dir / "saved" / "a").iterdir()
    assert "hunter2" not in kept.read_text() and kept.stat().st_mode & 0o077 == 0
    said = world.mng("restore", "a", "--env", "SIZE=2").err
    assert "had TOKEN, too" in said and "hunter2" not in said
    assert world.mng("exec", "a", "echo $SIZE").out == "2\n"


@pytest.mark.parametrize("step", ["claim", "work", "session", "ready"])
def test_a_killed_restore_can_be_done_again(world: World, step: str) -> None:
    world.mng("create", "a", *SLEEP)
    folder = work(world, "a")
    unsettle(folder, world)
    before = state(folder, world)
    destroyed(world, "a")
    assert world.mng("restore", "a", check=False, env={"MNG_FAULT": f"create.{step}"}).code == -9
    world.mng("gc")
    if not folder.exists():
        world.mng("restore", "a")
    assert state(folder, world) == before
    assert len(world.mng("restore", "--list", "--json").json) == 1


@pytest.mark.parametrize("step", ["save", "work", "state"])
def test_a_killed_destroy_saves_once(world: World, step: str) -> None:
    world.mng("create", "a", *SLEEP)
    unsettle(work(world, "a"), world)
    assert world.mng("destroy", "-f", "a", check=False, env={"MNG_FAULT": f"destroy.{step}"}).code == -9
    world.mng("gc")
    assert len(world.git("for-each-ref", "refs/mng/saved/").splitlines()) == 1
    assert len(world.mng("restore", "--list", "--json").json) == 1
    world.mng("restore", "a")


def test_the_demo_conversation_goes_on(world: World) -> None:
    world.mng("create", "a", "demo", "--no-connect", "--await-ready")
    world.mng("message", "a", "-m", "write made.txt: text", "--wait")
    world.mng("message", "a", "-m", "remember me", "--wait")
    destroyed(world, "a")
    world.mng("restore", "a")
    world.mng("message", "a", "-m", "again", "--wait")
    lines = (world.folder("a") / "plugin/demo/transcript.jsonl").read_text().splitlines()
    assert [one["text"] for one in map(json.loads, lines) if one["role"] == "user"][-2:] == ["remember me", "again"]


@pytest.mark.agents
def test_real_conversations_go_on(world: World, real: str) -> None:
    world.mng("create", "a", real, "--no-connect", "--await-ready", "--ready-timeout", "90", timeout=120)
    world.mng("message", "a", "-m", "remember me", "--wait", timeout=120)
    (work(world, "a") / "x").write_text("x")
    destroyed(world, "a")
    world.mng("restore", "a")
    world.wait(lambda: world.mng("list", "--format", "{state}").out == "WAITING\n", 90)
    world.mng("message", "a", "-m", "once more", "--wait", timeout=120)
    assert "remember me" in world.wait(lambda: world.screen("a", 200))
