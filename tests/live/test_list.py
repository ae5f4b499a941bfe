"""mng list, as people use it."""

import json
import signal
import time

import pytest

from tests.bed.world import World
from tests.live.test_commands import create, demo, names

pytestmark = pytest.mark.live


def test_list_shapes(world: World) -> None:
    assert world.mng("list", "--json").json == [] and world.mng("list").out == ""
    create(world, "a", "b")
    assert names(world) == ["a", "b"]
    assert names(world, "--sort", "name", "--sort-order", "desc") == ["b", "a"]
    assert names(world, "--sort-order", "desc", "--limit", "1") == ["b"]
    assert world.mng("list", "--fields", "name,host.name,labels.project").out.splitlines()[1].split() == [
        "a",
        "local",
        "repo",
    ]
    assert [row["name"] for row in world.mng("list", "--jsonl").rows] == ["a", "b"]
    assert world.mng("list", "--format", "{name}\\t{host.name}\\t{plugin.x}").out == "a\tlocal\t\nb\tlocal\t\n"
    for words in (["--format", "{nmae}"], ["--fields", "nmae"], ["--sort", "nmae"]):
        wrong = world.mng("list", *words, check=False)
        assert wrong.code == 2 and "name" in wrong.err, wrong
    assert "\x1b" not in world.mng("list").out


def test_list_filters(world: World) -> None:
    create(world, "a", more=("--label", "team=blue"))
    create(world, "b", more=("--label", "team=red"))
    world.mng("stop", "b")
    cases = {
        ("--running",): ["a"], ("--stopped",): ["b"], ("--local",): ["a", "b"], ("--remote",): [],
        ("--provider", "local"): ["a", "b"], ("--label", "team=red"): ["b"], ("--tag", "x=y"): [],
        ("--include", 'labels.team == "blue"'): ["a"], ("--exclude", 'state == "STOPPED"'): ["a"],
        ("--include", 'labels.nothing == "x"'): [], ("--include", 'name.startsWith("b") || labels.team == "blue"'): ["a", "b"],
        ("--include", 'host.name == "local"', "--include", 'name == "b"'): ["b"], ("--host", "local"): ["a", "b"],
        ("--include", "runtime_seconds > 0.0"): ["a"], ("--include", 'nothing.at.all == 3'): [],
    }  # fmt: skip
    for words, wanted in cases.items():
        assert names(world, *words) == wanted, words
    assert names(world, "--stdin", input="b\n# no\n\n") == ["b"]
    wrong = world.mng("list", "--include", "name ===", check=False)
    assert wrong.code == 2 and "CEL" in wrong.err
    assert world.mng("list", "--host", "mars", check=False).code == 3


def test_list_watches_and_is_never_late(world: World) -> None:
    demo(world, "a")
    watch = world.start("mng", "list", "--watch", "0.3", "--jsonl")
    assert watch.stdout
    assert json.loads(watch.stdout.readline())["state"] == "WAITING"
    began = time.time()
    world.mng("message", "a", "-m", "run: echo hi")
    while True:
        row = json.loads(watch.stdout.readline())
        if row["state_reason"] == "permission":
            break
        assert time.time() - began < 20
    assert row["state_detail"] == "run"
    watch.send_signal(signal.SIGINT)
    assert watch.wait(10) == 130


def test_list_says_when_there_is_nothing(world: World) -> None:
    assert "mng create" in world.mng("list").err
    create(world, "a")
    ran = world.mng("list", "--stopped")
    assert (ran.out, ran.err) == ("", "no agent matches\n")
    assert world.mng("list", "--stopped", "-q").err == ""


def test_what_has_no_value_comes_last_in_both_orders(world: World) -> None:
    create(world, "a")
    create(world, "b", more=("--label", "rank=1"))
    create(world, "c", more=("--label", "rank=2"))
    assert names(world, "--sort", "labels.rank") == ["b", "c", "a"]
    assert names(world, "--sort", "labels.rank", "--sort-order", "desc") == ["c", "b", "a"]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_table_never_loses_the_names(world: World, columns: int) -> None:
    create(world, "a-rather-long-name", more=("--label", "why=" + "very-long-" * 9))
    terminal = world.pty("mng", "list", size=(24, columns))
    assert terminal.wait() == 0
    header, line, *_ = terminal.text.splitlines()
    assert header.startswith("NAME ") and line.startswith("a-rather-long-name ")
    assert max(len(line.rstrip()) for line in terminal.text.splitlines()) <= columns
    assert "RUNNING" in line and ("…" in line or columns in (40, 200))


def test_watching_on_a_terminal(world: World) -> None:
    create(world, "a")
    terminal = world.pty("mng", "list", "-w", "0.2")
    terminal.expect("a +RUNNING")
    world.mng("stop", "a")
    terminal.expect("a +STOPPED")
    terminal.send("\x03")
    assert terminal.wait() == 130
