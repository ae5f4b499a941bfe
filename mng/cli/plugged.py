"""What plugins add to the command line: commands, and options of commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mng import hooks, settings
from mng.cli.command import Command
from mng.cli.options import Option, Options
from mng.errors import MngError, UsageError

ALONE = ("config", "plugin", "doctor")  # they mend what a plugin breaks, so that none is loaded for them


def use(words: Sequence[str]) -> None:
    """The plugins that hold for this line; wrong settings are the command's to complain of."""
    context, add, drop = typed(words)
    try:
        hooks.use(settings.load(context), add, drop)
    except UsageError:
        hooks.now = hooks.Now(held=hooks.now.held)


def usual() -> None:
    """Those that the user's own settings enable, whatever the line and the folder say: at the end of a process."""
    hooks.now = hooks.Now(held=[])
    try:
        mine = settings.read(settings.user_file())
        hooks.use(settings.combined([mine] if mine else []))
    except UsageError:
        hooks.now = hooks.Now()


def typed(words: Sequence[str]) -> tuple[str | None, list[str], list[str]]:
    """The values of --context, --plugin and --disable-plugin on a line whose command is not known yet."""
    found: dict[str, list[str]] = {"--context": [], "--plugin": [], "--disable-plugin": []}
    line = list(words[: words.index("--")] if "--" in words else words)
    for word, following in zip(line, [*line[1:], ""], strict=True):
        flag, equals, value = word.partition("=")
        if flag in found:
            found[flag].append(value if equals else following)
    return found["--context"][-1] if found["--context"] else None, found["--plugin"], found["--disable-plugin"]


def commands(taken: Iterable[str]) -> dict[str, Command[Any]]:
    """Those of all enabled plugins; ours can't be replaced."""
    found: dict[str, Command[Any]] = {}
    for plugin, theirs in hooks.each("commands"):
        for name, command in theirs.items():
            if not isinstance(command, Command):
                hooks.blame(plugin, MngError(f"{name} is no command", "put @command before the function"), "commands")
            elif name.split()[0] in taken or name in taken or name in found or len(name.split()) not in (1, 2):
                hooks.blame(plugin, MngError(f"a command can't be called {name!r} here"), "commands")
            else:
                command.plugin, found[name] = plugin, command
    return found


def extended(model: type[Options], path: str) -> type[Options]:
    """The model with the options that plugins add to this command."""
    if path.split()[0] in ALONE:
        return model
    for plugin, more in hooks.each("options", command=path):
        try:
            model = joined(model, more)
        except (MngError, TypeError) as error:
            hooks.blame(plugin, error, "options")
    return model


def joined(model: type[Options], more: Any) -> type[Options]:
    if not isinstance(more, type) or not issubclass(more, Options):
        raise MngError(f"{more!r} is no class of Options")
    flags = {flag for name, info in model.model_fields.items() for flag in flags_of(name, info)}
    for name, info in more.model_fields.items():
        if name in model.model_fields or (both := flags & flags_of(name, info)):
            raise MngError(f"{' '.join(both) if name not in model.model_fields else name} is taken already")
        if Option(name, info).place != "flag":
            raise MngError(f"{name} can only be a flag")
    return type(model.__name__, (model, more), {"__doc__": model.__doc__, "__module__": model.__module__})


def flags_of(name: str, info: Any) -> set[str]:
    option = Option(name, info)
    return {*option.flags, *option.off}
