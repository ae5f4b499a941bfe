"""A settings file to be changed: comments and order kept, under a lock, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mng import harmless, output, settings, trust
from mng.cli.contents import Contents
from mng.cli.verify import verify
from mng.disk import folders
from mng.errors import MngError, NotFound, UsageError
from mng.names import near
from mng.runner import File, LocalRunner
from mng.shell import here

Scope = str  # user, project, local


class SettingsFile:
    """The file of a scope; without one the project's where there is a project, else the user's."""

    def __init__(self, scope: Scope | None, context: str | None) -> None:
        self.context = here() / (context or "")
        self.files = settings.files(self.context)
        self.scope = scope or ("project" if "project" in self.files else "user")
        if self.scope not in self.files:
            self.files |= self.new_project()
        self.path = self.files[self.scope]

    def new_project(self) -> dict[str, Path]:
        if self.context == Path.home():
            raise UsageError("your home is no project", "in a project, or: --scope user")
        folder = self.context / f".{settings.root_name()}"
        return {"project": folder / "settings.toml", "local": folder / "settings.local.toml"}

    def text(self) -> str:
        try:
            return self.path.read_text()
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.path}: cannot be read: {error}") from None

    def change(self, edit: Callable[[str], str], contents: Contents | None, dry_run: bool = False, key: str = "") -> None:
        """New text for the old; UsageError, and the file as it was, if settings that were right would be wrong."""
        if dry_run:
            self.checked(self.text(), edit(self.text()), contents, key)
            return
        file = self.path.resolve()  # a symbolic link stays one
        try:
            folders(file.parent, 0o777 if self.scope == "project" else 0o700)
            mode = file.stat().st_mode & 0o777 if file.exists() else 0o644 if self.scope == "project" else 0o600
        except OSError as error:
            raise MngError(f"cannot write {file}: {error.strerror}") from None
        with LocalRunner().lock(str(file.parent), timeout=10):
            old = self.text()
            new = edit(old)
            self.checked(old, new, contents, key)
            ours = self.scope == "user" or trust.is_trusted(self.path.parent.parent, "settings")
            LocalRunner().put({str(file): File(new.encode(), mode)})
            if ours and self.scope != "user":
                trust.follow(self.path.parent.parent, "settings")

    def checked(self, old: str, new: str, contents: Contents | None, key: str) -> None:
        settings.parsed(self.path, new)
        if wrong := self.wrong(new, contents):
            if not self.wrong(old, contents) or (key and f": {key}" in wrong.what):
                raise wrong
            output.warn(f"still wrong: {wrong.what}")
        before = self.refused(old)
        for path in self.refused(new):
            if path not in before:
                raise UsageError(f"{'.'.join(path)}: no project can say this", "in your own file: --scope user")

    def refused(self, text: str) -> list[tuple[str, ...]]:
        """What no project can say."""
        try:
            data = settings.parsed(self.path, text).data if self.scope != "user" else {}
        except UsageError:
            return []
        return harmless.with_trust(data, self.path.parent.parent)[1]

    def wrong(self, text: str, contents: Contents | None) -> UsageError | None:
        """What is wrong with all settings together, with this text in the file; without `contents` none is asked."""
        try:
            together = self.together(text)
            if contents:
                verify(together, contents)
        except UsageError as error:
            return error
        return None

    def together(self, text: str) -> settings.Settings:
        files = self.files.items()
        read = [settings.parsed(file, text) if scope == self.scope else settings.read(file) for scope, file in files]
        return settings.combined([source for source in read if source], environment=False)


def with_value(text: str, path: tuple[str, ...], value: Any) -> str:
    """The TOML with this key set; tables that are missing are made."""
    import tomlkit

    document = tomlkit.parse(text)
    table: Any = document
    for depth, key in enumerate(path[:-1], 1):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=depth < len(path) - 1)
        table = table[key]
        if not isinstance(table, Mapping):
            raise UsageError(f"{'.'.join(path[:depth])} is a value, not a table")
    key = spelled(table, path)
    table[key] = value
    return same(tomlkit.dumps(document), text, (*path[:-1], key), lambda table, key: table.update({key: value}))


def without(text: str, path: tuple[str, ...]) -> str:
    """The TOML without this key or table; NotFound, with the near ones, if it is not there."""
    import tomlkit

    document = tomlkit.parse(text)
    table: Any = document
    for key in path[:-1]:
        table = table.get(key) if isinstance(table, Mapping) else None
    key = spelled(table, path) if isinstance(table, Mapping) else ""
    if not key or key not in table:
        there = [".".join(each) for each, _ in settings.leaves(document.unwrap())]
        close = near(".".join(path), there)
        raise NotFound(f"{'.'.join(path)} is not set there", f"did you mean {close[0]}?" if close else "see: mng config list")
    del table[key]
    return same(tomlkit.dumps(document), text, (*path[:-1], key), lambda table, key: table.pop(key))


def same(new: str, old: str, path: tuple[str, ...], change: Callable[[dict[str, Any], str], object]) -> str:
    """The new text, once it is sure that nothing but this was changed in what it says."""
    import tomllib

    wanted = tomllib.loads(old)
    table = wanted
    for key in path[:-1]:
        table = table.setdefault(key, {})
    change(table, path[-1])
    try:
        if said(tomllib.loads(new)) == said(wanted):
            return new
    except tomllib.TOMLDecodeError as error:
        raise MngError(f"{'.'.join(path)} can't be changed without changing more: {error}", "mng config edit") from None
    raise MngError(f"{'.'.join(path)} can't be changed without changing more", "mng config edit")


def said(data: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """Without empty tables: a dotted key that goes takes its own along."""
    return {path: value for path, value in settings.leaves(data) if value != {}}


def spelled(table: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """The key as the table has it: options are written with - or _."""
    key = path[-1]
    if key in table or path[0] not in ("commands", "create_templates"):
        return key
    return next((one for one in table if one.replace("-", "_") == key.replace("-", "_")), key)
