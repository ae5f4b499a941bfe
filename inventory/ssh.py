"""Machines that one can ssh into: those of a provider's settings, and any that ~/.ssh/config or an address names."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from mng import output
from mng.errors import NotAvailable, UsageError
from mng.host import Host, Remote
from mng.inventory.provider import Check, HostSpec, Kept, Snapshot, SnapshotSpec, Spare
from mng.inventory.reach import probes
from mng.settings import Settings, root_name
from mng.ssh.runner import SshRunner
from mng.ssh.target import Target, aliases, typed

if TYPE_CHECKING:
    from mng.inventory.hosts import Hosts


class HostSettings(BaseModel):
    """`[providers.NAME.hosts.HOST]`; what is left out is as ~/.ssh/config has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = ""
    port: int = 0
    user: str = ""
    key_file: str = ""
    tags: dict[str, str] = {}
    dir: str = ""


class SshSettings(BaseModel):
    """`[providers.NAME]` with backend = "ssh"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: str = "ssh"
    hosts: dict[str, HostSettings] = {}
    dir: str = ""  # MNG_HOST_DIR on these hosts
    allow_unknown_host: bool = False


class Ssh:
    """Hosts that are there already. `ssh` needs no settings: it has the hosts that agents were made on, by their names."""

    makes_hosts = False

    def __init__(
        self, name: str, settings: Settings, known: tuple[str, ...] = (), allow_unknown: bool = False,
        written: Callable[[], Hosts] | None = None, fixed: Callable[[str], Target | None] | None = None,
    ) -> None:  # fmt: skip
        """`written`: what inventory files say, read when a host needs it; `fixed`: how a host is reached whatever they say."""
        self.name, self.settings, self.written = name, settings, written if name == "ssh" else None
        self.fixed = fixed if name == "ssh" else None
        self.given = checked(name, settings)
        self.known = [word for word in known if word not in self.given.hosts]
        self.allow_unknown = allow_unknown or self.given.allow_unknown_host
        self.made: dict[str, Host] = {}

    def hosts(self) -> list[Host]:
        return [self.host(word) for word in [*self.given.hosts, *self.known]]

    def named(self, word: str) -> Host | None:
        """A host of the settings or of an inventory file, an alias of ssh_config, user@address:port; None for anything else."""
        there = word in self.given.hosts or word in self.known or typed(word) is not None
        there = there or (self.written is not None and word in self.written().vars)
        return self.host(word) if there or aliases(word) else None

    def host(self, name: str) -> Host:
        """The same one for the same name."""
        if name not in self.made:
            word, user, target, tags = name, "", typed(name), dict[str, str]()
            files = self.written().vars if self.written and name not in self.given.hosts else {}
            if target and not target.port and (target.address in self.given.hosts or target.address in files):
                word, user, target = target.address, target.user, None  # another user of a host that is known
            one = self.given.hosts.get(word, HostSettings())
            if not target and word not in self.given.hosts and word in files and self.written:
                target, tags = self.of_files(word)
            if word not in self.given.hosts and self.fixed and (known := self.fixed(name) or self.fixed(word)):
                if word in files and target and target._replace(user=known.user or target.user) != known:
                    output.warn(f"{word} is reached as when it got its first agent ({known}); an inventory says {target}")
                target = known
            target = target or Target(one.address or word, one.port, one.user, one.key_file)
            target = target._replace(user=user or target.user)
            runner = SshRunner(target, allow_unknown=self.allow_unknown)
            self.made[name] = Remote(
                host_id(self.name, name), name, self.name, runner, prefix=self.settings.prefix,
                tags={**one.tags, **tags}, asked=(one.dir or self.given.dir, root_name()),
            )  # fmt: skip
        return self.made[name]

    def of_files(self, word: str) -> tuple[Target, dict[str, str]]:
        """How inventory files say that it is reached, and its tags."""
        assert self.written
        fixed = self.written().fixed(word)
        return Target(fixed.address, fixed.port, fixed.user, fixed.key, fixed.options), dict(fixed.tags)

    def create(self, spec: HostSpec) -> Host:
        """The one of that name: they are there already."""
        if spec.snapshot:
            self.no("create a host from a snapshot")
        given = [f"--build {word}" for word in spec.build_args] + [f"--start-arg {word}" for word in spec.start_args]
        given += [f"--tag {key}" for key in spec.tags]
        if given:
            raise UsageError(f"hosts of {self.name} are there already: {given[0]} has no meaning", "use --host NAME")
        names = [host.name for host in self.hosts()]
        host = self.named(spec.name) if spec.name else self.hosts()[0] if len(names) == 1 else None
        if not host:
            there = f"there is: {', '.join(names[:10])}" if names else "an alias of ~/.ssh/config, or user@address:port"
            raise UsageError(f"which host of {self.name}?", f"--host NAME; {there}")
        return host

    def start(self, host: Host, snapshot: str = "") -> Host:
        if snapshot:
            self.no("start from a snapshot")
        return host

    def stop(self, host: Host) -> None:
        self.no("stop a host")

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        self.no("destroy a host")

    def age(self, host: Host) -> float:
        return 0.0

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        self.no("take snapshots")

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        return []

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        self.no("take snapshots")

    def refresh_keys(self, host: Host) -> None:
        self.no("refresh keys")

    def spares(self) -> list[Spare]:
        return []

    def checks(self) -> list[Check]:
        """Whether each host answers, and has what is needed there."""
        hosts = self.hosts()
        found = [Check(f"provider {self.name}", "ok", f"{len(hosts)} hosts")]
        answers = probes(hosts, 5.0) if hosts else {}
        for host in hosts:
            problem = answers[host.id].problem
            found.append(Check(f"host {host.name}", "warning" if problem else "ok", problem or f"in {host.dir}"))
        return found

    def no(self, what: str) -> NoReturn:
        raise NotAvailable(f"provider {self.name} can't {what}: its machines are not made by mng", "see: docs/hosts.md")


def checked(name: str, settings: Settings) -> SshSettings:
    """UsageError says where a setting is wrong."""
    data: dict[str, Any] = settings.providers.get(name, {})
    try:
        return SshSettings.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = ["providers", name, *map(str, first["loc"])]
    raise UsageError(f"{settings.where(*path)}: {first['msg'][:1].lower()}{first['msg'][1:]}", "see: docs/hosts.md")


def host_id(provider: str, name: str) -> str:
    """The same for every mng, without anything written down."""
    return "host-" + "".join(f"{zlib.crc32(f'{part} {provider} {name}'.encode()):08x}" for part in range(4))
