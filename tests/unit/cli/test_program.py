"""How lines end: results, errors, exit codes, help; in this process and in ones of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ended

Run = Callable[[str], Ended]
ROOT = Path(__file__).parents[3]

NO_JSN = "mng: --format: 'jsn' is neither human, json, jsonl nor a template\n     did you mean json?\n"
TYPO = "mng: no command 'destory'\n     did you mean destroy? (an agent of that name: mng create destory)\n"
ERRORS = [  # the line, its code, what stderr says
    ("create a b c", 2, "mng: create takes no argument 'c'\n     see: mng create --help\n"),
    ("exec", 2, "mng: exec needs COMMAND\n"),
    ("snapshot", 2, "mng: snapshot create needs AGENT\n"),
    ("--nme x", 2, "mng: create has no option --nme\n     did you mean --name?\n"),
    ("create -Z", 2, "mng: create has no option -Z\n     see: mng create --help\n"),
    ("--in mars", 2, "mng: --in: 'mars' is none of local, docker, modal\n"),
    ("--idle-timeout 5x", 2, "mng: --idle-timeout: '5x' is no duration: 30s, 5m, 1h, 7d or plain seconds\n"),
    ("--retry many", 2, "mng: --retry: 'many' is no whole number\n"),
    ("--connect=maybe", 2, "mng: --connect: 'maybe' is neither true nor false\n"),
    ("--no-connect=x", 2, "mng: --no-connect takes no value\n"),
    ("--label x", 2, "mng: --label: 'x' is not KEY=VALUE\n"),
    ("--env hush", 2, "mng: --env: the value is not KEY=VALUE\n"),
    ("w --name y", 2, "mng: NAME is given twice: y and w\n"),
    ("--name", 2, "mng: --name needs a value\n     NAME, -n, --name NAME: name of the agent\n"),
    ("--type codex --command top", 2, "mng: --agent-type and --command exclude each other\n"),
    ("--copy --in-place", 2, "mng: --copy and --in-place exclude each other\n"),
    ("list --json --jsonl", 2, "mng: --json and --jsonl exclude each other\n"),
    ("list --format jsn", 2, NO_JSN),
    ("list --format '{nme}'", 2, "mng: no field 'nme'\n     did you mean name?\n"),
    ("list --format '{host.nme}'", 2, "mng: no field 'host.nme'\n     did you mean host.name?\n"),
    ("list --format '{name'", 2, "mng: --format: '{name': expected '}' before end of string\n"),
    ("destroy unsaved --format {nme}", 2, "mng: no field 'nme'\n     did you mean name?\n"),  # before it does it
    ("destory", 2, TYPO),
    ("destory --all", 2, TYPO),
    ("destory web", 2, TYPO),
    ("lsit", 2, "mng: no command 'lsit'\n     did you mean list? (an agent of that name: mng create lsit)\n"),
    ("exce web 'git log'", 2, "mng: no command 'exce'\n     did you mean exec? (an agent of that name: mng create exce)\n"),
    ("clone", 2, "mng: clone: not in this version of mng\n     an agent of that name: mng create clone\n"),
    ("clone a b", 2, "mng: clone: not in this version of mng\n     an agent of that name: mng create clone\n"),
    ("fail mng", 3, "mng: no agent named 'web'\n     see: mng list\n"),
    ("fail interrupt", 130, "mng: interrupted\n"),
    ("destroy a unsaved", 8, ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "message"), ERRORS, ids=[line for line, _, _ in ERRORS])
def test_error(mng: Run, line: str, code: int, message: str) -> None:
    ended = mng(line)
    assert (ended.code, ended.err) == (code, message)


def test_a_bug_shows_its_traceback_and_the_log(mng: Run, home: Path) -> None:
    ended = mng("fail bug")
    assert ended.code == 1
    assert "ZeroDivisionError: a bug" in ended.err
    assert f"the log: {home}/.mng/logs/mng.jsonl" in ended.err


def test_results_go_to_stdout_and_all_else_to_stderr(mng: Run) -> None:
    assert mng("list") == Ended(
        0,
        "NAME            STATE     HOST    LABELS\n"
        "web             RUNNING   local   project=mng\n"
        "a-longer-name   WAITING   größe\n",
        "2 agents\n",
    )
    assert mng("list -q").err == ""


def test_default_subcommand(mng: Run, home: Path) -> None:
    folder = home / ".mng" / "profiles" / "default"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('[commands.mng]\ndefault_subcommand = "exec"\n')
    assert mng("a uptime").out == "uptime on a\n"
    (folder / "settings.toml").write_text('[commands.mng]\ndefault_subcommand = "exce"\n')
    assert "settings.toml:2: commands.mng.default_subcommand: no command 'exce'\n     did you mean exec?" in mng("").err


def test_version_and_help_words(mng: Run) -> None:
    assert mng("--version").out == "mng 1.2.3\n"
    assert mng("-v --version").out == "mng 1.2.3\n"
    assert mng("--help").out.startswith("mng [COMMAND] [OPTIONS]   (no command: create)\n")
    for line in ("list --help", "list -h --nonsense", "-q list -h"):
        assert mng(line).out.startswith("mng list [OPTIONS]\n"), line
    assert mng("--in docker --help").out.startswith("mng create ")


def test_the_projects_own_tasks(mng: Run, home: Path) -> None:
    (home / "work" / "tasks.py").write_text(
        "from invoke import task\n"
        "print('run!')\n"
        "@task\ndef list(c):\n    '''Not ours'''\n"
        "@task(aliases=['dep'])\ndef deploy(c, to='prod'):\n    '''Ship it'''\n    print('to', to)\n"
    )
    assert "run!" not in mng("list").out
    assert "deploy  Ship it" in " ".join(mng("--help").out.split(" ")).replace("  " * 10, " ") or "Ship it" in mng("--help").out
    assert mng("new-agent").out.startswith("format=")  # the file is not run for a word that it does not define
    assert mng("deploy --to=test").out == "run!\nto test\n"
    assert mng("dep").out == "run!\nto prod\n"
    assert mng("deploy --nope").code == 2
    assert mng("deplo").err.startswith("mng: no command 'deplo'\n     did you mean deploy?")


NESTED = """
from invoke import Collection, task
import building
@task(positional=["what"])
def ship(c, what, to="prod"):
    print("ship", what, to)
