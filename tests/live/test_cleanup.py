"""mng cleanup: by filters, or from a list to tick."""

from pathlib import Path

import pytest

from tests.bed.world import World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


@pytest.fixture
def three(world: World) -> World:
    world.mng("create", "old", "demo", "--no-connect", "--await-ready")
    world.mng("create", "busy", *SLEEP)
    world.mng("create", "done", *SLEEP)
    world.mng("stop", "done")
    record = world.folder("old") / "data.json"
    record.write_text(record.read_text().replace('"create_time": "202', '"create_time": "200'))
    return world


def names(world: World) -> set[str]:
    return {row["name"] for row in world.mng("list", "--json").json}


def test_filters(three: World) -> None:
    cases = {
        ("--older-than", "1d"): {"old"}, ("--agent-type", "demo"): {"old"}, ("--include", 'state == "STOPPED"'): {"done"},
        ("--idle-for", "0"): {"old", "done"}, ("--provider", "mars"): set(), ("--provider", "local"): {"old", "busy", "done"},
        ("--exclude", 'name == "old"'): {"busy", "done"}, ("--tag", "a=b"): set(),
        ("--stop", "--provider", "local"): {"old", "busy"}, ("--action", "stop", "--agent-type", "demo"): {"old"},
    }  # fmt: skip
    for words, wanted in cases.items():
        rows = three.mng("cleanup", *words, "--dry-run", "--json").json
        assert {row["name"] for row in rows} == wanted, words
    assert names(three) == {"old", "busy", "done"}


def test_destroys_and_saves(three: World) -> None:
    (Path(three.record("old")["work"]["path"]) / "precious").write_text("work")
    done = three.mng("cleanup", "-f", "--older-than", "1d", "--json").json
    assert [(row["name"], row["result"]) for row in done] == [("old", "destroyed")]
    assert "refs/mng/saved/old/" in done[0]["detail"] and names(three) == {"busy", "done"}
    three.mng("cleanup", "--force", "--stop", "--provider", "local")
    assert {row["state"] for row in three.mng("list", "--json").json} == {"STOPPED"}
    assert three.mng("cleanup", "-f", "--older-than", "1d").err.strip() == "nothing to clean up"


def test_refuses(three: World) -> None:
    for words, code, said in [
        ([], 2, "give -f with a filter"), (["-f"], 2, "needs a filter"), (["--stop", "--destroy"], 2, "exclude each other"),
        (["--older-than", "x", "-f"], 2, "is no duration"), (["--include", "name ===", "-f"], 2, "not a CEL expression"),
        (["-f", "--older-than", "1d", "--snapshot-before"], 6, "snapshot"),
    ]:  # fmt: skip
        wrong = three.mng("cleanup", *words, check=False)
        assert wrong.code == code and said in wrong.err, wrong
    assert names(three) == {"old", "busy", "done"}


def test_a_list_to_tick(three: World) -> None:
    terminal = three.pty("mng", "cleanup")
    terminal.expect("Which agents to destroy")
    terminal.expect(r"\[ \] old")
    terminal.line()  # with nothing ticked it does nothing
    terminal.send("d")
    terminal.send("o")
    terminal.expect(r"do \(0 of 1\)")
    terminal.send(" ")
    terminal.expect(r"\[x\] done")
    terminal.line()
    assert terminal.wait() == 0
    assert names(three) == {"old", "busy"}
    terminal = three.pty("mng", "clean", "--stop")
    terminal.expect(r"\[ \] old")
    terminal.send("\x01")
    terminal.expect(r"\[x\] busy")
    terminal.line()
    assert terminal.wait() == 0
    assert {row["state"] for row in three.mng("list", "--json").json} == {"STOPPED"}
    terminal = three.pty("mng", "cleanup")
    terminal.expect(r"\[ \] old")
    terminal.send("\x1b")
    assert terminal.wait() == 1 and names(three) == {"old", "busy"}
