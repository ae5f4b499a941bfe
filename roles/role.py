"""Roles: reusable, idempotent pieces of provisioning, and the play that does them to a host and counts what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mng import output
from mng.errors import MngError
from mng.host import Host

Status = Literal["ok", "changed", "failed", "skipped"]


class Change(NamedTuple):
    """What one op found or did."""

    role: str
    what: str
    status: Status


@dataclass
class Recap:
    """What was done to one host."""

    host: str
    changes: list[Change] = field(default_factory=list)

    def count(self, status: Status) -> int:
        return sum(change.status == status for change in self.changes)

    def __str__(self) -> str:
        counts = [f"{status}={self.count(status)}" for status in ("ok", "changed", "failed", "skipped")]
        return f"{self.host}: " + " ".join(counts)


@dataclass
class Play:
    """One host being provisioned: what roles and ops work on. With `check` nothing is changed."""

    host: Host
    check: bool = False
    yes: bool = False  # programs may be installed without asking
    role: str = ""
    recap: Recap = field(default_factory=lambda: Recap(""))

    def op(self, what: str, right: bool, mend: Callable[[], object]) -> bool:
        """Mend what isn't right, unless only checking; True if it had to be."""
        try:
            if not right and not self.check:
                mend()
        except MngError:
            self.recap.changes.append(Change(self.role, what, "failed"))
            raise
        self.recap.changes.append(Change(self.role, what, "ok" if right else "changed"))
        output.detail(f"{self.role}: {what}: {'ok' if right else 'changed'}")
        return not right


@dataclass(frozen=True)
class Role:
    """A function of a play and options; called, it is the same role with options bound."""

    name: str
    body: Callable[..., None]
    needs: tuple[Role, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **options: Any) -> Role:
        return Role(self.name, self.body, self.needs, {**self.options, **options})


def role(*, needs: Iterable[Role] = ()) -> Callable[[Callable[..., None]], Role]:
    """Make a role of `def name(on: Play, **options)`."""
    return lambda body: Role(body.__name__.rstrip("_"), body, tuple(needs))


def in_order(roles: Iterable[Role]) -> list[Role]:
    """The roles and what they need, each once, needs first; a role asked for with options counts over a mere need."""
    asked, order = list(roles), list[Role]()

    def visit(one: Role) -> None:
        if any(done.body is one.body and done.options == one.options for done in order):
            return
        for need in one.needs:
            if not any(other.body is need.body for other in asked):
                visit(need)
        order.append(one)

    for one in asked:
        visit(one)
    return order


def provision(host: Host, roles: Iterable[Role], *, check: bool = False, yes: bool = False) -> Recap:
    """Do the roles to the host, in order; the first failure raises, with the recap so far shown at -v."""
    play = Play(host, check, yes, recap=Recap(host.name))
    for one in in_order(roles):
        play.role = one.name
        one.body(play, **one.options)
    return play.recap
