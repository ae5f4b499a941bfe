"""Delivering a first message after mng has returned to the shell, by a fresh process that reads what it is to do from a pipe.

A fork would keep the command line that has the message in it, and whatever locks other threads held.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from mng import hooks
from mng.agents.agent import Agent
from mng.disk import Umask, private
from mng.errors import MngError
from mng.host import Host, Remote
from mng.records import AgentRecord
from mng.runner import File, LocalRunner
from mng.ssh.target import Target

LOCKED = 10.0  # seconds that it may take to connect to a host again
PATIENCE = 120.0  # seconds that a program may take to start up


class Errand(NamedTuple):
    """All that the other process must know."""

    record: AgentRecord
    place: dict[str, Any]  # of its host: what it is made of again
    target: Target | None  # how it is reached; None for this machine
    allow_unknown: bool
    text: str
    key: str
    locked: bool  # the lock of the one sender came along
    tells: int  # closed once the lock is held
    plugins: dict[str, str]
    options: dict[str, Any] | None  # of the command at work, for plugins


def hand_over(agent: Agent, text: str, key: str = "first") -> int:
    """The pid of the process that goes on delivering; what becomes of it is in the agent's logs/delivery."""
    told, tells = os.pipe()
    with ExitStack() as held:  # whoever waits for the agent from now on sees that a message is on its way
        held.callback(os.close, told)
        lock = held.enter_context(held_here(agent)) if agent.host.local else None
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, agent.name],
            stdin=subprocess.PIPE, stdout=(out := log(agent)), stderr=out, start_new_session=True, umask=Umask.theirs,
            pass_fds=(tells, *([lock] if lock is not None else [])),
        )  # fmt: skip
        os.close(tells)
        os.close(out)
        options = hooks.options.get()
        errand = Errand(
            agent.record, *described(agent.host), text, key, lock is not None, tells, dict(hooks.now.enabled),
            dict(options) if options is not None else None,
        )  # fmt: skip
        assert process.stdin
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(pickle.dumps(errand))
        if lock is None:  # one elsewhere goes with its connection: the other process takes it on its own
            select.select([told], [], [], LOCKED)
    return process.pid


def log(agent: Agent) -> int:
    file = Path(agent.folder) / "logs" / "delivery" if agent.host.local else Path(os.devnull)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@contextlib.contextmanager
def held_here(agent: Agent) -> Iterator[int | None]:
    """The lock of the one sender, as what can be handed on; None while somebody else is sending."""
    fd = os.open(f"{agent.folder}/send.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    except BlockingIOError:
        yield None
    finally:
        os.close(fd)


def described(host: Host) -> tuple[dict[str, Any], Target | None, bool]:
    """What makes the host again in another process."""
    place = {name: getattr(host, name) for name in ("id", "name", "provider", "home", "dir", "prefix", "state", "tags", "ours")}
    links = getattr(host.runner, "links", None)
    return place, getattr(host.runner, "target", None), bool(links and links.allow_unknown)


def host_of(errand: Errand) -> Host:
    place = errand.place
    if errand.target:
        from mng.ssh.runner import SshRunner

        return Remote(runner=SshRunner(errand.target, allow_unknown=errand.allow_unknown), **place)
    if place["provider"] == "local":
        return Host(runner=LocalRunner(), local=True, **place)
    from mng.inventory.inventory import Inventory

    return Inventory().host(place["name"])  # of a plugin, with a runner of its own


def hold(agent: Agent, held: ExitStack) -> bool:
    """False while somebody else is sending."""
    try:
        held.enter_context(agent.host.runner.lock(f"{agent.folder}/send.lock", 0))
    except MngError:
        return False
    return True


def main() -> None:
    """What the other process does."""
    errand: Errand = pickle.loads(sys.stdin.buffer.read())
    hooks.now.enabled = errand.plugins
    hooks.options.set(SimpleNamespace(**errand.options) if errand.options is not None else None)
    from mng.agents.send import deliver

    agent, code = Agent(errand.record, host_of(errand)), 1
    try:
        with ExitStack() as held:
            locked = errand.locked or hold(agent, held)
            os.close(errand.tells)
            receipt = deliver(agent, errand.text, key=errand.key, timeout=PATIENCE, locked=locked)
        line, code = f"{receipt.outcome}: {receipt.evidence}", receipt.outcome != "delivered"
    except MngError as error:
        line = f"failed: {error.what}"
    os.write(1, f"{line}\n".encode())
    if errand.target:
        agent.host.runner.put({f"{agent.folder}/logs/delivery": File(f"{line}\n".encode())})
    sys.exit(code)


if __name__ == "__main__":
    # under its own name, by which what is in the pipe is known
    from mng.agents import background

    with private():
        background.main()
