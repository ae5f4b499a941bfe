"""Going to an agent's terminal: attach, or switch the tmux client that we are in."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from mng import output
from mng.agents import tmux
from mng.agents.agent import Agent
from mng.errors import CommandFailed, MngError, NotFound
from mng.runner import LocalRunner, Runner
from mng.shell import Cmd, cmd, raw

NO_CONNECTION = 255  # ssh's own exit code, which tmux never has
ATTACH = Path(__file__).with_name("attach.sh")


class Reconnect(NamedTuple):
    """What to do when the connection to a host is lost."""

    tries: int = 3
    delay: float = 5.0


def go_to(
    agent: Agent, attach_command: str | None = None, connect_command: str | None = None, reconnect: Reconnect | None = None,
    *, keys: bool = False,
) -> None:  # fmt: skip
    """The terminal is given to what attaches until it ends; CommandFailed if that ends badly.

    `keys`: the host may use those of the user's ssh-agent meanwhile.
    """
    env = {"MNG_AGENT_NAME": agent.name, "MNG_SESSION_NAME": agent.session}
    runner: Runner = agent.host.runner
    if connect_command:
        line, runner = raw(connect_command).env(**env), LocalRunner()
    elif attach_command:
        line = agent.within(raw(attach_command).env(**env))
    else:
        if runner.run(tmux.has_session(agent.session), check=False).code:
            raise NotFound(f"{agent.name} has no tmux session", f"start it: mng start {agent.name}")
        line = client_line(agent)
    code = runner.attach(line, agent=keys)
    tries, delay = reconnect or Reconnect()
    while code == NO_CONNECTION and tries and not agent.host.local and not connect_command:
        output.warn(f"the connection to {agent.host.name} is lost; again in {delay:g} s ({tries} tries left)")
        time.sleep(delay)
        tries, code = tries - 1, runner.attach(line, agent=keys)
    if code:
        what = connect_command or attach_command or ("ssh" if code == NO_CONNECTION else "tmux")
        raise CommandFailed(f"connecting to {agent.name}: {what} ended with exit code {code}", code=code)


def client_line(agent: Agent) -> Cmd:
    """Inside tmux a second client would be a screen in a screen: the one there switches, if it is of the same server."""
    there = cmd("tmux", "has-session", "-t", f"={agent.session}")
    if agent.host.local and os.environ.get("TMUX") and not agent.host.runner.run(there, check=False).code:
        return cmd("tmux", "switch-client", "-t", f"={agent.session}")
    if not os.isatty(0) or not os.isatty(1):
        raise MngError("connecting needs a terminal", f"for its screen: mng logs {agent.name} screen")
    if not agent.host.local:
        return cmd("sh", "-c", ATTACH.read_text(), "attach", f"{agent.host.dir}/activity/ssh", agent.session)
    return tmux.attach(agent.session)