@task
def under_score(c): print("under")
@task
def list(c): print("theirs")
ns = Collection(ship, under_score, list, Collection("sub", ship))
ns.add_collection(Collection.from_module(building))
"""
THEIRS = [  # the line, its code, what it prints, what it complains of
    ("ship x --to=y", 0, "ship x y\n", ""),
    ("sub.ship x", 0, "ship x prod\n", ""),
    ("building.all", 0, "all\n", ""),
    ("under-score", 0, "under\n", ""),
    ("ship x under-score", 0, "ship x prod\nunder\n", ""),
    ("ship", 2, "", "mng: 'ship' did not receive required positional arguments: 'what'\n"),
    ("building", 2, "", "mng: No idea what 'building' is!\n"),
    ("building -h", 2, "", "mng: tasks.py has no task 'building'\n     did you mean building.all?\n"),
    ("under_score", 2, "", "mng: no command 'under_score'\n     did you mean under-score?"),
]


@pytest.mark.parametrize("package", [False, True])
@pytest.mark.parametrize(("line", "code", "out", "err"), THEIRS, ids=[line for line, *_ in THEIRS])
def test_tasks_in_collections_from_a_folder_below(home: Path, package: bool, line: str, code: int, out: str, err: str) -> None:
    top, below = home / "work" / "project", home / "work" / "project" / "src" / "deep"
    below.mkdir(parents=True)
    tasks = top / "tasks" / "__init__.py" if package else top / "tasks.py"
    tasks.parent.mkdir(exist_ok=True)
    tasks.write_text(NESTED)
    (tasks.parent / "building.py").write_text("from invoke import task\n@task\ndef all(c): print('all')\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.cli.fake_mng", *line.split()], cwd=below,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (code, out), ended
    assert ended.stderr.startswith(err) if err else not ended.stderr
    assert not [*top.rglob("__pycache__")], "their repository stays clean"


def test_help_of_their_tasks_is_as_of_ours(mng: Run, home: Path) -> None:
    code = "from invoke import task\n@task(help={'to': 'where'})\ndef deploy(c, to='prod'):\n    '''Ship it'''\n"
    (home / "work" / "tasks.py").write_text(code)
    assert mng("deploy --help").out == ("mng deploy [OPTIONS]\n\nShip it\n\nOptions\n  -t STRING, --to=STRING  where\n")


@pytest.mark.parametrize(("text", "why"), [("\n\ndef broken(:", ":3: invalid syntax"), ("\0", ": ")])
def test_a_broken_tasks_py_is_told_where_its_word_may_be_meant(mng: Run, home: Path, text: str, why: str) -> None:
    file = home / "work" / "tasks.py"
    file.write_text(text)
    assert mng("list").err == "2 agents\n"
    ended = mng("deploy")
    assert ended.code == 0
    assert ended.err.startswith(f"mng: warning: {file}{why}") and "none of its tasks is known" in ended.err
    file.write_text("")
    assert mng("deploy").err == ""


def process(*words: str, stdin: int | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.unit.cli.fake_mng", *words], cwd=ROOT, env={**os.environ, **env},
        capture_output=True, text=True, stdin=stdin, timeout=60,
    )  # fmt: skip


def test_no_terminal_no_stdin_no_stdout() -> None:
    line = f"{sys.executable} -m tests.unit.cli.fake_mng"
    for ending, code in (("list <&-", 0), ("list >&-", 0), ("fail mng 2>&-", 3), ("list <&- >&- 2>&-", 0)):
        ended = subprocess.run(["sh", "-c", f"{line} {ending}"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stderr.replace("2 agents\n", "")) == (code, ""), ending


def test_a_reader_that_goes_away() -> None:
    line = f"{sys.executable} -m tests.unit.cli.fake_mng list | true"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) in ((141, ""), (0, "2 agents\n"))


def test_a_full_disk_is_an_error() -> None:
    line = f"{sys.executable} -m tests.unit.cli.fake_mng list > /dev/full"
    ended = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (1, "mng: cannot write the output: No space left on device\n")


def test_nothing_coloured_when_piped() -> None:
    for words in (("--help",), ("create", "--help"), ("list",), ("--nme",)):
        ended = process(*words, TERM="xterm-256color", FORCE_COLOR="1")
        assert "\x1b" not in ended.stdout + ended.stderr


def test_on_a_terminal(tmp_path: Path) -> None:
    line = f"{sys.executable} -m tests.unit.cli.fake_mng create --help"
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        shown = subprocess.run(
            ["script", "-qec", line, "/dev/null"], cwd=ROOT, env={**os.environ, "TERM": "xterm", **env},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
        ).stdout  # fmt: skip
        assert "--idle-timeout DURATION" in shown
        assert ("\x1b[" in shown) is coloured, env


def test_what_a_start_imports() -> None:
    code = (
        "import sys; sys.argv = ['mng', {!r}]\nfrom mng.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in {!r} if m in sys.modules], file=sys.stderr)"
    )
    heavy = ["asyncio", "fabric", "paramiko", "rich", "docker", "modal", "sh", "tomllib", "difflib"]
    for word, more in (("--help", ["invoke", "pydantic"]), ("--version", ["invoke", "pydantic"])):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(word, heavy + more)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.stderr == "[]\n", word
    code = code.replace("from mng.main import main", "import tests.unit.cli.fake_mng as m").replace(
        "main()", "m.Mng(m.contents, '1').run()"
    )
    code = code.format("list", [*heavy, "unittest.mock", "importlib.metadata", "tests.unit.cli.fakes.create"])
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stderr == "2 agents\n[]\n"


@pytest.mark.parametrize("program", ["inv", "fab"])
def test_the_same_under_inv_and_fab(program: str, home: Path) -> None:
    (home / "work" / f"{'tasks' if program == 'inv' else 'fabfile'}.py").write_text(
        "from tests.unit.cli.fakes import contents\nns = contents.collection()\n"
    )

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        binary = Path(sys.executable).parent / program
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run([binary, *words], env=env, capture_output=True, text=True, timeout=60)

    made = run("create", "--name", "x", "--in=docker", "--label", "a=1", "--label", "b=2", "--no-connect", "--json")
    got = json.loads(made.stdout)
    assert (got["name"], got["in_"], got["label"], got["connect"]) == ("x", "docker", {"a": "1", "b": "2"}, False)
    assert run("exec", "uptime", "--agent", "a", "--agent", "b").stdout == "uptime on a, b\n"
    assert run("snapshot.create", "w").stdout == "w\n"
    wrong = run("create", "--in", "mars")
    assert (wrong.returncode, wrong.stderr) == (2, "mng: --in: 'mars' is none of local, docker, modal\n")
    assert run("destroy", "--agent", "unsaved").returncode == 8
    assert run("fail", "interrupt").returncode == 130
    assert "snapshot.create" in run("--list").stdout
