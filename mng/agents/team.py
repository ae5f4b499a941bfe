"""All agents there are, and choosing among them: by name, id, NAME@HOST or a CEL expression."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mng import settings
from mng.agents.agent import Agent
from mng.agents.row import AgentRow, row
from mng.agents.state import hand_made
from mng.errors import MngError, NotFound, UsageError
from mng.host import Host, Probe
from mng.inventory.inventory import Found, Inventory
from mng.names import near


@dataclass
class Team:
    """The agents of some hosts; `broken` ones have a folder but no readable record."""

    inventory: Inventory
    hosts: list[Host]
    agents: list[Agent] = field(default_factory=list)
    broken: list[Found] = field(default_factory=list)
    probes: dict[str, Probe] = field(default_factory=dict)

    @classmethod
    def of(cls, inventory: Inventory | None = None, patterns: Iterable[str] = ()) -> Team:
        """Without an inventory that of this folder's settings."""
        inventory = inventory or Inventory(settings.load())
        hosts = inventory.hosts(tuple(patterns))
        team = cls(inventory, hosts)
        for found in inventory.found(hosts):
            if found.record:
                team.agents.append(Agent(found.record, found.host))
            else:
                team.broken.append(found)
        return team

    def probe(self, host: Host) -> Probe:
        """One a host and command."""
        if host.id not in self.probes:
            self.probes[host.id] = host.probe()
        return self.probes[host.id]

    def with_hand_made(self) -> Team:
        """Sessions that somebody made under our prefix are agents too."""
        for host in self.hosts:
            known = {host.session(agent.name) for agent in self.agents if agent.host.id == host.id}
            known |= {host.session(found.name) for found in self.broken if found.host.id == host.id}
            panes = {p.session: p for p in reversed(self.probe(host).panes) if p.session.startswith(host.prefix) and not p.agent}
            self.agents += [
                Agent(hand_made(host, p), host)
                for session, p in sorted(panes.items())
                if session not in known and p.session != host.prefix
            ]
        return self

    def rows(self) -> list[AgentRow]:
        return [
            row(agent.record, agent.host, agent.status(self.probe(agent.host)), self.probe(agent.host)) for agent in self.agents
        ]

    def named(self, word: str) -> Agent:
        """By name, NAME@HOST, id or the unique beginning of one; NotFound with near names."""
        name, _, host = word.partition("@")
        there = [agent for agent in self.agents if not host or agent.host.name == host.lstrip("@")]
        found = [agent for agent in there if agent.name == name]
        found = found or [
            a for a in there if len(name) >= 4 and a.record.id.removeprefix("agent-").startswith(name.removeprefix("agent-"))
        ]
        if len(found) > 1:
            raise UsageError(f"{word} could be {' or '.join(f'{a.name}@{a.host.name}' for a in found)}", "say which")
        if found:
            return found[0]
        for broken in self.broken:
            if name in (broken.name, broken.id):
                raise MngError(
                    f"{name}: {broken.problem}",
                    f"mend the file, or remove what is known of it: mng destroy {name} --discard",
                )
        close = near(name, [agent.name for agent in self.agents])
        raise NotFound(f"no agent {word!r}", f"did you mean {' or '.join(close)}?" if close else "see: mng list")

    def wait(self, *names: str, timeout: float = 3600.0) -> list[AgentRow]:
        """Until each of them (all without names) is at rest; MngError after `timeout` seconds."""
        end = time.monotonic() + timeout
        agents = [self.named(name) for name in names] or [agent for agent in self.agents if agent.record.id]
        return [agent.rest(max(end - time.monotonic(), 0)) for agent in agents]

    def filtered(self, include: Sequence[str], exclude: Sequence[str]) -> list[Agent]:
        """Those for which all of `include` and none of `exclude` hold."""
        if not include and not exclude:
            return self.agents
        rows = self.rows()
        kept = matching(rows, include, exclude)
        return [agent for agent, one in zip(self.agents, rows, strict=True) if id(one) in {id(k) for k in kept}]


def matching(rows: list[AgentRow], include: Sequence[str], exclude: Sequence[str]) -> list[AgentRow]:
    """CEL over the fields of list; a field that is missing makes an expression false."""
    if not include and not exclude:
        return rows
    wanted, unwanted = [compiled(text) for text in include], [compiled(text) for text in exclude]
    kept = []
    for one in rows:
        fields = one.model_dump(mode="json")
        if all(holds(test, fields) for test in wanted) and not any(holds(test, fields) for test in unwanted):
            kept.append(one)
    return kept


def compiled(text: str) -> tuple[str, Any]:
    import cel

    try:
        return text, cel.compile(text)
    except Exception as error:
        raise UsageError(f"not a CEL expression: {text}", str(error).splitlines()[0]) from None


def holds(test: tuple[str, Any], fields: dict[str, Any]) -> bool:
    import cel

    text, program = test
    try:
        return program.execute(cel.Context(fields)) is True
    except (KeyError, IndexError, TypeError):
        return False
    except Exception as error:
        if str(error).startswith("Undefined variable"):
            return False
        raise UsageError(f"{text}: {str(error).splitlines()[0]}") from None
