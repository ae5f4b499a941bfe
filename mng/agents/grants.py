"""What an agent may do without asking: rules in its program's own words."""

from __future__ import annotations

from collections.abc import Sequence

from mng.agents.agent import Agent
from mng.agents.types import type_of
from mng.errors import NotAvailable, NotFound
from mng.inventory.origins import Origins
from mng.records import AgentRecord


def granted(record: AgentRecord, rules: Sequence[str], revoked: Sequence[str] = ()) -> AgentRecord:
    """The record with these rules, and without those; NotAvailable for a program that has none."""
    if not rules and not revoked:
        return record
    kind = type_of(record)
    if not kind.takes_grants:
        raise NotAvailable(
            f"a program of type {kind.name} has no rules to grant", "its own options may have: mng create … -- OPTIONS"
        )
    if missing := [rule for rule in revoked if rule not in record.grants]:
        raise NotFound(f"{record.name} has no grant {missing[0]!r}", f"it has: {', '.join(record.grants) or 'none'}")
    left = [rule for rule in dict.fromkeys([*record.grants, *rules]) if rule not in revoked]
    return record.model_copy(update={"grants": left})


def grants_known(origins: Origins, agent: Agent, rules: Sequence[str], revoked: Sequence[str] = ()) -> None:
    """The same change to what this machine knows of an agent elsewhere."""
    if origin := origins.of(agent.host.id, agent.record.id):
        left = [rule for rule in dict.fromkeys([*origin.record.grants, *rules]) if rule not in revoked]
        origins.learn(agent.host, agent.record.id, grants=left)
