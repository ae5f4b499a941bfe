"""What an agent type is: how to start, feed, read and resume one kind of program."""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from mng import hooks
from mng.errors import MngError, UsageError
from mng.host import Host, Pane, Probe
from mng.records import AgentRecord
from mng.settings import Settings, did_you_mean
from mng.shell import Cmd, cmd

if TYPE_CHECKING:
    from mng.roles.role import Role

State = Literal["CREATING", "RUNNING", "WAITING", "STOPPED", "REPLACED", "DONE", "FAILED", "UNKNOWN"]


class Status(NamedTuple):
    """What an agent does, why, since when (epoch seconds), and who says so: hook, file, process, screen, record."""

    state: State
    reason: str = ""  # of WAITING: turn-end, permission, question, dialog (any other), auth, limit; else free words
    detail: str = ""  # what it waits for: the tool of a permission
    since: float = 0.0
    source: str = "process"


class Receipt(NamedTuple):
    """What became of a message, and how we know."""

    outcome: Literal["delivered", "blocked", "dead", "unknown"]
    evidence: str


class View(NamedTuple):
    """One agent as its host's probe saw it."""

    record: AgentRecord
    host: Host
    probe: Probe
    pane: Pane | None

    @property
    def folder(self) -> str:
        return self.host.agent_dir(self.record.id or f".{self.record.name}")

    def plugin(self, name: str) -> str:
        """The path of a file that the agent reports into."""
        return f"{self.folder}/plugin/{self.record.kind}/{name}"

    def read(self, path: str) -> bytes:
        return self.probe.files.read(path) or b""

    def end(self, path: str, size: int) -> bytes:
        """The last bytes of a file."""
        return self.probe.files.end(path, size) if path else b""

    def mtime(self, path: str) -> float:
        return self.probe.files.mtime(path) or 0.0


class AgentType:
    """The base of all types, and what holds for any terminal program."""

    name: ClassVar[str] = ""
    plugin: ClassVar[str] = ""  # the plugin that it comes from
    program: ClassVar[tuple[str, ...]] = ()  # the words that start it
    install: ClassVar[Cmd | None] = None
    headless: ClassVar[tuple[str, ...]] = ()  # words that let the program answer what it reads on stdin, and end
    pass_env: ClassVar[tuple[str, ...]] = ()  # what the program reads of the caller's environment: accounts, addresses
    account: ClassVar[tuple[str, ...]] = ()  # variables and ~/files, one of which it has that is logged in (`~/FILE#WORD`)
    exit_words: ClassVar[frozenset[str]] = frozenset()  # messages that would end the program
    command: ClassVar[re.Pattern[str]] = re.compile("(?!)")  # messages that it carries out as its own, however they are typed
    paste_limit: ClassVar[tuple[int, int]] = (0, 0)  # lines and characters of one paste that are shown as typed; 0: any number
    asks_trust: ClassVar[bool] = False  # whether it asks at its start if the folder is trusted
    takes_grants: ClassVar[bool] = False  # rules of what it may do without asking
    by_api: ClassVar[bool] = False  # takes messages by `hand_over`; else they are pasted into its terminal
    enters: ClassVar[int] = 5  # how often Enter may be pressed for one message: an Enter can be lost, a text is not
    keeps: ClassVar[tuple[str, ...]] = ("session",)  # files of its plugin folder by which a conversation goes on
    rests: ClassVar[str] = "false"  # the same as not RUNNING in sh, in its plugin folder; $1: its pane's title
    gate: ClassVar[str] = ""  # while this file of its plugin folder is there, its hooks let no dialog open

    def prepare(self, record: AgentRecord, host: Host) -> AgentRecord:
        """The record with what must be known before the first start: a session id, a port."""
        return record

    def branch(self, record: AgentRecord, source: View) -> AgentRecord:
        """The record with what lets its first start go on from where the conversation of `source` is now."""
        return record

    def bring(self, record: AgentRecord, source: View, host: Host) -> tuple[AgentRecord, dict[str, bytes]]:
        """As `branch`, for an agent on another host: with the files there by which the conversation goes on."""
        return record, {}

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        """The line that runs the program in window 0, its conversation going on with `resume`."""
        raise NotImplementedError

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        """What must be so on the host before the program is started."""
        return []

    def status(self, view: View) -> Status:
        """Of an agent whose program is alive."""
        return Status("RUNNING", since=view.mtime(f"{view.folder}/activity/start"))

    def ready(self, view: View) -> bool:
        """Whether it takes messages now, busy or not; False while it starts up."""
        return self.status(view).state in ("RUNNING", "WAITING")

    def clean(self, text: str) -> str:
        """The message as this program must be given it."""
        return text

    def safe(self, view: View) -> bool:
        """Whether no dialog is about to open that an Enter would answer."""
        return True

    def box(self, screen: str) -> str | None:
        """The text in the input box, by a screen with its colours; None where that can't be told."""
        return None

    def box_end(self, screen: str) -> str | None:
        """Of a box that is taller than the screen, at least what is last in it, if it is one; None where that can't be told."""
        return None

    def closed(self, screen: str) -> str:
        """Why what is typed now would not be read as a message; "" if it would, or if that can't be told."""
        return ""

    def stash(self, screen: str) -> tuple[str, ...]:
        """Keys that put a person's draft aside until the next message is sent; () where it would be lost."""
        return ()

    def hand_over(self, view: View, text: str) -> None:
        """Give it the message otherwise than by its terminal (`by_api`)."""
        raise NotImplementedError

    def mark(self, view: View) -> Any:
        """Where the program's own record of messages ends now, before one is sent; fit for JSON."""
        return None

    def received(self, view: View, text: str, mark: Any) -> str:
        """The evidence that the program took the message after `mark`; "" while there is none."""
        return ""

    def altered(self, view: View, text: str, mark: Any) -> bool:
        """Whether a message after `mark` may be this one in other words: with something around it, or a sign in its place."""
        return False

    def answer(self, view: View, text: str) -> str | None:
        """What it said after the last message with this text; None while it does not know of that."""
        return None

    def transcript(self, view: View) -> str:
        """The path of the conversation as the program keeps it; "" where there is none."""
        return ""


