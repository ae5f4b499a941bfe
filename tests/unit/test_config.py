"""mng config: what is read, written and refused; the files as people wrote them stay."""

import json
import os
import threading
from pathlib import Path

import pytest
from invoke.context import Context

from mng.cli import settings_file
from mng.cli.program import Mng
from mng.commands import config, contents
from mng.errors import MngError, NotFound, Refused, UsageError

FILE = """\
# mine
commands.logs.file = "p-"   # short

[commands.create]
connect = false # never
label = ["a=1"]

[create_templates]
fast.retry = 1
slow = { "in" = "local" } # inline

[commands.list]
sort = "name"
"""
EDITS = [  # key, value as typed, the line that is new or changed
    ("commands.logs.file", "q-", 'commands.logs.file = "q-"   # short'),
    ("commands.create.connect", "true", "connect = true # never"),
    ("commands.create.label", '["b=2", "c=3"]', 'label = ["b=2", "c=3"]'),
    ("commands.create.name", "web", 'name = "web"'),
    ("commands.create.name", "123", 'name = "123"'),  # a text where a text is wanted
    ("commands.create.idle-timeout", "90", "idle-timeout = 90"),
    ("inventory", '["~/x"]', 'inventory = ["~/x"]'),
    ("create_templates.slow.name", "z", 'slow = { "in" = "local", name = "z"} # inline'),
    ("create_templates.more.connect", "true", "[create_templates.more]"),
    ("agent_types.mine", '{"parent_type": "claude", "cli_args": ["-v"]}', "[agent_types.mine]"),
    ("agent_types.\"with.dot\".command", "top", 'command = "top"'),
    ('commands."config list".json', "true", "json = true"),
]  # fmt: skip


@pytest.fixture
def file(home: Path) -> Path:
    file = home / "work" / ".mng" / "settings.toml"
    file.parent.mkdir()
    file.write_text(FILE.replace("fast.retry = 1\n", "fast.depth = 1\n"))
    return file


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize(("key", "value", "line"), EDITS, ids=[f"{key}={value}" for key, value, _ in EDITS])
def test_set_keeps_all_else(file: Path, key: str, value: str, line: str) -> None:
    before = lines(file.read_text())
    made = config.set_(Context(), key=key, value=value)
    assert (made.key, made.path, made.result) == (key, str(file), "is set")
    after = lines(file.read_text())
    assert line in after
    assert sum(one not in after for one in before) <= 1  # the line that was changed
    kept = [one for one in after if one in before]
    assert kept == [one for one in before if one in after], "another order"


@pytest.mark.parametrize(
    ("key", "gone"),
    [
        ("commands.logs.file", ['commands.logs.file = "p-"   # short']),
        ("commands.create.connect", ["connect = false # never"]),
        ("commands.create", ["[commands.create]", "connect = false # never", 'label = ["a=1"]']),
        ("create_templates.fast.depth", ["fast.depth = 1"]),
        ("create_templates.slow", ['slow = { "in" = "local" } # inline']),
    ],
)
def test_unset_keeps_all_else(file: Path, key: str, gone: list[str]) -> None:
    before = lines(file.read_text())
    assert config.unset(Context(), key=key).result == "is unset"
    assert lines(file.read_text()) == [line for line in before if line not in gone]
    with pytest.raises(NotFound, match="is not set there"):
        config.unset(Context(), key=key)


