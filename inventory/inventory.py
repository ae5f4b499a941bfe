"""The inventory: the one door to hosts, and to the records of the agents on them."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mng import foreign, hooks, output
from mng import settings as settings_module
from mng.errors import MngError, NotAvailable, NotFound, UsageError
from mng.host import Host
from mng.inventory import last_known
from mng.inventory.local import Local
from mng.inventory.origins import Origins
from mng.records import AgentRecord
from mng.runner import LocalRunner, Tree
from mng.settings import Settings
from mng.ssh.target import Target

if TYPE_CHECKING:
    from mng.inventory.hosts import Hosts
    from mng.inventory.provider import Provider, Snapshot
    from mng.inventory.selection import Selection
    from mng.inventory.ssh import Ssh


T = TypeVar("T")
PATIENCE = 1.5  # seconds after which a person is shown what is known already
SoFar = Callable[[list[Host], str], None]  # and what is waited for
PARTS = ("name", "makes_hosts", "age", "hosts", "named", "create", "start", "stop", "destroy", "snapshot", "snapshots",
         "drop_snapshot", "refresh_keys", "spares", "checks")  # fmt: skip


class Found(NamedTuple):
    """An agent's folder on a host: its record, or why that can't be read (`name` is then taken from the name claim)."""

    host: Host
    id: str
    name: str
    record: AgentRecord | None
    problem: str = ""


class Inventory:
    """All providers' hosts. Nothing is asked of a provider before it is needed."""

    def __init__(self, settings: Settings | None = None, allow_unknown_host: bool = False) -> None:
        """Without settings those of this folder."""
        self.settings = settings = settings or settings_module.load()
        self.local = Local(str(settings.host_dir), settings.prefix)
        self.allow_unknown_host = allow_unknown_host
        self.seen = settings.host_dir / "hosts"
        self.loaded: dict[str, Provider] = {}
        self.wanted = False  # for hosts by name: only then inventories that are programs are run
        self.read: dict[bool, Hosts] = {}
        self.of_user: Hosts | None = None

    @cached_property
    def providers(self) -> list[Provider]:
        """This machine, those of the settings, `ssh`, once it was used, and those of plugins."""
        known: dict[str, list[str]] = {}
        given = {name for provider in self.settings.providers.values() for name in provider.get("hosts", ())}
        for one in self.known.values():
            if one.name not in given:
                known.setdefault(one.provider, []).append(one.name)
        names = dict.fromkeys([*self.settings.providers, *(one for one in ("ssh", "docker", "modal") if one in known)])
        theirs = {one.name: one for one in self.of_plugins}
        ours = [self.load(name, tuple(known.get(name, ()))) for name in names if name not in theirs]
        return [self.local, *ours, *theirs.values()]

    @cached_property
    def known(self) -> dict[tuple[str, str], last_known.LastKnown]:
        """What is remembered of hosts, by provider and name."""
        return {(one.provider, one.name): one for one in last_known.all_known(self.seen)}

    @cached_property
    def of_plugins(self) -> list[Provider]:
        found: list[Provider] = []
        for plugin, theirs in hooks.each("providers", settings=self.settings):
            for one in theirs:
                if lacks := [part for part in PARTS if not hasattr(one, part)]:
                    hooks.blame(plugin, MngError(f"{one!r} has no {', '.join(lacks)}"), "providers")
                elif one.name in ("local", "ssh", "docker", "modal") or any(one.name == other.name for other in found):
                    hooks.blame(plugin, MngError(f"there is a provider {one.name} already"), "providers")
                else:
                    found.append(one)
        return found

    def look_again(self) -> None:
        """Providers of hosts that others have made meanwhile are here, too."""
        self.__dict__.pop("providers", None)
        self.__dict__.pop("known", None)

    def asked(self, provider: Provider, ask: Callable[[], T], otherwise: T) -> T:
        """What a provider says; a plugin's that fails knows nothing."""
        try:
            return ask()
        except Exception as error:
            if not any(provider is one for one in self.of_plugins):
                raise
            hooks.blame(hooks.culprit(error) or provider.name, error, f"provider {provider.name}")
            return otherwise

    def listed(self, provider: Provider) -> list[Host]:
        hosts = self.asked(provider, provider.hosts, list[Host]())
        for host in hosts:
            host.locked = LocalRunner().locked(f"{self.locks}/{host.id}")
        return hosts

    @property
    def locks(self) -> str:
        """The folder of files that who starts or makes a host holds."""
        return f"{self.settings.host_dir}/locks"

    @contextlib.contextmanager
    def alone_with(self, host: Host) -> Iterator[None]:
        """No other command of this machine starts or restores it meanwhile; MngError after a minute."""
        with LocalRunner().lock(f"{self.locks}/{host.id}", timeout=60):
            os.utime(f"{self.locks}/{host.id}")
            yield

    def load(self, name: str, known: tuple[str, ...] = ()) -> Provider:
        if name not in self.loaded:
            backend = self.settings.providers.get(name, {}).get("backend", name)
            if backend not in ("ssh", "docker", "modal"):
                where = self.settings.where("providers", name, "backend")
                raise UsageError(f"{where}: no backend {backend!r}", "there is: docker, modal, ssh")
            if backend == "ssh":
                from mng.inventory.ssh import Ssh

                self.loaded[name] = Ssh(name, self.settings, known, self.allow_unknown_host, self.written, self.fixed)
            elif backend == "modal":
                from mng.inventory.modal import Modal

                prices = self.settings.providers.get(name, {}).get("prices", {})
                self.loaded[name] = Modal(name, self.local.host.id, self.settings.host_dir, self.settings.prefix, known, prices)
            else:
                from mng.inventory.docker import Docker

                address = str(self.settings.providers.get(name, {}).get("host", ""))
                self.loaded[name] = Docker(name, self.local.host.id, self.settings.host_dir, self.settings.prefix, address, known)
        return self.loaded[name]

    @property
    def may_have_made(self) -> list[Provider]:
        """All providers, with those whose hosts nobody remembers: a create was killed before it could."""
        there = [one.name for one in self.providers]
        used = [name for name in ("docker", "modal") if (self.settings.host_dir / "keys" / f"{name}.used").exists()]
        return [*self.providers, *(self.load(name) for name in used if name not in there)]

    def provider(self, name: str) -> Provider:
        """By name; NotAvailable for one that is not set up here."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        if name in ("ssh", "docker", "modal"):
            return self.load(name)
        known = [provider.name for provider in self.providers]
        raise NotAvailable(f"no provider {name!r} here", f"there is: {', '.join(known)}")

    def with_snapshot(self, word: str) -> Provider:
        """Whose snapshot that is, by id or name. Raises NotFound, or why a provider could not be asked."""
        problem: MngError | None = None
        for provider in self.providers:
            try:
                kept: list[Snapshot] = self.asked(provider, provider.snapshots, [])
                if any(word in (one.id, one.name) for one in kept):
                    return provider
            except MngError as error:
                problem = error
        raise problem or NotFound(f"no snapshot {word!r}", "see: mng snapshot list")

    def every(self, so_far: SoFar | None = None) -> list[Host]:
        """What providers list, each asked by itself: one that takes long keeps no other, if `so_far` is there to show those."""
        if so_far is None or len(self.providers) < 2:
            return [host for one in self.providers for host in self.listed(one)]
        from concurrent.futures import Future, wait

        answers: dict[str, Future[list[Host]]] = {one.name: Future() for one in self.providers}

        def ask(provider: Provider) -> None:
            answer = answers[provider.name]
            try:
                answer.set_result(self.listed(provider))
            except BaseException as error:
                answer.set_exception(error)

        for provider in self.providers:
            threading.Thread(target=ask, args=(provider,), daemon=True).start()  # Ctrl-C waits for none of them
        if late := wait(answers.values(), PATIENCE).not_done:
            known = [host for one in answers.values() if one not in late and not one.exception() for host in one.result()]
            so_far(known, f"waiting for {', '.join(name for name, one in answers.items() if one in late)}")
        return [host for one in answers.values() for host in one.result()]

    def hosts(self, patterns: str | Iterable[str] = (), limit: str = "", so_far: SoFar | None = None) -> list[Host]:
        """What providers list; or, of that and of the hosts in inventory files, what the patterns mean, as in Ansible.

        `limit` leaves only those that it means, too; `@FILE` in it is for the lines of a file. None at all raises NotFound.
        """
        patterns = [patterns] if isinstance(patterns, str) else list(patterns)
        if not patterns and not limit:
            return self.every(so_far)
        return self.selection().hosts(patterns or ["local", "all"], limit, self.limit_file)

    def selection(self) -> Selection:
        """All that patterns can mean."""
        from mng.inventory.selection import Selection
        from mng.inventory.ssh import Ssh

        self.wanted = True
        unsure = [provider.name for provider in [*self.providers, self.ssh] if isinstance(provider, Ssh)]
        selection = Selection(self.every(), self.written(), self.named, unsure)
        self.keep_names(selection)
        return selection

    def keep_names(self, selection: Selection) -> None:
        """For TAB, which runs nothing: a line for each project."""
        names = selection.names
        words = [word for word in (*names.hosts, *names.groups) if not re.search(r"[\s|]", word)]
        folder = (settings_module.marked(self.settings.context) or [self.settings.context])[0]
        line, file = f"{folder}|{' '.join(dict.fromkeys(words))}", self.settings.user_dir / "cache" / "patterns"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            before = file.read_text().splitlines() if file.exists() else []
            others = [one for one in before if not one.startswith(f"{folder}|")]
            if line not in before:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                new = file.with_name(f"patterns.{os.getpid()}")
                new.write_text("".join(f"{one}\n" for one in (*others[-50:], line)))
                new.replace(file)

    def limit_file(self, name: str) -> Path:
        """`@failed` are the hosts on which the last command failed, unless there is a file of that name."""
        file = Path(name).expanduser()
        if name != "failed" or file.exists():
            return file
        if not self.failed_file.exists():
            raise NotFound("--limit @failed: no host failed the last time")
        return self.failed_file

    @property
    def failed_file(self) -> Path:
        return self.settings.host_dir / "cache" / "failed"

    def host(self, name: str) -> Host:
        """By name or id, or any that can be reached by that name: an alias of ssh_config, user@address:port."""
        if host := self.named(name):
            return host
        hosts = self.hosts((name,))
        if len(hosts) > 1:
            raise UsageError(f"{name} is {len(hosts)} hosts: {', '.join(host.name for host in hosts[:10])}", "name one of them")
        return hosts[0]

    def named(self, name: str) -> Host | None:
        """Also one that no provider lists."""
        if name in ("local", self.local.host.id):
            return self.local.host
        self.wanted = True
        if "@" not in name and self.is_here(name):
            return self.local.host
        every = [*self.providers, *([] if self.ssh in self.providers else [self.ssh])]
        found = (self.asked(provider, partial(provider.named, name), None) for provider in every)
        host = next((host for host in found if host), None)
        return host or (self.local.host if name in ("localhost", "127.0.0.1", "::1") else None)

    def is_here(self, name: str) -> bool:
        """Whether inventory files say that it is this machine; of a host that is known, only the user's own count."""
        known = ("ssh", name) in self.known
        files = self.written_by_user() if known else self.written()
        return name in files.vars and files.fixed(name).here

    @property
    def ssh(self) -> Ssh:
        """The provider of hosts that are there without settings of their own."""
        from mng.inventory.ssh import Ssh

        provider = next((provider for provider in self.providers if provider.name == "ssh"), None) or self.load("ssh")
        assert isinstance(provider, Ssh)
        return provider

    def written(self) -> Hosts:
        """What the inventory files say. While nobody asks for hosts, none is run, and none is worth an error."""
        if self.wanted not in self.read:
            from mng.inventory import ansible, places
            from mng.inventory.script import Scripts

            scripts = Scripts(self.settings.host_dir / "cache" / "inventory", run=self.wanted)
            try:
                self.read[self.wanted] = ansible.load(places.sources(self.settings), scripts)
            except MngError as error:
                if self.wanted:
                    raise
                output.warn(error.what)
                self.read[self.wanted] = ansible.load([], scripts)
        return self.read[self.wanted]

    def fixed(self, name: str) -> Target | None:
        """How a host was reached when it got its first agent, unless the user's own files say how: no project's do."""
        one = self.known.get(("ssh", name))
        return Target.of(one.reach) if one and one.reach and name not in self.written_by_user().vars else None

    def written_by_user(self) -> Hosts:
        """What inventory files of the user's own say."""
        from mng.inventory import ansible, places
        from mng.inventory.script import Scripts

        if self.of_user is None:
            self.written()  # runs those that are programs, if any is to be run
            scripts = Scripts(self.settings.host_dir / "cache" / "inventory", run=False)
            self.of_user = ansible.load(places.sources(self.settings, mine=True), scripts)
        return self.of_user

    def remember(self, host: Host, files: Tree | None = None, states: dict[str, str] | None = None) -> None:
        """For the day when it does not answer, and so that it is listed at all if no settings name it."""
        if not host.local:
            ids = files.names(f"{host.dir}/agents") if files else []
            data = {id_: read(files, f"{host.agent_dir(id_)}/data.json") for id_ in ids} if files else {}
            last_known.remember(self.seen, host, {id_: text for id_, text in data.items() if text}, states)

    def learn(self, host: Host, record: AgentRecord) -> None:
        """Of an agent that has just come to be there: its host may end before it is listed."""
        if not host.local:
            last_known.learn(self.seen, host, record.id, record.dump())

    def forget(self, host: Host) -> None:
        """It is no more."""
        last_known.place(self.seen, host).unlink(missing_ok=True)
        self.origins.drop_all(host)

    @property
    def origins(self) -> Origins:
        """What this machine itself knows of agents elsewhere."""
        return Origins(self.settings.host_dir)

    def recall(self, host: Host) -> last_known.LastKnown | None:
        return last_known.recall(self.seen, host)