def program_of(kind: AgentType, record: AgentRecord) -> list[str]:
    """The words that start the program, as settings or the type have them."""
    return list(record.program or kind.program)


def launch_words(kind: AgentType, record: AgentRecord, *words: Any) -> Cmd:
    return cmd(program_of(kind, record), *words)


def tried_versions(name: str) -> list[str]:
    """The versions of this type's program that mng is tested with, the oldest first; [] for programs that it does not know."""
    import tomllib
    from pathlib import Path

    found = tomllib.loads(Path(__file__).with_name("versions.toml").read_text()).get(name, [])
    return [str(version) for version in found]


BUILT_IN = {"claude": "Claude", "codex": "Codex", "opencode": "Opencode", "generic": "Generic", "demo": "Demo"}


def names() -> list[str]:
    """Of all types but those of the settings."""
    return [*BUILT_IN, *of_plugins()]


def of_plugins() -> dict[str, type[AgentType]]:
    """The types that plugins bring; ours can't be replaced."""
    found: dict[str, type[AgentType]] = {}
    for plugin, theirs in hooks.each("agent_types"):
        for name, kind in theirs.items():
            if not (isinstance(kind, type) and issubclass(kind, AgentType)):
                hooks.blame(plugin, MngError(f"{name} is no subclass of AgentType"), "agent_types")
            elif name in BUILT_IN or name in found:
                hooks.blame(plugin, MngError(f"there is a type {name} already"), "agent_types")
            else:
                kind.name, kind.plugin, found[name] = name, plugin, kind
    return found


def known(name: str) -> AgentType | None:
    """The type of that name: ours, imported only now, or a plugin's."""
    if name in BUILT_IN:
        kind: AgentType = getattr(importlib.import_module(f"mng.agents.{name}"), BUILT_IN[name])()
        return kind
    theirs = of_plugins().get(name)
    return theirs() if theirs else None


def type_of(record: AgentRecord) -> AgentType:
    """The type of an existing agent; one that this mng does not know is read as `generic`."""
    return known(record.kind) or known("generic") or AgentType()


@dataclass(frozen=True)
class Chosen:
    """A type as asked for: the built-in one behind it, and what settings add."""

    kind: AgentType
    name: str
    program: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def choose(name: str, settings: Settings) -> Chosen:
    """By name: a custom type of the settings, a built-in one, else any program of that name."""
    seen: list[str] = []
    chosen = Chosen(AgentType(), name)
    word = name
    while word in settings.agent_types:
        if word in seen:
            at = settings.where("agent_types", seen[-1], "parent_type")
            raise UsageError(f"{at}: goes in a circle: {' -> '.join([*seen, word])}", "the last of them needs a built-in type")
        seen.append(word)
        custom = settings.agent_types[word]
        chosen = replace(
            chosen,
            program=chosen.program or tuple(shlex.split(custom.command)),
            args=(*custom.cli_args, *chosen.args),
            env=(*custom.env.items(), *chosen.env),
        )
        if not custom.parent_type or custom.parent_type == word:
            break
        word = custom.parent_type
    if kind := known(word):
        return replace(chosen, kind=kind)
    if word != name and not chosen.program:
        at = settings.where("agent_types", seen[-1], "parent_type")
        others = [one for one in settings.agent_types if one not in seen]
        raise UsageError(f"{at}: no agent type {word!r}", did_you_mean(word, [*names(), *others]))
    return replace(chosen, kind=known("generic") or AgentType(), program=chosen.program or (word,))
