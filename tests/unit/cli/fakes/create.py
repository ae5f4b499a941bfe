from __future__ import annotations

from typing import ClassVar, Literal

from invoke.context import Context

from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Exclusive, Options, Pairs, option


class AgentOptions(Options):
    """Agent"""

    exclusive: ClassVar[Exclusive] = (("agent_type", "command"),)

    name: str | None = option(None, "-n", place="word", help="name of the agent")
    agent_type: str = option("claude", "--type", place="word", help="which program to run")
    command: str | None = option(None, "--agent-cmd", help="a shell command instead")
    template: list[str] = option([], "-t", help="preset of options")
    label: Pairs = option({}, help="label of the agent")
    message: str | None = option(None, "-m", empty=True, secret=True, help="the first message")
    agent_args: list[str] = option([], place="rest", secret=True, help="passed on to the agent")


class HostOptions(Options):
    """Host"""

    in_: Literal["local", "docker", "modal"] = option("local", "--new-host", help="provider of the host")
    build_arg: list[str] = option([], "-b", "--build", help="passed on to the provider's build")
    idle_timeout: Duration | None = option(None, help="stop the host after so long without work")
    retry: int = option(3, help="tries to connect")


class CreateOptions(AgentOptions, HostOptions, CommonOptions):
    """Behaviour"""

    exclusive: ClassVar[Exclusive] = (("copy_", "in_place"),)

    connect: bool | None = option(None, help="attach when ready")
    new_branch: bool | str = option(True, maybe=True, help="on a branch of its own, of that name")
    include_unclean: bool | None = option(None, off="--exclude-unclean", help="bring uncommitted changes along")
    copy_: bool = option(False, help="in a copy")
    in_place: bool = option(False, help="in the source folder itself")
    env: Pairs = option({}, secret=True, help="a variable")


@command
def create(c: Context, o: CreateOptions) -> CreateOptions:
    """Create and run an agent

    Sets up its folder, starts it, and attaches.
    """
    return o
