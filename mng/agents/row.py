"""An agent as list shows it and as CEL and scripts see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from mng import hooks
from mng.agents.host_row import HostRow, host_row, moment, said_by_plugins
from mng.agents.types import Status, type_of
from mng.host import Host, Probe
from mng.inventory.inventory import Found
from mng.output import clean
from mng.records import AgentRecord
from mng.rows import Row

LONGEST = 500  # characters of what is wrong with one


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


def row(record: AgentRecord, host: Host, status: Status, probe: Probe) -> AgentRow:
    folder = host.agent_dir(record.id)
    times = {name: probe.files.mtime(f"{folder}/activity/{name}") for name in ("start", "user", "agent")} if record.id else {}
    started = times.get("start")
    alive = status.state in ("RUNNING", "WAITING")
    active = max((time for time in (*times.values(), status.since) if time), default=None)
    kind = type_of(record)
    kept = {record.kind: dict(record.plugin)} if record.plugin else {}
    return AgentRow(
        name=record.name, id=record.id, type=record.type,
        command=record.command or " ".join([*(record.program or kind.program), *record.args]),
        work_dir=record.work.path, work_kind=record.work.kind, branch=record.work.branch,
        create_time=moment(record.created) if record.id else None,
        start_time=moment(started),
        runtime_seconds=round(probe.now - started, 1) if started and alive else None,
        user_activity_time=moment(times.get("user")), agent_activity_time=moment(times.get("agent")),
        idle_seconds=round(max(probe.now - active, 0.0), 1) if active and status.state != "RUNNING" else 0.0 if alive else None,
        idle_mode=record.idle_mode, idle_timeout_seconds=record.idle_timeout_seconds,
        activity_sources=record.activity_sources, start_on_boot=record.start_on_boot,
        state=status.state, state_reason=status.reason, state_detail=status.detail,
        state_since=moment(status.since), state_source=status.source,
        labels=record.labels, plugin=said_by_plugins("fields", kept, record=record, host=host, probe=probe),
        host=host_row(host, probe),
    )  # fmt: skip


def broken_row(found: Found) -> AgentRow:
    """An agent whose record can't be read: it is listed with what is wrong."""
    return unreadable(found.name, found.id, found.host, found.problem)


def unreadable(name: str, id_: str, host: Host, problem: str, type_: str = "") -> AgentRow:
    """An agent of which no more can be known, by what it or its host wrote."""
    try:
        there = host_row(host)
    except Exception as error:
        problem = problem or hooks.described(error)
        there = HostRow(name=clean(host.name), id=clean(host.id), provider=host.provider, provider_name=host.provider,
                        state=host.state, tags={})  # fmt: skip
    return AgentRow(
        name=clean(name), id=clean(id_), type=clean(type_), state="UNKNOWN", state_reason=clean(problem)[:LONGEST],
        state_source="record", host=there,
    )  # fmt: skip