def on_host(host: Host, files: Tree) -> list[Found]:
    """Every agent that the host's folder knows of; unreadable ones are among them."""
    claims: dict[str, str] | None = None
    agents = []
    for id_ in files.names(f"{host.dir}/agents"):
        if id_.startswith("."):
            continue
        try:
            data = files.read(f"{host.agent_dir(id_)}/data.json")
            if data is None and not files.names(host.agent_dir(id_)):
                continue  # claimed this very moment, or a stray file
            record = foreign.record(data or b"", id_, here=host.local)
            agents.append(Found(host, record.id, record.name, record))
        except MngError as error:
            claims = claimed(files, host) if claims is None else claims
            agents.append(Found(host, id_, claims.get(id_, id_), None, f"{host.agent_dir(id_)}/data.json: {error.what}"))
    return agents


def read(files: Tree, path: str) -> bytes | None:
    """None for what is too much, too."""
    try:
        return files.read(path)
    except MngError:
        return None


def once_on(host: Host, known: last_known.LastKnown) -> list[Found]:
    """The agents of a host that does not answer, as they were."""
    agents = []
    for id_, text in known.records.items():
        try:
            record = foreign.record(text.encode(), id_)
            agents.append(Found(host, id_, record.name, record))
        except MngError as error:
            agents.append(Found(host, id_, id_, None, f"{host.agent_dir(id_)}/data.json: {error.what}"))
    return agents


def claimed(files: Tree, host: Host) -> dict[str, str]:
    """Agent id to name, as the name claims have it."""
    links = {name: files.link(host.claim(name)) for name in files.names(f"{host.dir}/names")}
    return {target.rpartition("/")[2]: name for name, target in links.items() if target}
