"""Plugins, as modules on the path: what they add, what they may not, and that a broken one costs only its own part."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mng import hooks
from mng.cli import complete
from mng.cli.program import Mng
from mng.commands import contents
from tests.unit.cli.conftest import Ended

HEAD = "from mng.errors import MngError\nfrom mng.plugins import hookimpl\n"
COMMAND = """
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
class Hello(CommonOptions):
    '''Hello'''
    loud: bool = option(False, help="in capitals")
@command(aliases=["hi"])
def hello(c, o: Hello):
    '''Say hello'''
    return "HELLO" if o.loud else "hello"
@hookimpl
def commands():
    return {"hello": hello, "world hello": hello}
"""
ROLE = """
from mng.roles.role import role
@role()
def rock(on, hard: int = 1):
    "x"
@hookimpl
def roles():
    yield rock
"""
TYPES = """
from mng.agents.types import AgentType
class Kind(AgentType):
    program = ("cat",)
@hookimpl
def agent_types():
    return {"kitten": Kind, "claude": Kind, "dog": 3}
"""
OPTION = """
from mng.cli.options import Options, option
class More(Options):
    '''More'''
    colour: str = option("red", help="the colour")
@hookimpl
def options(command):
    return More if command == "list" else None
@hookimpl
def on_error(command, error, o):
    print("on_error", command, error.what, o.colour)
"""

Run = Callable[[str], Ended]
Put = Callable[..., Path]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a line to its end, in this process but with nothing known of plugins."""

    def run(line: str) -> Ended:
        hooks.now = hooks.Now()
        contents.plug()
        with pytest.raises(SystemExit) as end:
            Mng(contents, "1.2.3").run(["mng", *shlex.split(line)])
        return Ended(int(str(end.value.code)), *capsys.readouterr())

    yield run
    hooks.now = hooks.Now()
    contents.plug()


