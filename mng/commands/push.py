"""mng push"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng.cli.command import command
from mng.cli.moving import Move, Sent, at, local, move
from mng.cli.options import CommonOptions, Exclusive, Options, option
from mng.inventory.inventory import Inventory


class PushOptions(Options):
    """Push"""

    exclusive: ClassVar[Exclusive] = (("rsync_only", "mirror"),)

    target: str | None = option(None, place="word", help="AGENT or AGENT:PATH (default: choose from a list)")
    source: str | None = option(None, place="word", help="folder to push (default: this repository, or folder)")
    target_agent: str | None = option(None, help="the agent to push to, instead of the first word")
    target_host: str | None = option(None, help="look on this host; with --target-path and no agent: a folder of it")
    target_path: str | None = option(None, help="to this path in its work dir")
    source_agent: str | None = option(None, help="push the work of this agent instead")
    source_host: str | None = option(None, help="the source is on this host")
    source_branch: str | None = option(None, "--branch", help="the source's branch (default: the one checked out)")
    mirror: bool = option(False, help="all branches and tags as the source has them, after saving those that go")
    rsync_only: bool = option(False, help="files as they are, whatever git says (--sync-mode files)")


class Push(PushOptions, Move, CommonOptions):
    """Push"""


@command
def push(c: Context, o: Push) -> Sent:
    """Bring work from here to an agent

    The mirror image of pull: the source is never changed.
    """
    inventory = Inventory(o.settings)
    target, agent = at(inventory, o.target_agent, o.target_host, o.target_path, o.target)
    if o.source_agent or o.source_host:
        source, _ = at(inventory, o.source_agent, o.source_host, o.source, None)
    else:
        source = local(inventory, o.source, o.context, agent, "--source")
    return move(o, source, target, agent, f"push to {target.name}", branch=o.source_branch)
