"""mng restore"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.believed import origin_of
from mng.agents.creation import Plan, available, build
from mng.agents.keepsake import Found, keepsakes, newest
from mng.agents.row import AgentRow
from mng.agents.team import Team
from mng.agents.types import AgentType, Chosen, type_of
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
from mng.cli.provisioning import ProvisionOptions, environment, roles_of, steps_of
from mng.cli.text import one_reader
from mng.errors import MngError, UsageError
from mng.inventory.inventory import Inventory
from mng.roles.workdir import saved
from mng.rows import Results, Row


class RestoreOptions(Options):
    """Restore"""

    name: str | None = option(None, place="word", help="the agent that was destroyed")
    host: str | None = option(None, help="look on hosts of this pattern (default: those that mng lists)")
    at: str | None = option(None, help="what was saved at this time, or its beginning (default: the newest)")
    list_: bool = option(False, help="show what is saved, of this agent or of all")
    start: bool = option(True, help="start it, its conversation going on where that is kept")
    dry_run: bool = option(False, help="say what would be restored, restore nothing")


class Restore(RestoreOptions, ProvisionOptions, CommonOptions):
    """Restore"""


class SavedRow(Row):
    """What is saved of one destroyed agent."""

    columns: ClassVar[dict[str, str]] = {"NAME": "name", "AT": "at", "WORK": "unsaved", "REF": "ref", "REPOSITORY": "repo"}

    name: str
    at: str
    host: str
    unsaved: str
    ref: str
    repo: str
    work_dir: str


@command
def restore(c: Context, o: Restore) -> AgentRow | Results[SavedRow]:
    """Bring a destroyed agent back, with the work that was saved of it

    Its branch and commits, staged, changed and untracked files as they were, in the same folder, and its conversation
    where its program keeps that. Values of its environment are not kept: give those it needs again.
    """
    one_reader(o)
    inventory = Inventory(o.settings)
    if o.list_:
        found = (one for host in inventory.hosts((o.host,) if o.host else ()) for one in keepsakes(host, o.name or ""))
        return Results([listed(one) for one in sorted(found, key=lambda one: one.keepsake.at)])
    if not o.name:
        raise UsageError("which agent?", "name it; see: mng restore --list")
    wanted = newest(inventory.hosts((o.host,) if o.host else ()), o.name, o.at or "")
    plan = planned(o, inventory, wanted)
    if o.dry_run:
        output.note(f"would restore {o.name}: {plan.record.work.kind} {plan.record.work.path} ({wanted.keepsake.unsaved})")
        return Agent(plan.record, plan.host).row()
    inventory.remember(plan.host)
    agent = build(plan, o.settings.host_dir / "journal")
    inventory.learn(plan.host, agent.record)
    inventory.origins.learn(plan.host, agent.record.id, plan.env)
    if plan.start:
        agent.survives()
    if missing := [name for name in wanted.keepsake.variables if name not in plan.env]:
        output.warn(f"its environment had {', '.join(missing)}, too: mng provision {o.name} --env NAME=VALUE")
    return agent.row()


def planned(o: Restore, inventory: Inventory, found: Found) -> Plan:
    host, keepsake = found
    old = keepsake.record
    available(inventory, host, old.name)
    if host.tree().names(host.agent_dir(old.id)):
        now = next((agent.name for agent in Team.of(inventory).agents if agent.record.id == old.id), old.id)
        raise MngError(f"{old.name} was restored already: it is {now}", f"see: mng connect {now}")
    placement = keepsake.placement(host.runner, f"{host.agent_dir(old.id)}/placed")
    record = old.model_copy(update={"phase": "creating", "work": placement.work})
    agent = Agent(record, host)
    files = {agent.folder + path: text.encode() for path, text in keepsake.files.items()}
    was, refs = old.work.root or old.work.path, tuple(keepsake.refs)
    state = saved(work=placement.work.root, was=was, repo=keepsake.repo, refs=refs, files=files)
    env = environment(o, Chosen(account(inventory, agent), record.type))
    return Plan(record, host, placement, env, steps_of(o), roles_of(o), o.yes, [state], resume=True, start=o.start, known=False)


def account(inventory: Inventory, agent: Agent) -> AgentType:
    """Whose variables of this shell are handed on: what was made from here names them by its type, no host does."""
    origin = origin_of(agent, inventory.settings.host_dir)
    return type_of(origin.record) if origin else AgentType()


def listed(found: Found) -> SavedRow:
    keepsake = found.keepsake
    return SavedRow(
        name=keepsake.record.name, at=keepsake.at, host=found.host.name, unsaved=keepsake.unsaved,
        ref=keepsake.refs[0].ref, repo=keepsake.repo, work_dir=keepsake.record.work.path,
    )  # fmt: skip
