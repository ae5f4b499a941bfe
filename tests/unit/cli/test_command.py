"""Commands called from Python."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from mng.cli.command import Command
from mng.errors import UsageError
from tests.unit.cli.fakes import contents

create, destroy = contents.load("create"), contents.load("destroy")


def test_called_with_words_or_with_options(capsys: pytest.CaptureFixture[str]) -> None:
    by_words = create(Context(), name="x", idle_timeout="5m", label={"a": "1"}, in_="docker")
    by_model = create(Context(), create.model(name="x", idle_timeout=300, label=["a=1"], in_="docker"))
    assert by_words == by_model
    assert by_words.model_fields_set == {"name", "idle_timeout", "label", "in_"}
    assert capsys.readouterr() == ("", "")  # a caller gets the value; nothing is shown


def test_a_callers_exit_code_is_its_own_matter() -> None:
    assert destroy(Context(), agents=["unsaved"]).exit_code == 8


def test_only_a_command_line_shows_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    every = dict.fromkeys(destroy.model.model_fields)
    with pytest.raises(Exit) as end:
        destroy(Context(), **{**every, "agents": ["unsaved"]})
    assert (end.value.code, end.value.message) == (8, None)
    assert "unsaved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nmae": "x"}, "CreateOptions has no option 'nmae'"),
        ({"in_": "mars"}, "--in: 'mars' is none of local, docker, modal"),
        ({"agent_type": "codex", "command": "top"}, "--agent-type and --command exclude each other"),
    ],
)
def test_wrong_calls(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        create(Context(), **given)
    assert error.value.what == message


def test_settings_come_with_the_options(home: Path) -> None:
    o = create(Context(), name="x")
    assert o.settings.host_dir == home / ".mng"
    assert create.model(name="x").settings.prefix == "mng-"


def test_the_name_of_a_command_is_the_command_even_after_its_module() -> None:
    code = (
        "import mng.commands, types\n"
        "from mng.commands import contents\n"
        "mng.commands.create = types.ModuleType('mng.commands.create')\n"  # what importing the module does
        "assert type(mng.commands.create).__name__ == 'Command', mng.commands.create\n"
    )
    fake = "import sys, tests.unit.cli.fakes.create as m; sys.modules['mng.commands.create'] = m\n"
    subprocess.run([sys.executable, "-c", fake + code], cwd=Path(__file__).parents[3], check=True, timeout=60)


def test_a_type_checker_sees_every_command_and_group() -> None:
    text = Path(importlib.import_module("mng.commands").__file__ or "").read_text()
    block = next(node for node in ast.parse(text).body if isinstance(node, ast.If))
    seen = {alias.asname or alias.name.strip("_") for node in block.body for alias in getattr(node, "names", [])}
    assert seen == {name.split()[0].replace("-", "_") for name in COMMANDS.entries}
    code = "from mng import commands; assert commands.config.get.name == 'get'; from mng.commands import config, list"
    subprocess.run([sys.executable, "-c", f"{code}; assert callable(list) and list.name == 'list'"], check=True, timeout=60)


COMMANDS = importlib.import_module("mng.commands").contents


@pytest.mark.parametrize("name", list(COMMANDS.entries))
def test_contents_say_what_the_commands_say(name: str) -> None:
    command = COMMANDS.load(name)
    assert isinstance(command, Command)
    assert (command.__doc__ or "").splitlines()[0].rstrip(".") == COMMANDS.entries[name].summary
    assert not {word for spelled in COMMANDS.spellings for word in spelled} & COMMANDS.later
    options = command.get_arguments()
    flags = [flag for option in options for flag in (*option.flags, *option.off)]
    assert len(flags) == len(set(flags)) and not {"-h", "--help", "--version"} & set(flags)
    assert all(option.help for option in options), [option.field for option in options if not option.help]
