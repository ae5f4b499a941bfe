"""What was done to a host: each change, and how many there were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mng.errors import MngError

Status = Literal["ok", "changed", "failed", "skipped", "unreachable"]


class Change(NamedTuple):
    """What one op found or did, or with `check` would do."""

    role: str
    what: str
    status: Status
    diff: str = ""
    tags: tuple[str, ...] = ()
    error: MngError | None = None


@dataclass
class Recap:
    """What was done to one host."""

    host: str
    changes: list[Change] = field(default_factory=list)

    def count(self, status: Status) -> int:
        return sum(change.status == status for change in self.changes)

    @property
    def error(self) -> MngError | None:
        """The first."""
        return next((change.error for change in self.changes if change.error), None)

    def __str__(self) -> str:
        counts = [f"{status}={self.count(status)}" for status in ("ok", "changed", "unreachable", "failed", "skipped")]
        return f"{self.host}: " + " ".join(counts)
