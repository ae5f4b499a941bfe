"""start, stop, rename, logs, destroy and gc, as people use them."""

import json
import signal
from pathlib import Path

import pytest

from tests.bed.world import World
from tests.live.test_commands import create, demo, names, states

pytestmark = pytest.mark.live


def test_stop_and_start_go_on_with_the_conversation(world: World) -> None:
    demo(world, "a")
    world.mng("message", "a", "-m", "before", "--wait")
    assert world.mng("stop", "a", "--dry-run").out and states(world) == {"a": "WAITING"}
    assert "stopped" in world.mng("stop", "--session", f"{world.prefix}a").out
    assert "already" in world.mng("stop", "a").out
    assert world.mng("start", "a", "--dry-run").out and states(world) == {"a": "STOPPED"}
    assert "started" in world.mng("start", "a").out
    assert "runs already" in world.mng("start", "a").out
    world.mng("message", "a", "-m", "after", "--wait")
    said = world.mng("logs", "a", "transcript").out
    assert said.index("before") < said.index("after")
    world.mng("stop", "a", "--no-graceful")
    ran = world.mng("start", "a", "--connect-command", "echo at $MNG_AGENT_NAME")
    assert "at a\n" in ran.out


def test_five_starts_at_once_make_one_program(world: World) -> None:
    create(world, "a")
    world.mng("stop", "a")
    running = [world.start("mng", "start", "a") for _ in range(5)]
    assert [process.wait(30) for process in running] == [0] * 5, [process.stderr.read() for process in running]
    assert states(world) == {"a": "RUNNING"}
    assert len(world.tmux("list-panes", "-a").splitlines()) == 1


def test_rename(world: World) -> None:
    create(world, "old", "other")
    world.mng("rename", "old", "new", "--dry-run")
    assert "old" in names(world)
    assert world.mng("rename", "old", "new", "--json").json["name"] == "new"
    assert sorted(names(world)) == ["new", "other"] and sorted(world.sessions()) == ["new", "other"]
    assert world.mng("exec", "new", "true").code == 0
    taken = world.mng("rename", "new", "other", check=False)
    assert taken.code == 1 and sorted(names(world)) == ["new", "other"]
    assert world.mng("rename", "nope", "x", check=False).code == 3
    create(world, "old", more=("--new-branch=mng/old-2",))
    # cut short after the record was written: the old claim is still there
    claim = world.host_dir / "names" / "first"
    claim.symlink_to(f"../agents/{world.record('new')['id']}")
    world.mng("rename", "first", "new")
    assert not claim.is_symlink() and sorted(names(world)) == ["new", "old", "other"]


def test_a_session_made_by_hand_is_an_agent_too(world: World) -> None:
    create(world, "a")
    world.tmux("new-session", "-d", "-s", f"{world.prefix}hand", "-x", "100", "-y", "30", "cat")
    assert states(world) == {"a": "RUNNING", "hand": "RUNNING"}
    assert "runs already" in world.mng("start", "hand").out
    assert world.mng("exec", "hand", "echo $MNG_AGENT_NAME").out == "hand\n"
    assert "delivered" in world.mng("message", "hand", "-m", "hello there").out
    assert "hello there" in world.mng("logs", "hand", "screen").out
    listed = world.mng("logs", "hand")
    assert listed.out == "" and "screen" in listed.err
    refused = world.mng("rename", "hand", "foot", check=False)
    assert refused.code == 1 and "tmux rename-session" in refused.err
    world.mng("stop", "hand")
    assert states(world) == {"a": "RUNNING"} and world.sessions() == ["a"]


@pytest.mark.parametrize("done", ["claimed", "saved"])
def test_a_rename_cut_short_is_finished_by_the_next(world: World, done: str) -> None:
    """As it is after the new claim, and after the record: the session still has the old name."""
    create(world, "old")
    id_ = world.record("old")["id"]
    (world.host_dir / "names" / "new").symlink_to(f"../agents/{id_}")
    if done == "saved":
        record = world.folder("old") / "data.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "name": "new"}))
    assert len(names(world)) == 1
    world.mng("rename", "old", "new")
    assert (names(world), world.sessions()) == (["new"], ["new"]) and states(world) == {"new": "RUNNING"}
    assert [link.name for link in (world.host_dir / "names").iterdir()] == ["new"]
    world.mng("rename", "new", "new")
    create(world, "old", more=("--new-branch=again",))


