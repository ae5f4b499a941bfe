"""Delivering a first message after mng has returned to the shell."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from mng.agents.agent import Agent
from mng.errors import MngError

PATIENCE = 120.0  # seconds that a program may take to start up


def hand_over(agent: Agent, text: str, key: str = "first") -> int:
    """The pid of the process that goes on delivering; what becomes of it is in the agent's logs/delivery."""
    sys.stdout.flush()
    with ExitStack() as held:
        locked = hold(agent, held)  # before it goes on alone: whoever waits for the agent sees a message on its way
        pid = os.fork()
        if pid == 0:
            go_on(agent, text, key, locked)
    return pid


def hold(agent: Agent, held: ExitStack) -> bool:
    """False while somebody else is sending."""
    try:
        held.enter_context(agent.host.runner.lock(f"{agent.folder}/send.lock", 0))
    except MngError:
        return False
    return True


def go_on(agent: Agent, text: str, key: str, locked: bool) -> NoReturn:
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

            receipt = deliver(agent, text, key=key, timeout=PATIENCE, locked=locked)
            line, code = f"{receipt.outcome}: {receipt.evidence}", receipt.outcome != "delivered"
        except MngError as error:
            line = f"failed: {error.what}"
        os.write(1, f"{line}\n".encode())
    finally:
        os._exit(code)
