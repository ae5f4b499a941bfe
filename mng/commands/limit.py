"""mng limit"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from invoke.context import Context

from mng import output
from mng.agents import boot
from mng.agents.agent import Agent
from mng.agents.grants import granted, grants_known
from mng.agents.limits import limited, unwatch, watch
from mng.cli.chosen import chosen
from mng.cli.command import command
from mng.cli.lifecycle import LifecycleOptions, split
from mng.cli.options import CommonOptions, Options, Placeholder, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError, UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.records import AgentRecord
from mng.roles.authorized import authorized
from mng.roles.play import provision
from mng.rows import Results, Row
from mng.shell import expanded

PUBLIC = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?$")


class LimitOptions(Options):
    """Limit"""

    add_activity_source: Annotated[list[str], Placeholder("SOURCE")] = option([], help="this, too, counts as activity")
    remove_activity_source: Annotated[list[str], Placeholder("SOURCE")] = option([], help="this no longer does")
    revoke: Annotated[list[str], Placeholder("RULE")] = option([], help="take back what --grant gave")
    add_ssh_key: Annotated[list[str], Placeholder("FILE")] = option(
        [], help="let the owner of this public key in to its host, too"
    )
    remove_ssh_key: Annotated[list[str], Placeholder("FILE")] = option([], help="no longer")
    refresh_ssh_keys: bool = option(False, help="let this installation in to the host that it made, whatever is in its files now")
    dry_run: bool = option(False, help="say what would be set, set nothing")


class Limit(TargetOptions, LifecycleOptions, LimitOptions, CommonOptions):
    """Limit"""


class Limits(Row):
    """The limits of one agent."""

    columns: ClassVar[dict[str, str]] = {
        "NAME": "name", "RESULT": "result", "IDLE MODE": "idle_mode", "IDLE TIMEOUT": "idle_timeout_seconds",
        "ACTIVITY": "activity_sources", "ON BOOT": "start_on_boot", "GRANTS": "grants",
    }  # fmt: skip

    name: str
    host: str
    result: str
    idle_mode: str
    idle_timeout_seconds: float | None
    activity_sources: list[str]
    start_on_boot: bool
    grants: list[str] = []


@command
def limit(c: Context, o: Limit) -> Results[Row]:
    """Set when agents stop and start, what they may do and who is let in

    An agent with an idle timeout is stopped when nothing has happened for so long, and never while it works; `mng start`
    goes on with it. Without an option the limits are shown. Grants hold from the agent's next start on.
    """
    team = o.team()
    agents = chosen(team, o)
    let_in(team.inventory, {agent.host.id: agent.host for agent in agents.agents}, o)
    return agents.each(lambda agent: set_limits(team.inventory, agent, o))


def let_in(inventory: Inventory, hosts: dict[str, Host], o: Limit) -> None:
    """Keys on hosts rather than on agents: at once, and before all else."""
    if not (o.add_ssh_key or o.remove_ssh_key or o.refresh_ssh_keys):
        return
    added, removed = public_keys(o.add_ssh_key), public_keys(o.remove_ssh_key)
    for host in hosts.values():
        if o.refresh_ssh_keys and not o.dry_run:
            inventory.provider(host.provider).refresh_keys(host)
        if added or removed:
            play = provision(host, [authorized(path=host.authorized_keys, add=added, remove=removed)], check=o.dry_run)
            output.note(
                f"{host.name}: {play.count('changed')} of its authorized keys {'would change' if o.dry_run else 'changed'}"
            )


def public_keys(files: list[str]) -> list[str]:
    """Their lines. UsageError for what is no public key: a private one must go nowhere."""
    keys = list[str]()
    for file in files:
        try:
            lines = [line.strip() for line in expanded(file).read_text().splitlines() if line.strip() and line[0] != "#"]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {getattr(error, 'strerror', '') or 'is no text'}") from None
        if not lines or not all(PUBLIC.match(line) for line in lines):
            raise UsageError(f"{file} is no public SSH key", "name a file like ~/.ssh/id_ed25519.pub")
        keys += lines
    return keys


def set_limits(inventory: Inventory, agent: Agent, o: Limit) -> Limits:
    before, record = agent.record, wanted(agent.record, o)
    if record == before:
        return told(agent, record, "unchanged")
    if o.dry_run:
        return told(agent, record, "would be set")
    agent.record = record
    if record.start_on_boot and not before.start_on_boot:
        boot.enable(agent)  # first: on a host that can't, nothing is set
    agent.save()
    if o.grant or o.revoke:
        grants_known(inventory.origins, agent, o.grant, o.revoke)
    if before.start_on_boot and not record.start_on_boot:
        boot.disable(agent)
    if not record.idle_timeout_seconds and not agent.host.ours:
        unwatch(agent)
    elif agent.status().state in ("RUNNING", "WAITING"):
        watch(agent)
    return told(agent, record, "set")


def wanted(record: AgentRecord, o: Limit) -> AgentRecord:
    record = granted(o.limited(record), o.grant, o.revoke)
    if not (o.add_activity_source or o.remove_activity_source):
        return record
    if record.idle_timeout_seconds is None:
        raise MngError(f"{record.name} has no idle timeout", "give --idle-timeout as well")
    removed = split(o.remove_activity_source)
    left = [source for source in [*record.activity_sources, *split(o.add_activity_source)] if source not in removed]
    return limited(record, sources=left)


def told(agent: Agent, record: AgentRecord, result: str) -> Limits:
    return Limits(
        name=agent.name, host=agent.host.name, result=result, idle_mode=record.idle_mode,
        idle_timeout_seconds=record.idle_timeout_seconds, activity_sources=record.activity_sources,
        start_on_boot=record.start_on_boot, grants=record.grants,
    )  # fmt: skip
