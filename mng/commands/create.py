"""mng create"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.attaching import Reconnect, go_to
from mng.agents.background import hand_over
from mng.agents.consent import with_consent
from mng.agents.creation import Plan, available, build, fit
from mng.agents.grants import granted
from mng.agents.hosting import adopt, awake, not_left_empty
from mng.agents.row import AgentRow
from mng.agents.send import check_messages, deliver
from mng.agents.team import Team
from mng.agents.types import Chosen, Receipt, choose, type_of
from mng.cli.command import command
from mng.cli.lifecycle import LifecycleOptions
from mng.cli.options import CommonOptions, Count, Duration, Exclusive, Options, Pairs, Placeholder, option
from mng.cli.provisioning import ProvisionOptions, added, environment, environments_read, roles_of, steps_of
from mng.cli.text import composed, editing, from_file, given_message, on_terminal, one_reader
from mng.errors import Blocked, MngError, NotAvailable, UsageError
from mng.host import Asleep, Host
from mng.inventory.inventory import Inventory
from mng.inventory.provider import HostSpec, Provider, SnapshotSpec
from mng.names import Style, check_name, made_up, new_id
from mng.records import AgentRecord, Kind
from mng.shell import expanded, here, is_folder, is_text
from mng.sync.carry import abroad
from mng.sync.source import Placement, Source, new_branch


class AgentOptions(Options):
    """Agent"""

    exclusive: ClassVar[Exclusive] = (("agent_cmd", "type"),)

    name: str | None = option(None, "-n", place="word", help="its name (default: a made-up one)")
    type: str = option(
        "claude",
        "--agent-type",
        place="word",
        help="claude, codex, opencode, demo, a type of the settings, or any program on PATH",
    )
    agent_cmd: str | None = option(
        None, "--agent-command", "--command", secret=True, help="run this shell line as the agent (type generic)"
    )
    agent_args: list[str] = option([], place="rest", secret=True, help="handed to the agent's program, byte for byte")
    name_style: Style = option("english", help="style of a made-up name")
    add_cmd: Annotated[list[str], Placeholder("NAME=LINE")] = option(
        [], "-c", "--add-command", secret=True, help="a further tmux window (ALL_CAPS=… sets an environment variable)"
    )
    label: Pairs = option({}, help="KEY=VALUE to find it by")
    project: str | None = option(None, help="label `project` (default: the repository's folder name)")
    template: list[str] = option([], "-t", help="options from [create_templates.NAME]; the later wins, typed ones over all")


class HostOptions(Options):
    """Host"""

    exclusive: ClassVar[Exclusive] = (("in_", "host"),)

    in_: Annotated[str, Placeholder("PROVIDER")] | None = option(None, "--new-host", help="make a new host with this provider")
    host: str | None = option(None, "--target-host", help="use this host (default: this machine)")
    user: str | None = option(None, help="as this user of --host, whom ssh lets in; all that the agent has is that user's")
    allow_unknown_host: bool = option(False, help="trust a host whose key is not known yet, and keep its key")
    host_name: str | None = option(None, help="name of a new host")
    host_name_style: Style | None = option(None, help="make up the name of a new host in this style")
    auto_start: bool = option(True, help="start hosts that are stopped, where they are needed")
    tag: Pairs = option({}, help="KEY=VALUE on a new host")
    build_arg: list[str] = option([], "-b", "--build", secret=True, help="handed to the provider when it builds")
    build_args: Annotated[str, Placeholder("WORDS")] | None = option(None, secret=True, help="several of them in one word")
    start_arg: list[str] = option([], "-s", "--start", secret=True, help="handed to the provider when it starts")
    start_args: Annotated[str, Placeholder("WORDS")] | None = option(None, secret=True, help="several of them in one word")
    snapshot: str | None = option(None, help="make the new host from this snapshot")


class SourceOptions(Options):
    """Source"""

    exclusive: ClassVar[Exclusive] = (("from_", "source_agent"), ("from_", "source_path"), ("from_", "source_host"))

    from_: Annotated[str, Placeholder("SOURCE")] | None = option(
        None, "--source", help="AGENT, AGENT@HOST, HOST:PATH or a folder (default: this folder)"
    )
    source_agent: str | None = option(None, "--from-agent", help="take the work dir of this agent")
    source_path: str | None = option(None, help="take this folder (with --source-agent: inside its work dir)")
    source_host: str | None = option(None, help="what is taken is on this host")
    snapshot_source: bool = option(False, help="keep a snapshot of the source's host, as it is taken from")
    copy_work_dir: bool = option(True, help="as it is always: the work dir is whole when this returns, whatever you edit then")
    rsync: bool | None = option(None, help="make a copy of the folder by rsync (default: with --rsync-args)")
    rsync_args: Annotated[str, Placeholder("WORDS")] | None = option(None, help="further words for it, in one")
    include_unclean: bool | None = option(None, off="--exclude-unclean", help="bring uncommitted changes along")
    include_git: bool = option(False, help="bring .git along in a copy")
    include_gitignored: bool = option(False, help="bring ignored files along in a copy")
    ensure_clean: bool = option(True, help="refuse to start from a tree with uncommitted changes")


class TargetOptions(Options):
    """Work dir"""

    exclusive: ClassVar[Exclusive] = (("worktree", "copy_", "clone", "in_place"),)

    worktree: bool = option(False, help="a git worktree on a branch of its own (default in a repository)")
    copy_: bool = option(False, help="a copy of the folder (default elsewhere)")
    clone: bool = option(False, help="a git clone of its own")
    in_place: bool = option(False, help="the folder itself")
    target_path: str | None = option(None, "--target", help="where to put it (default: below MNG_HOST_DIR)")
    base_branch: str | None = option(None, help="branch or commit to start from (default: HEAD)")
    new_branch: bool | str = option(True, maybe=True, help="work on a new branch, of this name")
    new_branch_prefix: str = option("mng/", empty=True, help="what comes before the agent's name in the branch's")
    depth: Count | None = option(None, help="commits of history in a clone")
    shallow_since: Annotated[str, Placeholder("DATE")] | None = option(None, help="history of a clone since this date")


class ConnectOptions(Options):
    """Starting and connecting"""

    exclusive: ClassVar[Exclusive] = (
        ("message", "message_file", "edit_message"),
        ("resume_message", "resume_message_file"),
    )

    connect: bool | None = option(None, help="attach to it (default: on a terminal)")
    reuse: bool = option(False, help="go on with an agent of that name, if there is one")
    message: str | None = option(None, "-m", secret=True, empty=True, help="first message")
    message_file: str | None = option(None, help="file with the first message (- for stdin)")
    edit_message: bool = option(False, help="write the first message in $EDITOR while the agent is made")
    resume_message: str | None = option(None, secret=True, empty=True, help="message to send at every later start")
    resume_message_file: str | None = option(None, help="file with that message")
    await_ready: bool = option(False, help="return only when it takes messages, and has taken the first")
    await_agent_stopped: bool = option(False, help="return only when it has ended")
    ready_timeout: Duration = option(10.0, help="how long it may take to be ready")
    reconnect: bool = option(True, help="when the connection to its host is lost, connect again")
    retry: int = option(3, help="how often to try that")
    retry_delay: Duration = option(5.0, help="how long to wait before each")
    forward_agent: bool = option(False, help="let its host use the keys of your ssh-agent while you are connected")
    attach_command: str | None = option(None, secret=True, help="shell line to attach with")
    connect_command: str | None = option(
        None, secret=True, help="shell line to run instead of attaching (MNG_AGENT_NAME, MNG_SESSION_NAME)"
    )
    interactive: bool | None = option(None, help="ask on the terminal, and attach (default: where there is one)")
    dry_run: bool = option(False, help="say what would be made, make nothing")


class CreateOptions(
    AgentOptions, HostOptions, SourceOptions, TargetOptions, ProvisionOptions, LifecycleOptions, ConnectOptions, CommonOptions
):
    """Create"""


T = TypeVar("T", bound=CreateOptions)


@command
def create(c: Context, o: CreateOptions) -> AgentRow:
    """Create and run an agent

    In a git repository it works in a worktree of its own, on a branch of its own.
    """
    output.now.asks = o.interactive is not False
    o = settled(o)
    inventory = Inventory(o.settings, o.allow_unknown_host)
    if o.reuse and o.name and (known := existing(inventory, o.name)):
        return carry_on(known, o, fresh=False)
    host, new = host_for(o, inventory)
    with not_left_empty(inventory, host, new):
        if new and o.snapshot and not {"type", "agent_cmd"} & o.model_fields_set:
            name = check_name(o.name) if o.name else made_up(o.name_style, ())
            if agent := adopt(inventory, host, name, o.snapshot):
                return carry_on(agent, o, fresh=False)
        return carried_out(planned(o, inventory, host=host), o)


def carried_out(plan: Plan, o: CreateOptions) -> AgentRow:
    """The plan's agent, made, with its first message, and connected to; or with --dry-run only told of."""
    check_messages(type_of(plan.record), plan.record.name, o.message, plan.record.resume_message)
    if o.dry_run:
        output.note(f"would create {plan.record.name}: {plan.record.work.kind} {plan.record.work.path}")
        return Agent(plan.record, plan.host).row()
    output.progress(f"creating {plan.record.name}: {plan.record.type}, {plan.record.work.kind} {plan.record.work.path}")
    with editing(o.edit_message) as edited:
        agent = build(plan, o.settings.host_dir / "journal")
    try:
        message = edited() or o.message or ""
    except MngError as error:
        raise MngError(f"{agent.name} is there, but has no message: {error.what}", error.hint) from None
    return carry_on(agent, o, fresh=True, message=message)


