"""mng snapshot: a group"""

from __future__ import annotations

from datetime import datetime

from invoke.context import Context

from mng import output
from mng.agents.host_row import SnapshotRow, snapshot_row
from mng.cli.chosen import Outcome, counted, failed, side_by_side
from mng.cli.command import command
from mng.cli.options import CommonOptions, Pairs, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError, NotFound, UsageError
from mng.host import Host, Snapshot
from mng.inventory.inventory import Inventory
from mng.inventory.provider import SnapshotSpec
from mng.rows import Results


class SnapshotCreate(TargetOptions, CommonOptions):
    """Create"""

    name: str | None = option(None, help="what to call it (default: the host's name)")
    description: str | None = option(None, help="what it is for")
    tag: Pairs = option({}, help="KEY=VALUE to find it by")
    pause_during: bool = option(True, help="stop the host's clock meanwhile, so that its files fit together")
    dry_run: bool = option(False, help="say of which hosts, make none")


class SnapshotList(CommonOptions):
    """List"""

    agents: list[str] = option([], "--agent", place="words", help="names or ids of agents or hosts (default: all)")
    host: str | None = option(None, help="hosts of this pattern")
    limit: int | None = option(None, help="so many at most")
    after: datetime | None = option(None, help="made after this time")
    before: datetime | None = option(None, help="made before this time")


class SnapshotDestroy(TargetOptions, CommonOptions):
    """Destroy"""

    snapshot: list[str] = option([], help="id or name of a snapshot")
    all_snapshots: bool = option(False, help="all snapshots of the hosts named")
    force: bool = option(False, "-f", "--yes", help="do not ask")
    dry_run: bool = option(False, help="say which, destroy none")


@command(group="snapshot")
def create(c: Context, o: SnapshotCreate) -> Results[SnapshotRow | Outcome]:
    """Keep the whole state of hosts

    Words are agents or hosts; several agents of one host count once. `mng create NEW --snapshot ID` makes a host of it.
    """
    inventory = o.inventory()
    hosts = meant(inventory, o)
    if o.dry_run:
        return counted([Outcome(name=host.name, host=host.name, result="would be kept") for host in hosts])
    spec = SnapshotSpec(o.name or "", o.description or "", dict(o.tag), o.pause_during)

    def one(host: Host) -> SnapshotRow | Outcome:
        try:
            return snapshot_row(inventory.provider(host.provider).snapshot(host, spec), host.name)
        except MngError as error:
            if len(hosts) == 1:
                raise
            return failed(host.name, error, host.name)

    results = counted(side_by_side(one, hosts))
    results.alone = len(hosts) == 1
    return results


@command(group="snapshot", name="list")
def list_(c: Context, o: SnapshotList) -> Results[SnapshotRow]:
    """List snapshots, of all hosts or those named"""
    asked = TargetOptions.given({"agents": o.agents, "host": o.host}).over(o.settings, "snapshot list")
    inventory = asked.inventory()
    rows = [
        snapshot_row(one, host.name if host else "")
        for host, one in of_hosts(inventory, meant(inventory, asked) if o.agents or o.host else None)
    ]
    after, before = aware(o.after), aware(o.before)
    rows = [one for one in rows if (not after or one.created_at > after) and (not before or one.created_at < before)]
    rows.sort(key=lambda one: one.created_at, reverse=True)
    return Results(rows[: o.limit], "" if rows else "no snapshots; mng snapshot HOST makes one")


@command(group="snapshot")
def destroy(c: Context, o: SnapshotDestroy) -> Results[Outcome]:
    """Destroy snapshots"""
    inventory = o.inventory()
    if bool(o.snapshot) == o.all_snapshots:
        raise UsageError("which snapshots?", "--snapshot ID, or --all-snapshots of the agents or hosts named")
    hosts = meant(inventory, o) if o.all_snapshots else None
    there = of_hosts(inventory, hosts)
    doomed = [one for _, one in there if o.all_snapshots or one.id in o.snapshot or one.name in o.snapshot]
    missing = [word for word in o.snapshot if not any(word in (one.id, one.name) for one in doomed)]
    if missing:
        raise NotFound(f"no snapshot {missing[0]!r}", "see: mng snapshot list")
    if not o.force and not o.dry_run and doomed:
        answer = output.confirm(f"Destroy {', '.join(one.id for one in doomed)}?")
        if answer is None:
            raise UsageError("destroying snapshots needs a yes", "give -f")
        if not answer:
            raise MngError("nothing destroyed")

    def drop(one: Snapshot) -> Outcome:
        try:
            if not o.dry_run:
                inventory.provider(one.provider).drop_snapshot(one)
        except MngError as error:
            return failed(one.id, error)
        return Outcome(name=one.id, result="would be destroyed" if o.dry_run else "destroyed", detail=one.name)

    return counted(side_by_side(drop, doomed))


def meant(inventory: Inventory, o: TargetOptions) -> list[Host]:
    """The hosts that the words and options name, by themselves or by agents on them, each once."""
    words, hosts = [word for word in o.agents if word != "-"], list[Host]()
    names = {host.name: host for host in inventory.hosts()} if words else {}
    hosts += [names[word.removeprefix("@")] for word in words if word.removeprefix("@") in names]
    left = [word for word in words if word.removeprefix("@") not in names]
    if left or o.all_ or o.include or o.stdin or "-" in o.agents or (o.host and not words):
        from mng.cli.chosen import chosen

        rest = o.model_copy(update={"agents": left + ["-"] * ("-" in o.agents)})
        found = chosen(rest.team(), rest)
        if found.failures:
            raise NotFound(f"no agent or host {found.failures[0].name!r}", "see: mng list, mng list --hosts")
        hosts += [agent.host for agent in found.agents]
    if not hosts:
        raise UsageError("which agents or hosts?", "name them, or give --all")
    return list({host.id: host for host in hosts}.values())


def of_hosts(inventory: Inventory, hosts: list[Host] | None) -> list[tuple[Host | None, Snapshot]]:
    """The snapshots of these hosts; of all providers, those of hosts that are gone among them, without."""
    known = {host.id: host for host in hosts or inventory.hosts()}
    found = [one for provider in inventory.providers for one in provider.snapshots()]
    return [(known.get(one.host_id), one) for one in found if hosts is None or one.host_id in known]


def aware(time: datetime | None) -> datetime | None:
    """Local time where none is said."""
    return time.astimezone() if time else None
