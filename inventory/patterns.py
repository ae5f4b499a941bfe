"""Host patterns with Ansible's meaning: names, groups, globs, ~regex, a:b, a:!b, a:&b, g[0:3]. No hosts here, only names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mng.errors import NotFound, UsageError
from mng.inventory.addresses import parse

SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]")
PART = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")  # between colons and blanks, brackets being kept whole
HERE = ("localhost", "127.0.0.1", "::1")


class Names(NamedTuple):
    """All hosts in their order, and of each group its hosts, those of its children among them."""

    hosts: Sequence[str]
    groups: Mapping[str, Sequence[str]]


def split(pattern: str) -> list[str]:
    """Its terms. A comma is clear; a colon may also belong to an address (`::1`, `web:22`, `me@web:22`) or a range."""
    if "," in pattern:
        parts = pattern.split(",")
    elif parse(pattern) or re.fullmatch(r"[^\s:@!&~]+@[^\s:]+(:\d+)?|[^\s@!&~]+@\[[^\]]+\](:\d+)?", pattern):
        parts = [pattern]
    else:
        parts = PART.findall(pattern)
    return [part.strip() for part in parts if part.strip()]


def limits(pattern: str, file: Callable[[str], Path] = Path) -> list[str]:
    """The terms of a --limit; `@FILE` stands for the lines in it."""
    terms = []
    for term in split(pattern):
        if not term.startswith("@"):
            terms.append(term)
            continue
        try:
            terms += [line.strip() for line in file(term[1:]).read_text().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--limit {term}: {getattr(error, 'strerror', None) or error}") from None
    return terms


def select(terms: Iterable[str], names: Names, stray: Callable[[str], list[str]] = lambda term: []) -> list[str]:
    """The hosts that the terms mean, each once: what is plain first, then of these those with `&`, then without `!`.

    `stray` is asked for names that a term may mean which neither a host nor a group has.
    """
    terms = list(terms)
    chosen: dict[str, None] = {}
    for term in [term for term in terms if term[0] not in "!&"] or ["all"]:
        chosen.update(dict.fromkeys([term] if term in names.hosts else meant(term, names, stray)))  # a host before a group
    for term in (term for term in terms if term[0] == "&"):
        common = set(meant(term[1:], names, stray))
        chosen = {name: None for name in chosen if name in common}
    for term in (term for term in terms if term[0] == "!"):
        for name in meant(term[1:], names, stray):
            chosen.pop(name, None)
    return list(chosen)


def meant(term: str, names: Names, stray: Callable[[str], list[str]]) -> list[str]:
    """The hosts of one term without its `!` or `&`."""
    if not term:
        raise UsageError("a host pattern ends too soon", "as in: 'web:!web3', 'web:&prod'")
    found = SUBSCRIPT.fullmatch(term) if term[0] != "~" else None
    if not found:
        return matching(term, names, stray)
    word, at, first, last = found.groups()
    hosts = matching(word, names, stray)
    if at is None:
        begin, end = int(first), int(last or -1)
        # like Ansible, whose [2:0] is [2]
        return hosts[begin : len(hosts) if end == -1 else end + 1] if end else one(hosts, begin, term)
    return one(hosts, int(at), term)


def one(hosts: list[str], at: int, term: str) -> list[str]:
    if hosts and not -len(hosts) <= at < len(hosts):
        raise NotFound(f"{term}: there are only {len(hosts)}", f"the first is {term.rpartition('[')[0]}[0]")
    return hosts[at : at + 1 or None] if hosts else []


def matching(word: str, names: Names, stray: Callable[[str], list[str]]) -> list[str]:
    """Hosts of the groups that it fits; hosts that it fits only if it fits no group, or isn't a plain word."""
    try:
        fits = re.compile(word[1:] if word[0] == "~" else fnmatch.translate(word)).match
    except re.error as error:
        raise UsageError(f"{word} is no regular expression: {error}") from None
    groups = [name for name in names.groups if fits(name)]
    hosts = [host for name in groups for host in names.groups[name]]
    if not groups or word[0] == "~" or any(sign in word for sign in ".?*["):
        hosts += [host for host in names.hosts if fits(host)]
    return hosts if hosts or groups else stray(word)