def test_logs(world: World) -> None:
    demo(world, "a")
    world.mng("message", "a", "-m", "hello", "--wait")
    assert "transcript" in world.mng("logs", "a").out
    lines = world.mng("logs", "a", "transcript").out.splitlines()
    assert world.mng("logs", "a", "transcript", "--tail", "1").out.splitlines() == lines[-1:]
    assert world.mng("logs", "a", "transcript", "--head", "1").out.splitlines() == lines[:1]
    assert "hello" in world.mng("logs", "a", "screen").out
    follow = world.start("mng", "logs", "a", "transcript", "--follow", "--tail", "1")
    assert follow.stdout and follow.stdout.readline().strip() == lines[-1]
    world.mng("message", "a", "-m", "more")
    assert "more" in follow.stdout.readline()
    follow.send_signal(signal.SIGINT)
    assert follow.wait(10) == 130
    assert world.mng("logs", "a", "transcrip", check=False).code == 3


def test_destroy_asks(world: World) -> None:
    create(world, "a")
    refused = world.mng("destroy", "a", check=False)
    assert refused.code == 2 and "-f" in refused.err
    for answer, left in (("n", ["a"]), ("y", [])):
        terminal = world.pty("mng", "destroy", "a")
        terminal.expect(r"Destroy a\?")
        terminal.send(f"{answer}\r")
        terminal.wait()
        assert names(world) == left


def test_destroy_saves_and_tells_the_way_back(world: World) -> None:
    create(world, "a", "b", "c")
    folders = {name: Path(world.record(name)["work"]["path"]) for name in "abc"}
    for folder in folders.values():
        (folder / "precious").write_text("work")
    assert world.mng("destroy", "a", "--dry-run").out and folders["a"].exists()
    ran = world.mng("destroy", "-f", "a")
    back = next(line.strip() for line in ran.err.splitlines() if "worktree add" in line)
    world.run("sh", "-c", back)
    assert (folders["a"] / "precious").read_text() == "work"
    ran = world.mng("destroy", "-f", "b", "--discard")
    assert "saved" not in ran.out and not world.git("for-each-ref", "refs/mng/saved/b")
    world.mng("destroy", "-f", "c", "--keep-clones", "--keep-logs", "--no-gc")
    assert (folders["c"] / "precious").exists() and names(world) == []


def test_the_branch_is_free_for_the_next_of_that_name(world: World) -> None:
    create(world, "a")
    world.mng("exec", "a", "git commit -q --allow-empty -m mine")
    world.mng("destroy", "-f", "a")
    (saved,) = world.git("for-each-ref", "--format", "%(refname)", "refs/mng/saved").split()
    assert world.git("log", "-1", "--format=%s", saved) == "mine"
    create(world, "a")
    assert world.git("log", "-1", "--format=%s", cwd=world.record("a")["work"]["path"]) == "Start"


def test_destroy_of_known_and_unknown(world: World) -> None:
    create(world, "n1", "n2", "n3")
    ran = world.mng("destroy", "-f", "n1", "nope", "n2", check=False)
    assert ran.code == 3 and names(world) == ["n3"] and "no agent 'nope'" in ran.out
    ran = world.mng("stop", "--all", "nope", check=False)
    assert ran.code == 3 and "no agent 'nope'" in ran.out
    assert world.mng("destroy", "-f", "nope", check=False).code == 3
    assert world.mng("destroy", "-f", check=False).code == 2
    assert world.mng("destroy", "-f", "--include", 'name == "zzz"', check=False).code == 3
    short = world.record("n3")["id"].removeprefix("agent-")[:8]
    world.mng("destroy", "-f", short)
    assert names(world) == []
    assert world.mng("destroy", "-fa", check=False).code == 3


def test_gc_removes_only_what_nothing_refers_to(world: World) -> None:
    create(world, "a")
    agents = world.host_dir / "agents"
    (agents / ".gone-agent-x").mkdir()
    (agents / "agent-empty").mkdir()
    (world.host_dir / "names" / "ghost").symlink_to("../agents/agent-nowhere")
    world.tmux(
        "new-session",
        "-d",
        "-s",
        f"{world.prefix}orphan",
        "sleep 99999",
        ";",
        "set-option",
        "-p",
        "@mng_agent",
        "agent-nowhere",
    )
    assert len(world.mng("gc", "--dry-run", "--json").json) == 4
    assert len(world.mng("gc", "--json").json) == 4
    assert world.mng("gc", "--json").json == []
    assert states(world) == {"a": "RUNNING"} and world.sessions() == ["a"]
