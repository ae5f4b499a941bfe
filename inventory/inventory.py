"""The inventory: the one door to hosts, and to the records of the agents on them."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mng import hooks
from mng.errors import MngError, NotAvailable, NotFound, UsageError
from mng.host import Host
from mng.inventory import last_known
from mng.inventory.local import Local
from mng.names import near
from mng.records import AgentRecord
from mng.runner import Tree
from mng.settings import Settings

if TYPE_CHECKING:
    from mng.inventory.provider import Provider


T = TypeVar("T")
PARTS = ("name", "hosts", "named", "create", "start", "stop", "destroy", "snapshot", "snapshots", "drop_snapshot", "checks")


class Found(NamedTuple):
    """An agent's folder on a host: its record, or why that can't be read (`name` is then taken from the name claim)."""

    host: Host
    id: str
    name: str
    record: AgentRecord | None
    problem: str = ""


class Inventory:
    """All providers' hosts. Nothing is asked of a provider before it is needed."""

    def __init__(self, settings: Settings, allow_unknown_host: bool = False) -> None:
        self.settings = settings
        self.local = Local(str(settings.host_dir), settings.prefix)
        self.allow_unknown_host = allow_unknown_host
        self.cache = settings.host_dir / "cache" / "hosts"
        self.loaded: dict[str, Provider] = {}

    @property
    def providers(self) -> list[Provider]:
        """This machine, those of the settings, `ssh`, once it was used, and those of plugins."""
        known: dict[str, list[str]] = {}
        for one in last_known.all_known(self.cache):
            known.setdefault(one.provider, []).append(one.name)
        names = dict.fromkeys([*self.settings.providers, *(["ssh"] if "ssh" in known else [])])
        theirs = {one.name: one for one in self.of_plugins}
        ours = [self.load(name, tuple(known.get(name, ()))) for name in names if name not in theirs]
        return [self.local, *ours, *theirs.values()]

    @cached_property
    def of_plugins(self) -> list[Provider]:
        found: list[Provider] = []
        for plugin, theirs in hooks.each("providers", settings=self.settings):
            for one in theirs:
                if lacks := [part for part in PARTS if not hasattr(one, part)]:
                    hooks.blame(plugin, MngError(f"{one!r} has no {', '.join(lacks)}"), "providers")
                elif one.name in ("local", "ssh") or any(one.name == other.name for other in found):
                    hooks.blame(plugin, MngError(f"there is a provider {one.name} already"), "providers")
                else:
                    found.append(one)
        return found

    def asked(self, provider: Provider, ask: Callable[[], T], otherwise: T) -> T:
        """What a provider says; a plugin's that fails knows nothing."""
        try:
            return ask()
        except Exception as error:
            if not any(provider is one for one in self.of_plugins):
                raise
            hooks.blame(hooks.culprit(error) or provider.name, error, f"provider {provider.name}")
            return otherwise

    def load(self, name: str, known: tuple[str, ...] = ()) -> Provider:
        if name not in self.loaded:
            backend = self.settings.providers.get(name, {}).get("backend", name)
            if backend != "ssh":
                raise UsageError(f"{self.settings.where('providers', name, 'backend')}: no backend {backend!r}", "there is: ssh")
            from mng.inventory.ssh import Ssh

            self.loaded[name] = Ssh(name, self.settings, known, self.allow_unknown_host)
        return self.loaded[name]

    def provider(self, name: str) -> Provider:
        """By name; NotAvailable for one that is not set up here."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        if name == "ssh":
            return self.load(name)
        known = [provider.name for provider in self.providers]
        raise NotAvailable(f"no provider {name!r} here", f"there is: {', '.join(known)}")

    def hosts(self, patterns: tuple[str, ...] = ()) -> list[Host]:
        """All, or those that match one of the patterns (names with *, ids); no match raises NotFound."""
        every = [host for provider in self.providers for host in self.asked(provider, provider.hosts, list[Host]())]
        if not patterns:
            return every
        words = [word.removeprefix("@") for pattern in patterns for word in pattern.split(",")]
        hosts = [h for h in every if any(word in ("all", "*", h.id) or fnmatch(h.name, word) for word in words)]
        if not hosts:
            hosts = [host for word in words if (host := self.named(word))]
        if not hosts:
            names = [host.name for host in every]
            raise NotFound(f"no host matches {' '.join(patterns)}", f"there is: {', '.join(near(words[0], names) or names[:5])}")
        return hosts

    def host(self, name: str) -> Host:
        """By name or id, or any that can be reached by that name: an alias of ssh_config, user@address:port."""
        return self.named(name) or self.hosts((name,))[0]

    def named(self, name: str) -> Host | None:
        """Also one that no provider lists."""
        if name in ("local", self.local.host.id):
            return self.local.host
        every = (*self.providers, self.load("ssh"))
        found = (self.asked(provider, partial(provider.named, name), None) for provider in every)
        return next((host for host in found if host), None)

    def remember(self, host: Host, files: Tree | None = None, states: dict[str, str] | None = None) -> None:
        """For the day when it does not answer, and so that it is listed at all if no settings name it."""
        if not host.local:
            ids = files.names(f"{host.dir}/agents") if files else []
            data = {id_: files.read(f"{host.agent_dir(id_)}/data.json") for id_ in ids} if files else {}
            last_known.remember(self.cache, host, {id_: text for id_, text in data.items() if text}, states)

    def recall(self, host: Host) -> last_known.LastKnown | None:
        return last_known.recall(self.cache, host)


def on_host(host: Host, files: Tree) -> list[Found]:
    """Every agent that the host's folder knows of; unreadable ones are among them."""
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


def once_on(host: Host, known: last_known.LastKnown) -> list[Found]:
    """The agents of a host that does not answer, as they were."""
    records = [AgentRecord.parse(text.encode()) for text in known.records.values()]
    return [Found(host, record.id, record.name, record) for record in records]


def claimed(files: Tree, host: Host) -> dict[str, str]:
    """Agent id to name, as the name claims have it."""
    links = {name: files.link(host.claim(name)) for name in files.names(f"{host.dir}/names")}
    return {target.rpartition("/")[2]: name for name, target in links.items() if target}
