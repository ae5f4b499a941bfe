"""Host names as inventories write them: with a port, with ranges as in `web[01:20]`."""

from __future__ import annotations

import ipaddress
import re
from string import ascii_letters

from mng.errors import UsageError

RANGE = r"\[(?:[0-9]+:[0-9]+|[a-z]:[a-z])(?::[0-9]+)?\]"
LABEL = rf"(?:\w|{RANGE})(?:[\w-]|{RANGE})*(?<![_-])"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*", re.IGNORECASE)
HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)
BRACKETS = re.compile(r"\[(.+)\]:([0-9]+)")
PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")


def parse(text: str) -> tuple[str, int | None] | None:
    """A name or address and its port (`web:22`, `[::1]:22`), ranges and all; None for what is neither."""
    port = None
    for shape in (BRACKETS, PORT):
        if found := shape.fullmatch(text):
            text, port = found[1], int(found[2])
    return (text, port) if NAME.fullmatch(text) or is_ipv6(HEX_RANGE.sub("1", text)) else None


def is_ipv6(text: str) -> bool:
    try:
        return "%" not in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def expanded(text: str) -> tuple[list[str], int | None]:
    """All names that a host line of an inventory stands for, and the port."""
    name, port = parse(text) or (text, None)
    return names(name), port


def names(text: str) -> list[str]:
    """`web[01:03]` as web01, web02, web03; `[a:c]`; a third number is the step."""
    found = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", text, re.DOTALL)
    if not found and "[" in text:
        raise UsageError(f"{text}: the [ is not closed")
    if not found:
        return [text]
    head, inside, tail = found.groups()
    begin, end, step, *more = [*inside.split(":"), "1", ""][: max(inside.count(":") + 1, 3)]
    begin = begin or "0"
    try:
        if more or not end:
            raise ValueError
        if len(begin) > 1 and begin[0] == "0" and len(begin) != len(end):
            raise UsageError(f"{text}: {begin} and {end} are not equally long")
        if begin in ascii_letters and end in ascii_letters and len(begin) == len(end) == 1:
            values = list(ascii_letters[ascii_letters.index(begin) : ascii_letters.index(end) + 1 : int(step)])
            if not values:
                raise UsageError(f"{text}: {end} comes before {begin}")
        else:
            width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
            values = [str(number).zfill(width) for number in range(int(begin), int(end) + 1, int(step))]
    except ValueError:
        raise UsageError(f"{text}: [{inside}] is no range", "as in: web[1:9], web[01:20:2], db-[a:f]") from None
    return [name for value in values for name in names(f"{head}{value}{tail}")]
