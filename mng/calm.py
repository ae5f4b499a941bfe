"""Text of agents and hosts as a terminal may have it."""

from __future__ import annotations

import re

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Without control characters: what a host says must not steer the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def calm(text: str) -> str:
    """Lines of text as they are, without what steers a terminal: control characters, and those that turn what follows around."""
    return STEERS.sub(lambda found: repr(found[0])[1:-1], text.replace("\r\n", "\n"))
