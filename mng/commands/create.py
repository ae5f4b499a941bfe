"""mng create"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Literal

from invoke import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.creation import NameTaken, Plan, build, finish
from mng.agents.row import AgentRow
from mng.agents.send import deliver
from mng.agents.team import Team
from mng.agents.types import BUILT_IN, Chosen, choose
from mng.cli.attach import go_to
from mng.cli.background import hand_over
from mng.cli.command import command
from mng.cli.message import composed, message_of
from mng.cli.options import CommonOptions, Duration, Options, Pairs, option
from mng.errors import MngError, UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.inventory.provider import HostSpec
from mng.names import Style, check_name, made_up, near, new_id
from mng.records import AgentRecord
from mng.roles.env import parse
from mng.roles.steps import Steps
from mng.sync.source import Placement, Source


class AgentOptions(Options):
    """Agent"""

    exclusive = (("agent_cmd", "type"),)

    name: str | None = option(None, "-n", place="word", help="its name (default: a made-up one)")
    type: str = option(
        "claude",
        "--agent-type",
        place="word",
        help="claude, codex, opencode, demo, a type of the settings, or any program on PATH",
    )
    agent_cmd: str | None = option(
        None, "--agent-command", "--command", help="run this shell line as the agent (type generic)"
    )
    agent_args: list[str] = option([], place="rest", help="handed to the agent's program, byte for byte")
    name_style: Style = option("english", help="style of a made-up name")
    add_cmd: list[str] = option(
        [], "-c", "--add-command", help="NAME=LINE: a further tmux window (ALL_CAPS=… sets an environment variable)"
    )
    label: Pairs = option({}, help="KEY=VALUE to find it by")
    project: str | None = option(None, help="label `project` (default: the repository's folder name)")
    template: list[str] = option(
        [], "-t", help="options from [create_templates.NAME]; the later wins, typed ones over all"
    )


class HostOptions(Options):
    """Host"""

    exclusive = (("in_", "host"),)

    in_: str | None = option(None, "--new-host", help="make a new host with this provider")
    host: str | None = option(None, "--target-host", help="use this host (default: this machine)")
    host_name: str | None = option(None, help="name of a new host")
    tag: Pairs = option({}, help="KEY=VALUE on a new host")
    build_arg: list[str] = option([], "-b", "--build", help="handed to the provider when it builds")
    start_arg: list[str] = option([], "-s", "--start", help="handed to the provider when it starts")
    snapshot: str | None = option(None, help="make the new host from this snapshot")


class SourceOptions(Options):
    """Source"""

    exclusive = (("from_", "source_agent"), ("from_", "source_path"))

    from_: str | None = option(None, "--source", help="AGENT, AGENT@HOST, HOST:PATH or a folder (default: this folder)")
    source_agent: str | None = option(None, "--from-agent", help="take the work dir of this agent")
    source_path: str | None = option(None, help="take this folder (with --source-agent: inside its work dir)")
    include_unclean: bool | None = option(None, off="--exclude-unclean", help="bring uncommitted changes along")
    include_git: bool = option(True, help="bring .git along in a copy")
    include_gitignored: bool = option(False, help="bring ignored files along in a copy")
    ensure_clean: bool = option(True, help="refuse to start from a tree with uncommitted changes")


class TargetOptions(Options):
    """Work dir"""

    exclusive = (("worktree", "copy_", "clone", "in_place"),)

    worktree: bool = option(False, help="a git worktree on a branch of its own (default in a repository)")
    copy_: bool = option(False, help="a copy of the folder (default elsewhere)")
    clone: bool = option(False, help="a git clone of its own")
    in_place: bool = option(False, help="the folder itself")
    target_path: str | None = option(None, "--target", help="where to put it (default: below MNG_HOST_DIR)")
    base_branch: str | None = option(None, help="branch or commit to start from (default: HEAD)")
    new_branch: bool | str = option(True, maybe=True, help="work on a new branch, of this name")
    new_branch_prefix: str = option("mng/", help="what comes before the agent's name in the branch's")
    depth: int | None = option(None, help="commits of history in a clone")
    shallow_since: str | None = option(None, help="history of a clone since this date")


class ProvisionOptions(Options):
    """Environment and provisioning"""

    env: Pairs = option({}, secret=True, help="KEY=VALUE for the agent")
    env_file: list[str] = option([], help="file of KEY=VALUE lines")
    pass_env: list[str] = option([], help="variable of this shell to hand on")
    user_command: list[str] = option([], help="shell line to run in the work dir")
    sudo_command: list[str] = option([], help="the same as root")
    upload_file: list[str] = option([], help="LOCAL:REMOTE")
    append_to_file: list[str] = option([], help="REMOTE:TEXT")
    prepend_to_file: list[str] = option([], help="REMOTE:TEXT")
    create_directory: list[str] = option([], help="folder to make")
    yes: bool = option(False, "-y", help="install what is missing without asking")


class ConnectOptions(Options):
    """Starting and connecting"""

    exclusive = (("message", "message_file", "edit_message"), ("resume_message", "resume_message_file"))

    connect: bool | None = option(None, help="attach to it (default: on a terminal)")
    reuse: bool = option(False, help="go on with an agent of that name, if there is one")
    message: str | None = option(None, "-m", secret=True, help="first message")
    message_file: str | None = option(None, help="file with the first message (- for stdin)")
    edit_message: bool = option(False, help="write the first message in $EDITOR while the agent is made")
    resume_message: str | None = option(None, secret=True, help="message to send at every later start")
    resume_message_file: str | None = option(None, help="file with that message")
    await_ready: bool = option(False, help="return only when it takes messages, and has taken the first")
    await_agent_stopped: bool = option(False, help="return only when it has ended")
    ready_timeout: Duration = option(10.0, help="how long it may take to be ready")
    attach_command: str | None = option(None, help="shell line to attach with")
    connect_command: str | None = option(
        None, help="shell line to run instead of attaching (MNG_AGENT_NAME, MNG_SESSION_NAME)"
    )
    dry_run: bool = option(False, help="say what would be made, make nothing")


class CreateOptions(
    AgentOptions, HostOptions, SourceOptions, TargetOptions, ProvisionOptions, ConnectOptions, CommonOptions
):
    """Create"""


@command
def create(c: Context, o: CreateOptions) -> AgentRow:
    """Create an agent and start it

    In a git repository it works in a worktree of its own, on a branch of its own.
    """
    inventory = Inventory(o.settings)
    if o.reuse and o.name and (known := existing(inventory, o.name)):
        return carry_on(known, o, fresh=False)
    message = first_message(o)
    plan = planned(o, inventory)
    if o.dry_run:
        output.note(f"would create {plan.record.name}: {plan.record.work.kind} {plan.record.work.path}")
        return Agent(plan.record, plan.host).row()
    output.progress(f"creating {plan.record.name}: {plan.record.type}, {plan.record.work.kind} {plan.record.work.path}")
    with editing(o) as edited:
        agent = made(plan, inventory)
    return carry_on(agent, o, fresh=True, message=edited() or message)
