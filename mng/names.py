"""Ids, checked names and made-up names."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Literal, get_args

from mng.errors import UsageError

Style = Literal["english", "fantasy", "scifi", "painters", "authors", "artists", "musicians", "animals", "scientists", "demons"]
STYLES: tuple[str, ...] = get_args(Style)
LONGEST = 63  # a tmux session, a branch, a folder and a host name all take this
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")


def new_id(kind: Literal["agent", "host"]) -> str:
    return f"{kind}-{os.urandom(16).hex()}"


def check_name(name: str) -> str:
    """The name itself, if tmux, git and file names all take it; else UsageError with the nearest that would do."""
    if len(name) > LONGEST:
        raise UsageError(f"the name {name[:20]}… has {len(name)} characters", f"{LONGEST} at most")
    if not NAME.fullmatch(name):
        usable = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")
        raise UsageError(
            f"{name!r} can't be a name: letters, digits, - and _ only, a letter or digit first",
            f"try {usable}" if usable else "",
        )
    return name


def is_branch(name: str) -> bool:
    """Whether git takes it for the name of a branch, as `git check-ref-format --branch` says, and no tool for an option."""
    parts = name.split("/")
    return (
        not name.startswith("-")
        and not name.endswith(".")
        and name != "HEAD"
        and not NO_REF.search(name)
        and not any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    )


def made_up(style: str, taken: Container[str]) -> str:
    """A name in the style that is not taken; numbered when all are."""
    import random

    words = wordlist(style)
    for _ in range(50):
        name = random.choice(words)
        if style in ("english", "fantasy", "scifi", "animals"):
            name = f"{random.choice(wordlist('adjectives'))}-{name}"
        if name not in taken:
            return name
    return next(f"{name}-{n}" for n in range(2, 10**9) if f"{name}-{n}" not in taken)


def wordlist(name: str) -> list[str]:
    return (Path(__file__).parent / "wordlists" / f"{name}.txt").read_text().split()


def near(word: str, words: Iterable[str]) -> list[str]:
    """Those of `words` that somebody may have meant, best first."""
    import difflib

    return difflib.get_close_matches(word, list(words), n=3, cutoff=0.6)
