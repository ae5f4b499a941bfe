"""Completion: what the shells' functions read at TAB, written from the options models. No Python runs at TAB."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mng.cli.contents import Contents
from mng.home import names_plugins, user_dir

if TYPE_CHECKING:
    from mng.cli.options import Option

SCRIPTS = {"bash": "complete.sh", "zsh": "complete.sh", "fish": "complete_fish.sh"}
# What the shell's function looks up itself: AGENT, FILE, TASK, and TEMPLATE, TYPE, ROLE beyond those of mng.
FIELDS = {"current": "AGENT", "target": "AGENT", "from_": "AGENT FILE", "template": "TEMPLATE"}
KINDS = {"AGENT": "AGENT", "AGENTS": "AGENT", "FILE": "FILE", "PATH": "FILE", "DIR": "FILE", "DIRECTORY": "FILE",
         "HOST": "local HOST", "PROVIDER": "local"}  # fmt: skip


def script(shell: str) -> str:
    """The function for the shell's start-up file; UsageError for a shell that has none."""
    if shell not in SCRIPTS:
        from mng.errors import UsageError

        raise UsageError(f"--completion: no {shell!r}", "there are: " + ", ".join(SCRIPTS))
    return (Path(__file__).parent / SCRIPTS[shell]).read_text()


def cache() -> Path:
    """In the user's folder, without asking the settings."""
    return user_dir() / "cache" / "complete"


def refresh(contents: Contents, version: str, begin: bool = False) -> None:
    """Write the cache anew after an upgrade; `begin`: also where there is none. A cache is never worth an error."""
    try:
        with cache().open() as file:
            if file.readline().rstrip("\n") == f"|stamp|{stamp(contents, version)}":
                return
    except FileNotFoundError:
        if not begin:
            return
    except OSError:
        return
    new = cache().with_name(f"complete.{os.getpid()}")
    if names_plugins() or "mng.cli.plugged" in sys.modules:  # this very command may have removed the last one
        from mng.cli import plugged

        plugged.usual()
        contents.plug()
    try:
        new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text("\n".join(lines(contents, version)) + "\n")
        new.replace(cache())
    except OSError:
        new.unlink(missing_ok=True)


def stamp(contents: Contents, version: str) -> str:
    """Changes with the version, the settings that name plugins, and while mng itself is being worked on."""
    from importlib import import_module

    folder = Path(import_module(contents.package).__file__ or "").parent
    plugins = user_dir().glob("profiles/*/settings.toml") if names_plugins() else ()
    return f"{version} {max(file.stat().st_mtime_ns for file in (*folder.glob('*.py'), *plugins))}"


def lines(contents: Contents, version: str) -> Iterator[str]:
    """`COMMAND|KEY|VALUES`, aliases before `|begin|`: what complete.sh reads in one pass."""
    yield f"|stamp|{stamp(contents, version)}"
    yield f"|default|{contents.default}"
    yield "|commands|" + " ".join(dict.fromkeys(spelled[0] for spelled in contents.spellings))
    for group in dict.fromkeys(spelled[0] for spelled in contents.spellings if len(spelled) == 2):
        yield f"{group}|commands|" + " ".join(s[1] for s in contents.spellings if len(s) == 2 and s[0] == group)
    for spelled, name in contents.spellings.items():
        yield f"{' '.join(spelled)}|is|{name}"
    yield "|begin|"
    for name in contents.entries:
        options: list[Option] = contents.load(name).get_arguments()
        flags = [f for o in options for f in (*o.flags, *(o.off if o.fallback is not False else ()))]
        yield f"{name}|options|{' '.join(flags)} --help"
        yield f"{name}|takes|{' '.join(f for o in options if o.takes_value and not o.optional for f in o.flags)}"
        for option in options:
            values = offered(option)
            if values and option.takes_value and not option.optional:
                yield from (f"{name}|{flag}|{values}" for flag in option.flags)
        free = [option for option in options if option.place in ("word", "words")]
        for key, option in zip(("words", "more"), free[:1] * 2 if free and free[0].place == "words" else free, strict=False):
            if offered(option):
                yield f"{name}|{key}|{offered(option)}"


def offered(option: Option) -> str:
    """What may stand there: words, and the names of what the shell's function looks up."""
    if option.place != "flag" and option.field == "file":
        return "screen transcript"
    if option.placeholder == "TYPE":
        from mng.agents.types import names

        return " ".join((*names(), "TYPE"))
    if option.field == "role":
        from mng.roles.finding import TO_FIND

        return " ".join((*TO_FIND, "ROLE"))
    return " ".join(option.choices) or FIELDS.get(option.field) or KINDS.get(option.placeholder, "")
