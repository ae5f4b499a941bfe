"""Roles: reusable, idempotent pieces of provisioning, and the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mng.errors import MngError


@dataclass(frozen=True)
class Role:
    """A function of a play and options; called, it is the same role with options bound."""

    name: str
    body: Callable[..., None]
    needs: tuple[Role | str, ...] = ()
    tags: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **options: Any) -> Role:
        return replace(self, options={**self.options, **options})


def role(*, needs: Iterable[Role | str] = (), tags: Iterable[str] = ()) -> Callable[[Callable[..., None]], Role]:
    """Make a role of `def name(on: Play, **options)`; what it needs is done before it, by name or as it is."""
    return lambda body: Role(body.__name__.rstrip("_"), body, tuple(needs), tuple(tags))


def in_order(roles: Iterable[Role]) -> list[Role]:
    """The roles and what they need, each once, needs first; a role asked for with options counts over a mere need."""
    asked, order = list(roles), list[Role]()

    def visit(one: Role, chain: tuple[Role, ...] = ()) -> None:
        if any(done.body is one.body and done.options == one.options for done in order):
            return
        if any(before.body is one.body for before in chain):
            raise MngError(f"roles need each other in a circle: {' -> '.join(r.name for r in (*chain, one))}")
        for need in (found(need, one) for need in one.needs):
            if not any(other.body is need.body for other in asked):
                visit(need, (*chain, one))
        order.append(one)

    for one in asked:
        visit(one)
    return order


def found(need: Role | str, by: Role) -> Role:
    """A name is looked up from where the file of the role that needs it is."""
    from mng.roles import finding

    return finding.find(need, Path(by.body.__code__.co_filename).parent) if isinstance(need, str) else need
