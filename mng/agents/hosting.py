"""Hosts that mng makes live as long as their agents: woken for the first, asleep after the last, gone with the last."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from mng import output
from mng.agents.agent import Agent
from mng.agents.ending import uninterrupted
from mng.errors import MngError, NotFound, Refused, Unreachable, UsageError
from mng.host import Asleep, Host
from mng.inventory.inventory import Inventory, on_host
from mng.inventory.provider import Kept, SnapshotSpec
from mng.names import new_id
from mng.records import AgentRecord
from mng.shell import cmd


def awake(inventory: Inventory, host: Host) -> Host:
    """The host, which runs when this returns."""
    if not isinstance(host, Asleep):
        return host
    with inventory.alone_with(host):
        output.progress(f"starting host {host.name}")
        return inventory.provider(host.provider).start(host)


def back(inventory: Inventory, host: Host, snapshot: str) -> Host:
    """The host as one of its own snapshots kept it, running. Refused while agents run; what it is now is kept before."""
    provider = inventory.provider(host.provider)
    found = [one for one in provider.snapshots(host) if snapshot in (one.id, one.name)]
    if not found:
        raise NotFound(f"host {host.name} has no snapshot {snapshot!r}", "of another host: mng create NAME --snapshot ID")
    if not isinstance(host, Asleep):
        probe = host.probe()
        if running := [pane.session for pane in probe.panes if pane.agent and not pane.dead]:
            raise Refused(f"on host {host.name} run {', '.join(running)}", "stop them first: mng stop")
        if not probe.reached:
            raise Unreachable(probe.problem)
    with inventory.alone_with(host):
        kept = provider.snapshot(host, SnapshotSpec("before-start", f"before it was started from {found[-1].id}"))
        output.note(f"host {host.name} as it was is kept as snapshot {kept.id}")
        if not isinstance(host, Asleep):
            provider.stop(host)
        return provider.start(host, found[-1].id)


def kept(inventory: Inventory, host: Host) -> str:
    """A snapshot of the host as it is when its agents have stopped, in words."""
    snapshot = inventory.provider(host.provider).snapshot(host, SnapshotSpec("stopped"))
    return f"host {host.name} is kept as snapshot {snapshot.id}"


def rest(inventory: Inventory, host: Host) -> str:
    """Stop a host that mng made when none of its agents runs; what was done, in words."""
    provider = inventory.provider(host.provider)
    if not provider.makes_hosts or isinstance(host, Asleep):
        return ""
    probe = host.probe()
    if not probe.reached or any(pane.agent and not pane.dead for pane in probe.panes):
        return ""
    provider.stop(host)
    return f"host {host.name} stopped"


def release(inventory: Inventory, host: Host, gone: Collection[str] = (), keep: Collection[Kept] = ()) -> str:
    """Destroy a host that mng made when no agent is on it any more (those of `gone` apart); what was done, in words."""
    provider = inventory.provider(host.provider)
    if not provider.makes_hosts:
        return ""
    probe = host.probe()
    if not probe.reached or any(found.id not in gone for found in on_host(host, probe.files)):
        return ""
    provider.destroy(host, keep)
    inventory.forget(host)
    return f"host {host.name} destroyed"


def adopt(inventory: Inventory, host: Host, name: str, snapshot: str) -> Agent | None:
    """The oldest agent on a host made from the snapshot, by this name; all on it get ids of their own. None without any.

    If that fails, the host is destroyed again.
    """
    try:
        return adopted(inventory, host, name, snapshot)
    except BaseException:
        with uninterrupted():
            inventory.provider(host.provider).destroy(host)
        raise


def adopted(inventory: Inventory, host: Host, name: str, snapshot: str) -> Agent | None:
    found = sorted((one.record for one in on_host(host, host.tree()) if one.record), key=lambda record: record.created)
    if not found:
        return None
    if name in [record.name for record in found[1:]]:
        raise UsageError(f"the snapshot has an agent {name} beside {found[0].name}", "choose another name")
    agents = [readopted(host, record) for record in found]
    agent = agents[0]
    if name != agent.name:
        host.runner.run(cmd("mv", "-f", "--", host.claim(agent.name), host.claim(name)))
        agent.record.name = name
    kept = inventory.provider(host.provider).snapshots()
    was = next((one.host_id for one in reversed(kept) if snapshot in (one.id, one.name)), "")
    for one, old in zip(agents, found, strict=True):
        one.save()
        inventory.origins.copy(was, old.id, host, one.record)
    return agent


def readopted(host: Host, old: AgentRecord) -> Agent:
    """The same work and conversation by another id."""
    id_ = new_id("agent")
    work = old.work.model_copy(update={"claim": old.work.claim.replace(old.id, id_)})
    agent = Agent(old.model_copy(update={"id": id_, "work": work, "host_id": host.id}), host)
    claim = cmd("ln", "-sfn", "--", f"../agents/{id_}", host.claim(old.name))
    host.runner.run(cmd("mv", "--", host.agent_dir(old.id), agent.folder).then(claim))
    return agent


@contextlib.contextmanager
def not_left_empty(inventory: Inventory, host: Host, new: bool) -> Iterator[None]:
    """A host just made for an agent goes again if the agent does not come to be."""
    try:
        yield
    except BaseException:
        if new:
            with uninterrupted():
                try:
                    release(inventory, host)
                except MngError as error:
                    output.warn(f"host {host.name} could not be removed: {error.what}; mng gc tries again")
        raise
