"""The other commands, as people use them."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.bed.world import World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


def create(world: World, *names: str, kind: tuple[str, ...] = ("--agent-cmd", "sleep 99999"), more: tuple[str, ...] = ()) -> None:
    for name in names:
        world.mng("create", name, *kind, "--no-connect", *more)


def demo(world: World, *names: str) -> None:
    create(world, *names, kind=("demo",), more=("--await-ready",))


def states(world: World) -> dict[str, str]:
    return {row["name"]: row["state"] for row in world.mng("list", "--json").json}


def names(world: World, *words: str, **how: Any) -> list[str]:
    return world.mng("list", "--format", "{name}", *words, **how).out.split()


def attached(world: World, name: str) -> None:
    """Wait for the terminal to be the agent's: what is typed before would go elsewhere."""
    session = world.prefix + name
    world.wait(lambda: world.tmux("list-clients", "-F", "#{session_name}") == session, what=f"a client of {name}")


# --- connect


def test_connect_chooses_from_a_list(world: World) -> None:
    create(world, "first", "second")
    terminal = world.pty("mng", "connect")
    terminal.expect("type to filter")
    terminal.send("fir")
    terminal.expect("> first")
    terminal.send("\r")
    attached(world, "first")
    terminal.send("\x02d")
    assert terminal.wait() == 0
    left = world.pty("mng", "connect")
    left.expect("type to filter")
    left.send("\x1b")
    assert left.wait() == 1


def test_connect_starts_what_is_stopped_and_says_what_it_can_not(world: World) -> None:
    demo(world, "a")
    world.mng("stop", "a")
    assert world.mng("connect", "a", "--no-start", check=False).code == 3
    terminal = world.pty("mng", "connect", "a", "--message", "hello from connect")
    attached(world, "a")
    assert "hello from connect" in world.mng("logs", "a", "transcript").out
    terminal.send("\x02d")
    terminal.wait()
    no_terminal = world.mng("connect", "a", check=False)
    assert no_terminal.code == 1 and "terminal" in no_terminal.err
    assert world.mng("connect", check=False).code == 2
    near = world.mng("connect", "aa", check=False)
    assert near.code == 3
    ran = world.mng("connect", "a", "--attach-command", "echo here $MNG_SESSION_NAME")
    assert ran.out == f"here {world.prefix}a\n"
    failed = world.mng("connect", "a", "--attach-command", "exit 3", check=False)
    assert failed.code == 5 and "exit code 3" in failed.err


def test_connect_inside_tmux_switches(world: World) -> None:
    create(world, "a")
    world.tmux("new-session", "-d", "-s", "mine", "-x", "100", "-y", "30", "sh")
    outer = world.pty("tmux", "attach", "-t", "=mine")
    world.wait(lambda: world.tmux("list-clients", "-F", "#{session_name}") == "mine", what="a client")
    world.tmux("send-keys", "-t", "=mine:", "mng connect a", "Enter")
    attached(world, "a")
    outer.send("\x02d")
    outer.wait()


def test_connect_inside_a_tmux_of_another_server_attaches(world: World) -> None:
    create(world, "a")
    world.tmux("-L", "other", "new-session", "-d", "-s", "mine", "-x", "100", "-y", "30", "mng connect a")
    attached(world, "a")
    world.tmux("-L", "other", "kill-server")


# --- exec


def test_exec_is_the_command_itself(world: World) -> None:
    create(world, "a")
    data = bytes(range(256)) * 100
    ran = world.mng("exec", "a", "cat; echo err >&2; exit 7", input=data, check=False)
    assert (ran.code, ran.raw, ran.err) == (7, data, "err\n")
    assert world.mng("exec", "a", "pwd").out.strip() == world.record("a")["work"]["path"]
    assert world.mng("exec", "a", "pwd", "--cwd", "/").out == "/\n"
    assert world.mng("exec", "a", "pwd", "--cwd", "src").out == world.record("a")["work"]["path"] + "/src\n"
    assert world.mng("exec", "a", "pwd", "--cwd", ".").out == world.record("a")["work"]["path"] + "\n"
    assert world.mng("exec", "a", "pwd", "--cwd", "nope", check=False).code == 3
    assert world.mng("exec", "a", "pwd", "--cwd", "~").out == f"{world.home}\n"
    row = world.mng("exec", "a", "echo out; exit 3", "--json", check=False)
    assert row.code == 3
    assert {key: row.json[0][key] for key in ("agent", "stdout", "success", "exit_code")} == {
        "agent": "a", "stdout": "out\n", "success": False, "exit_code": 3,
    }  # fmt: skip
    assert world.mng("exec", "a", "--", "echo --help").out == "--help\n"
    assert world.mng("exec", "a", "--", "printf", "%s|", "--help", "x  y", "$HOME", "").out == "--help|x  y|$HOME||"
    assert world.mng("exec", "a", "--user", "nobody-here", "true", check=False).code == 1
    if os.getuid() == 0:
        world.root.chmod(0o755)
        assert world.mng("exec", "a", "--cwd", "/", "--user", "nobody", "id -un; echo $MNG_AGENT_NAME").out == "nobody\na\n"
    assert world.mng("exec", "a", check=False).code in (2, 3)
    assert world.mng("exec", "a", "touch made", "--dry-run").out == ""
    assert not (Path(world.record("a")["work"]["path"]) / "made").exists()


