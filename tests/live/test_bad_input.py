"""What people and scripts get wrong, in processes of their own: the exit code, one clear line, and nothing on stdout."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.world import Ran, World

pytestmark = pytest.mark.live
HUGE = "a" * 100_000

LINES: list[tuple[str, int, str, str]] = [  # what is typed, the exit code, of its first line, of its hint
    ("create --nme x", 2, "create has no option --nme", "did you mean --name?"),
    ("list -Z", 2, "list has no option -Z", "mng list --help"),
    ("create x --name-style klingon", 2, "--name-style: 'klingon' is none of english", ""),
    ("destroy a --on-error never", 2, "--on-error: 'never' is none of continue, abort", ""),
    ("exec a true --timeout 5x", 2, "--timeout: '5x' is no duration", ""),
    ("list --watch soon", 2, "--watch: 'soon' is no duration", ""),
    ("list --limit many", 2, "--limit: 'many' is no whole number", ""),
    ("list --limit -1", 2, "--limit: '-1' is less than 0", ""),
    ("logs a screen --tail -3", 2, "--tail: '-3' is less than 0", ""),
    ("list --json --jsonl", 2, "--json and --jsonl exclude each other", ""),
    ("create x --copy --in-place", 2, "--copy and --in-place exclude each other", ""),
    ("create x codex --agent-cmd top", 2, "exclude each other", ""),
    ("message a -m x --message-file y", 2, "--message and --message-file exclude each other", ""),
    ("create --name", 2, "--name needs a value", "NAME, -n, --name NAME"),
    ("rename a", 2, "rename needs NEW", ""),
    ("exec", 2, "exec needs COMMAND", ""),
    ("destroy", 2, "which agents?", "name them, or give --all"),
    ("logs a b c", 2, "logs takes no argument 'c'", ""),
    ("create x --label y", 2, "--label: 'y' is not KEY=VALUE", ""),
    ("create x demo --build-args \"it's\"", 2, "no closing quotation", ""),
    ("create x demo --build-args 'a b'", 2, "--build a has no meaning", "--in PROVIDER"),
    ("create x demo --start-args '-x y'", 2, "--start-arg -x has no meaning", "--in PROVIDER"),
    ("create x --env hush", 2, "--env: the value is not KEY=VALUE", ""),
    ("create x --connect=maybe", 2, "--connect: 'maybe' is neither true nor false", ""),
    ("create x y z", 2, "create takes no argument 'z'", ""),
    ("destory a", 2, "no command 'destory'", "did you mean destroy?"),
    ("config gte prefix", 2, "config has no command 'gte'", "did you mean config get?"),
    ("stop lpha", 3, "no agent 'lpha'", "did you mean alpha?"),
    ("connect nobody", 3, "no agent 'nobody'", "see: mng list"),
    ("list --host mars", 3, "no host matches mars", "there is: local"),
    ("exec alpha@mars true", 3, "no host matches mars", "there is: local"),
    ("logs alpha nope", 3, "alpha has no log 'nope'", "there is: "),
    ("config get prefx", 3, "prefx is not set", "did you mean prefix?"),
    ("list --include 'name ==='", 2, "not a CEL expression: name ===", ""),
    ("destroy -f --all --exclude 'name =='", 2, "not a CEL expression", ""),
    ("list --format '{nme}'", 2, "no field 'nme'", "did you mean name?"),
    ("list --format '{name'", 2, "expected '}'", ""),
    ("list --format jsn", 2, "neither human, json, jsonl nor a template", "did you mean json?"),
    ("list --fields ,", 2, "--fields names no field", ""),
    ("list --sort nme", 2, "no field 'nme'", "did you mean name?"),
    ("create x -t nope", 2, "no template 'nope'", "[create_templates.NAME]"),
    ("create x --in mars", 6, "no provider 'mars' here", "there is: local"),
    ("create x nowhere-at-all", 6, "nowhere-at-all is not", ""),
    ("create x demo --env-file env.bad", 2, "env.bad:2: not KEY=VALUE: B C", ""),
    ("create x demo --env-file /nowhere/env", 2, "--env-file /nowhere/env: No such file", ""),
    ("create x demo --env-file bytes", 2, "--env-file bytes", ""),
    ("create x demo --pass-env NO_SUCH_VARIABLE", 2, "this shell has no such variable", ""),
    ("create x demo --upload-file /nowhere/f:x", 2, "--upload-file /nowhere/f: No such file", ""),
    ("create x demo --upload-file f", 2, "'f' is not LOCAL:REMOTE", ""),
    ("create x demo --upload-file ~nobody-here/f:x", 2, "--upload-file ~nobody-here/f: No such file", ""),
    ("create x demo --from ~nobody-here/f", 3, "", ""),
    ("create x demo --message-file /nowhere/m", 2, "cannot read the message from /nowhere/m", ""),
    ("create x demo --message-file bytes", 2, "the message from bytes is not UTF-8", ""),
    ("create x demo --base-branch nope", 2, "no branch, tag or commit nope", ""),
    ("create x demo --context /nowhere", 2, "--context /nowhere: no such folder", ""),
    ("create a.b demo", 2, "'a.b' can't be a name", "try a-b"),
    ("create alpha demo", 1, "there is an agent alpha already", "mng connect alpha"),
    ("destroy alpha", 2, "destroying alpha needs a yes", "give -f"),
    ("message alpha -m ' '", 2, "the message is empty", ""),
    ("connect", 2, "which agent?", "name one"),
    ("connect alpha", 1, "terminal", ""),
    ("config edit", 1, "no terminal, and no $EDITOR", "mng config set"),
    ("message alpha", 2, "the message is empty", ""),
    # what a script makes of a variable that is not set
    ("create '' demo", 2, "NAME is empty", "a variable that is not set?"),
    ("create x ''", 2, "TYPE is empty", ""),
    ("destroy '' -f", 2, "AGENTS is empty", ""),
    ("destroy -f -a --host ''", 2, "--host is empty", ""),
    ("list --include ''", 2, "--include is empty", ""),
    ("exec alpha ''", 2, "COMMAND is empty", ""),
    ("list --context ''", 2, "--context is empty", ""),
    ("rename alpha ''", 2, "NEW is empty", ""),
    ("create x demo --from=", 2, "--from is empty", ""),
    # control characters, and far too much
    ("list --host 'a\x1b[31mb'", 3, "no host matches a\\x1b[31mb", ""),
    ("list --include 'a\x07 ='", 2, "not a CEL expression: a\\x07 =", ""),
    ("stop 'a\x01\nb'", 3, "no agent 'a\\x01\\nb'", ""),
    (f"stop {HUGE}", 3, "no agent 'aaa", ""),
    (f"create {HUGE}", 2, "has 100000 characters", "63 at most"),
    (f"list --context {HUGE}", 2, "--context aaa", ""),
    (f"create x demo --from {HUGE}", 3, "no agent 'aaa", ""),
    (f"create x demo --env-file {HUGE}", 2, "File name too long", ""),
    (f"create x demo --target-path {HUGE}", 2, "work.path", ""),
    (f"config set {HUGE} x", 2, "no such setting", ""),
    (f"list --format {HUGE}", 2, "neither human, json", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def ground() -> Iterator[World]:
    """One world for all lines, since none of them may change it."""
    from tests.bed.need import need

    need("tmux", "git")
    world = World()
    world.mng("create", "alpha", "--agent-cmd", "sleep 99999", "--no-connect")
    (world.repo / "env.bad").write_text("A=1\nB C\n")
    (world.repo / "bytes").write_bytes(b"\xff\xfe")
    (world.repo / ".git" / "info" / "exclude").write_text("env.bad\nbytes\n")
    yield world
    world.end()


def refused(ran: Ran, code: int) -> list[str]:
    """The lines on stderr: not too many, no traceback, nothing that steers a terminal; nothing on stdout."""
    assert ran.code == code and ran.out == "", ran
    lines = ran.err.splitlines()
    assert 1 <= len(lines) <= 4 and "Traceback" not in ran.err, ran
    assert all(line.isprintable() and len(line) <= 1100 for line in lines), ran
    return lines


@pytest.mark.parametrize(("line", "code", "what", "hint"), LINES, ids=[line[:60] for line, *_ in LINES])
def test_line(ground: World, line: str, code: int, what: str, hint: str) -> None:
    before = ground.mng("list", "--json", "--fields", "name,state").out
    lines = refused(ground.mng(*shlex.split(line), check=False, env={"EDITOR": None, "VISUAL": None}), code)
    assert lines[0].startswith("mng: ") and what in lines[0], lines
    assert hint in " ".join(lines[1:]), lines
    assert ground.mng("list", "--json", "--fields", "name,state").out == before


BYTES = os.fsdecode(b"\xff\xfe")


@pytest.mark.parametrize(
    "words",
    [["stop", BYTES], ["create", "x", "demo", "--", BYTES], ["config", "set", "commands.create.name", BYTES], [BYTES],
     ["create", "x", "--agent-cmd", f"echo {BYTES}"], ["list", f"--{BYTES}"], ["list", "--include", BYTES]],
)  # fmt: skip
def test_words_that_are_not_utf_8(ground: World, words: list[str]) -> None:
    assert "is not UTF-8" in refused(ground.mng(*words, check=False), 2)[0]


@pytest.mark.parametrize(
    ("name", "value", "words", "code", "what"),
    [
        ("MNG_HOST_DIR", os.fsdecode(b"/tmp/x\xff"), ["list"], 2, "is not UTF-8"),
        ("MNG_PREFIX", "a b", ["list"], 2, "MNG_PREFIX: 'a b': letters"),
        ("MNG_PROFILE", "../x", ["list"], 2, "MNG_PROFILE: '../x' can't be the name of a profile"),
        ("MNG_COMMANDS_LIST_LIMIT", "x", ["list"], 2, "MNG_COMMANDS_LIST_LIMIT: 'x' is no whole number"),
        ("MNG_COMMANDS_LIST_LIMTI", "1", ["list"], 2, "MNG_COMMANDS_LIST_LIMTI: list has no option"),
        ("MNG_COMMANDS_CREATE_LABEL", "[[", ["create", "x", "demo"], 2, "MNG_COMMANDS_CREATE_LABEL: '[[' is not KEY=VALUE"),
        ("PATH", "/nowhere", ["create", "x", "demo"], 6, ""),
        ("HOME", "/proc/1", ["config", "set", "--scope", "user", "prefix", "x-"], 1, "cannot write /proc/1/.mng/"),
    ],
)  # fmt: skip
def test_variables(ground: World, name: str, value: str, words: list[str], code: int, what: str) -> None:
    ran = ground.mng(*words, check=False, env={name: value})
    assert ran.code == code and ran.out == "" and "Traceback" not in ran.err and what in ran.err, ran


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("a = = 1", "settings.toml:1: Invalid value", ""),
        ("\n[commands.crate]\n", "settings.toml:2: commands.crate: no such command", "did you mean create?"),
        ("[commands.list]\nlimti = 1\n", "toml:2: commands.list.limti: list has no option 'limti'", "did you mean limit?"),
        ("[agent_types.a]\nparent_type = 'b'\n[agent_types.b]\nparent_type = 'a'\n[commands.create]\ntype = 'a'\n",
         "settings.toml:4: agent_types.b.parent_type: goes in a circle: a -> b -> a", ""),
        ("[agent_types.a]\nparent_type = 'cluade'\n[commands.create]\ntype = 'a'\n", "no agent type 'cluade'", "claude?"),
        ("[create_templates.x]\nnmae = 'y'\n[commands.create]\ntemplate = ['x']\n", "toml:2: create_templates.x.nmae", "name"),
    ],
)  # fmt: skip
def test_settings(world: World, text: str, what: str, hint: str) -> None:
    (world.repo / ".mng").mkdir()
    (world.repo / ".mng" / "settings.toml").write_text(text)
    words = ["create", "x"] if "create]" in text else ["list"]
    lines = refused(world.mng(*words, check=False), 2)
    assert what in lines[0] and hint in " ".join(lines[1:])


def test_closed_streams(world: World) -> None:
    world.mng("create", "a", "--agent-cmd", "sleep 99999", "--no-connect")
    for line, code in (
        ("mng list --stdin <&-", 2), ("mng stop - <&-", 2), ("mng message a <&-", 1), ("mng destroy a <&-", 2),
        ("mng connect a <&-", 1), ("mng config edit <&-", 1), ("mng exec a true <&-", 0), ("mng list >&-", 0),
        ("mng stop nobody 2>&-", 3), ("mng list <&- >&- 2>&-", 0), ("mng config list >/dev/full", 1),
    ):  # fmt: skip
        ran = world.run("bash", "-c", line, check=False, env={"EDITOR": None, "VISUAL": None})
        assert ran.code == code and "Traceback" not in ran.err, (line, ran)
        assert ran.out == "" and len(ran.err.splitlines()) <= 3, (line, ran)


def test_a_dirty_tree_is_named_with_the_ways_on(world: World) -> None:
    (world.repo / "draft").write_text("x")
    lines = refused(world.mng("create", "x", "demo", "--no-connect", "--ensure-clean", check=False), 8)
    assert lines[0].endswith("has uncommitted changes: draft")
    assert "bring them along: --no-ensure-clean; leave them: --exclude-unclean" in lines[1]
    for ways in ("--no-ensure-clean", "--exclude-unclean"):
        world.mng("create", ways.strip("-"), "--agent-cmd", "sleep 99999", "--no-connect", ways)


def test_ten_thousand_names_on_stdin(world: World) -> None:
    world.mng("create", "a", "--agent-cmd", "sleep 99999", "--no-connect")
    many = "\n".join(f"nobody-{n}" for n in range(10_000))
    assert world.mng("list", "--stdin", input=f"{many}\na\n", timeout=20).out.splitlines()[1].startswith("a ")
    ran = world.mng("exec", "-", "echo here", input=f"{many}\na\n", check=False, timeout=60)
    assert ran.code == 3 and ran.out == "a | here\n" and "Traceback" not in ran.err
    assert "1 ok, 10000 failed" in ran.err
    assert world.mng("exec", "-", "true", input=f"{HUGE}\n\x00\x01\n", check=False).code == 3
    bytes_ = world.mng("exec", "-", "true", input=b"\xff\xfe\n", check=False)
    assert bytes_.code in (2, 3) and "Traceback" not in bytes_.err


def test_in_a_folder_that_is_gone(world: World) -> None:
    world.mng("create", "a", "--agent-cmd", "sleep 99999", "--no-connect")
    gone = world.root / "gone"
    for line, code in (
        ("mng list", 0), ("mng --help", 0), ("mng config list", 0), ("mng doctor", 1), ("mng create x demo --no-connect", 3),
        ("mng exec a true", 0), ("mng stop a", 0), ("mng logs a", 0), ("mng destroy -f a", 0), ("mng gc", 0),
    ):  # fmt: skip
        ran = world.run("bash", "-c", f"mkdir {gone}; cd {gone}; rmdir {gone}; {line}", check=False)
        assert ran.code == code and "Traceback" not in ran.err, (line, ran)


@pytest.mark.parametrize("home", [None, "/proc/1", "FILE"])
def test_without_a_home(world: World, home: str | None) -> None:
    (world.root / "file").write_text("")
    env = {"HOME": str(world.root / "file") if home == "FILE" else home}
    if home == "FILE":
        assert "file/.invoke" in refused(world.mng("list", env=env, check=False), 1)[0]
        return
    log = ["--log-file", str(world.root / "log")]  # without HOME it is the real one that counts
    for words in (["list", *log], ["config", "list", *log], ["config", "path", *log], ["doctor", *log], ["--help"]):
        ran = world.mng(*words, env=env, check=False)
        assert ran.code == (1 if words[0] == "doctor" else 0) and "Traceback" not in ran.err, ran
    made = world.mng("create", "x", "--agent-cmd", "sleep 99999", "--no-connect", *log, env=env)
    assert made.out.startswith("x: ")


def test_a_folder_with_a_name_that_is_not_utf_8(world: World) -> None:
    odd = Path(os.fsdecode(os.fsencode(world.root) + b"/odd\xff"))
    odd.mkdir()
    ran = world.mng("create", "x", "demo", "--no-connect", cwd=odd, check=False)
    assert "Traceback" not in ran.err and ran.code == 2 and "is not UTF-8" in ran.err, ran
    assert world.mng("list", cwd=odd).code == 0
