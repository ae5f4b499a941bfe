"""mng pull"""

from __future__ import annotations

from invoke.context import Context

from mng.cli.command import command
from mng.cli.moving import Move, Sent, at, local, move
from mng.cli.options import CommonOptions, Options, option
from mng.inventory.inventory import Inventory


class PullOptions(Options):
    """Pull"""

    source: str | None = option(None, place="word", help="AGENT or AGENT:PATH (default: choose from a list)")
    destination: str | None = option(
        None, "--dest", place="word", help="folder to bring it to (default: this repository, or folder)"
    )
    source_agent: str | None = option(None, help="the agent to pull from, instead of the first word")
    source_host: str | None = option(None, help="look on this host; with --source-path and no agent: a folder of it")
    source_path: str | None = option(None, help="from this path in its work dir")
    target_agent: str | None = option(None, help="bring it to this agent instead")
    target_host: str | None = option(None, help="the destination is on this host")
    branch: str | None = option(None, help="the source's branch (default: the one checked out)")


class Pull(PullOptions, Move, CommonOptions):
    """Pull"""


@command
def pull(c: Context, o: Pull) -> Sent:
    """Bring an agent's work here

    Files as they are now; with --sync-mode git its commits, with full its commits and then its uncommitted changes. What
    git ignores stays on either side, and nothing that is only here is lost without being asked.
    """
    inventory = Inventory(o.settings)
    source, agent = at(inventory, o.source_agent, o.source_host, o.source_path, o.source)
    if o.target_agent or o.target_host:
        target, _ = at(inventory, o.target_agent, o.target_host, o.destination, None)
    else:
        target = local(inventory, o.destination, o.context, agent, "--destination")
    return move(o, source, target, agent, f"pull of {source.name}", branch=o.branch)
