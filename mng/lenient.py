"""Reading what agents and hosts wrote: anything may stand there, and nothing of it is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

MOST = 1e15  # of anything: milliseconds since 1970 are 1e12
LINE = 2 << 20  # bytes of a line: read, it may take thirty times as many
LATEST = 1e11  # a time in seconds: of the year 5138


def loaded(data: bytes | str) -> Any:
    """What the JSON means; None for what is none, or goes too deep."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def table(value: Any) -> dict[str, Any]:
    """Itself; {} for anything but an object."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def lines(data: bytes, sign: bytes = b"") -> Iterator[dict[str, Any]]:
    """The objects of whole lines of JSON; only of those that have the sign."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        line, at = data[at:end] if data[at : at + 1] == b"{" and end - at <= LINE else b"", end + 1
        if line and sign in line and isinstance(found := loaded(line), dict):
            yield found


def text(value: Any) -> str:
    """Itself, as it can be written; "" for anything but text."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def number(value: Any, otherwise: float = 0.0) -> float:
    """A finite one that may be a time or a size, also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | bytes):
        return otherwise
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return otherwise
    return found if math.isfinite(found) and abs(found) <= MOST else otherwise
