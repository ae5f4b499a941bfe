"""Settings in their layers, and what is said of wrong ones."""

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from mng import settings
from mng.errors import UsageError
from tests.unit.cli.fakes import contents

create = contents.load("create")


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def user(home: Path) -> Path:
    return home / ".mng" / "profiles" / "default" / "settings.toml"


@pytest.fixture
def project(home: Path) -> Path:
    return home / "work" / ".mng" / "settings.toml"


@pytest.fixture
def local(home: Path) -> Path:
    return home / "work" / ".mng" / "settings.local.toml"


def test_without_files(home: Path) -> None:
    found = settings.load()
    assert (found.prefix, found.host_dir, found.commands) == ("mng-", home / ".mng", {})


def test_layers_key_by_key(user: Path, project: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(user, 'prefix = "u-"\n[commands.create]\nretry = 1\nin = "docker"\nbuild-arg = ["u"]\nname = "u"\n')
    written(project, '[commands.create]\nretry = 2\nin = "modal"\nbuild-arg = ["p"]\n')
    written(local, "[commands.create]\nretry = 3\nidle_timeout = '5m'\n")
    o = create(Context())
    assert (o.retry, o.in_, o.build_arg, o.name, o.idle_timeout) == (3, "modal", ["p"], "u", 300)
    assert o.settings.prefix == "u-"
    monkeypatch.setenv("MNG_COMMANDS_CREATE_RETRY", "4")
    monkeypatch.setenv("MNG_PREFIX", "e-")
    assert (create(Context()).retry, create(Context()).settings.prefix) == (4, "e-")
    assert create(Context(), retry=5).retry == 5


def test_templates_stand_between(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(user, "[create_templates.fast]\nretry = 1\nconnect = false\n[create_templates.far]\nretry = 2\nin = 'modal'\n")
    monkeypatch.setenv("MNG_COMMANDS_CREATE_RETRY", "9")
    monkeypatch.setenv("MNG_COMMANDS_CREATE_CONNECT", "true")
    o = create(Context(), template=["fast"])
    assert (o.retry, o.connect) == (1, False)
    o = create(Context(), template=["fast", "far"])
    assert (o.retry, o.connect, o.in_) == (2, False, "modal")
    assert create(Context(), template=["far"], retry=7, in_="local").in_ == "local"
    monkeypatch.setenv("MNG_COMMANDS_CREATE_TEMPLATE", '["far", "fast"]')
    assert create(Context()).retry == 1


def test_what_was_set_and_where(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(user, "[commands.create]\nretry = 1\n")
    monkeypatch.setenv("MNG_COMMANDS_CREATE_CONNECT", "false")
    o = create(Context(), name="x")
    assert o.model_fields_set == {"name", "retry", "connect"}
    assert o.origin("retry") == f"{user}:2: commands.create.retry"
    assert (o.origin("connect"), o.origin("name"), o.origin("in_")) == ("MNG_COMMANDS_CREATE_CONNECT", "--name", "")


def test_a_choice_silences_those_it_excludes_below(user: Path) -> None:
    written(user, "[commands.create]\nin-place = true\ncommand = 'top'\n")
    o = create(Context(), copy_=True, agent_type="codex")
    assert (o.copy_, o.in_place, o.agent_type, o.command) == (True, False, "codex", None)
    assert create(Context()).in_place


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("0", False), ("no", False), ("on", True), ("", None)]
)  # an empty variable is none
def test_booleans_in_the_environment(text: str, value: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNG_COMMANDS_CREATE_CONNECT", text)
    assert create(Context()).connect is value


WRONG = [
    ("prefx = 'a'", ":1: prefx: no such setting", "did you mean prefix?"),
    ("prefix = 3", ":1: prefix: input should be a valid string, not 3", ""),
    ("[commands]\ncreate = 3", ":2: commands.create: input should be a valid dictionary, not 3", ""),
    (
        "[agent_types.mine]\n\ncli_arg = ['x']",
        ":3: agent_types.mine.cli_arg: no such setting",
        "did you mean cli_args?",
    ),
    (
        "[commands.create]\nconect = true",
        ":2: commands.create.conect: create has no option 'conect'",
        "did you mean connect?",
    ),
    (
        "[commands.create]\n# in = 'a'\nin = 'mars'",
        ":3: commands.create.in: 'mars' is none of local, docker, modal",
        "",
    ),
    ("commands.create.retry = 'x'", ":1: commands.create.retry: 'x' is no whole number", ""),
    ("[commands]\ncreate = {retry = 'x'}", ":2: commands.create.retry: 'x' is no whole number", ""),
    ("[commands.create]\nbuild_arg = 'x'", ":2: commands.create.build_arg: 'x' is no list", ""),
    ("[commands.create]\nenv = ['hush']", ":2: commands.create.env: the value is not KEY=VALUE", ""),
    ("a = 1\nb = = 2", ":2: Invalid value", ""),
    ("a = [1", ":1: Unclosed array", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), WRONG, ids=[text for text, _, _ in WRONG])
def test_wrong_settings(user: Path, text: str, message: str, hint: str) -> None:
    written(user, text)
    with pytest.raises(UsageError) as error:
        create(Context())
    assert (error.value.what, error.value.hint, error.value.code) == (f"{user}{message}", hint, 2)


def test_wrong_templates(user: Path) -> None:
    written(user, "[create_templates.fast]\nretri = 1\n")
    create(Context())  # looked at only when it is used
    with pytest.raises(UsageError, match=r"settings.toml:2: create_templates.fast.retri: template fast has no option"):
        create(Context(), template=["fast"])
    with pytest.raises(UsageError, match="no template 'fats'"):
        create(Context(), template=["fats"])


def test_wrong_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNG_COMMANDS_CREATE_CONECT", "1")
    with pytest.raises(UsageError, match="MNG_COMMANDS_CREATE_CONECT: create has no option 'conect'"):
        create(Context())
    monkeypatch.delenv("MNG_COMMANDS_CREATE_CONECT")
    monkeypatch.setenv("MNG_COMMANDS_CREATE_IN", "mars")
    with pytest.raises(UsageError, match="MNG_COMMANDS_CREATE_IN: 'mars' is none of"):
        create(Context())
    monkeypatch.setenv("MNG_PREFIX", "a b:")
    with pytest.raises(UsageError, match="MNG_PREFIX: 'a b:'"):
        settings.load()


def test_unreadable(user: Path) -> None:
    user.parent.mkdir(parents=True)
    user.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        settings.load()


def test_another_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNG_ROOT_NAME", "other")
    written(home / "work" / ".other" / "settings.toml", "[commands.x]\nname = 'a'\n")
    found = settings.load()
    assert (found.prefix, found.host_dir, found.commands) == ("other-", home / ".other", {"x": {"name": "a"}})
    monkeypatch.setenv("MNG_HOST_DIR", "~/elsewhere")
    assert settings.load().host_dir == home / "elsewhere"
    assert settings.load().user_dir == home / ".other"


def test_profiles(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("default", "one", "two"):
        written(home / ".mng" / "profiles" / name / "settings.toml", f'prefix = "{name}-"\n')
    assert settings.load().prefix == "default-"
    written(home / ".mng" / "profile", "one\n")
    assert settings.load().prefix == "one-"
    monkeypatch.setenv("MNG_PROFILE", "two")
    assert settings.load().prefix == "two-"


def test_how_far_up_a_project_is_looked_for(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sort(context: Path) -> str:
        return str(settings.load(context).commands.get("list", {}).get("sort", ""))

    def said(folder: Path, word: str) -> None:
        written(folder / ".mng" / "settings.toml", f"[commands.list]\nsort = '{word}'\n")

    said(home / "work", "work")
    deep = home / "work" / "a" / "b"
    deep.mkdir(parents=True)
    assert sort(deep) == "work"
    (home / "work" / "a" / ".git").mkdir()
    assert sort(deep) == ""  # another repository
    said(home, "home")
    assert sort(home) == ""
    (tmp_path / "out" / "side").mkdir(parents=True)
    said(tmp_path / "out", "not-mine")
    assert sort(tmp_path / "out" / "side") == ""  # outside of home and of any repository
    assert sort(tmp_path / "out") == "not-mine"


LINES: list[tuple[str, tuple[str, ...], int]] = [
    ("a = 1\n[b]\nc = 2\n", ("b", "c"), 3),
    ("[b.'x y']\nc = 2\n", ("b", "x y", "c"), 2),
    ('[b]\n"c d" = 2\n', ("b", "c d"), 2),
    ("[b]\n[b.c]\nd = 1\n", ("b", "c"), 2),
    ("[[b]]\nc = 2\n", ("b", "c"), 2),
    ("b = 1\n", ("z",), 1),
]


@pytest.mark.parametrize(("text", "path", "line"), LINES)
def test_line_of(text: str, path: tuple[str, ...], line: int) -> None:
    assert settings.line_of(text, path) == line


def test_merge_leaves_the_layers_alone() -> None:
    below: dict[str, Any] = {"a": {"b": 1, "c": {"d": 1}}}
    into: dict[str, Any] = {}
    settings.merge(into, below)
    settings.merge(into, {"a": {"b": 2, "c": {"e": 2}}, "f": 3})
    assert into == {"a": {"b": 2, "c": {"d": 1, "e": 2}}, "f": 3}
    assert below == {"a": {"b": 1, "c": {"d": 1}}}
