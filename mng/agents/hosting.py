"""Hosts that mng makes live as long as their agents: woken for the first, asleep after the last, gone with the last."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from mng import output
from mng.agents.agent import Agent
from mng.agents.ending import uninterrupted
from mng.errors import MngError
from mng.host import Asleep, Host
from mng.inventory.inventory import Inventory, on_host


def awake(inventory: Inventory, agent: Agent) -> Agent:
    """The agent on its host, which runs when this returns."""
    if not isinstance(agent.host, Asleep):
        return agent
    with inventory.local.host.runner.lock(str(inventory.settings.host_dir / "locks" / agent.host.id), timeout=60):
        output.progress(f"starting host {agent.host.name}")
        return Agent(agent.record, inventory.provider(agent.host.provider).start(agent.host))


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


def release(inventory: Inventory, host: Host, gone: Collection[str] = ()) -> str:
    """Destroy a host that mng made when no agent is on it any more (those of `gone` apart); what was done, in words."""
    provider = inventory.provider(host.provider)
    if not provider.makes_hosts:
        return ""
    probe = host.probe()
    if not probe.reached or any(found.id not in gone for found in on_host(host, probe.files)):
        return ""
    provider.destroy(host)
    inventory.forget(host)
    return f"host {host.name} destroyed"


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
