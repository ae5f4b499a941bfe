"""Shell commands as values: words in, one safely quoted POSIX shell line out, in two spellings: to send and to show."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePath


@dataclass(frozen=True)
class Secret:
    """A word that is sent but never shown."""

    text: str

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True)
class Cmd:
    """One shell line: `line` is sent, `shown` goes to logs, errors and --dry-run."""

    line: str
    shown: str

    def __str__(self) -> str:
        return self.shown

    def then(self, other: Cmd) -> Cmd:
        """`self && other`"""
        return joined(self, " && ", other)

    def either(self, other: Cmd) -> Cmd:
        """`self || other`"""
        return joined(self, " || ", other)

    def pipe(self, other: Cmd) -> Cmd:
        return joined(self, " | ", other)

    def to(self, path: str | PurePath) -> Cmd:
        return joined(self, " > ", cmd(path))

    def within(self, folder: str | PurePath) -> Cmd:
        return cmd("cd", "--", folder).then(Cmd(f"{{ {self.line}\n}}", f"{{ {self.shown}\n}}"))

    def env(self, **values: Word) -> Cmd:
        """The line run by a `sh` that has these variables, one quoted word each."""
        pairs = [(name, *quoted(value)) for name, value in values.items()]
        inner = cmd("sh", "-c", self)
        return Cmd(
            " ".join(["env", *(f"{name}={line}" for name, line, _ in pairs), inner.line]),
            " ".join(["env", *(f"{name}={shown}" for name, _, shown in pairs), inner.shown]),
        )


Word = str | int | float | PurePath | Cmd | Secret | None


def cmd(*words: Word | list[str] | tuple[Word, ...]) -> Cmd:
    """`cmd("git", "-C", folder, "log")`: every word quoted; a Cmd is one word, a list several, None none."""
    flat: list[Word] = []
    for word in words:
        flat.extend(word if isinstance(word, list | tuple) else [word])
    pairs = [quoted(word) for word in flat if word is not None]
    return Cmd(" ".join(line for line, _ in pairs), " ".join(shown for _, shown in pairs))


def raw(line: str) -> Cmd:
    """A line that a person wrote (`mng exec`, --user-command): passed through as it is."""
    return Cmd(line, line)


def joined(left: Cmd, by: str, right: Cmd) -> Cmd:
    return Cmd(left.line + by + right.line, left.shown + by + right.shown)


def quoted(word: Word) -> tuple[str, str]:
    """The word as sent and as shown."""
    if isinstance(word, Secret):
        return shlex.quote(word.text), "***"
    if isinstance(word, Cmd):
        return shlex.quote(word.line), shlex.quote(word.shown)
    return (shlex.quote(str(word)),) * 2


def here() -> Path:
    """This folder; the name that it had if it is gone."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.environ.get("PWD") or "/")


def is_text(word: str) -> bool:
    """Whether it was UTF-8, as what is kept in records must be."""
    return word.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in word)


def expanded(path: str | Path) -> Path:
    """With `~` and `~user` as their homes on this machine; a user that there is not is left as written."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (a Path raises)


def is_folder(path: str | Path) -> bool:
    """False, too, for what no file system takes."""
    return os.path.isdir(path)  # noqa: PTH112 (a Path raises)