@pytest.fixture
def put(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """Makes a plugin of this text, and enables it for the user."""
    monkeypatch.syspath_prepend(str(home))
    made: list[str] = []

    def put(name: str, text: str, enabled: str = "enabled = true", head: str = HEAD) -> Path:
        module = home / f"plugged_{name}.py"
        module.write_text(head + text)
        made.append(module.stem)
        settings = home / ".mng/profiles/default/settings.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        with settings.open("a") as file:
            file.write(f'[plugins.{name}]\nmodule = "{module.stem}"\n{enabled}\n')
        return module

    yield put
    for name in made:
        sys.modules.pop(name, None)


def project(home: Path, text: str, name: str = "settings.toml") -> None:
    (home / "work/.git").mkdir(exist_ok=True)
    (home / "work/.mng").mkdir(exist_ok=True)
    (home / "work/.mng" / name).write_text(text)


class TestWhatAPluginAdds:
    def test_a_command_with_options_aliases_and_help(self, run: Run, put: Put) -> None:
        put("greeter", COMMAND)
        assert run("hello").out == "hello\n" and run("hi --loud").out == "HELLO\n" and run("world hello").out == "hello\n"
        assert run("hello --json").out == '"hello"\n'
        assert "\nFrom plugins\n  hello, hi " in run("--help").out
        assert run("hello --help").out.startswith("mng hello [OPTIONS]\n\nSay hello\n")
        assert run("helo").err.startswith("mng: no command 'helo'\n     did you mean hello?")
        assert run("world").err == "mng: which world command?\n     there are: world hello\n"

    def test_an_option_of_ours(self, run: Run, put: Put) -> None:
        put("painter", OPTION)
        assert run("list --colour blue").code == 0
        assert "\nMore\n  --colour COLOUR" in run("list --help").out
        assert run("list --help").out.index("\nMore\n") < run("list --help").out.index("\nCommon\n")
        assert run("list --colour blue --host mars").out == "on_error list no host matches mars blue\n"
        assert run("config get prefix --colour blue").code == 2

    def test_its_options_may_stand_in_the_settings(self, run: Run, put: Put, home: Path) -> None:
        put("painter", OPTION)
        project(home, '[commands.list]\ncolour = "green"\n')
        assert run("list --host mars").out == "on_error list no host matches mars green\n"
        assert run("config set commands.list.colour white").code == 0
        assert run("config set commands.list.taste sweet").code == 2
        assert (
            run("list --host mars --disable-plugin painter").err.startswith("mng: ")
            and "colour" in run("list --disable-plugin painter").err
        )

    def test_a_role(self, run: Run, put: Put, home: Path) -> None:
        put("rolling", ROLE)
        assert run("provision --host local --role rock:hard=2 --check").code == 0
        assert "did you mean rock?" in run("provision --host local --role rok").err

    def test_completion_knows_its_commands(self, run: Run, put: Put) -> None:
        put("greeter", COMMAND)
        complete.refresh(contents, "1.2.3", begin=True)
        text = complete.cache().read_text()
        assert re.search(r"^\|commands\|.* hello hi world", text, re.MULTILINE) and re.search(
            r"^hello\|options\|.*--loud", text, re.MULTILINE
        )
        settings = complete.cache().parents[1] / "profiles/default/settings.toml"
        settings.write_text("# no plugins\n")
        run("list")
        assert "hello" not in complete.cache().read_text()

    def test_completion_forgets_the_options_of_one_that_is_removed(self, run: Run, put: Put) -> None:
        put("painter", OPTION)
        complete.refresh(contents, "1.2.3", begin=True)
        assert "--colour" in complete.cache().read_text()
        assert run("plugin remove painter").err == ""
        assert "--colour" not in complete.cache().read_text()

    def test_agent_types_beside_ours(self, run: Run, put: Put) -> None:
        put("typed", TYPES)
        err = run("create x kitten --dry-run --json").err
        assert "plugin typed: agent_types: there is a type claude already" in err
        assert "plugin typed: agent_types: dog is no subclass of AgentType" in err
        assert "would create x" in err


class TestABrokenPlugin:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
            ("raise SystemExit(3)", "SystemExit: 3"),
            ("def broken(:", "SyntaxError: invalid syntax"),
            (
                "@hookimpl\ndef before_start(agnet): pass",
                "before_start(agnet): Argument(s) {'agnet'} are declared in the hookimpl",
            ),
            ("@hookimpl\ndef befor_start(agent): pass", "there is no hook befor_start; did you mean before_start?"),
            ("@hookimpl(wrapper=True)\ndef fields(record):\n    yield", "fields is a wrapper, which mng does not call"),
            ("x = 1", "has no hooks; put @hookimpl before its functions"),
            ("@hookimpl\ndef options(command):\n    return 1 / 0", "options: ZeroDivisionError: division by zero"),
            ("@hookimpl\ndef options(command):\n    return 3", "options: 3 is no class of Options"),
            ("@hookimpl\ndef providers():\n    return 3", "providers: TypeError: 'int' object is not iterable"),
            ("@hookimpl\ndef providers():\n    return ['x']", "providers: 'x' has no name, makes_hosts, age, hosts"),
            ("@hookimpl\ndef providers():\n    raise MngError('no account', 'log in')", "providers: no account; log in"),
        ],
    )
    def test_is_named_and_the_command_goes_on(self, run: Run, put: Put, text: str, said: str) -> None:
        put("bad", text)
        ended = run("list")
        assert ended.code == 0 and f"mng: warning: plugin bad: {said}" in ended.err.replace("plugged_bad ", "", 1)
        assert "Traceback" not in ended.err and ended.err.count("plugin bad") == 1
        assert run("list --disable-plugin bad").err == "no agents yet; mng create makes one\n"

    def test_its_traceback_is_shown_with_v_and_kept_in_the_log(self, run: Run, put: Put, home: Path) -> None:
        put("bad", "@hookimpl\ndef providers():\n    return 1 / 0")
        assert "return 1 / 0" in run("list -v").err and "return 1 / 0" not in run("list").err
        assert run("list -q").err == ""
        lines = [json.loads(line) for line in (home / ".mng/logs/mng.jsonl").read_text().splitlines()]
        faults = [line for line in lines if "plugin_fault" in line]
        assert len(faults) == 3 and all("return 1 / 0" in line["traceback"] for line in faults)

    def test_does_not_keep_another_from_working(self, run: Run, put: Put) -> None:
        put("bad", "import nothing_like_it")
        put("greeter", COMMAND)
        assert run("hello").out == "hello\n"

    def test_a_command_of_it_that_raises(self, run: Run, put: Put) -> None:
        put("greeter", COMMAND.replace('return "HELLO"', 'return {}["x"] or "HELLO"').replace("if o.loud else", "or"))
        ended = run("hello")
        assert (ended.code, ended.err) == (1, "mng: plugin greeter: KeyError: 'x'\n     without it: mng plugin disable greeter\n")
        assert "Traceback" in run("hello -v").err

    @pytest.mark.parametrize("name", ["list", "ls", "clean", "config x", "a b c"])
    def test_it_can_not_take_our_words(self, run: Run, put: Put, name: str) -> None:
        put("greeter", COMMAND.replace('"world hello"', f'"{name}"'))
        ended = run("hello")
        assert ended.out == "hello\n" and f"plugin greeter: commands: a command can't be called '{name}' here" in ended.err
        assert run("list").out == "" or name != "list"

    @pytest.mark.parametrize("field", ["fields", "watch", "w: bool", "l: bool"])
    def test_it_can_not_take_our_options(self, run: Run, put: Put, field: str) -> None:
        name, _, kind = field.partition(": ")
        put("painter", OPTION.replace('colour: str = option("red"', f"{name}: {kind or 'str'} = option(None"))
        ended = run("list")
        assert ended.code == 0 and ("is taken already" in ended.err) == (name != "l")

    def test_what_mends_it_does_not_load_it(self, run: Run, put: Put) -> None:
        module = put("bad", "import nothing_like_it")
        for line in ("plugin list", "config get plugins.bad.module", "plugin disable bad", "plugin list --active"):
            ended = run(line)
            assert ended.code == 0 and "nothing_like_it" not in ended.err, line
        assert module.stem not in sys.modules and run("list").err == "no agents yet; mng create makes one\n"


