"""A plugin that has every hook: what happens is written down, a line each, where EXAMPLE_LOG says."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from invoke.context import Context

from mng.agents.types import AgentType
from mng.cli.command import Command, command
from mng.cli.options import CommonOptions, Options, option
from mng.errors import MngError, NotAvailable
from mng.host import Host, Probe
from mng.inventory.provider import Check, HostSpec, Kept, Provider, Snapshot, SnapshotSpec, Spare
from mng.plugins import hookimpl
from mng.records import AgentRecord
from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import Role, role
from mng.rows import Results, Row
from mng.runner import LocalRunner
from mng.settings import Settings
from mng.shell import Cmd, cmd


def happened(*words: object) -> None:
    with Path(os.environ.get("EXAMPLE_LOG", os.devnull)).open("a") as log:
        log.write(" ".join(map(str, words)) + "\n")


class Clock(AgentType):
    """Shows the time."""

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        return cmd("sh", "-c", "while :; do date; sleep 1; done", "clock", record.args)


class Sheds:
    """Hosts that are folders of this machine."""

    name = "sheds"
    makes_hosts = False

    def __init__(self, settings: Settings) -> None:
        self.settings, self.root = settings, Path(settings.host_dir, "sheds")

    def host(self, name: str) -> Host:
        folder, home = str(self.root / name), str(Path.home())
        return Host(f"host-{name}", name, self.name, LocalRunner(), home, folder, self.settings.prefix)

    def hosts(self) -> list[Host]:
        return [self.host(folder.name) for folder in sorted(self.root.glob("*"))]

    def named(self, word: str) -> Host | None:
        return next((host for host in self.hosts() if word in (host.name, host.id)), None)

    def create(self, spec: HostSpec) -> Host:
        if spec.build_args or spec.start_args or spec.snapshot:
            raise NotAvailable("a shed is built of nothing")
        (self.root / (spec.name or "shed")).mkdir(parents=True, exist_ok=True)
        return self.host(spec.name or "shed")

    def start(self, host: Host, snapshot: str = "") -> Host:
        return host

    def stop(self, host: Host) -> None:
        raise NotAvailable("a shed can't be stopped")

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        raise NotAvailable("a shed stays")

    def age(self, host: Host) -> float:
        return 0.0

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        raise NotAvailable("sheds have no snapshots")

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        return []

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        raise NotAvailable("sheds have no snapshots")

    def refresh_keys(self, host: Host) -> None:
        raise NotAvailable("sheds have no locks")

    def spares(self) -> list[Spare]:
        return []

    def checks(self) -> list[Check]:
        return [Check("sheds", "ok", f"{len(self.hosts())} there")]


class TicketOptions(Options):
    """Tickets"""

    ticket: str | None = option(None, help="the ticket that it works on")


class ReportOptions(CommonOptions):
    """Report"""

    loud: bool = option(False, help="in capitals")


class Report(Row):
    """What the example has to say."""

    text: str

    def human(self) -> str:
        return self.text


@command(aliases=["rep"])
def report(c: Context, o: ReportOptions) -> Report:
    """Report on the example"""
    return Report(text="ALL IS WELL" if o.loud else "all is well")


class Ticket(Row):
    """A ticket."""

    name: str


@command(name="list")
def list_(c: Context, o: CommonOptions) -> Results[Ticket]:
    """List tickets"""
    return Results([Ticket(name="T-1"), Ticket(name="T-2")])


@role()
def greeting(on: Play, path: str, text: str = "hello") -> None:
    """A file that says hello."""
    ops.file(on, path, f"{text}\n".encode())


@hookimpl
def agent_types() -> Mapping[str, type[AgentType]]:
    return {"clock": Clock}


@hookimpl
def providers(settings: Settings) -> Iterable[Provider]:
    return [Sheds(settings)]


@hookimpl
def commands() -> Mapping[str, Command[Any]]:
    return {"report": report, "ticket list": list_}


@hookimpl
def roles() -> Iterable[Role]:
    return [greeting]


@hookimpl
def options(command: str) -> type[Options] | None:
    return TicketOptions if command == "create" else None


@hookimpl
def fields(record: AgentRecord, probe: Probe) -> Mapping[str, Any]:
    return {"ticket": record.labels.get("ticket", ""), "panes": len(probe.panes)}


@hookimpl
def host_fields(host: Host) -> Mapping[str, Any]:
    return {"home": host.home}


@hookimpl
def before_create(plan: Any, o: Any) -> None:
    ticket = getattr(o, "ticket", None)  # clone, migrate and restore make agents, too
    if ticket == "closed":
        raise MngError("ticket closed is closed", "take another one")
    if ticket:
        plan.record.labels["ticket"] = ticket
        plan.env["TICKET"] = ticket
    happened("before_create", plan.record.name, ticket)


@hookimpl
def after_create(agent: Any) -> None:
    happened("after_create", agent.name)


@hookimpl
def before_provision(host: Host, roles: list[Role]) -> None:
    happened("before_provision", host.name, len(roles))


@hookimpl
def after_provision(host: Host, recap: Any) -> None:
    happened("after_provision", recap)


@hookimpl
def before_start(agent: Any) -> None:
    happened("before_start", agent.name)


@hookimpl
def after_start(agent: Any) -> None:
    happened("after_start", agent.name)


@hookimpl
def before_stop(agent: Any) -> None:
    if agent.record.labels.get("keep"):
        raise MngError(f"{agent.name} is to be kept running")
    happened("before_stop", agent.name)


@hookimpl
def after_stop(agent: Any) -> None:
    happened("after_stop", agent.name)


@hookimpl
def before_destroy(agent: Any) -> None:
    if agent.record.labels.get("keep"):
        raise MngError(f"{agent.name} is to be kept")
    happened("before_destroy", agent.name)


@hookimpl
def after_destroy(agent: Any, removed: Any) -> None:
    happened("after_destroy", agent.name, removed.saved)


@hookimpl
def before_message(agent: Any, text: str) -> None:
    if "password" in text:
        raise MngError("no passwords in messages")
    happened("before_message", agent.name, text)


@hookimpl
def after_message(agent: Any, receipt: Any) -> None:
    happened("after_message", agent.name, receipt.outcome)


@hookimpl
def on_error(command: str, error: Exception) -> None:
    happened("on_error", command, getattr(error, "what", error))
