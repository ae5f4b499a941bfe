"""A table of contents: the commands by name, each loaded only when it is used. Imports neither Invoke nor pydantic."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from invoke.collection import Collection

    from mng.cli.command import Command
    from mng.settings import Settings


PLUGINS = "From plugins"


class Entry(NamedTuple):
    """A line of the contents. The name or an alias may be two words: `snapshot create`."""

    summary: str
    group: str
    aliases: tuple[str, ...] = ()


class Contents:
    """`entries` by name; `later` are words kept free for commands that this version does not have."""

    def __init__(self, package: str, entries: Mapping[str, Entry], default: str, later: Iterable[str] = ()) -> None:
        self.package, self.entries, self.default, self.later = package, dict(entries), default, frozenset(later)
        self.spellings = {tuple(spelling.split()): name for name, entry in entries.items() for spelling in (name, *entry.aliases)}
        self.own = dict(self.spellings)
        self.plugged: dict[str, Command[Any]] = {}
        self.plugins: dict[str, str] = {}  # those that `plugged` is of

    def plug(self) -> bool:
        """Bring in the commands of the plugins that are enabled now; False if these are the same as the last time."""
        hooks = sys.modules.get("mng.hooks")  # without it nobody has asked for plugins yet
        if hooks is None or self.plugins is hooks.now.enabled or not (self.plugged or hooks.now.enabled):
            return False
        from mng.cli import plugged

        self.plugins = hooks.now.enabled
        self.entries = {name: entry for name, entry in self.entries.items() if name not in self.plugged}
        self.spellings = dict(self.own)
        self.plugged = plugged.commands({*map(" ".join, self.own), *self.later})
        for name, command in self.plugged.items():
            aliases = tuple(alias for alias in command.aliases if (alias,) not in self.spellings)
            self.entries[name] = Entry((command.__doc__ or "").strip().partition("\n")[0], PLUGINS, aliases)
            self.spellings |= {tuple(spelling.split()): name for spelling in (name, *aliases)}
        return True

    def find(self, words: Sequence[str]) -> tuple[str, int]:
        """The command that the line begins with, and how many words name it; ("", 0) for none."""
        for many in (2, 1):
            spelled = tuple(words[:many])
            if len(spelled) == many and spelled in self.spellings:
                return self.spellings[spelled], many
            if many == 1 and spelled and "." in spelled[0] and tuple(spelled[0].split(".")) in self.spellings:
                return self.spellings[tuple(spelled[0].split("."))], 1
        return self.find(words) if words and not words[0].startswith("-") and self.plug() else ("", 0)

    def below(self, word: str) -> list[str]:
        """The commands of the group that the word names."""
        return [name for name in self.entries if name.startswith(f"{word} ")]

    def knows(self, name: str) -> bool:
        """As a command, or as a group of them."""
        return name in self.entries or bool(self.below(name))

    def check(self, settings: Settings) -> None:
        """UsageError for `[commands.X]` that nearly names a command; a warning for what a plugin may bring elsewhere."""
        for name in settings.commands:
            if self.knows(name) or name in self.later or name == "mng" or (self.plug() and self.knows(name)):
                continue
            from mng import output
            from mng.errors import UsageError
            from mng.settings import did_you_mean

            at = settings.where("commands", name)
            meant = self.find(name.split())[0]  # an alias
            hint = f"did you mean {meant}?" if meant else did_you_mean(name, ["mng", *self.entries])
            if hint.startswith("did you mean"):
                raise UsageError(f"{at}: no such command", hint)
            output.warn(f"{at}: no such command")

    def load(self, name: str) -> Command[Any]:
        """The command of that name, its module imported now."""
        from mng.cli.command import Command

        first, *rest = name.replace("-", "_").split()
        last = (rest or [first])[-1].replace("_", "-")
        command = self.plugged.get(name)
        if command is None:
            module = import_module(f"{self.package}.{first}")
            command = next((v for v in vars(module).values() if isinstance(v, Command) and v.name == last), None)
            if command is None:
                raise ImportError(f"{module.__name__} has no command {last!r}")
        command.path, command.contents = name, self
        if name in self.own.values():
            command.aliases = [alias for alias in self.entries[name].aliases if " " not in alias]
        command.is_default = name == self.default
        return command

    def collection(self, *names: str) -> Collection:
        """The commands (all without names) as Invoke has them: for tasks.py, or for the one at hand."""
        from invoke.collection import Collection

        top = Collection()
        groups: dict[str, Collection] = {}
        for name in names or self.entries:
            group, _, last = name.rpartition(" ")
            if group:
                groups.setdefault(group, Collection(group)).add_task(self.load(name), last)
            else:
                top.add_task(self.load(name), last)
        for below in groups.values():
            top.add_collection(below)
        return top