class TestOneRun:
    def test_with_a_plugin_that_is_not_enabled(self, run: Run, put: Put) -> None:
        put("greeter", COMMAND, "enabled = false")
        assert run("hello --plugin greeter").out == "hello\n"
        assert run("--plugin=greeter hello").out == "hello\n" == run("--plugin plugged_greeter hello").out
        assert run("hello --loud").code == 2  # no such command: the name of a new agent

    def test_without_one_that_is(self, run: Run, put: Put) -> None:
        put("greeter", COMMAND)
        assert run("--disable-plugin greeter hello --dry-run --json").out.startswith('{"name": "hello"')
        assert "hello, hi" not in run("--disable-plugin greeter --help").out

    @pytest.mark.parametrize("flag", ["--plugin", "--disable-plugin"])
    def test_that_does_not_exist(self, run: Run, put: Put, flag: str) -> None:
        put("greeter", COMMAND)
        ended = run(f"list {flag} greter")
        assert (ended.code, ended.err) == (2, f"mng: {flag}: no plugin 'greter'\n     did you mean greeter?\n")

    def test_settings_can_not_ask_for_it(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND, "enabled = false")
        project(home, '[commands.list]\nplugin = ["greeter"]\n')
        ended = run("list")
        assert ended.code == 0 and "commands.list.plugin: no project can say this" in ended.err
        mine = home / ".mng/profiles/default/settings.toml"
        mine.write_text(mine.read_text() + '[commands.list]\nplugin = ["greeter"]\n')
        assert run("list").code == 2 and "plugged_greeter" not in sys.modules


