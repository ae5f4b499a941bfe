"""mng config: a group"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from invoke.context import Context

from mng import output, settings
from mng.cli.command import command
from mng.cli.options import CommonOptions, Option, option
from mng.errors import NotFound, UsageError
from mng.rows import Results, Row
from mng.settings import VARIABLES

SECRET = re.compile(r"(?i)^(.*_)?(env|message)$|token|secret|password|api_?key")  # what list does not show


Scope = Literal["user", "project", "local"] | None
SCOPE = option(None, help="the file of your profile, of the project, or yours for the project")
KEY = option(..., place="word", help="as commands.create.connect; a part with a dot in it in quotes")
DRY_RUN = option(False, help="check it, change nothing")


class ConfigList(CommonOptions):
    """List"""

    scope: Scope = SCOPE


class Get(CommonOptions):
    """Get"""

    key: str = KEY
    scope: Scope = SCOPE


class Set(CommonOptions):
    """Set"""

    key: str = KEY
    value: str = option(..., place="word", secret=True, empty=True, help='JSON where it is that (true, 3, ["a"]), else text')
    scope: Scope = SCOPE
    dry_run: bool = DRY_RUN


class Unset(CommonOptions):
    """Unset"""

    key: str = KEY
    scope: Scope = SCOPE
    dry_run: bool = DRY_RUN


class Edit(CommonOptions):
    """Edit"""

    scope: Scope = SCOPE
    dry_run: bool = DRY_RUN


class PathOptions(CommonOptions):
    """Path"""

    scope: Scope = SCOPE


class Setting(Row):
    """A setting, and where it comes from: FILE:LINE, a variable, or default."""

    columns: ClassVar[dict[str, str]] = {"KEY": "key", "VALUE": "shown", "SOURCE": "source"}

    key: str
    value: Any
    source: str

    @property
    def shown(self) -> str:
        return text_of(self.value)

    def human(self) -> str:
        if not isinstance(self.value, dict) or not self.value:
            return self.shown
        return "\n".join(f"{dotted(path)} = {text_of(value)}" for path, value in settings.leaves(self.value))


class Changed(Row):
    """A settings file that was changed."""

    key: str
    path: str
    result: str

    def human(self) -> str:
        return f"{self.key} {self.result} in {self.path}"


class Place(Row):
    """A settings file, there or not."""

    columns: ClassVar[dict[str, str]] = {"SCOPE": "scope", "PATH": "path", "STATE": "state"}

    scope: str
    path: str
    state: str

    def human(self) -> str:
        return self.path


@command(group="config", name="list")
def list_(c: Context, o: ConfigList) -> Results[Setting]:
    """Show all settings, and where each comes from

    What may be a secret is shown as ***; `mng config get` of that very key shows it.
    """
    return Results(setting(path, hidden(path, value), source) for path, value, source in in_force(o))


@command(group="config")
def get(c: Context, o: Get) -> Setting:
    """Show one setting, or a table of them"""
    path = keys_of(o.key)
    every = in_force(o)
    found = next((one for one in every if same(one[0], path)), None)
    if found is None:
        below: dict[str, Any] = {}
        for one, value, _ in every:
            if same(one[: len(path)], path):
                settings.merge(below, nested(one[len(path) :], hidden(one, value)))
        if not below:
            raise missing(o, path, [one for one, _, _ in every])
        found = path, below, ""
    return setting(*found)


@command(group="config", name="set", mends=True)
def set_(c: Context, o: Set) -> Changed:
    """Set a value in a settings file

    Without --scope it is the project's file, outside of projects yours. Refused if no command would take the value.
    """
    from mng.cli.settings_file import SettingsFile, with_value
    from mng.commands import contents

    path, file = keys_of(o.key), SettingsFile(o.scope, o.context)
    value, key = read_value(o.value), ".".join(path)
    try:
        file.change(lambda old: with_value(parsed(file.path, old), path, value), contents, o.dry_run, key)
    except UsageError:
        if isinstance(value, str):
            raise
        try:  # a name of digits only is a text all the same
            file.change(lambda old: with_value(old, path, o.value), contents, o.dry_run, key)
        except UsageError:
            value = None
        if value is None:
            raise
    if not o.dry_run:
        warn_if_overruled(path, file.path, o)
    return Changed(key=o.key, path=str(file.path), result="would be set" if o.dry_run else "is set")


@command(group="config", mends=True)
def unset(c: Context, o: Unset) -> Changed:
    """Take a value or a table out of a settings file"""
    from mng.cli.settings_file import SettingsFile, without
    from mng.commands import contents

    path, file = keys_of(o.key), SettingsFile(o.scope, o.context)
    file.change(lambda old: without(parsed(file.path, old), path), contents, o.dry_run)
    return Changed(key=o.key, path=str(file.path), result="would be unset" if o.dry_run else "is unset")


@command(group="config", mends=True)
def edit(c: Context, o: Edit) -> Changed | None:
    """Open a settings file in $EDITOR

    You edit a copy; it is put in place when mng can use it.
    """
    import tempfile

    from mng.cli.settings_file import SettingsFile
    from mng.cli.text import decoded
    from mng.cli.text import edit as open_editor
    from mng.commands import contents

    file = SettingsFile(o.scope, o.context)
    before = file.text()
    copy = Path(tempfile.mkdtemp(prefix="mng-")) / "settings.toml"
    copy.write_text(before)
    while True:
        open_editor(copy, "or use: mng config set KEY VALUE")
        text = decoded(copy.read_bytes(), "the editor")
        try:
            if text != before:
                file.change(partial(in_place_of, file.path, before, text), contents, o.dry_run)
            break
        except UsageError as error:
            output.error(str(error.message))
            if not output.confirm("Not saved. Edit it again?"):
                raise UsageError("nothing is saved", f"your text is kept: {copy}") from None
    copy.unlink()
    copy.parent.rmdir()
    if text == before:
        output.note("nothing changed")
        return None
    return Changed(key=file.scope, path=str(file.path), result="would be saved" if o.dry_run else "is saved")


@command(group="config", mends=True)
def path(c: Context, o: PathOptions) -> Results[Place]:
    """Show which settings files there may be

    The weakest first; with --scope that one path alone.
    """
    from mng.cli.settings_file import SettingsFile

    files = SettingsFile(o.scope, o.context).files
    places = [
        Place(scope=scope, path=str(file), state="there" if file.is_file() else "not there")
        for scope, file in files.items()
        if o.scope in (None, scope)
    ]
    results = Results(places, "" if o.scope else f"profile: {settings.profile()}")
    results.alone = bool(o.scope)
    return results


def in_force(o: Any) -> list[tuple[tuple[str, ...], Any, str]]:
    """Every setting that is set, or (--scope) that the one file sets: its path, value and source."""
    if o.scope:
        from mng.cli.settings_file import SettingsFile

        file = SettingsFile(o.scope, o.context).path
        source = settings.read(file)
        found = settings.leaves(source.data) if source else []
        return [(path, value, f"{file}:{settings.line_of(source.text, path)}") for path, value in found if source]
    every = {path: (value, o.settings.place(*path)) for path, value in settings.leaves(o.settings.data())}
    for key, name in VARIABLES.items():
        if os.environ.get(name) or (key,) not in every:
            every[(key,)] = str(getattr(o.settings, key)), name if os.environ.get(name) else "default"
    for name, path in variables().items():
        every[path] = os.environ[name], name
    return sorted((path, *rest) for path, rest in every.items())


def variables() -> dict[str, tuple[str, ...]]:
    """MNG_COMMANDS_CREATE_CONNECT and the like, with the setting that each is."""
    from mng.commands import contents

    starts = {f"MNG_COMMANDS_{name.upper().replace('-', '_').replace(' ', '_')}_": name for name in contents.entries}
    found: dict[str, tuple[str, ...]] = {}
    for name in filter(os.environ.get, os.environ):
        if start := max((start for start in starts if name.startswith(start)), key=len, default=""):
            found[name] = ("commands", starts[start], name.removeprefix(start).lower())
    return found


def missing(o: Get, path: tuple[str, ...], there: list[tuple[str, ...]]) -> NotFound:
    """What to say of a key that has no value: an option that is not set, or none at all, and the near ones."""
    from mng.commands import contents
    from mng.names import near

    known = [dotted(one) for one in there]
    if path[0] == "commands" and path[1:2] and path[1] in contents.entries:
        arguments: list[Option] = contents.load(path[1]).get_arguments()
        options = {("commands", path[1], one.field.rstrip("_")): one for one in arguments}
        if one := next((options[each] for each in options if same(each, path)), None):
            return NotFound(f"{o.key} is not set", f"its default: {text_of(one.fallback)}" if one.fallback is not None else "")
        known += [dotted(one) for one in options]
    close = near(o.key, dict.fromkeys([*known, *settings.Settings.model_fields]))
    return NotFound(f"{o.key} is not set", f"did you mean {' or '.join(close)}?" if close else "see: mng config list")


def warn_if_overruled(path: tuple[str, ...], file: Path, o: Set) -> None:
    try:
        now = settings.load(o.context)
    except UsageError:
        return
    spelled = {tuple(key.replace("-", "_") for key in each): name for name, each in variables().items()}
    spelled |= {(key,): name for key, name in VARIABLES.items() if os.environ.get(name)}
    stronger = spelled.get(tuple(key.replace("-", "_") for key in path)) or now.place(*path)
    if stronger and not stronger.startswith(f"{file}:"):
        output.warn(f"{stronger} has the last word on {dotted(path)}")


def keys_of(key: str) -> tuple[str, ...]:
    path = settings.keys(key)
    if not path or dotted(path).replace('"', "") != key.replace('"', "").replace("'", ""):
        raise UsageError(f"{key!r} is no key", 'as commands.create.connect, or commands."snapshot create".name')
    return path


def dotted(path: tuple[str, ...]) -> str:
    return ".".join(key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in path)


def same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether both mean one key: - and _ do in names of options."""
    return tuple(key.replace("-", "_") for key in one) == tuple(key.replace("-", "_") for key in other)


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def setting(path: tuple[str, ...], value: Any, source: str) -> Setting:
    return Setting(key=dotted(path), value=value, source=source)


def hidden(path: tuple[str, ...], value: Any) -> Any:
    return "***" if any(SECRET.search(key.replace("-", "_")) for key in path) else value


def text_of(value: Any) -> str:
    """As `config set` takes it."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def read_value(text: str) -> Any:
    """JSON where it is that; UsageError for null, which settings can't have."""
    import json

    try:
        value = json.loads(text, parse_constant=int)
    except (ValueError, RecursionError):
        return text
    if "null" in json.dumps(value) and has_none(value):
        raise UsageError("null: a setting has a value or is not there", "take it out: mng config unset KEY")
    return value


def has_none(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(has_none, inside))


def parsed(file: Path, text: str) -> str:
    """The text, once it is sure to be TOML."""
    try:
        settings.parsed(file, text)
    except UsageError as error:
        raise UsageError(error.what, "mend it first: mng config edit") from None
    return text


def in_place_of(file: Path, before: str, text: str, old: str) -> str:
    if old != before:
        raise UsageError(f"{file} was changed by somebody else meanwhile")
    return text