def test_exec_of_several(world: World) -> None:
    create(world, "a", "b")
    ran = world.mng("exec", "a", "b", 'echo "$MNG_AGENT_NAME"; [ "$MNG_AGENT_NAME" = a ]', check=False)
    assert ran.code == 5 and sorted(ran.out.splitlines()) == ["a | a", "b | b"]
    assert "1 ok, 1 failed" in ran.err
    assert len(world.mng("exec", "--all", "true", "--jsonl").rows) == 2
    partly = world.mng("exec", "a", "nope", "echo here", check=False)
    assert (partly.code, partly.out) == (3, "a | here\n") and "no agent 'nope'" in partly.err
    assert sorted(world.mng("exec", "-", "echo x", input="a\nb\n").out.splitlines()) == ["a | x", "b | x"]
    aborted = world.mng("exec", "a", "b", "exit 1", "--on-error", "abort", "--jsonl", check=False)
    assert [row.get("result", "ran") for row in aborted.rows] == ["ran", "skipped"]


def test_exec_time_out_background_and_much_output(world: World) -> None:
    create(world, "a")
    ran = world.mng("exec", "a", "--timeout", "1", "sleep 4711 & sleep 4712", check=False)
    assert ran.code == 124
    world.wait(lambda: not re.search(r"sleep 471[12]", world.run("ps", "-A", "-o", "args=").out), what="its end")
    world.mng("exec", "a", "sleep 4713 & echo started", timeout=15)
    ran = world.run("/usr/bin/env", "python3", "-c", MEASURE, "mng", "exec", "a", "head -c 20000000 /dev/zero")
    assert int(ran.out) < 80_000, "kB at its peak"
    world.mng("stop", "a")
    assert "sleep 4713" not in world.run("ps", "-A", "-o", "args=").out


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_exec_interrupted(world: World) -> None:
    create(world, "a")
    process = world.start("mng", "exec", "a", "sleep 4714")
    world.wait(lambda: "\nsleep 4714\n" in world.run("ps", "-A", "-o", "args=").out, what="the command")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130, process.stderr.read()
    world.wait(lambda: "\nsleep 4714" not in world.run("ps", "-A", "-o", "args=").out, what="its end")


# --- message


def test_messages_from_everywhere(world: World) -> None:
    demo(world, "a", "b")
    assert "delivered" in world.mng("message", "a", "a last word").out
    world.mng("message", "a", input="from stdin")
    world.mng("message", "--agent", "a", "--message-file", "-", input="from a file")
    world.tool("ed-itor", '#!/bin/sh\necho "from the editor" > "$1"\n')
    terminal = world.pty("mng", "message", "a", env={"EDITOR": "ed-itor", "VISUAL": None})
    assert terminal.wait() == 0
    said = world.mng("logs", "a", "transcript").out
    assert all(text in said for text in ("a last word", "from stdin", "from a file", "from the editor"))
    assert world.mng("message", "a", "-m", "hello", "--wait").out.strip()
    both = world.mng("message", "a", "b", "-m", "to both", "--json").json
    assert [(row["name"], row["result"]) for row in both] == [("a", "delivered"), ("b", "delivered")]
    answered = world.mng("message", "a", "b", "-m", "to both again", "--wait").out
    assert "ANSWER" in answered and answered.count("to both again") == 2
    assert world.mng("message", "a", "-m", "not sent", "--dry-run").code == 0
    assert "not sent" not in world.mng("logs", "a", "transcript").out


def test_messages_that_are_refused(world: World) -> None:
    demo(world, "alpha")
    for words, code in (
        (["alpha", "-m", " \n"], 2),
        (["alpa", "-m", "x"], 3),
        (["alpha", "alpa"], 2),
        (["-m", "x"], 2),
    ):
        ran = world.mng("message", *words, check=False)
        assert ran.code == code and "Traceback" not in ran.err, ran
    assert world.mng("message", "alpha", "-m", "a\x07b\x1b[31mc").code == 0
    assert "abc" in world.mng("logs", "alpha", "transcript").out


def test_a_retry_with_an_id_arrives_once(world: World) -> None:
    demo(world, "a")
    for _ in range(3):
        assert world.mng("message", "a", "-m", "only once", "--id", "k1").code == 0
    world.wait(lambda: states(world)["a"] == "WAITING", what="its answer")
    lines = [json.loads(line) for line in world.mng("logs", "a", "transcript").out.splitlines()]
    assert [line["text"] for line in lines if line["role"] == "user"] == ["only once"]


def test_a_message_to_one_that_waits_for_permission(world: World) -> None:
    demo(world, "a")
    world.mng("message", "a", "-m", "run: touch pwned")
    world.wait(lambda: world.mng("list", "--json").json[0]["state_reason"] == "permission", what="its question")
    assert "WAITING(permission: run)" in world.mng("list").out
    asked = world.mng("message", "a", "-m", "y", "--wait", "--wait-timeout", "20s", "--ready-timeout", "2", check=False)
    assert asked.code == 7
    ran = world.mng("message", "a", "-m", "y", "--ready-timeout", "2", check=False)
    assert ran.code == 7 and "blocked" in ran.out
    assert not (Path(world.record("a")["work"]["path"]) / "pwned").exists()
