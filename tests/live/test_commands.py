"""The other commands, as people use them."""

import json
import os
import re
import signal
import time
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


# --- list


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


# --- start, stop, rename, logs, destroy, gc


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


# --- the same from Invoke, Fabric and Python


TASKS = """
from invoke.tasks import task
from mng.commands import create, destroy, list_ as agents

@task
def night(c):
    "Make one and count"
    row = create(c, name="owl", agent_cmd="sleep 99999", connect=False)
    assert row.name == "owl" and [one.name for one in agents(c)] == ["owl"]
    assert destroy(c, agents=["owl"], force=True)[0].result == "destroyed"
    print("done", row.state)
"""


@pytest.mark.parametrize("program", ["mng", "inv", "fab"])
def test_a_projects_own_tasks(world: World, program: str) -> None:
    (world.repo / ("fabfile.py" if program == "fab" else "tasks.py")).write_text(
        TASKS.replace("list_ as agents", "list as agents")
    )
    (world.repo / ".gitignore").write_text("__pycache__/\n")
    world.git("add", "-A")
    world.git("commit", "-qm", "tasks")
    ran = world.run(program, "night")
    assert ran.out == "done RUNNING\n", ran


@pytest.mark.parametrize("program", ["inv", "fab"])
def test_our_commands_as_tasks(world: World, program: str) -> None:
    root = Path(__file__).parent.parent.parent
    listed = world.run(program, "--list", cwd=root).out
    assert all(name in listed for name in ("create", "destroy", "test", "lint", "docs", "bench"))
    world.run(
        program,
        "create",
        "--name",
        "x",
        "--agent-cmd",
        "sleep 99999",
        "--no-connect",
        "--context",
        world.repo,
        cwd=root,
    )
    assert names(world) == ["x"]
    assert json.loads(world.run(program, "list", "--json", cwd=root).out)[0]["name"] == "x"


def test_log_options_of_every_command(world: World) -> None:
    log = world.root / "log.jsonl"
    create(world, "a")
    world.mng(
        "exec",
        "a",
        "echo printed",
        "--log-file",
        log,
        "--log-commands",
        "--log-command-output",
        "--log-env-vars",
        "--json",
    )
    text = log.read_text()
    assert "echo printed" in text and '"environment"' in text
    entries = [json.loads(line) for line in text.splitlines()]
    assert entries[-1]["command"] == "exec" and entries[-1]["exit_code"] == 0
