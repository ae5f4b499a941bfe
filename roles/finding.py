"""Roles by name: of the project at hand, of the user, of mng; and their options as words."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from mng import hooks, settings, sourced, trust
from mng.acting import OURS as OURS_TOP
from mng.errors import MngError, UsageError
from mng.roles.role import Role
from mng.shell import here

OURS = Path(__file__).parent
TO_FIND = (
    "base",
    "claude",
    "codex",
    "opencode",
    "rsync",
    "unison",
)  # what else is here are parts of roles, and roles of create alone

WRONG = {"int": "no whole number", "float": "no number", "bool": "neither true nor false"}


def given(word: str, context: str | Path | None = None) -> Role:
    """`NAME:key=value,key=value`; a comma before anything but `key=` belongs to the value."""
    name, colon, rest = word.partition(":")
    one = find(name, context)
    words: dict[str, str] = {}
    key = ""
    for part in rest.split(",") if colon else []:
        before, equals, value = part.partition("=")
        if equals and before.strip().isidentifier():
            key = before.strip()
            words[key] = value
        elif key:
            words[key] += f",{part}"
        else:
            raise UsageError(f"role {name}: {part!r} is not KEY=VALUE", f"as in: --role {name}:key=value,key=value")
    return bound(one, words)


def bound(one: Role, words: dict[str, str]) -> Role:
    """The role with its options converted to what its parameters say; UsageError names role and key."""
    _, *parameters = inspect.signature(one.body).parameters.values()
    known = {parameter.name: parameter for parameter in parameters}
    kinds = get_type_hints(one.body)
    for key in words:
        if key not in known:
            hint = settings.did_you_mean(key, known) if known else "it has none"
            raise UsageError(f"role {one.name}: no option {key!r}", hint)
    options = {key: converted(one, key, kinds.get(key, str), word) for key, word in words.items()}
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in options and key not in one.options:
            raise UsageError(f"role {one.name}: {key} is missing", f"--role {one.name}:{key}=VALUE")
    return one(**options)


def converted(one: Role, key: str, kind: Any, word: str) -> Any:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticSchemaGenerationError

    plain, parts = (str, int, float, bool, type(None)), get_args(kind) or (kind,)
    many = get_origin(kind) or kind
    if kind is not list and not all(part in plain or isinstance(part, str) for part in parts):
        raise UsageError(f"role {one.name}: {key} can't be given on a command line", "it is for Python")
    value: Any = [part for part in word.split(",") if part] if many is list else word
    try:
        return TypeAdapter(kind).validate_python(value)
    except (ValidationError, PydanticSchemaGenerationError) as error:
        why = str(error.errors(include_url=False)[0]["type"]) if isinstance(error, ValidationError) else str(error)
        choices = f"none of {', '.join(map(str, get_args(kind)))}"
        why = WRONG.get(why.partition("_")[0], choices if why == "literal_error" else why)
        raise UsageError(f"role {one.name}: {key}={word!r} is {why}") from None


def find(name: str, context: str | Path | None = None) -> Role:
    """The nearest role of that name; UsageError with near names."""
    file = next((file for folder in folders(context) for known, file in files(folder) if known == name), None)
    if (file is None or ours(file)) and (theirs := of_plugins().get(name.replace("_", "-"))):
        return theirs
    if file is None:
        every = dict.fromkeys([*(known for folder in folders(context) for known, _ in files(folder)), *of_plugins()])
        raise UsageError(f"no role {name!r}", settings.did_you_mean(name, every))
    roles = {key: value for key, value in vars(loaded(file)).items() if isinstance(value, Role)}
    mine = next((one for one in roles.values() if one.name.replace("_", "-") == name.replace("_", "-")), None)
    if mine is None:
        has = f"it has: {', '.join(roles)}" if roles else f"@role() before: def {name.replace('-', '_')}(on: Play) -> None"
        raise UsageError(f"{file} has no role {name}", has)
    return mine


def of_plugins() -> dict[str, Role]:
    """By name; they come after those of the project and of the user, before ours."""
    found: dict[str, Role] = {}
    for plugin, theirs in hooks.each("roles"):
        for one in theirs:
            if isinstance(one, Role):
                found.setdefault(one.name.replace("_", "-"), one)
            else:
                hooks.blame(plugin, MngError(f"{one!r} is no role", "put @role() before the function"), "roles")
    return found


def handler(role: str, name: str) -> Role:
    """A handler by the role that notified it: found in that role's file."""
    inside = vars(sys.modules[find(role).body.__module__]).values()
    one = next((one for one in inside if isinstance(one, Role) and one.name == name), None)
    if one is None:
        raise MngError(f"the role {role} has no handler {name}")
    return one


def folders(context: str | Path | None = None) -> Iterator[Path]:
    """Where roles are looked for, nearest first: beside the project's tasks.py or .mng/ (with trust), in ~/.mng/roles, here."""
    for folder in settings.marked(here() / (context or "")):
        if folder != OURS_TOP and trust.counts(folder, "roles"):
            yield folder / "roles"
    yield settings.user_dir() / "roles"
    yield OURS


def files(folder: Path) -> list[tuple[str, Path]]:
    """Role names and their files: NAME.py, or a folder NAME with an __init__.py."""
    found = [file for file in (*folder.glob("*.py"), *folder.glob("*/__init__.py")) if file != folder / "__init__.py"]
    named = [(file.parent.name if file.name == "__init__.py" else file.stem, file) for file in sorted(found)]
    ours = folder.resolve() == OURS.resolve()
    return [(name.replace("_", "-"), file) for name, file in named if not ours or name in TO_FIND]


def ours(file: Path) -> bool:
    return file.resolve().is_relative_to(OURS.resolve())


def loaded(file: Path) -> ModuleType:
    """The module, once a process. What goes wrong in it is said with its line."""
    if ours(file):
        return importlib.import_module(f"mng.roles.{file.stem}")
    name = f"mng_roles_of.{file}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        return sourced.module(name, file, file.parent)
    except MngError:
        raise
    except Exception as error:
        raise MngError(f"{file}:{line_of(error, file)}: {type(error).__name__}: {error}") from None


def line_of(error: Exception, file: Path) -> int:
    import traceback

    if isinstance(error, SyntaxError):
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return (lines or [0])[-1] or 0
