"""All agents there are, and choosing among them: by name, id, NAME@HOST or a CEL expression."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mng import hooks, output, settings
from mng.agents.agent import Agent
from mng.agents.row import AgentRow, row, unreadable
from mng.agents.state import hand_made
from mng.errors import MngError, NotFound, UsageError
from mng.host import Host, Probe
from mng.inventory.inventory import Found, Inventory, on_host, once_on
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
    def of(
        cls, inventory: Inventory | None = None, patterns: Iterable[str] = (), words: Sequence[str] = (), timeout: float = 0,
        limit: str = "", shown: Callable[[Team, str], None] | None = None,
    ) -> Team:  # fmt: skip
        """Without an inventory that of this folder's settings. With `words`, hosts that they can't mean are not asked.

        While hosts take long to answer, `shown` gets the team so far, and what is waited for.
        """
        inventory = inventory or Inventory(settings.load())
        patterns = tuple(patterns)
        team = cls(inventory, [])

        def so_far(found: list[Host], waiting: str) -> None:
            if shown:
                shown(cls(inventory, []).join(found, timeout or 5.0), waiting)

        if words and not patterns:
            hosts = concerned(inventory, words)
        else:
            hosts = inventory.hosts(patterns, limit, so_far) if shown else inventory.hosts(patterns, limit)
        return team.join(hosts, timeout or (30.0 if patterns or words else 5.0), shown)

    def join(self, hosts: list[Host], timeout: float, shown: Callable[[Team, str], None] | None = None) -> Team:
        """With what is on these hosts, too."""
        self.hosts += hosts
        self.reach(timeout, shown)
        found = [one for host in hosts for one in self.on(host)]
        for one in sorted(found, key=lambda one: one.record.created if one.record else 0.0):
            if one.record:
                self.agents.append(Agent(one.record, one.host))
            else:
                self.broken.append(one)
        return self

    def reach(self, timeout: float, shown: Callable[[Team, str], None] | None = None) -> None:
        """Probe all hosts elsewhere, side by side; one that does not answer in time keeps nobody."""
        away = [host for host in self.hosts if not host.local and host.id not in self.probes]
        if not away:
            return
        from mng.inventory.reach import probes

        def so_far(found: dict[str, Probe], waiting: str) -> None:
            part = Team(self.inventory, [])
            part.probes = {**self.probes, **{id_: probe for id_, probe in found.items() if probe.reached}}
            part.join([host for host in self.hosts if host.local or host.id in part.probes], timeout)
            if shown:
                shown(part, waiting)

        for host, probe in probes(away, timeout, so_far if shown else None).items():
            self.probes[host] = probe

    def on(self, host: Host) -> list[Found]:
        """The agents on the host; of one that does not answer, those that it had."""
        if host.local:
            return on_host(host, host.tree())
        probe = self.probe(host)
        if probe.reached:
            if host.state == "UNREACHABLE":
                host.state, host.seen = "RUNNING", 0.0
            return on_host(host, probe.files)
        known = self.inventory.recall(host)
        host.state = "UNREACHABLE"
        output.warn(f"{host.name} is UNREACHABLE: {probe.problem}")
        if not known:
            return []
        host.home, host.dir, host.seen = known.home, known.dir, known.time
        return once_on(host, known)

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
        rows = [self.row(agent) for agent in self.agents]
        for host in self.hosts:
            if not host.local and self.probe(host).reached:
                states = {row.id: row.state for row in rows if row.host.id == host.id and row.id}
                self.inventory.remember(host, self.probe(host).files, states)
            elif not host.local and (known := self.inventory.recall(host)):
                for one in rows:
                    one.state_reason = f"was {known.states[one.id]}" if one.id in known.states else one.state_reason
        return rows

    def row(self, agent: Agent) -> AgentRow:
        """Of one by itself: what it or its host wrote may be anything, and the others are shown whatever it is."""
        try:
            probe = self.probe(agent.host)
            return row(agent.record, agent.host, agent.status(probe), probe)
        except Exception as error:
            problem = f"unreadable: {hooks.described(error)}"
            return unreadable(agent.name, agent.record.id, agent.host, problem, agent.record.type)

    def named(self, word: str) -> Agent:
        """By name, NAME@HOST, id or the unique beginning of one; NotFound with near names."""
        name, _, host = word.partition("@")
        if host and not any(one.name == host.lstrip("@") for one in self.hosts):
            self.join([self.inventory.host(host.lstrip("@"))], 30.0)
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


def concerned(inventory: Inventory, words: Sequence[str]) -> list[Host]:
    """The hosts that the words can mean: of NAME@HOST that one, this machine for a name that only it has."""
    every = inventory.hosts()
    elsewhere = [known for host in every if not host.local and (known := inventory.recall(host))]
    local, hosts = inventory.local.host, dict[str, Host]()
    for word in words:
        name, _, at = word.partition("@")
        if " " in word or not name:  # the text of a message, which no agent has for a name
            continue
        if at:
            host = inventory.host(at.lstrip("@"))
        elif local.disk().link(local.claim(name)) and not any(name in known.names for known in elsewhere):
            host = local
        else:
            return every
        hosts[host.id] = host
    return list(hosts.values()) or every


def matching(rows: list[AgentRow], include: Sequence[str], exclude: Sequence[str]) -> list[AgentRow]:
    """CEL over the fields of list; a field that is missing makes an expression false."""
    if not include and not exclude:
        return rows
    wanted, unwanted = [compiled(text) for text in include], [compiled(text) for text in exclude]
    kept = []
    for one in rows:
        known = context(one)
        if all(holds(test, known) for test in wanted) and not any(holds(test, known) for test in unwanted):
            kept.append(one)
    return kept


def context(one: AgentRow) -> Any:
    """What CEL knows of it; without what its type keeps where that is more than CEL can take."""
    import cel

    fields = one.model_dump(mode="json")
    try:
        return cel.Context(fields)
    except Exception as error:
        output.detail(f"{one.name}: {hooks.described(error)}")
        return cel.Context({**fields, "plugin": {}, "host": {**fields["host"], "plugin": {}}})


def compiled(text: str) -> tuple[str, Any]:
    import cel

    try:
        return text, cel.compile(text)
    except Exception as error:
        raise UsageError(f"not a CEL expression: {text}", str(error).splitlines()[0]) from None


def holds(test: tuple[str, Any], known: Any) -> bool:
    text, program = test
    try:
        return program.execute(known) is True
    except (KeyError, IndexError, TypeError):
        return False
    except Exception as error:
        if str(error).startswith("Undefined variable"):
            return False
        raise UsageError(f"{text}: {str(error).splitlines()[0]}") from None