REFUSED = [
    ("prefx", "x", "prefx: no such setting", "did you mean prefix?"),
    ("prefix", "a b", "prefix: 'a b': letters", ""),
    ("prefix", "x-", "prefix: no project can say this", "in your own file: --scope user"),
    ("host_dir", "~/x", "host_dir: no project can say this", "in your own file: --scope user"),
    ("commands.destroy.force", "true", "commands.destroy.force: no project can say this", "in your own file: --scope user"),
    ("commands.create.conect", "true", "create has no option 'conect'", "did you mean connect?"),
    ("commands.create.connect", "maybe", "'maybe' is neither true nor false", ""),
    ("commands.crate.connect", "true", "commands.crate: no such command", "did you mean create?"),
    ("commands.ls.sort", "name", "commands.ls: no such command", "did you mean list?"),
    ("commands.create.worktree", "null", "null: a setting has a value", "take it out: mng config unset KEY"),
    ("commands.mng.default_subcommand", "lsit", "no command 'lsit'", "did you mean list?"),
    ("commands.config.default_subcommand", "gte", "no command 'gte'", "did you mean get?"),
    ("commands.config.list", "x", "config has no option 'list'", "there are: default_subcommand"),
    ("create_templates.x.nmae", "x", "template x has no option 'nmae'", "did you mean name?"),
    ("agent_types.x.parent_type", "x1", "no agent type 'x1'", "there are: claude, codex, opencode, generic, demo"),
    ("agent_types.x.comand", "x", "comand: no such setting", "did you mean command?"),
    ("commands.logs.file.more", "x", "commands.logs.file is a value, not a table", ""),
    ("a..b", "x", "'a..b' is no key", 'as commands.create.connect, or commands."snapshot create".name'),
    ("", "x", "'' is no key", 'as commands.create.connect, or commands."snapshot create".name'),
    ("create_templates", "3", "create_templates: input should be a valid dictionary, not 3", ""),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message", "hint"), REFUSED, ids=[f"{key}={value}" for key, value, *_ in REFUSED])
def test_refused_and_nothing_written(file: Path, key: str, value: str, message: str, hint: str) -> None:
    before = file.read_bytes(), file.stat().st_ino
    with pytest.raises(UsageError) as error:
        config.set_(Context(), key=key, value=value)
    assert message in error.value.what
    assert error.value.hint == hint
    assert (file.read_bytes(), file.stat().st_ino) == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_circle_of_types_is_shown(file: Path) -> None:
    file.write_text("[agent_types.a]\nparent_type = 'claude'\n[agent_types.b]\nparent_type = 'a'\n")
    with pytest.raises(UsageError, match=r"settings.toml:\d: agent_types\.[ab]\.parent_type: goes in a circle: a -> b -> a"):
        config.set_(Context(), key="agent_types.a.parent_type", value="b")


def test_what_was_wrong_before_is_no_reason_to_refuse_mending(file: Path) -> None:
    file.write_text("prefx = 'x'\n[commands.crate]\nname = 'x'\n")
    with pytest.raises(UsageError, match=r"settings.toml:1: prefx: no such setting"):
        config.get(Context(), key="commands.logs.file")
    config.unset(Context(), key="prefx")
    config.unset(Context(), key="commands.crate")
    assert config.get(Context(), key="prefix").value == "mng-"
    file.write_text("a = = 1\n")
    with pytest.raises(UsageError, match=r"settings.toml:1: Invalid value") as error:
        config.set_(Context(), key="commands.logs.file", value="x-")
    assert error.value.hint == "mend it first: mng config edit"
    config.set_(Context(), key="commands.logs.file", value="x-", scope="user")  # another file


def test_mode_and_link_are_kept(file: Path, home: Path) -> None:
    real = home / "dotfiles.toml"
    file.rename(real)
    real.chmod(0o640)
    file.symlink_to(real)
    config.set_(Context(), key="commands.logs.file", value="q-")
    assert file.is_symlink() and 'commands.logs.file = "q-"' in real.read_text() and real.stat().st_mode & 0o777 == 0o640


def test_many_at_once_lose_nothing(file: Path) -> None:
    """Threads, with a descriptor each, as processes have."""
    work = [
        threading.Thread(target=config.set_, args=(Context(),), kwargs={"key": f"create_templates.t{n}.name", "value": f"n{n}"})
        for n in range(12)
    ]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert all(f"[create_templates.t{n}]" in file.read_text() for n in range(12))


def test_dry_run_changes_nothing(file: Path, home: Path) -> None:
    before = file.read_text()
    assert config.set_(Context(), key="commands.logs.file", value="q-", dry_run=True).result == "would be set"
    assert config.unset(Context(), key="commands.logs.file", dry_run=True).result == "would be unset"
    with pytest.raises(UsageError):
        config.set_(Context(), key="prefx", value="q-", dry_run=True)
    assert config.set_(Context(), key="commands.logs.file", value="q-", dry_run=True, scope="user")
    assert file.read_text() == before and not (home / ".mng").exists()


def test_where_a_set_goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def goes(**how: str) -> str:
        return str(Path(config.set_(Context(), key="commands.logs.file", value="q-", dry_run=True, **how).path).relative_to(home))

    mine = ".mng/profiles/default/settings.toml"
    assert goes() == mine
    assert goes(scope="project") == "work/.mng/settings.toml"
    (home / "work" / ".git").mkdir()
    (home / "work" / "deep").mkdir()
    monkeypatch.chdir("deep")
    assert (goes(), goes(scope="local"), goes(scope="user")) == ("work/.mng/settings.toml", "work/.mng/settings.local.toml", mine)
    monkeypatch.setenv("MNG_PROFILE", "other")
    assert goes(scope="user") == ".mng/profiles/other/settings.toml"
    assert goes(context=str(home)) == ".mng/profiles/other/settings.toml"
    with pytest.raises(UsageError, match="home is no project"):
        goes(scope="project", context=str(home))
    monkeypatch.setenv("MNG_PROFILE", "../x")
    with pytest.raises(UsageError, match=r"MNG_PROFILE: '../x' can't be the name of a profile"):
        goes(scope="user")


def test_list_says_where_from(file: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = home / ".mng" / "profiles" / "default" / "settings.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[commands.create]\nconnect = true\nenv = ['TOKEN=hush']\n[agent_types.mine]\nenv = { KEY = 'hush' }\n")
    monkeypatch.setenv("MNG_COMMANDS_CREATE_IN", "local")
    monkeypatch.setenv("MNG_COMMANDS_CONFIG_LIST_QUIET", "false")
    rows = {row.key: (row.shown, row.source) for row in config.list_(Context())}
    assert rows["commands.create.connect"] == ("false", f"{file}:5")
    assert rows["commands.create.in"] == ("local", "MNG_COMMANDS_CREATE_IN")
    assert rows['commands."config list".quiet'] == ("false", "MNG_COMMANDS_CONFIG_LIST_QUIET")
    assert rows["commands.logs.file"] == ("p-", f"{file}:2")
    assert rows["host_dir"] == (f"{home}/.mng", "default")
    assert rows["commands.create.env"] == ("***", f"{user}:3")
    assert rows["agent_types.mine.env.KEY"] == ("***", f"{user}:5")
    assert {row.key for row in config.list_(Context(), scope="user")} == {
        "commands.create.connect", "commands.create.env", "agent_types.mine.env.KEY",
    }  # fmt: skip
    assert config.get(Context(), key="agent_types").value == {"mine": {"env": {"KEY": "***"}}}
    assert config.get(Context(), key="commands.create.env").value == ["TOKEN=hush"]  # asked for by its name


def test_get(file: Path) -> None:
    assert config.get(Context(), key="commands.create.connect").human() == "false"
    assert config.get(Context(), key="commands.create.label").human() == '["a=1"]'
    assert config.get(Context(), key="commands.create").human() == 'connect = false\nlabel = ["a=1"]'
    assert config.get(Context(), key="commands.list.sort", scope="project").source == f"{file}:13"
    for key, what, hint in (
        ("prefx", "prefx is not set", "did you mean prefix?"),
        ("commands.create.reddy-timeout", "", "did you mean commands.create.ready_timeout"),
        ("commands.create.ready-timeout", "commands.create.ready-timeout is not set", "its default: 10.0"),
        ("nothing.like.it", "nothing.like.it is not set", "see: mng config list"),
    ):
        with pytest.raises(NotFound) as error:
            config.get(Context(), key=key)
        assert what in error.value.what and error.value.hint.startswith(hint), key


def test_a_setting_that_is_overruled_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config.set_(Context(), key="commands.logs.file", value="u-", scope="user")
    assert f"{file}:2 has the last word on commands.logs.file" in capsys.readouterr().err
    monkeypatch.setenv("MNG_COMMANDS_CREATE_CONNECT", "true")
    config.set_(Context(), key="commands.create.connect", value="false")
    assert "MNG_COMMANDS_CREATE_CONNECT has the last word" in capsys.readouterr().err
    config.set_(Context(), key="commands.create.name", value="x")
    assert capsys.readouterr().err == ""


def editor(home: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (home / "edit").write_text(f"#!/bin/sh\n{script}\n")
    (home / "edit").chmod(0o700)
    monkeypatch.setenv("VISUAL", str(home / "edit"))
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr("tempfile.tempdir", None)


def test_edit(file: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(home, monkeypatch, "sed -i 's/p-/q-/' \"$1\"")
    made = config.edit(Context())
    assert (made.key, made.path, made.result) == ("project", str(file), "is saved")
    assert 'commands.logs.file = "q-"' in file.read_text() and list(home.glob("mng-*")) == []
    assert config.edit(Context()) is None  # nothing changed
    assert config.edit(Context(), scope="user") is None and not (home / ".mng").exists()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'a = = 1' >\"$1\"", "nothing is saved"),
        ("echo 'prefx = 1' >\"$1\"", "nothing is saved"),
        ("printf '\\377' >\"$1\"", "not UTF-8"),
        ("exit 3", "ended with exit code 3"),
        ("echo '# more' >>\"$1\"; echo '# theirs' >>.mng/settings.toml", "nothing is saved"),
    ],
)
def test_an_edit_that_is_not_saved(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    editor(home, monkeypatch, script)
    with pytest.raises(MngError, match=message) as error:
        config.edit(Context())
    assert "q-" not in file.read_text() and 'commands.logs.file = "p-"' in file.read_text()
    if message == "nothing is saved":
        kept = Path(error.value.hint.removeprefix("your text is kept: "))
        assert kept.is_file() and capsys.readouterr().err.startswith(f"mng: {file}")


def test_no_editor(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("/nowhere/ed", "ed 'unclosed"):
        monkeypatch.setenv("VISUAL", wrong)
        with pytest.raises(MngError, match="cannot run the editor"):
            config.edit(Context())


def test_path(file: Path, home: Path) -> None:
    rows = config.path(Context())
    assert [(row.scope, row.state) for row in rows] == [("user", "not there"), ("project", "there"), ("local", "not there")]
    assert rows.footer == "profile: default"
    assert [row.human() for row in config.path(Context(), scope="project")] == [str(file)]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written(file: Path) -> None:
    file.parent.chmod(0o500)
    with pytest.raises(MngError, match="cannot write"):
        config.set_(Context(), key="commands.logs.file", value="q-")


def test_a_change_that_would_change_more_is_refused() -> None:
    with pytest.raises(MngError, match="can't be changed without changing more"):
        settings_file.same("a = 2\nb = 3\n", "a = 1\n", ("a",), lambda table, key: table.update({key: 2}))
    assert not issubclass(Refused, UsageError)


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        Mng(contents, "1").run(["mng", *line.split()])
    return int(str(end.value.code)), *capsys.readouterr()


def test_the_group_as_typed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config get commands.logs.file", capsys) == (0, "p-\n", "")
    assert run("cfg get commands.logs.file --format {source}", capsys) == (0, f"{file}:2\n", "")
    assert json.loads(run("config get commands.create --json", capsys)[1])["value"] == {"connect": False, "label": ["a=1"]}
    for line in ("config", "cfg", "config list", "cfg list --scope project"):
        assert run(line, capsys)[1].startswith("KEY "), line
    code, out, err = run("config gte prefix", capsys)
    assert (code, out, err) == (2, "", "mng: config has no command 'gte'\n     did you mean config get?\n")
    assert run("config set prefix", capsys)[::2] == (2, "mng: config set needs VALUE\n")
    file.write_text("[commands.config]\ndefault_subcommand = 'path'\n[commands.mng]\ndefault_subcommand = 'config list'\n")
    assert run("config --scope project", capsys)[1] == f"{file}\n"
    assert run("--scope project", capsys)[1].startswith("KEY ")
    file.write_text("[commands.reveiw]\nx = 1\n")  # may be a plugin's
    assert run("config get prefix", capsys) == (0, "mng-\n", f"mng: warning: {file}:1: commands.reveiw: no such command\n")


def test_the_value_is_not_in_the_log(home: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config set agent_types.x.env.KEY hush", capsys)[0] == 0
    log = (home / ".mng" / "logs" / "mng.jsonl").read_text()
    assert "agent_types.x.env.KEY" in log and "hush" not in log