def existing(inventory: Inventory, name: str) -> Agent | None:
    return next((agent for agent in Team.of(inventory, words=[name]).agents if agent.name == name), None)


def settled(o: T) -> T:
    """With what its files and stdin hold in place of their names: each is read once, before anything is made."""
    one_reader(o)
    read = environments_read(o)
    text = given_message(o.message, o.message_file)
    if text is not None and not text.strip():
        raise UsageError("the message is empty")
    read |= {"message": text, "message_file": None} if o.message_file else {}
    if o.resume_message_file:
        read |= {"resume_message": from_file(o.resume_message_file), "resume_message_file": None}
    return o.model_copy(update=read)


def carry_on(agent: Agent, o: CreateOptions, *, fresh: bool, message: str = "") -> AgentRow:
    """What is to be done with the agent once it is there: the message, waiting, connecting."""
    Inventory(o.settings).learn(agent.host, agent.record)
    if not fresh:
        message = o.message or (composed(f"Message for {agent.name}") if o.edit_message else "")
        if agent.status().state in ("STOPPED", "DONE", "FAILED"):
            agent.start(resume=True)
    connect = (on_terminal() and o.interactive is not False) if o.connect is None else o.connect
    waits = o.await_ready or o.await_agent_stopped or connect
    if message and not waits:
        pid = hand_over(agent, message)
        output.note(f"Agent creation started in background (PID: {pid})\nAgent name: {agent.name}")
        return agent.row()
    agent.survives()
    if message:
        told(agent, deliver(agent, message, timeout=max(o.ready_timeout, 30.0)))
    elif o.await_ready:
        agent.wait("ready", o.ready_timeout)
    if o.await_agent_stopped:
        output.progress(f"waiting for {agent.name} to end")
        agent.wait("stopped", float("inf"), "STOPPED", "DONE", "FAILED")
    if connect:
        output.note(agent.row().human())
        again = Reconnect(o.retry if o.reconnect else 0, o.retry_delay)
        go_to(agent, o.attach_command, o.connect_command, again, keys=o.forward_agent)
    return agent.row()


