"""An agent as list shows it and as CEL and scripts see it."""

from __future__ import annotations

import json
import shlex
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from mng import hooks, machine
from mng.agents.types import Status, type_of
from mng.host import Host, Probe
from mng.inventory.inventory import Found
from mng.records import AgentRecord
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


class HostRow(Row):
    """The host of an agent, as a field of it."""

    name: str
    id: str
    provider: str
    provider_name: str
    state: str
    as_of: datetime | None = None
    tags: dict[str, str]
    boot_time: datetime | None = None
    uptime_seconds: float | None = None
    resource: Resource | None = None
    ssh: SshRow | None = None
    estimated_cost_per_hour: float | None = None  # in dollars, by the provider's table of prices
    estimated_cost: float | None = None  # since it was started

    @property
    def shown_state(self) -> str:
        """UNREACHABLE (as of …), RUNNING (~$0.21/h)"""
        if self.as_of:
            return f"{self.state} (as of {self.as_of.astimezone():%Y-%m-%d %H:%M})"
        return f"{self.state} (~${self.estimated_cost_per_hour:.2f}/h)" if self.estimated_cost_per_hour else self.state


class AgentRow(Row):
    """Everything that is known of an agent at one moment."""

    columns: ClassVar[dict[str, str]] = {
        "NAME": "name", "STATE": "shown_state", "HOST": "shown_host", "PROVIDER": "host.provider",
        "HOST STATE": "host.shown_state", "LABELS": "shown_labels",
    }  # fmt: skip

    name: str
    id: str
    type: str
    command: str = ""
    url: str | None = None
    work_dir: str = ""
    work_kind: str = ""
    branch: str = ""
    create_time: datetime | None = None
    start_time: datetime | None = None
    runtime_seconds: float | None = None
    user_activity_time: datetime | None = None
    agent_activity_time: datetime | None = None
    idle_seconds: float | None = None
    idle_mode: str = "disabled"
    idle_timeout_seconds: float | None = None
    activity_sources: list[str] = []
    start_on_boot: bool = False
    state: str
    state_reason: str = ""
    state_detail: str = ""
    state_since: datetime | None = None
    state_source: str = ""
    labels: dict[str, str] = {}
    plugin: dict[str, dict[str, Any]] = {}
    host: HostRow

    @property
    def shown_state(self) -> str:
        """WAITING(permission: Bash), RUNNING: what a person needs to see of it."""
        reason = f"{self.state_reason}: {self.state_detail}" if self.state_detail else self.state_reason
        told = self.state in ("WAITING", "FAILED", "UNKNOWN", "REPLACED") and reason and reason != "turn-end"
        return f"{self.state}({reason})" if told else self.state

    @property
    def shown_host(self) -> str:
        return f"@{self.host.name}"

    @property
    def shown_labels(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.labels.items())

    def human(self) -> str:
        where = f" on branch {self.branch}" if self.branch else ""
        return f"{self.name}: {self.type} {self.shown_state} in {self.work_dir or '?'}{where}"


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
        tags=host.tags,
        boot_time=moment(about.boot),
        uptime_seconds=round(now - about.boot) if about.boot else None,
        resource=resource(about) if about.cpus or about.memory_gb else None,
        ssh=ssh(host),
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


def row(record: AgentRecord, host: Host, status: Status, probe: Probe) -> AgentRow:
    folder = host.agent_dir(record.id)
    times = {name: probe.files.mtime(f"{folder}/activity/{name}") for name in ("start", "user", "agent")} if record.id else {}
    started = times.get("start")
    alive = status.state in ("RUNNING", "WAITING")
    active = max((time for time in (*times.values(), status.since) if time), default=None)
    kind = type_of(record)
    return AgentRow(
        name=record.name, id=record.id, type=record.type,
        command=record.command or " ".join([*(record.program or kind.program), *record.args]),
        work_dir=record.work.path, work_kind=record.work.kind, branch=record.work.branch,
        create_time=record.create_time if record.id else None,
        start_time=moment(started),
        runtime_seconds=round(probe.now - started, 1) if started and alive else None,
        user_activity_time=moment(times.get("user")), agent_activity_time=moment(times.get("agent")),
        idle_seconds=round(max(probe.now - active, 0.0), 1) if active and status.state != "RUNNING" else 0.0 if alive else None,
        idle_mode=record.idle_mode, idle_timeout_seconds=record.idle_timeout_seconds,
        activity_sources=record.activity_sources, start_on_boot=record.start_on_boot,
        state=status.state, state_reason=status.reason, state_detail=status.detail,
        state_since=moment(status.since), state_source=status.source,
        labels=record.labels, plugin=plugin_fields(record, host, probe), host=host_row(host, probe),
    )  # fmt: skip


def plugin_fields(record: AgentRecord, host: Host, probe: Probe) -> dict[str, dict[str, Any]]:
    """What its type keeps, and what plugins say of it: as JSON takes it, since they may say anything."""
    found = {record.kind: dict(record.plugin)} if record.plugin else {}
    for plugin, said in hooks.each("fields", record=record, host=host, probe=probe):
        found[plugin] = found.get(plugin, {}) | json.loads(json.dumps(said, default=str, skipkeys=True))
    return found


def broken_row(found: Found) -> AgentRow:
    """An agent whose record can't be read: it is listed with what is wrong."""
    host = host_row(found.host)
    return AgentRow(
        name=found.name,
        id=found.id,
        type="",
        state="UNKNOWN",
        state_reason=found.problem,
        state_source="record",
        host=host,
    )


def moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