class TestSafety:
    """What a repository's files say must not run code that the user has not allowed."""

    @pytest.mark.parametrize("name", ["settings.toml", "settings.local.toml"])
    def test_a_project_can_not_bring_code_in(self, run: Run, put: Put, home: Path, name: str) -> None:
        put("greeter", COMMAND.replace("'''Hello'''", "'''Hello'''"), "enabled = false")
        (home / "evil.py").write_text("raise SystemExit('evil')")
        project(home, '[plugins.evil]\nmodule = "evil"\nenabled = true\n', name)
        ended = run("list")
        assert ended.code == 0 and "evil" not in sys.modules
        assert f"{home}/work/.mng/{name}:3: plugins.evil.enabled: you have not allowed this" in ended.err
        project(home, '[plugins.greeter]\nmodule = "evil"\nenabled = true\n', name)
        assert "you have not allowed this; to allow it: mng plugin enable greeter" in run("list").err
        assert not {"evil", "plugged_greeter"} & set(sys.modules)

    def test_the_module_is_the_users_even_when_a_project_names_another(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND)
        (home / "evil.py").write_text("raise SystemExit('evil')")
        project(home, '[plugins.greeter]\nmodule = "evil"\n')
        assert run("hello").out == "hello\n" and "evil" not in sys.modules

    def test_a_project_may_turn_on_what_the_user_allowed_for_projects(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND, "enabled = false\nprojects = true")
        assert run("hello --loud").code == 2
        project(home, "[plugins.greeter]\nenabled = true\n")
        assert run("hello").out == "hello\n"

    def test_a_project_may_turn_off_and_configure(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND)
        project(home, "[plugins.greeter]\nenabled = false\n")
        assert run("hello --loud").code == 2
        project(home, '[plugins.greeter]\nteam = "blue"\n[plugins.other]\nteam = "blue"\n')
        assert run("hello").out == "hello\n" and run("hello").err == ""