def told(agent: Agent, receipt: Receipt) -> None:
    """A first message that did not arrive is an error, but the agent stays."""
    if receipt.outcome == "blocked":
        raise Blocked(f"{agent.name} is there, but can't take the message: {receipt.evidence}", f"see: mng connect {agent.name}")
    if receipt.outcome != "delivered":
        raise MngError(
            f"{agent.name} is there, but the message is {receipt.outcome}: {receipt.evidence}",
            f"see: mng connect {agent.name}",
        )


def planned(o: CreateOptions, inventory: Inventory, chosen: Chosen | None = None, host: Host | None = None) -> Plan:
    """The agent as it will be, from options, settings and the source; UsageError here or never."""
    host = host or host_for(o, inventory)[0]
    name = check_name(o.name) if o.name else made_up(o.name_style, host.tree().names(f"{host.dir}/names"))
    available(inventory, host, name)
    chosen = chosen or choose("generic" if o.agent_cmd else o.type, o.settings)
    windows, variables = added(o.add_cmd)
    id_ = new_id("agent")
    try:
        source = source_folder(o, inventory, host)
        placement = placed(o, host, *source, name, id_)
    except MngError:
        available(inventory, host, name)  # somebody else's create of that name may be why
        raise
    record = AgentRecord(
        id=id_, name=name, type=chosen.name, kind=chosen.kind.name, work=placement.work,
        program=list(chosen.program), command=o.agent_cmd or "", args=[*chosen.args, *o.agent_args], host_id=host.id,
        labels={"project": o.project or placement.project, **o.label}, windows=windows,
        resume_message=o.resume_message or "",
    )  # fmt: skip
    record = fit(chosen.kind.prepare(granted(o.limited(record), o.grant), host), host)
    record = with_consent(record, *source) if chosen.kind.asks_trust else record
    return Plan(record, host, placement, {**environment(o, chosen), **variables}, steps_of(o), roles_of(o),
                yes=o.yes)  # fmt: skip


