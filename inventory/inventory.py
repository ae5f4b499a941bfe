"""The inventory: the one door to hosts, and to the records of the agents on them."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, NamedTuple

from mng.errors import MngError, NotAvailable, NotFound
from mng.host import Host
from mng.inventory.local import Local
from mng.names import near
from mng.records import AgentRecord
from mng.runner import Tree
from mng.settings import Settings

if TYPE_CHECKING:
    from mng.inventory.provider import Provider


class Found(NamedTuple):
    """An agent's folder on a host: its record, or why that can't be read (`name` is then taken from the name claim)."""

    host: Host
    id: str
    name: str
    record: AgentRecord | None
    problem: str = ""


class Inventory:
    """All providers' hosts. Nothing is asked of a provider before it is needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.local = Local(str(settings.host_dir), settings.prefix)

    @property
    def providers(self) -> list[Provider]:
        return [self.local]

    def provider(self, name: str) -> Provider:
        """By name; NotAvailable for one that is not set up here."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        known = [provider.name for provider in self.providers]
        raise NotAvailable(f"no provider {name!r} here", f"there is: {', '.join(known)}")

    def hosts(self, patterns: tuple[str, ...] = ()) -> list[Host]:
        """All, or those that match one of the patterns (names with *, ids); no match raises NotFound."""
        every = [host for provider in self.providers for host in provider.hosts()]
        if not patterns:
            return every
        words = [word.removeprefix("@") for pattern in patterns for word in pattern.split(",")]
        hosts = [h for h in every if any(word in ("all", "*", h.id) or fnmatch(h.name, word) for word in words)]
        if not hosts:
            names = [host.name for host in every]
            raise NotFound(f"no host matches {' '.join(patterns)}", f"there is: {', '.join(near(words[0], names) or names[:5])}")
        return hosts

    def host(self, name: str) -> Host:
        return self.hosts((name,))[0]

    def found(self, hosts: list[Host] | None = None) -> list[Found]:
        """Every agent that the hosts' folders know of, oldest first; unreadable ones are among them."""
        agents = [one for host in (self.hosts() if hosts is None else hosts) for one in on_host(host)]
        return sorted(agents, key=lambda one: one.record.create_time.timestamp() if one.record else 0.0)


def on_host(host: Host) -> list[Found]:
    files = host.runner.tree()
    claims: dict[str, str] | None = None
    agents = []
    for id_ in files.names(f"{host.dir}/agents"):
        if id_.startswith("."):
            continue
        data = files.read(f"{host.agent_dir(id_)}/data.json")
        if data is None and not files.names(host.agent_dir(id_)):
            continue  # claimed this very moment, or a stray file
        try:
            record = AgentRecord.parse(data or b"")
            agents.append(Found(host, record.id, record.name, record))
        except MngError as error:
            claims = claimed(files, host) if claims is None else claims
            agents.append(Found(host, id_, claims.get(id_, id_), None, f"{host.agent_dir(id_)}/data.json: {error.what}"))
    return agents


def claimed(files: Tree, host: Host) -> dict[str, str]:
    """Agent id to name, as the name claims have it."""
    links = {name: files.link(host.claim(name)) for name in files.names(f"{host.dir}/names")}
    return {target.rpartition("/")[2]: name for name, target in links.items() if target}
