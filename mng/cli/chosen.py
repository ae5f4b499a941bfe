"""The agents that the target options choose, and work done to them side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar

from mng.agents.agent import Agent
from mng.agents.team import Team
from mng.cli.targets import TargetOptions
from mng.errors import MngError, NotFound, UsageError
from mng.host import Host
from mng.rows import Results, Row

if TYPE_CHECKING:  # what ends agents knows of roles and git, which most commands never need
    from mng.agents.ending import Willing

AT_ONCE = 16
T = TypeVar("T")
R = TypeVar("R")
Done = TypeVar("Done", bound=Row)


class Outcome(Row):
    """What became of one agent."""

    columns: ClassVar[dict[str, str]] = {"NAME": "name", "RESULT": "result", "DETAIL": "detail"}

    name: str
    host: str = ""
    result: str
    detail: str = ""
    exit_code: int = 0

    def human(self) -> str:
        return f"{self.name}: {self.result}" + (f" ({self.detail})" if self.detail else "")


def failed(name: str, error: MngError, host: str = "") -> Outcome:
    return Outcome(name=name, host=host, result="failed", detail=str(error), exit_code=error.exit_code)


@dataclass
class Chosen:
    """The agents that a command acts on, and the words that named none."""

    agents: list[Agent]
    failures: list[Outcome] = field(default_factory=list)
    abort: bool = False

    @property
    def alone(self) -> bool:
        return len(self.agents) == 1 and not self.failures

    def each(self, work: Callable[[Agent], Done]) -> Results[Done | Outcome]:
        """Every agent's row, in order. A single agent's error is the command's own; of several, each is told."""
        if self.alone:
            return alone(work(self.agents[0]))
        broken = bool(self.failures)

        def one(agent: Agent) -> Done | Outcome:
            nonlocal broken
            if broken and self.abort:
                return Outcome(name=agent.name, host=agent.host.name, result="skipped", exit_code=1)
            done: Done | Outcome
            try:
                done = work(agent)
            except MngError as error:
                done = failed(agent.name, error, agent.host.name)
            broken = broken or bool(getattr(done, "exit_code", 0))
            return done

        return counted([*self.failures, *side_by_side(one, self.agents, 1 if self.abort else AT_ONCE)])

    def by_host(self, work: Callable[[Host, list[Agent]], Sequence[Outcome]]) -> Results[Outcome]:
        """Work that takes all agents of a host in one go, the hosts side by side."""
        hosts = {agent.host.id: agent.host for agent in self.agents}
        groups = [(host, [agent for agent in self.agents if agent.host.id == id_]) for id_, host in hosts.items()]

        def one(group: tuple[Host, list[Agent]]) -> Sequence[Outcome]:
            host, agents = group
            try:
                return work(host, agents)
            except MngError as error:
                if self.alone:
                    raise
                return [failed(agent.name, error, host.name) for agent in agents]

        rows = [*self.failures, *(row for rows in side_by_side(one, groups) for row in rows)]
        return alone(rows[0]) if self.alone and len(rows) == 1 else counted(rows)


def alone(row: R) -> Results[R]:
    results = Results([row])
    results.alone = True
    return results


def unwilling(willing: Willing) -> list[Outcome]:
    """Rows of those of which a plugin refuses it."""
    return [failed(agent.name, error, agent.host.name) for agent, error in willing.refused]


def side_by_side(work: Callable[[T], R], items: Sequence[T], at_once: int = AT_ONCE) -> list[R]:
    """What the work gives for each, in order; threads only where there are several."""
    if len(items) < 2 or at_once < 2:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    contexts = [copy_context() for _ in items]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda context, item: context.run(work, item), contexts, items))


def counted(rows: list[R]) -> Results[R]:
    """With a last line that counts what became of them."""
    kinds = [str(getattr(row, "result", "done")) for row in rows]
    return Results(rows, ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) if len(rows) > 1 else "")


def chosen(team: Team, o: TargetOptions, sessions: Iterable[str] = ()) -> Chosen:
    """NotFound when nothing is meant or nothing matches: never a silent success."""
    words = [*o.agents, *(session_name(team, session) for session in sessions)]
    from_stdin = o.stdin or "-" in words
    words = [word for word in words if word != "-"] + (lines() if from_stdin else [])
    if not (words or o.all_ or o.include or from_stdin or o.hosts):
        raise UsageError("which agents?", "name them, or give --all")
    everyone = o.all_ or not (words or from_stdin)
    agents, failures = named(team, words)
    agents = team.agents if everyone else agents
    if o.include or o.exclude:
        kept = {id(agent) for agent in team.filtered(o.include, o.exclude)}
        agents = [agent for agent in agents if id(agent) in kept]
    if len(failures) == 1 and not agents:
        raise next(iter(failures.values()))
    if not agents and not failures:
        raise NotFound("no agent matches", "see: mng list")
    unique = list({(agent.host.id, agent.record.id or agent.name): agent for agent in agents}.values())
    return Chosen(unique, [failed(word, error) for word, error in failures.items()], o.on_error == "abort")


def picked(team: Team) -> Agent:
    """The one chosen from a list, the newest first."""
    from mng.cli.selector import select

    rows = list(zip(team.agents, team.rows(), strict=True))[::-1]
    if not rows:
        raise NotFound("there is no agent", "mng create starts one")
    width = max(len(row.name) for _, row in rows)
    return rows[select("agent", [f"{row.name:{width}}  {row.shown_state}  {row.shown_labels}" for _, row in rows])][0]


def named(team: Team, words: Iterable[str]) -> tuple[list[Agent], dict[str, MngError]]:
    """The agents, and the words that name none, each with what is wrong with it."""
    agents: list[Agent] = []
    errors: dict[str, MngError] = {}
    for word in words:
        try:
            agents.append(team.named(word))
        except MngError as error:
            errors[word] = error
    return agents, errors


def session_name(team: Team, session: str) -> str:
    prefix = team.inventory.settings.prefix
    if not session.startswith(prefix):
        raise NotFound(f"the session {session} is no agent's", f"agents' sessions begin with {prefix}")
    return session.removeprefix(prefix)


def lines() -> list[str]:
    if sys.stdin is None:
        raise UsageError("stdin is closed: no names to read")
    return [line.strip() for line in sys.stdin if line.strip() and not line.startswith("#")]
