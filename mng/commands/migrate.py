"""mng migrate"""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from mng import foreign, output
from mng.agents.agent import Agent
from mng.agents.creation import Plan, build, discard
from mng.agents.ending import destroy, may_destroy, may_stop, stop, uninterrupted
from mng.agents.hosting import awake, not_left_empty, release
from mng.agents.journal import Journal, fault
from mng.agents.row import AgentRow
from mng.agents.team import Team
from mng.cli.command import command
from mng.cli.options import option
from mng.cli.text import composed
from mng.commands.clone import CloneOptions, as_made, copied
from mng.commands.create import carry_on, host_for, settled
from mng.errors import MngError, UsageError
from mng.inventory.inventory import Inventory
from mng.roles.workdir import same
from mng.sync.carry import digest


class MigrateOptions(CloneOptions):
    """Migrate"""

    source_agent: str = option(..., "--from-agent", place="word", help="the agent to move")
    name: str | None = option(None, "-n", place="word", help="another name for it there (default: its own)")


@command
def migrate(c: Context, o: MigrateOptions) -> AgentRow:
    """Move an agent to another host: its work, its environment and its conversation

    It is stopped, made anew there with everything in its work dir, compared, and started; only then is it destroyed where it
    was. If anything fails, it goes on where it was. To this machine: --host local.
    """
    o = settled(o)
    inventory = Inventory(o.settings, o.allow_unknown_host)
    source = Team.of(inventory, words=[o.source_agent]).named(o.source_agent)
    if not (o.in_ or o.host):
        raise UsageError("to which host?", "--host HOST, or --in PROVIDER for a new one")
    if o.host and inventory.host(o.host).id == source.host.id:
        raise UsageError(f"{source.name} is on {source.host.name} already", "mng clone makes a second one there")
    if o.dry_run:
        output.note(f"would move {source.name} from {source.host.name} to {o.host or f'a new host of {o.in_}'}")
        return source.row()
    source = Agent(source.record, awake(inventory, source.host))
    made = as_made(o, inventory, source)
    message = composed(f"Message for {source.name}") if o.edit_message else o.message or ""
    running = source.status().state in ("RUNNING", "WAITING")
    ends = may_stop(may_destroy([source]).all().agents).all()
    stop(ends)
    try:
        agent, journal = made_there(o, inventory, source, made)
    except BaseException:
        with uninterrupted():
            back(source, running)
        raise
    fault("migrate.made")
    destroy(source, journal)
    if done := release(inventory, source.host):
        output.note(done)
    return carry_on(agent, o, fresh=True, message=message)


def made_there(o: MigrateOptions, inventory: Inventory, source: Agent, made: Agent) -> tuple[Agent, Journal]:
    """The agent on the other host, its program alive, and the journal that says that then the source goes.

    `made`: the source as this machine knows it.
    """
    moved = {"new_branch": o.new_branch if "new_branch" in o.model_fields_set else False, "include_gitignored": True}
    o = o.like(made).model_copy(update=moved)
    host, new = host_for(o, inventory)
    with not_left_empty(inventory, host, new):
        output.progress(f"moving {source.name} from {source.host.name} to {host.name}")
        plan = as_it_is(copied(o.model_copy(update={"name": o.name or source.name}), inventory, made, host), made)
        root = made.record.work.root or made.record.work.path
        plan = plan._replace(state=[same(root=plan.record.work.root, was=digest(source.host.runner, root)), *plan.state])
        journals, after = o.settings.host_dir / "journal", f"{host.name} {plan.record.id}"
        journal = Journal.begin(journals, "destroy", source.record, source.host.name, after=after)
        try:
            return alive(build(plan, journals), journals), journal
        except BaseException:
            journal.done()
            raise


def alive(agent: Agent, journals: Path) -> Agent:
    """Gone again if its program ends at once."""
    try:
        agent.survives(0.3)
    except MngError:
        discard(agent, journals)
        raise
    return agent


def as_it_is(plan: Plan, source: Agent) -> Plan:
    """A clone or copy that is the agent's own goes with all that is in its repository."""
    old, new = source.record.work, plan.record.work
    if old.kind not in ("clone", "copy") or new.kind != old.kind:
        return plan
    root, was = new.root, old.root or old.path
    path = f"{root}/{foreign.below(old)}".rstrip("/")
    work = old.model_copy(
        update={"root": root, "path": path, "claim": new.claim, "home": new.home, "repo": "", "made_branch": False}
    )
    placement = plan.placement._replace(work=work, whole=True, source=plan.placement.source._replace(path=was))
    return plan._replace(record=plan.record.model_copy(update={"work": work}), placement=placement)


def back(source: Agent, running: bool) -> None:
    """It runs again, if it did."""
    try:
        if running:
            source.start(resume=True)
    except MngError as error:
        output.warn(f"{source.name} is stopped: {error.what}; mng start {source.name}")
