"""When an agent stops by itself: what counts as activity, how long it has been idle, and the watcher that asks."""

from __future__ import annotations

import math
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mng.agents.letter import mailbox
from mng.agents.state import status
from mng.agents.types import AgentType
from mng.errors import MngError, UsageError
from mng.records import AgentRecord
from mng.runner import File
from mng.shell import Cmd, cmd

if TYPE_CHECKING:
    from mng.agents.agent import Agent

Mode = Literal["io", "user", "agent", "ssh", "create", "boot", "start", "run", "custom", "disabled"]
BEGUN = ["create", "boot", "start"]
MODES: dict[str, list[str]] = {
    "io": [*BEGUN, "ssh", "agent", "user"],
    "user": [*BEGUN, "ssh", "user"],
    "agent": [*BEGUN, "ssh", "agent"],
    "ssh": [*BEGUN, "ssh"],
    "create": ["create"],
    "boot": ["boot"],
    "start": ["boot", "start"],
    "run": [*BEGUN, "process"],
    "disabled": [],
}
SOURCES = ("create", "boot", "start", "ssh", "process", "agent", "user")
HERE = Path(__file__).parent


def limited(
    record: AgentRecord, *, timeout: float | None = None, mode: str | None = None, sources: list[str] | None = None,
    boot: bool | None = None,
) -> AgentRecord:  # fmt: skip
    """The record with these limits, None leaving one as it is; UsageError where they make no sense together."""
    if timeout is not None and timeout <= 0:
        raise UsageError("--idle-timeout: it must be longer than 0", "without one: --idle-mode disabled")
    for source in sources or ():
        if source not in SOURCES:
            raise UsageError(f"--activity-sources: no source {source!r}", f"there are: {', '.join(SOURCES)}")
    if sources is not None and mode not in (None, "custom"):
        raise UsageError(f"--idle-mode {mode} has activity sources of its own", "--idle-mode custom takes others")
    mode = mode or ("custom" if sources is not None else record.idle_mode)
    timeout = timeout if timeout is not None else record.idle_timeout_seconds
    if mode == "disabled" and timeout is not None and record.idle_mode == "disabled":
        mode = "io"
    if mode == "disabled":
        timeout, sources = None, []
    elif timeout is None:
        raise UsageError(f"--idle-mode {mode} needs --idle-timeout")
    sources = sources if sources is not None else MODES.get(mode, record.activity_sources)
    if mode == "custom" and not sources:
        raise UsageError("--idle-mode custom needs --activity-sources", f"there are: {', '.join(SOURCES)}")
    update = {"idle_mode": mode, "idle_timeout_seconds": timeout, "activity_sources": list(dict.fromkeys(sources))}
    return record.model_copy(update=update if boot is None else {**update, "start_on_boot": boot})


def remaining(agent: Agent) -> float:
    """Seconds until the agent has been idle for its timeout, by all that is known now; an agent at work never is."""
    timeout = agent.record.idle_timeout_seconds or math.inf
    try:
        with agent.host.runner.lock(f"{mailbox(agent)}/send.lock", timeout=1):
            return timeout - idle(agent)
    except MngError:
        return min(timeout, 30.0)  # a message is being delivered: ask again soon


def idle(agent: Agent) -> float:
    """Seconds without activity, by the agent's own sources. `boot` is as `start`: this machine was on before.

    A program that does not tell when it works is at work whenever it prints something.
    """
    view = agent.view()
    now = status(view)
    if now.state in ("CREATING", "UNKNOWN", "REPLACED") or (now.state == "RUNNING" and tells(agent)):
        return 0.0
    times = [view.mtime(f"{view.folder}/activity/create")] if "create" in agent.record.activity_sources else []
    for source in agent.record.activity_sources:
        times.append(view.mtime(f"{view.folder}/activity/{'start' if source == 'boot' else source}"))
    if "agent" in agent.record.activity_sources:
        times.append(now.since if tells(agent) or not view.pane else view.pane.active)
    attached = any(pane.attached for pane in view.probe.panes if pane.session == agent.session)
    if (attached and "ssh" in agent.record.activity_sources) or "process" in agent.record.activity_sources:
        times.append(view.probe.now)
    return view.probe.now - max(times, default=0.0)


def tells(agent: Agent) -> bool:
    """Whether it is known when its program works."""
    return type(agent.kind).status is not AgentType.status


def watch(agent: Agent) -> None:
    """Start what asks again and again whether the agent is idle, beside it: it ends with this run of the agent.

    It belongs to no mng: it survives the one that started it, and takes the place of one that is there already. Elsewhere
    there is one for all agents of the host, which asks no mng either.
    """
    host, script = agent.host, f"{agent.host.dir}/commands/idle.sh"
    if not host.local:
        files = {f"{host.dir}/commands/{name}": File((HERE / name).read_bytes(), 0o755) for name in ("watch.sh", "stop.sh")}
        host.runner.put({**files, f"{agent.folder}/limits": File(said(agent))})
        line = cmd("sh", f"{host.dir}/commands/watch.sh")
        host.runner.run(Cmd(f"nohup {line.line} > /dev/null 2>&1 < /dev/null &", line.shown))
        return
    host.runner.put({script: File((HERE / "idle.sh").read_bytes(), 0o755)})
    asks = cmd(sys.executable, "-P", "-m", "mng.main", "stop", "--idle", "--format", "{detail}", agent.record.id)
    line = cmd("exec", "sh", script, agent.folder, asks).env(**agent.env())
    host.runner.run(Cmd(f"nohup {line.line} > /dev/null 2>&1 < /dev/null &", line.shown))


def unwatch(agent: Agent) -> None:
    """The watcher, if there is one, ends by itself; one for all agents of a host reads the limits anew."""
    with suppress(MngError):
        if not agent.host.local:
            agent.host.runner.put({f"{agent.folder}/limits": File(said(agent))})
            return
        agent.host.runner.run(cmd("rm", "-f", "--", f"{agent.folder}/watcher"))


def said(agent: Agent) -> bytes:
    """The limits as watch.sh reads them."""
    record, kind = agent.record, agent.kind
    seconds = math.ceil(record.idle_timeout_seconds) if record.idle_timeout_seconds else ""
    values = {"seconds": str(seconds), "sources": " ".join(record.activity_sources), "kind": kind.name}
    values["prints"] = "" if tells(agent) else "1"
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([*lines, f"rests() {{ {kind.rests}; }}", ""]).encode()
