"""Delivering a first message after mng has returned to the shell."""

from __future__ import annotations

import os
import select
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from mng.agents.agent import Agent
from mng.errors import MngError
from mng.runner import File

LOCKED = 10.0  # seconds that it may take to connect to a host again
PATIENCE = 120.0  # seconds that a program may take to start up


def hand_over(agent: Agent, text: str, key: str = "first") -> int:
    """The pid of the process that goes on delivering; what becomes of it is in the agent's logs/delivery."""
    sys.stdout.flush()
    told, tells = os.pipe()
    with ExitStack() as held:  # whoever waits for the agent from now on sees that a message is on its way
        locked = agent.host.local and hold(agent, held)
        pid = os.fork()
        if pid == 0:
            os.close(told)
            go_on(agent, text, key, locked, tells)
    os.close(tells)
    if not agent.host.local:  # a lock elsewhere goes with its connection: the child takes it on its own
        select.select([told], [], [], LOCKED)
    os.close(told)
    return pid


def hold(agent: Agent, held: ExitStack) -> bool:
    """False while somebody else is sending."""
    try:
        held.enter_context(agent.host.runner.lock(f"{agent.folder}/send.lock", 0))
    except MngError:
        return False
    return True


def go_on(agent: Agent, text: str, key: str, locked: bool, tells: int) -> NoReturn:
    code = 1
    try:
        os.setsid()
        log = Path(agent.folder) / "logs" / "delivery" if agent.host.local else Path(os.devnull)
        log.parent.mkdir(parents=True, exist_ok=True)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDWR)
        for target, source in ((0, null), (1, out), (2, out)):
            os.dup2(source, target)
        try:
            from mng.agents.send import deliver

            with ExitStack() as held:
                locked = locked or hold(agent, held)
                os.close(tells)
                receipt = deliver(agent, text, key=key, timeout=PATIENCE, locked=locked)
            line, code = f"{receipt.outcome}: {receipt.evidence}", receipt.outcome != "delivered"
        except MngError as error:
            line = f"failed: {error.what}"
        os.write(1, f"{line}\n".encode())
        if not agent.host.local:  # the runner connects anew in this process
            agent.host.runner.put({f"{agent.folder}/logs/delivery": File(f"{line}\n".encode())})
    finally:
        os._exit(code)
