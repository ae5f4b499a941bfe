"""mng connect"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng import output
from mng.agents.attaching import Reconnect, go_to
from mng.agents.team import Team
from mng.cli.chosen import picked
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Exclusive, Options, option
from mng.cli.text import given_message
from mng.inventory.inventory import Inventory


class ConnectOptions(Options):
    """Connect"""

    exclusive: ClassVar[Exclusive] = (("message", "message_file"),)

    agent: str | None = option(None, place="word", help="name or id (default: choose from a list)")
    start: bool = option(True, help="start it first if it is stopped")
    message: str | None = option(None, "-m", secret=True, empty=True, help="send this first")
    message_file: str | None = option(None, help="send the content of this file first (- for stdin)")
    ready_timeout: Duration = option(10.0, help="how long it may take to be ready for the message")
    attach_command: str | None = option(None, secret=True, help="shell line to attach with")
    reconnect: bool = option(True, help="when the connection to its host is lost, connect again")
    retry: int = option(3, help="how often to try that")
    retry_delay: Duration = option(5.0, help="how long to wait before each")
    forward_agent: bool = option(False, help="let its host use the keys of your ssh-agent while you are connected")
    allow_unknown_host: bool = option(False, help="trust a host whose key is not known yet, and keep its key")


class Connect(ConnectOptions, CommonOptions):
    """Connect"""


@command
def connect(c: Context, o: Connect) -> None:
    """Attach to an agent

    Without a name, a list to choose from: type to filter, Enter to go. Inside tmux the client switches.
    """
    team = Team.of(Inventory(o.settings, o.allow_unknown_host), words=[o.agent] if o.agent else ()).with_hand_made()
    agent = team.named(o.agent) if o.agent else picked(team)
    message = given_message(o.message, o.message_file)
    state = agent.status(team.probe(agent.host))
    if o.start and agent.record.id and state.state in ("STOPPED", "DONE", "FAILED"):
        output.progress(f"starting {agent.name}, which was {state.state}")
        agent.start(resume=True)
    if message:
        from mng.agents.send import deliver

        receipt = deliver(agent, message, timeout=o.ready_timeout)
        if receipt.outcome != "delivered":
            output.warn(f"the message is {receipt.outcome}: {receipt.evidence}")
    go_to(agent, o.attach_command, reconnect=Reconnect(o.retry if o.reconnect else 0, o.retry_delay), keys=o.forward_agent)
