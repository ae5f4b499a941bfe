"""What concerns this machine is never read from a host: which folder, repository and program here is meant."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.bed.sshd import Host, Sshd
from tests.bed.world import World

pytestmark = pytest.mark.live
SLEEP = ("--agent-cmd", "sleep 9999", "--no-connect")


def data(box: Host, name: str) -> Path:
    return (box.dir / "names" / name).resolve(strict=True) / "data.json"


def lie(box: Host, name: str, **work: Any) -> None:
    """The host says something else of the agent from now on; `work_KEY` is of its work dir."""
    record = json.loads(data(box, name).read_text())
    for key, value in work.items():
        table, key = (record["work"], key.removeprefix("work_")) if key.startswith("work_") else (record, key)
        table[key] = value
    data(box, name).write_text(json.dumps(record))


def of_another_machine(world: World) -> None:
    """Nothing of what was made from here is kept; the hosts are known."""
    for file in (world.host_dir / "origins").iterdir():
        file.unlink()


def of_an_earlier_version(world: World) -> None:
    """As it left its folder: the hosts with the records as it saw them last."""
    of_another_machine(world)
    for file in (world.host_dir / "hosts").iterdir():
        kept = json.loads(file.read_text())
        del kept["legacy"]
        file.write_text(json.dumps(kept))


@pytest.mark.parametrize("command", ["push", "pull", "pair"])
def test_no_host_says_which_folder_here_is_meant(world: World, box: Host, command: str) -> None:
    secret = world.home / "precious"
    secret.mkdir()
    (secret / "key").write_text("mine")
    (world.repo / "inner").mkdir()
    (world.repo / "inner" / "mine").write_text("mine")
    world.git("add", "-A")
    world.git("commit", "-qm", "Inner")
    world.mng("create", "scout", *SLEEP, "--host", "box", "--clone", cwd=world.repo / "src")
    root = Path(json.loads(data(box, "scout").read_text())["work"]["root"])
    theirs = root.parent / "theirs"
    for folder in (root / "inner", theirs):
        folder.mkdir(exist_ok=True)
        (folder / "key").write_text("theirs")
    words = {"pair": ("pair", "scout", "--dry-run", "--no-require-git")}.get(command, (command, "scout", "--sync-mode", "files"))
    up = os.path.relpath(secret, world.repo)
    for path, top in ((f"{root}/{up}", root), (f"{root}/x/../{up}", root), (root.parent / up, root)):
        lie(box, "scout", work_path=str(path), work_root=str(top))
        broken = world.mng(*words, check=False)
        assert broken.code == 1 and "work.path" in broken.err, str(broken)
    lie(box, "scout", work_path=f"{root}/inner", work_root=str(root))  # a folder there is, but not the agent's
    said = world.mng(*words, cwd=world.repo / "src")
    assert f"{world.repo}/inner" not in said.err + said.out and f"{world.repo}/src" in said.out, str(said)
    assert [file.read_text() for file in sorted(secret.iterdir())] == ["mine"]
    assert (world.repo / "inner" / "mine").exists() and not (world.repo / "inner" / "key").exists()


@pytest.mark.parametrize(("command", "option"), [("push", "--source"), ("pull", "--destination"), ("pair", "--target")])
def test_of_one_that_was_not_made_from_here_the_folder_is_asked_for(world: World, box: Host, command: str, option: str) -> None:
    world.mng("create", "scout", *SLEEP, "--host", "box", "--clone")
    world.mng("list")
    of_another_machine(world)
    asked = world.mng(command, "scout", check=False)
    assert asked.code == 2 and f"{option} FOLDER" in asked.err, str(asked)
    world.mng(command, "scout", option, world.repo, "--dry-run")


@pytest.mark.parametrize("how", ["clone", "migrate"])
def test_no_host_says_what_runs_here(world: World, box: Host, how: str) -> None:
    world.mng("create", "scout", "demo", "--host", "box", "--no-connect", "--env", "GIVEN=here", "--env", "CHANGED=here")
    ran = world.root / "ran"
    line = f"touch {ran}; sleep 9999"
    lie(box, "scout", windows={"notes": line}, program=["sh", "-c", line], command=line, args=["--x"], grants=["Bash"],
        type="sh", kind="generic", resume_message=line, labels={"theirs": "x"})  # fmt: skip
    env = data(box, "scout").parent / "env"
    env.write_text(env.read_text().replace("CHANGED=here", f"CHANGED='$(touch {ran})'") + f"ENV={world.root}/evil\n")
    words = ("clone", "scout", "second") if how == "clone" else ("migrate", "scout", "second")
    done = world.mng(*words, "--host", "local", "--no-connect")
    assert "CHANGED, ENV" in done.err
    made = world.record("second")
    assert (made["kind"], made["program"], made["windows"], made["command"], made["args"]) == ("demo", [], {}, "", [])
    assert (made["grants"], made["resume_message"], made["labels"]) == ([], "", {"project": "repo"})
    assert world.mng("exec", "second", 'echo "$GIVEN-$CHANGED-$ENV"').out == "here--\n"
    assert not ran.exists()


def test_what_an_agent_of_another_machine_runs_is_asked_for(world: World, box: Host) -> None:
    world.mng("create", "scout", *SLEEP, "--host", "box", "--env", "X=1")
    of_another_machine(world)
    asked = world.mng("clone", "scout", "second", "--host", "local", "--no-connect", check=False)
    assert asked.code == 2 and "sleep 9999" in asked.err and "--as-recorded" in asked.err, str(asked)
    world.mng("clone", "scout", "third", "--host", "local", "--as-recorded", "--no-connect")
    assert world.record("third")["command"] == "sleep 9999" and world.mng("exec", "third", "echo $X").out == "1\n"
    world.mng("clone", "scout", "fourth", "--host", "local", "--agent-type", "demo", "--no-connect")
    assert world.record("fourth")["kind"] == "demo" and world.mng("exec", "fourth", "echo $X").out == "\n"
    world.mng("clone", "scout", "there", "--no-connect")  # on its own host it is the host's affair
    assert json.loads(data(box, "there").read_text())["command"] == "sleep 9999"
    laundered = world.mng("clone", "there", "fifth", "--host", "local", "--no-connect", check=False)
    assert laundered.code == 2 and "--as-recorded" in laundered.err


def test_another_host_can_not_take_an_agents_place(world: World, bed: Sshd, box: Host) -> None:
    """One that shows a record with the id of an agent of this one gets nothing of what is known of that."""
    world.mng("create", "scout", *SLEEP, "--host", "box", "--clone")
    evil = bed.start("evil")
    world.mng("create", "own", *SLEEP, "--host", "evil", "--in-place", "--from", "evil:~")
    record = json.loads(data(box, "scout").read_text()) | {"name": "helper"}
    folder = evil.dir / "agents" / record["id"]
    folder.mkdir()
    (folder / "data.json").write_text(json.dumps(record))
    (evil.dir / "names" / "helper").symlink_to(f"../agents/{record['id']}")
    asked = world.mng("push", "helper@evil", check=False)
    assert asked.code == 2 and "--source FOLDER" in asked.err, str(asked)
    for broken, name in (("../../x", "name"), ("agent-" + "1" * 32, "id"), (1e300, "idle_timeout_seconds")):
        (folder / "data.json").write_text(json.dumps(record | {name: broken}))
        states = {row["name"]: row["state"] for row in world.mng("list", "--json").json}
        assert states == {"scout": "RUNNING", "own": "RUNNING", "helper": "UNKNOWN"}


def test_work_comes_home_to_the_repository_that_it_came_from(world: World, box: Host) -> None:
    other = world.make_repo(world.root / "other")
    for name in ("scout", "second"):
        world.mng("create", name, *SLEEP, "--host", "box", "--clone")
        lie(box, name, work_home=f"{other}/.git")
        world.mng("exec", name, "echo work >new.txt")
    world.mng("destroy", "-f", "scout")
    of_another_machine(world)
    world.mng("destroy", "-f", "second")
    assert "refs/mng/saved/scout" in world.git("for-each-ref", "refs/mng") and not world.git(
        "for-each-ref", "refs/mng", cwd=other
    )
    kept = world.git("--git-dir", world.host_dir / "saved.git", "for-each-ref", cwd="/")
    assert "refs/mng/saved/second" in kept and "scout" not in kept


def test_restore_hands_on_the_accounts_of_what_was_made_from_here(world: World, box: Host) -> None:
    world.mng("create", "scout", *SLEEP, "--host", "box", "--clone")
    world.mng("exec", "scout", "echo work >new.txt")
    world.mng("destroy", "-f", "scout")
    (saved,) = (box.dir / "saved" / "scout").iterdir()
    kept = json.loads(saved.read_text())
    lies = [{"record": kept["record"] | {"name": "../x"}}, {"refs": []}, {"files": {"/../../../x": "x"}}, {"repo": "-x"},
            {"at": "../x"}, {"refs": [["--upload-pack=x", "/x", False]]}]  # fmt: skip
    for one in lies:
        saved.write_text(json.dumps(kept | one))
        assert world.mng("restore", "scout", check=False).code == 3
        assert world.mng("restore", "--list", "--json").json == []
    saved.write_text(json.dumps(kept | {"record": kept["record"] | {"kind": "codex", "program": ["sleep", "999"]}}))
    world.mng("restore", "scout", "--no-start", env={"OPENAI_API_KEY": "mine"})
    assert "mine" not in (data(box, "scout").parent / "env").read_text()


def test_agents_of_an_earlier_version_live_on(world: World, box: Host) -> None:
    (world.repo / "inner").mkdir()
    (world.repo / "inner" / "file").write_text("x")
    world.git("add", "-A")
    world.git("commit", "-qm", "Inner")
    world.mng("create", "scout", "demo", "--host", "box", cwd=world.repo / "inner")
    world.mng("create", "plain", *SLEEP, "--host", "box")
    of_an_earlier_version(world)
    world.mng("list")
    work = Path(json.loads(data(box, "scout").read_text())["work"]["path"])
    (work / "file").write_text("by the agent")
    other = world.make_repo(world.root / "other")
    assert world.mng("pull", "scout", cwd=other, check=False).code == 2
    world.mng("pull", "scout", cwd=world.repo)
    assert (world.repo / "inner" / "file").read_text() == "by the agent"
    world.git("checkout", "-q", ".")
    lie(box, "scout", work_home=f"{other}/.git", work_path=json.loads(data(box, "scout").read_text())["work"]["root"])
    world.mng("pull", "scout", cwd=world.repo)  # it was accepted once: what its host says later does not count
    assert (world.repo / "inner" / "inner" / "file").read_text() == "by the agent"
    assert world.git("status", "--porcelain") == "?? inner/inner/\n?? inner/src/" or "M " not in world.git(
        "status", "--porcelain"
    )
    world.mng("clone", "scout", "second", "--host", "local", "--no-connect")
    assert world.record("second")["kind"] == "demo"
    world.mng("pull", "plain")
    asked = world.mng("clone", "plain", "third", "--host", "local", "--no-connect", check=False)
    assert asked.code == 2 and "sleep 9999" in asked.err


def test_one_that_a_host_adds_later_is_none_of_an_earlier_version(world: World, box: Host) -> None:
    world.mng("create", "scout", *SLEEP, "--host", "box", "--clone")
    of_an_earlier_version(world)
    world.mng("list")
    record = json.loads(data(box, "scout").read_text()) | {"id": "agent-" + "1" * 32, "name": "added"}
    folder = box.dir / "agents" / record["id"]
    folder.mkdir()
    (folder / "data.json").write_text(json.dumps(record))
    (box.dir / "names" / "added").symlink_to(f"../agents/{record['id']}")
    world.mng("list")
    assert world.mng("push", "added", check=False).code == 2