class TestPluginCommand:
    def test_list(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND)
        put("off", COMMAND, "enabled = false")
        put("gone", COMMAND).unlink()
        project(home, "[plugins.stranger]\nenabled = true\n")
        rows = {row["name"]: row for row in json.loads(run("plugin list --json").out)}
        states = {name: row["state"] for name, row in rows.items()}
        assert states == {"greeter": "enabled", "off": "disabled", "gone": "missing", "stranger": "not allowed"}
        assert rows["greeter"]["source"].endswith("/settings.toml:3")
        assert run("plug --active --fields name,state").out.split() == ["NAME", "STATE", "greeter", "enabled"]
        assert run("plugin list --fields nam").code == 2

    def test_disable_and_enable_by_scope(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND)
        (home / "work/.git").mkdir()
        assert run("plugin disable greeter --scope project --dry-run").out.startswith("greeter would be disabled in ")
        assert not (home / "work/.mng").exists()
        assert run("plugin disable greeter --scope project").out == f"greeter is disabled in {home}/work/.mng/settings.toml\n"
        assert run("hello --loud").code == 2
        assert run("plugin enable greeter --scope local").code == 0 and run("hello").out == "hello\n"
        assert run("plugin disable greeter").code == 0  # for the user: no project may turn it on any more
        assert "you have not allowed" in run("list").err
        assert run("plugin enable greeter --scope local").code == 0 and run("hello").out == "hello\n"
        assert run("plugin enable greeter").code == 0 and run("hello").out == "hello\n"

    def test_a_broken_one_is_not_enabled(self, run: Run, put: Put) -> None:
        put("bad", "import nothing_like_it", "enabled = false")
        ended = run("plugin enable bad")
        assert (ended.code, "plugin bad is not enabled: ModuleNotFoundError" in ended.err) == (1, True)
        assert run("plugin list --active --json").out == "[]\n"

    @pytest.mark.parametrize("line", ["enable gretter", "disable gretter", "remove gretter"])
    def test_one_that_does_not_exist(self, run: Run, put: Put, line: str) -> None:
        put("greeter", COMMAND)
        ended = run(f"plugin {line}")
        assert (ended.code, ended.err) == (3, "mng: no plugin 'gretter'\n     did you mean greeter?\n")

    def test_remove_forgets_it(self, run: Run, put: Put, home: Path) -> None:
        put("greeter", COMMAND)
        project(home, "prefix = 'x-'\n[plugins.greeter]\nenabled = false\n")
        assert run("plugin remove greeter --dry-run").out == "greeter would be removed\n"
        assert run("plugin remove greeter").out == "greeter is removed\n"
        assert run("plugin list --json").out == "[]\n"
        assert "prefix" in (home / "work/.mng/settings.toml").read_text()

    @pytest.mark.parametrize(
        ("line", "code", "err"),
        [
            ("", 2, "mng: which plugin?\n     give NAME, --path DIR or --git URL\n"),
            ("x --git y", 2, "mng: --name and --git exclude each other\n"),
            ("--path nowhere", 3, "mng: --path nowhere: no such folder\n"),
            ("--git nowhere", 3, "mng: --git: 'nowhere' is neither an address nor a folder\n"),
            ("--name=-r", 2, "mng: '-r' is no name of a package\n"),
        ],
    )
    def test_add_refuses(self, run: Run, line: str, code: int, err: str) -> None:
        ended = run(f"plugin add {line}")
        assert (ended.code, ended.err) == (code, err)

    def test_a_password_is_refused_and_not_shown(self, run: Run) -> None:
        ended = run("plugin add --git https://me:s3cret@example.com/x.git")
        assert ended.code == 2 and "s3cret" not in ended.err

    def test_without_pip_it_says_what_to_run(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
        for prefix, said in [
            ("/home/me/.local/pipx/venvs/mng", "pipx inject mng mng-example"),
            ("/home/me/.local/share/uv/tools/mng", "uv tool install mng --with mng-example"),
            ("/opt/x", f"uv pip install --python {sys.executable} mng-example"),
        ]:
            monkeypatch.setattr(sys, "prefix", prefix)
            ended = run("plugin add mng-example")
            assert ended.code == 6 and f"     {said}, then: mng plugin add NAME\n" in ended.err


def test_doctor_looks_at_each(run: Run, put: Put) -> None:
    put("greeter", COMMAND)
    put("bad", "@hookimpl\ndef providers():\n    return [P()]\nclass P:\n    def __getattr__(self, name):\n        return 3")
    put("gone", "import nothing_like_it")
    found = {row["check"]: row for row in json.loads(run("doctor --json").out) if row["check"].startswith("plugin ")}
    assert {name: row["status"] for name, row in found.items()} == {
        "plugin greeter": "ok", "plugin bad": "ok", "plugin gone": "warning",
    }  # fmt: skip
    assert found["plugin gone"]["mend"] == "mng plugin disable gone"


def loads(home: Path, line: str) -> set[str]:
    code = (
        f"import sys; sys.argv = ['mng', *{shlex.split(line)!r}]\nfrom mng.main import main\n"
        "try: main()\nexcept SystemExit: pass\nprint('\\n', *sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(ended.stdout.splitlines()[-1].split())


def test_nothing_is_loaded_without_a_plugin(home: Path, put: Put) -> None:
    ours = {"pluggy", "mng.plugins", "importlib.metadata"}
    assert not loads(home, "list") & ours and not loads(home, "--help") & {*ours, "mng.hooks"}
    put("off", COMMAND, "enabled = false")
    assert not loads(home, "list") & ours and not loads(home, "exec x true") & ours
