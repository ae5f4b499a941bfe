"""The test bed itself: what other tests trust it to notice."""

import pytest

from tests.bed import processes
from tests.bed.world import World

pytestmark = pytest.mark.live


def test_a_world_shares_nothing_with_the_user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the user's")
    shown = dict(line.split("=", 1) for line in world.run("env").out.splitlines())
    assert shown["HOME"] == str(world.home)
    assert "ANTHROPIC_API_KEY" not in shown
    assert "TMUX" not in shown
    assert world.git("log", "--format=%an %s") == "Test Start"


def test_programs_that_fail_or_hang_fail_the_test(world: World) -> None:
    with pytest.raises(AssertionError, match="exit code 3"):
        world.run("sh", "-c", "exit 3")
    assert world.run("sh", "-c", "cat; exit 3", input="hi", check=False).out == "hi"
    with pytest.raises(AssertionError, match="still runs"):
        world.run("sleep", 60, timeout=0.2)
    with pytest.raises(AssertionError, match="something it left behind"):
        world.run("sh", "-c", "sleep 60 & echo done", timeout=0.5)
    with pytest.raises(AssertionError, match="not within"):
        world.wait(lambda: False, 0.1)


def test_a_tool_can_be_faked_or_taken_away(world: World) -> None:
    world.tool("hello", "#!/bin/sh\necho from the fake\n")
    assert world.run("sh", "-c", "hello").out == "from the fake\n"
    assert "tmux" not in world.run("sh", "-c", "command -v git tmux", env=world.without("tmux"), check=False).out


def test_a_pty_is_the_controlling_terminal(world: World) -> None:
    terminal = world.pty("sh", "-c", "stty size; read line </dev/tty; echo got $line; exit 4", size=(30, 90))
    terminal.expect("30 90")
    terminal.line("words")
    terminal.expect("got words")
    assert terminal.wait() == 4


def test_processes_in_tmux_are_no_leftovers_but_others_are() -> None:
    world = World()
    world.tmux("new-session", "-d", "-s", world.prefix + "a", "sleep 301")
    world.expect_no_leftovers()
    assert world.sessions() == ["a"]
    assert world.leftovers() == {}
    stray = int(world.run("sh", "-c", "sleep 302 >/dev/null 2>&1 & echo $!").out)
    assert world.leftovers() == {stray: "sleep 302"}
    with pytest.raises(AssertionError, match="left running"):
        world.end()
    assert processes.carrying(world.mark) == {}
    assert not world.root.exists()
