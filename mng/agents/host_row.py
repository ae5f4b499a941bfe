"""A host and its snapshots as commands show them and as CEL and scripts see them."""

from __future__ import annotations

import json
import shlex
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from mng import hooks, lenient, machine
from mng.host import Host, Probe, Snapshot
from mng.rows import Row


class Cpu(Row):
    """The processors of a host."""

    count: int | None = None
    frequency_ghz: float | None = None


class Gpu(Row):
    """The graphics cards of a host."""

    count: int | None = None
    model: str = ""
    memory_gb: float | None = None


class Resource(Row):
    """What a host has."""

    cpu: Cpu = Cpu()
    memory_gb: float | None = None
    disk_gb: float | None = None
    gpu: Gpu = Gpu()


class SshRow(Row):
    """How a host is reached; what is empty is as ~/.ssh/config has it."""

    command: str
    host: str
    port: int | None = None
    user: str = ""
    key_path: str = ""


class SnapshotRow(Row):
    """The kept state of a host."""

    columns: ClassVar[dict[str, str]] = {"ID": "id", "NAME": "name", "HOST": "host", "CREATED": "created_at", "SIZE": "size"}

    id: str
    name: str
    created_at: datetime
    size: str
    size_bytes: int
    host_id: str
    host: str = ""
    provider: str
    description: str = ""
    tags: dict[str, str] = {}

    def human(self) -> str:
        return ", ".join(filter(None, (f"{self.id}: {self.name}", self.size)))


class HostRow(Row):
    """The host of an agent, as a field of it."""

    name: str
    id: str
    provider: str
    provider_name: str
    state: str
    as_of: datetime | None = None
    image: str = ""
    tags: dict[str, str]
    ssh_activity_time: datetime | None = None  # when somebody was last connected
    boot_time: datetime | None = None
    uptime_seconds: float | None = None
    resource: Resource | None = None
    ssh: SshRow | None = None
    snapshots: list[SnapshotRow] = []
    is_locked: bool = False  # a command starts or restores it at this moment
    locked_time: datetime | None = None
    plugin: dict[str, dict[str, Any]] = {}
    estimated_cost_per_hour: float | None = None  # in dollars, by the provider's table of prices
    estimated_cost: float | None = None  # since it was started

    @property
    def shown_state(self) -> str:
        """UNREACHABLE (as of …), RUNNING (~$0.21/h)"""
        if self.as_of:
            return f"{self.state} (as of {self.as_of.astimezone():%Y-%m-%d %H:%M})"
        return f"{self.state} (~${self.estimated_cost_per_hour:.2f}/h)" if self.estimated_cost_per_hour else self.state


def host_row(host: Host, probe: Probe | None = None) -> HostRow:
    about = machine.here() if host.local else machine.told(probe.machine, probe.now) if probe else machine.Machine()
    now = probe.now if probe else time.time()
    return HostRow(
        name=host.name,
        id=host.id,
        provider=host.provider,
        provider_name=host.provider,
        state=host.state,
        as_of=moment(host.seen),
        image=host.image,
        tags=host.tags,
        ssh_activity_time=moment(probe.files.mtime(f"{host.dir}/activity/ssh")) if probe and probe.reached else None,
        boot_time=moment(about.boot),
        uptime_seconds=round(now - about.boot) if about.boot else None,
        resource=resource(about) if about.cpus or about.memory_gb else None,
        ssh=ssh(host),
        snapshots=[snapshot_row(one, host.name) for one in host.snapshots],
        is_locked=host.locked > 0,
        locked_time=moment(host.locked),
        plugin=said_by_plugins("host_fields", {}, host=host, probe=probe) if probe else {},
        estimated_cost_per_hour=round(host.cost_per_hour, 4) or None,
        estimated_cost=round(host.cost_per_hour * (now - host.running_since) / 3600, 4) if host.cost_per_hour else None,
    )


def resource(about: machine.Machine) -> Resource:
    gpu = Gpu(count=len(about.gpus), model=", ".join(dict.fromkeys(about.gpus)))
    cpu = Cpu(count=about.cpus, frequency_ghz=about.ghz)
    return Resource(cpu=cpu, memory_gb=about.memory_gb, disk_gb=about.disk_gb, gpu=gpu)


def ssh(host: Host) -> SshRow | None:
    target = vars(host.runner).get("target")  # asking for it would raise where the host does not run
    if not target:
        return None
    words = shlex.join(["ssh", *target.words])
    return SshRow(command=words, host=target.address, port=target.port or None, user=target.user, key_path=target.key)


def snapshot_row(one: Snapshot, host: str) -> SnapshotRow:
    """`host`: its name, "" of one that is gone."""
    return SnapshotRow(
        id=one.id, name=one.name, created_at=moment(one.created_at) or datetime.fromtimestamp(0, UTC), size=size(one.size_bytes),
        size_bytes=one.size_bytes, host_id=one.host_id, host=host, provider=one.provider,
        description=one.description, tags=one.tags,
    )  # fmt: skip


def size(number: float) -> str:
    """1.2 GB, as people read it; nothing for what is not known."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.3g} {units[0]}" if number else ""


def said_by_plugins(hook: str, known: dict[str, dict[str, Any]], **given: Any) -> dict[str, dict[str, Any]]:
    """What is known, and what plugins say: as JSON takes it, since they may say anything."""
    found = dict(known)
    for plugin, said in hooks.each(hook, **given):
        found[plugin] = found.get(plugin, {}) | json.loads(json.dumps(said, default=str, skipkeys=True))
    return found


def moment(seconds: float | None) -> datetime | None:
    """A time that a host tells; None for what is none."""
    known = lenient.number(seconds)
    return datetime.fromtimestamp(known, UTC) if 0 < known <= lenient.LATEST else None
