"""mng gc"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar, Literal

from invoke.context import Context

from mng import output
from mng.agents.creation import finish
from mng.agents.hosting import release
from mng.agents.leftovers import Leftover, leftovers, old_logs, own_cache, own_logs, stray_work
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.errors import MngError, Unreachable
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.inventory.inventory import on_host as agents_on
from mng.inventory.provider import BEING_MADE, Provider, Spare
from mng.rows import Results, Row

KINDS = ("all_agent_resources", "machines", "snapshots", "volumes", "work_dirs", "logs", "build_cache", "machine_cache")


class GcOptions(Options):
    """What is removed"""

    all_agent_resources: bool = option(False, help="all but snapshots, volumes, logs and caches (default)")
    work_dirs: bool = option(False, help="work dirs that no agent has, their work saved first")
    machines: bool = option(False, help="hosts that mng made and no agent is on")
    snapshots: bool = option(False, help="snapshots of hosts that are gone, and from which none was made")
    volumes: bool = option(False, help="volumes of hosts that are gone")
    logs: bool = option(False, help="logs kept of destroyed agents, and mng's own older ones")
    build_cache: bool = option(False, help="images that were built for hosts and that none uses")
    machine_cache: bool = option(False, help="what mng keeps to answer faster")


class HowOptions(Options):
    """Where and how"""

    all_providers: bool = option(False, help="of all providers (default)")
    provider: list[str] = option([], help="only of this provider")
    on_error: Literal["continue", "abort"] = option("continue", help="after a failure, go on or not")
    watch: Duration | None = option(None, "-w", help="again every so many seconds, until Ctrl-C")
    dry_run: bool = option(False, help="say what would be removed, remove nothing")


class Gc(GcOptions, HowOptions, CommonOptions):
    """Gc"""

    @property
    def everything(self) -> bool:
        return self.all_agent_resources or not any(getattr(self, kind) for kind in KINDS)


class Gone(Row):
    """Something that nothing referred to."""

    columns: ClassVar[dict[str, str]] = {"WHAT": "what", "RESULT": "result", "DETAIL": "detail"}

    what: str
    result: str
    detail: str = ""
    exit_code: int = 0

    def human(self) -> str:
        return f"{self.what}: {self.result}" + (f" ({self.detail})" if self.detail else "")


@command
def gc(c: Context, o: Gc) -> Results[Gone]:
    """Remove what nothing refers to any more

    Only what mng made. Finishes what killed creates and destroys left; unsaved work is saved first. A provider that does
    not answer is unknown, never empty.
    """
    while o.watch is not None:
        output.refresh(swept(o))
        time.sleep(o.watch)
    return swept(o)


def swept(o: Gc) -> Results[Gone]:
    inventory, gone = Inventory(o.settings), list[Gone]()
    for provider in [inventory.provider(name) for name in o.provider] or inventory.may_have_made:
        try:
            hosts = provider.hosts()
        except MngError as error:
            gone.append(failed(o, f"provider {provider.name}", error, "unknown"))
            continue
        for host in hosts:
            try:
                if provider.makes_hosts and (o.everything or o.machines) and left_alone(provider, host):
                    gone.append(unused(inventory, host, o))
                    continue
                gone += on_host(inventory, host, o)
            except Unreachable as error:
                gone.append(failed(o, f"host {host.name}", error, "unknown"))
        gone += spares(provider, o)
    gone += [removed(one, o) for one in mine(inventory.host("local"), o)]
    return Results(gone, "" if gone else "nothing to remove")


def spares(provider: Provider, o: Gc) -> Iterator[Gone]:
    """What is only removed when it is asked for by its name."""
    if not (o.snapshots or o.volumes or o.build_cache):
        return
    try:
        found = provider.spares()
    except MngError as error:
        yield failed(o, f"provider {provider.name}", error, "unknown")
        return
    for one in found:
        if getattr(o, one.kind):
            yield removed(one, o)


def left_alone(provider: Provider, host: Host) -> bool:
    """No agent is on it, and none is about to be."""
    probe = host.probe()
    if not probe.reached:
        raise Unreachable(probe.problem)
    return not agents_on(host, probe.files) and provider.age(host) > BEING_MADE


def unused(inventory: Inventory, host: Host, o: Gc) -> Gone:
    what = f"host {host.name}, which has no agent"
    try:
        done = o.dry_run or release(inventory, host)
    except MngError as error:
        return failed(o, what, error)
    return Gone(what=what, result="would be removed" if o.dry_run else "removed" if done else "kept")


def on_host(inventory: Inventory, host: Host, o: Gc) -> Iterator[Gone]:
    journals = inventory.settings.host_dir / "journal"
    if o.everything and host.local:
        try:
            for what in finish(inventory, dry_run=o.dry_run):
                yield Gone(what=what, result="to be finished" if o.dry_run else "done")
        except MngError as error:
            yield failed(o, "what killed commands left", error)
    probe = host.probe()
    if not probe.reached:
        raise Unreachable(probe.problem)
    if o.everything:
        yield from (removed(one, o) for one in leftovers(host, probe, journals))
    if o.everything or o.work_dirs:
        roots = {found.record.work.root for found in agents_on(host, probe.files) if found.record}
        yield from (removed(one, o) for one in stray_work(host, probe.files, roots, journals))
    if o.logs:
        yield from (removed(one, o) for one in old_logs(host, probe.files))


def mine(host: Host, o: Gc) -> Iterator[Leftover]:
    """What is not on hosts, but this mng's own."""
    if o.logs:
        yield from own_logs(host, o.settings.user_dir)
    if o.machine_cache:
        yield from own_cache(host, o.settings.user_dir)


def removed(one: Leftover | Spare, o: Gc) -> Gone:
    if o.dry_run:
        return Gone(what=one.what, result="would be removed")
    try:
        one.remove()
    except MngError as error:
        return failed(o, one.what, error)
    return Gone(what=one.what, result="removed")


def failed(o: Gc, what: str, error: MngError, result: str = "kept") -> Gone:
    if o.on_error == "abort":
        raise error
    return Gone(what=what, result=result, detail=error.what, exit_code=error.exit_code)