def host_for(o: CreateOptions, inventory: Inventory) -> tuple[Host, bool]:
    """An existing host, or a new one of the provider asked for, and whether it is; this machine without either."""
    if o.user and not o.host:
        raise UsageError("--user is for a host that is there", f"--host NAME; of this machine: --host {o.user}@localhost")
    if o.host:
        host = running(o, inventory, inventory.host(f"{o.user}@{o.host.rpartition('@')[2]}" if o.user else o.host))
        inventory.remember(host)
        return host, False
    styled = made_up(o.host_name_style, [host.name for host in inventory.hosts()]) if o.host_name_style else ""
    spec = HostSpec(
        o.host_name or styled, dict(o.tag), split(o.build_arg, o.build_args), split(o.start_arg, o.start_args), o.snapshot or ""
    )
    elsewhere = o.snapshot and not o.in_
    provider = inventory.with_snapshot(o.snapshot or "") if elsewhere else inventory.provider(o.in_ or "local")
    if not provider.makes_hosts:
        return provider.create(spec), False
    if o.name:
        available(inventory, inventory.local.host, check_name(o.name))
    if not o.snapshot:  # whose agent may be of another type
        kind = choose("generic" if o.agent_cmd else o.type, o.settings).kind
        check_messages(kind, o.name or "the agent", o.message, o.resume_message)
    with named_alone(inventory, provider, spec.name):
        if o.dry_run:
            return Asleep.planned(spec.name or f"new-{provider.name}", provider.name, o.settings.prefix), False
        output.progress(f"making a host with {provider.name}")
        host = provider.create(spec)
        inventory.remember(host)
    return host, True


@contextlib.contextmanager
def named_alone(inventory: Inventory, maker: Provider, name: str) -> Iterator[None]:
    """No other create of this installation makes a host of that name meanwhile; MngError if there is one."""
    if not name:
        yield
        return
    with inventory.local.host.runner.lock(f"{inventory.locks}/name-{check_name(name)}", timeout=600):
        inventory.look_again()
        makers = {one.name: one for one in (maker, *inventory.providers) if one.makes_hosts}
        if any(host.name == name for one in makers.values() for host in inventory.listed(one)):
            raise MngError(f"there is a host {name} already", f"another agent on it: --host {name}")
        yield


