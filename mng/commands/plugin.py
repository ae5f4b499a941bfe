"""mng plugin: a group"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, ClassVar, Literal

from invoke.context import Context

from mng import hooks, settings
from mng.cli.command import command
from mng.cli.options import CommonOptions, Exclusive, Options, option
from mng.errors import MngError, NotFound, UsageError
from mng.rows import Results, Row, cut
from mng.shell import expanded, here, is_folder

SCOPES = Literal["user", "project", "local"]


class NameOptions(Options):
    """Plugin"""

    name: str = option(..., place="word", help="its name")


class ChangeOptions(Options):
    """Where it holds"""

    scope: SCOPES = option("user", help="for you everywhere; for a project; for you in a project")
    dry_run: bool = option(False, help="say what would be done, do nothing")


class WhichOptions(Options):
    """Which plugins"""

    active: bool = option(False, help="only those that are enabled here")
    fields: str | None = option(None, help="fields instead of the columns: name,state")


class AddOptions(Options):
    """Plugin"""

    exclusive: ClassVar[Exclusive] = (("name", "path", "git"),)

    name: str | None = option(None, place="word", help="a package as pip knows it, or a plugin that is installed")
    path: str | None = option(None, help="folder with a package")
    git: str | None = option(None, help="git repository with a package: an address, or a folder")


class RemoveOptions(Options):
    """Remove"""

    dry_run: bool = option(False, help="say what would be done, do nothing")


class PluginList(WhichOptions, CommonOptions):
    """List"""


class Add(AddOptions, ChangeOptions, CommonOptions):
    """Add"""


class Remove(NameOptions, RemoveOptions, CommonOptions):
    """Remove"""


class Switch(NameOptions, ChangeOptions, CommonOptions):
    """Enable, disable"""


class Plugin(Row):
    """A plugin, and what says so: enabled, disabled, installed (nothing is said of it), missing, not allowed."""

    columns: ClassVar[dict[str, str]] = {
        "NAME": "name", "STATE": "state", "MODULE": "module", "VERSION": "version", "SOURCE": "source",
    }  # fmt: skip

    name: str
    state: str
    module: str = ""
    package: str = ""
    version: str = ""
    source: str = ""


class Changed(Row):
    """What became of a plugin."""

    name: str
    result: str
    path: str = ""

    def human(self) -> str:
        return f"{self.name} {self.result}" + (f" in {self.path}" if self.path else "")


@command(name="list", mends=True)
def list_(c: Context, o: PluginList) -> Results[Plugin]:
    """List plugins

    Those that settings name and those that are installed; none of them is run for it.
    """
    rows = [one for one in known(o.settings) if one.state == "enabled" or not o.active]
    none = "no plugin is enabled" if o.active else "no plugins; mng plugin add NAME installs one"
    shown: list[Any] = rows if o.fields is None else [cut(row, o.fields) for row in rows]
    return Results(shown, "" if rows else none)


def known(found: settings.Settings) -> list[Plugin]:
    from importlib.util import find_spec

    from mng.cli import packages

    there, enabled, mine = packages.installed(), found.plugins_enabled()[0], found.plugins_of_user()
    rows = []
    for name in sorted({*there, *found.plugins}):
        package, asked = there.get(name), found.plugins.get(name)
        module = str(mine.get(name, {}).get("module", "")) or (package.module if package else "")
        state = "enabled" if name in enabled else "installed" if not asked else "not allowed" if asked.enabled else "disabled"
        if not module or not find_spec(module.partition(".")[0]):
            state = "not allowed" if state == "not allowed" else "missing"
        at = found.place("plugins", name, "enabled") or found.place("plugins", name)
        version, of = (package.version, package.package) if package else ("", "")
        rows.append(Plugin(name=name, state=state, module=module, package=of, version=version, source=at))
    return rows


@command(mends=True)
def add(c: Context, o: Add) -> Results[Changed]:
    """Install a plugin and enable it

    With pip, into mng's own environment. Its code then runs with every command that it adds to.
    """
    from mng.cli import packages

    what = o.name or o.path or o.git
    if not what:
        raise UsageError("which plugin?", "give NAME, --path DIR or --git URL")
    if o.path and not is_folder(expanded(o.path)):
        raise NotFound(f"--path {o.path}: no such folder")
    word = packages.of_git(o.git) if o.git else str(expanded(o.path).resolve()) if o.path else what
    if word.startswith("-"):
        raise UsageError(f"{word!r} is no name of a package")
    there = packages.installed()
    found = [there[word]] if word in there else [one for one in there.values() if one.package == packages.plain(word)]
    if o.dry_run:
        return Results([Changed(name=what, result="would be enabled" if found else "would be installed and enabled")])
    for one in found or packages.install(*([] if o.name else ["--upgrade"]), word, what=what):
        switch(one.plugin, one.module, True, o)
        found = [one, *found] if one not in found else found
    return Results(Changed(name=one.plugin, result=f"{one.version} is enabled", path=path_of(o)) for one in found)


@command(mends=True)
def remove(c: Context, o: Remove) -> Changed:
    """Uninstall a plugin and forget its settings"""
    from mng.cli import packages
    from mng.cli.settings_file import SettingsFile, without

    package = packages.installed().get(o.name)
    files = [SettingsFile(scope, o.context) for scope in settings.files(here() / (o.context or ""))]
    saying = [file for file in files if settings.has(settings.parsed(file.path, file.text()).data, ("plugins", o.name))]
    if not package and not saying:
        raise missing(o.name, o.settings)
    for file in saying:
        file.change(partial(without, path=("plugins", o.name)), None, o.dry_run)
    if package and not o.dry_run:
        packages.uninstall(package.package)
    return Changed(name=o.name, result="would be removed" if o.dry_run else "is removed")


@command(mends=True)
def enable(c: Context, o: Switch) -> Changed:
    """Enable a plugin that is installed"""
    from mng.cli import packages

    module = str(o.settings.plugins_of_user().get(o.name, {}).get("module", ""))
    if not module:
        package = packages.installed().get(o.name)
        if not package:
            raise missing(o.name, o.settings)
        module = package.module
    switch(o.name, module, True, o)
    return Changed(name=o.name, result="would be enabled" if o.dry_run else "is enabled", path=path_of(o))


@command(mends=True)
def disable(c: Context, o: Switch) -> Changed:
    """Disable a plugin, which stays installed"""
    if o.name not in o.settings.plugins and not any(one.name == o.name for one in known(o.settings)):
        raise missing(o.name, o.settings)
    switch(o.name, "", False, o)
    return Changed(name=o.name, result="would be disabled" if o.dry_run else "is disabled", path=path_of(o))


def missing(name: str, found: settings.Settings) -> NotFound:
    from mng.names import near

    close = near(name, [one.name for one in known(found)])
    return NotFound(f"no plugin {name!r}", f"did you mean {close[0]}?" if close else "see: mng plugin list")


def switch(name: str, module: str, on: bool, o: Switch | Add) -> None:
    """Write it down; a plugin that can't be loaded is not enabled. What runs is only ever what the user's own file names."""
    from mng.cli.settings_file import SettingsFile

    if not re.fullmatch(r"[\w-]+", name):
        raise MngError(f"{name!r} can't be the name of a plugin: letters, digits, - and _ only")
    if on and (wrong := hooks.problem(name, module)):
        raise MngError(f"plugin {name} is not enabled: {wrong}")
    file = SettingsFile(o.scope, o.context)
    mine = o.settings.plugins_of_user().get(name, {})
    if on:
        values: dict[str, Any] = {"module": module} if mine.get("module") != module else {}
        if o.scope == "user":
            values["enabled"] = True
        elif not mine.get("enabled", bool(mine)):
            values |= {"enabled": False, "projects": True}
        SettingsFile("user", o.context).change(partial(with_values, name=name, values=values), None, o.dry_run)
    if not on or o.scope != "user":
        file.change(partial(with_values, name=name, values={"enabled": on}), None, o.dry_run)


def with_values(text: str, name: str, values: dict[str, Any]) -> str:
    from mng.cli.settings_file import with_value

    for key, value in values.items():
        text = with_value(text, ("plugins", name, key), value)
    return text


def path_of(o: Switch | Add) -> str:
    from mng.cli.settings_file import SettingsFile

    return str(SettingsFile(o.scope, o.context).path)
