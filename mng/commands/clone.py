"""mng clone"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.believed import bare, origin_of
from mng.agents.creation import Plan
from mng.agents.hosting import not_left_empty
from mng.agents.row import AgentRow
from mng.agents.team import Team
from mng.agents.types import Chosen, choose
from mng.cli.command import command
from mng.cli.options import option
from mng.commands.create import CreateOptions, carried_out, host_for, planned, running, settled
from mng.errors import MngError, UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.roles.env import assigned
from mng.roles.workdir import saved
from mng.shell import cmd, here

KINDS = {"worktree": "worktree", "copy": "copy_", "clone": "clone"}


class CloneOptions(CreateOptions):
    """Clone"""

    source_agent: str = option(..., "--from-agent", place="word", help="the agent to copy")
    type: str = option(
        "", "--agent-type", help="run another type, which begins a conversation of its own (default: the source's)"
    )

    as_recorded: bool = option(False, help="of one that was not made from here: run what its host says")

    @property
    def theirs(self) -> bool:
        """Whether the copy is of the source's own type, and goes on with its conversation."""
        return not (self.type or self.agent_cmd)

    def stays(self, inventory: Inventory, source: Agent) -> bool:
        """Whether the copy is on the source's own host."""
        return not self.in_ and (not self.host or inventory.host(self.host).id == source.host.id)

    def like(self, source: Agent) -> Self:
        """As the source has it, where nothing else was asked for; on its host."""
        record, given = source.record, self.model_fields_set
        if not record.id or source.host.runner.run(cmd("test", "-d", record.work.path), check=False).code:
            raise MngError(f"{source.name} can't be copied: there is no work dir of it", "see: mng list")
        project = {"project": self.project} if self.project else {}
        taken: dict[str, Any] = {"label": {**record.labels, **project, **self.label}}
        if self.theirs:
            taken["agent_cmd"] = record.command or None
            taken["grant"] = [*record.grants, *self.grant]
            taken["add_cmd"] = [*(f"{name}={line}" for name, line in record.windows.items()), *self.add_cmd]
        if not given & {"resume_message", "resume_message_file"}:
            taken["resume_message"] = record.resume_message or None
        if not given & {"include_unclean", "ensure_clean", "base_branch"}:
            taken["include_unclean"] = True
        if not self.in_ and not self.host and not source.host.local:
            taken["host"] = source.host.name
        kind = KINDS.get(record.work.kind, "")
        if kind and not given & {*KINDS.values(), "in_place"}:
            elsewhere = kind == "worktree" and (self.in_ or self.host)
            taken |= {"clone" if elsewhere else kind: True, "include_git": kind == "copy_" or self.include_git}
        return self.model_copy(update=taken)


@command
def clone(c: Context, o: CloneOptions) -> AgentRow:
    """Copy an agent: its work, its environment and its conversation

    Uncommitted and untracked work comes along, and the conversation goes on from where the source's is now. The source
    goes on undisturbed: neither sees what becomes of the other. The copy is on the same host, unless --host or --in says where.
    """
    o = settled(o)
    inventory = Inventory(o.settings, o.allow_unknown_host)
    source = Team.of(inventory, words=[o.source_agent]).named(o.source_agent)
    source = as_made(o, inventory, Agent(source.record, running(o, inventory, source.host)))
    o = o.like(source)
    host, new = host_for(o, inventory)
    with not_left_empty(inventory, host, new):
        return carried_out(copied(o, inventory, source, host), o)


def as_made(o: CloneOptions, inventory: Inventory, source: Agent) -> Agent:
    """The source as this machine knows it: what its host says counts for a copy on that host alone. UsageError otherwise."""
    origin = origin_of(source, o.settings.host_dir, Path(o.context or here()))
    if origin and (origin.whole or not o.theirs):
        return Agent(origin.record.model_copy(update={"name": source.name}), source.host)
    if o.as_recorded or o.stays(inventory, source):
        return source
    if not o.theirs:
        return Agent(bare(source.record), source.host)
    record = source.record
    runs = [*(record.program or [record.type]), *filter(None, [record.command]), *record.args, *record.windows.values()]
    raise UsageError(
        f"{source.name} was not made from here, and its host says that it runs: {' '.join(runs)[:300]}",
        "if that is what you want: --as-recorded; or say what the copy runs: --agent-type TYPE",
    )


def copied(o: CloneOptions, inventory: Inventory, source: Agent, host: Host) -> Plan:
    """The plan of an agent with the work, the environment and the conversation of the source."""
    record = source.record
    like = Chosen(source.kind, record.type, tuple(record.program), tuple(record.args))
    like = like if o.theirs else choose(o.type or "generic", o.settings)
    values = environment(o, source, host)
    plan = planned(o, inventory, replace(like, env=(*like.env, *values.items())), host)
    if source.host.id == host.id:
        plan = plan._replace(known=o.as_recorded or origin_of(source, o.settings.host_dir) is not None)
        return plan._replace(record=source.kind.branch(plan.record, source.view())) if o.theirs else plan
    plan.placement.work.home = plan.placement.work.home or record.work.home
    if not o.theirs:
        return plan
    mine, files = source.kind.bring(plan.record, source.view(), host)
    return plan._replace(record=mine, state=[saved(work="", was="", repo="", refs=(), files=files)])


def environment(o: CloneOptions, source: Agent, host: Host) -> dict[str, str]:
    """The source's, for its own host as it is there; for another what was given here, and is there unchanged."""
    path = f"{source.folder}/env"
    values = assigned(source.host.runner.get([path]).get(path, b"").decode(errors="surrogateescape"), path)
    if source.host.local or source.host.id == host.id or o.as_recorded:
        return values
    origin = origin_of(source, o.settings.host_dir)
    mine = {name: value for name, value in values.items() if origin and origin.same(name, value)}
    if others := sorted(values.keys() - mine.keys()):
        names = ", ".join(others[:10]) + (f" and {len(others) - 10} more" if len(others) > 10 else "")
        output.warn(f"{source.name}: only its host says what {names} is; what the copy needs of it: --env NAME=VALUE")
    return mine