def running(o: CreateOptions, inventory: Inventory, host: Host) -> Host:
    """Started, if it is not and may be."""
    if isinstance(host, Asleep) and not o.auto_start:
        raise NotAvailable(f"host {host.name} is {host.state}", "leave out --no-auto-start")
    return host if o.dry_run else awake(inventory, host)


def split(words: list[str], line: str | None) -> tuple[str, ...]:
    try:
        return (*words, *shlex.split(line or ""))
    except ValueError as error:
        raise UsageError(f"{line}: {str(error).lower()}") from None


def source_folder(o: CreateOptions, inventory: Inventory, host: Host) -> tuple[Host, str]:
    """The folder that the work dir is made from, and where it is: an agent's, one on a host, or this one."""
    folder = o.context or str(here())
    place, colon, path = (o.from_ or "").partition(":")
    if o.source_agent or (o.from_ and not colon and not is_folder(expanded(o.from_)) and "/" not in o.from_):
        word = (o.source_agent or o.from_ or "") + (f"@{o.source_host}" if o.source_host else "")
        source = Team.of(inventory, words=[word]).named(word)
        there = running(o, inventory, source.host)
        if o.snapshot_source and not o.dry_run:
            kept = inventory.provider(there.provider).snapshot(there, SnapshotSpec(f"source of {o.name or 'an agent'}"))
            output.note(f"host {there.name} is kept as snapshot {kept.id}")
        return there, str(Path(source.record.work.path, o.source_path or ""))
    if o.source_host:
        there = running(o, inventory, inventory.host(o.source_host))
        return there, str(Path(there.home, there.expand(o.source_path or "")))
    if colon and place:
        there = host if place == o.host else running(o, inventory, inventory.host(place))
        return there, there.expand(path)
    return inventory.local.host, str(Path(folder, expanded(o.source_path or o.from_ or ".")).absolute())


def placed(o: CreateOptions, host: Host, where: Host, folder: str, name: str, id_: str) -> Placement:
    """The work dir as it will be, made from the folder on `where`."""
    branch, base = new_branch(o.new_branch, o.new_branch_prefix, name), o.base_branch or ""
    if not is_text(folder):
        raise UsageError(f"the folder {folder!r} is not UTF-8")
    there = where.id == host.id
    if o.in_place and not there:
        raise UsageError(f"which folder of {host.name}?", f"one that is there: --from {host.name}:PATH")
    source = Source.of(where.runner, folder, branch, base)
    rsync = split([], o.rsync_args) if o.rsync or (o.rsync is None and o.rsync_args) else None
    kind = kind_of(o) or ("copy" if rsync is not None else None if there else "clone" if source.repo else "copy")
    if rsync is not None and (kind != "copy" or o.include_unclean is False):
        raise UsageError("--rsync makes a copy of the files as they are", "leave out --rsync, or say --copy")
    if not there and kind == "worktree":
        raise UsageError(f"--worktree: the repository is not on {host.name}", "--clone makes one there")
    root = str(Path(folder, host.expand(o.target_path))) if o.target_path else f"{host.dir}/worktrees/{name}-{id_[6:14]}"
    placement = Placement.plan(
        source, path=root, claim=f"{host.agent_dir(id_)}/placed", kind=kind, branch=branch, base=base,
        depth=o.depth, shallow_since=o.shallow_since, ensure_clean=o.ensure_clean, include_unclean=o.include_unclean,
        include_gitignored=o.include_gitignored, include_git=o.include_git,
    )  # fmt: skip
    placement = placement._replace(rsync=rsync, host=where)
    return placement if there else abroad(placement, where)


def kind_of(o: CreateOptions) -> Kind | None:
    """The kind of work dir asked for; None leaves it to the source."""
    kinds: dict[Kind, bool] = {"worktree": o.worktree, "copy": o.copy_, "clone": o.clone, "in-place": o.in_place}
    return next((kind for kind, on in kinds.items() if on), None)
