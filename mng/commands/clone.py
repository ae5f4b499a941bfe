"""mng clone"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from invoke.context import Context

from mng.agents.agent import Agent
from mng.agents.row import AgentRow
from mng.agents.team import Team
from mng.agents.types import Chosen, choose
from mng.cli.command import command
from mng.cli.options import option
from mng.commands.create import CreateOptions, carried_out, planned
from mng.errors import MngError
from mng.inventory.inventory import Inventory
from mng.roles.env import assigned
from mng.shell import cmd

KINDS = {"worktree": "worktree", "copy": "copy_", "clone": "clone"}


class CloneOptions(CreateOptions):
    """Clone"""

    source_agent: str = option(..., "--from-agent", place="word", help="the agent to copy")
    type: str = option(
        "", "--agent-type", help="run another type, which begins a conversation of its own (default: the source's)"
    )


@command(shows=AgentRow)
def clone(c: Context, o: CloneOptions) -> AgentRow:
    """Copy an agent: its work, its environment and its conversation

    Uncommitted and untracked work comes along, and the conversation goes on from where the source's is now. The source
    goes on undisturbed: neither sees what becomes of the other.
    """
    inventory = Inventory(o.settings, o.allow_unknown_host)
    source = Team.of(inventory, words=[o.source_agent]).named(o.source_agent)
    record, theirs = source.record, not (o.type or o.agent_cmd)
    o = o.model_copy(update=taken_over(o, source, theirs))
    like = Chosen(source.kind, record.type, tuple(record.program), tuple(record.args))
    like = like if theirs else choose(o.type or "generic", o.settings)
    plan = planned(o, inventory, replace(like, env=(*like.env, *environment(source).items())))
    return carried_out(plan._replace(record=source.kind.branch(plan.record, source.view())) if theirs else plan, o)


def taken_over(o: CloneOptions, source: Agent, theirs: bool) -> dict[str, Any]:
    """The options that are as the source has them, where nothing else was asked for."""
    record, given = source.record, o.model_fields_set
    if not record.id or source.host.runner.run(cmd("test", "-d", record.work.path), check=False).code:
        raise MngError(f"{source.name} can't be cloned: there is no work dir of it", "see: mng list")
    taken: dict[str, Any] = {"label": {**record.labels, **({"project": o.project} if o.project else {}), **o.label}}
    if theirs:
        taken["agent_cmd"] = record.command or None
        taken["add_cmd"] = [*(f"{name}={line}" for name, line in record.windows.items()), *o.add_cmd]
    if not given & {"resume_message", "resume_message_file"}:
        taken["resume_message"] = record.resume_message or None
    if not given & {"include_unclean", "ensure_clean", "base_branch"}:
        taken["include_unclean"] = True
    if (kind := KINDS.get(record.work.kind, "")) and not given & {*KINDS.values(), "in_place"}:
        taken |= {kind: True, "include_git": kind == "copy_" or o.include_git}
    return taken


def environment(source: Agent) -> dict[str, str]:
    path = f"{source.folder}/env"
    return assigned(source.host.runner.get([path]).get(path, b"").decode(errors="surrogateescape"), path)
