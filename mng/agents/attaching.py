"""Going to an agent's terminal: attach, or switch the tmux client that we are in."""

from __future__ import annotations

import os

from mng.agents import tmux
from mng.agents.agent import Agent
from mng.errors import CommandFailed, MngError, NotFound
from mng.shell import Cmd, cmd, raw


def go_to(agent: Agent, attach_command: str | None = None, connect_command: str | None = None) -> None:
    """The terminal is given to what attaches until it ends; CommandFailed if that ends badly."""
    env = {"MNG_AGENT_NAME": agent.name, "MNG_SESSION_NAME": agent.session}
    if connect_command:
        line = raw(connect_command).env(**env)
    elif attach_command:
        line = agent.within(raw(attach_command).env(**env))
    else:
        if agent.host.runner.run(tmux.has_session(agent.session), check=False).code:
            raise NotFound(f"{agent.name} has no tmux session", f"start it: mng start {agent.name}")
        line = client_line(agent)
    if code := agent.host.runner.attach(line):
        what = connect_command or attach_command or "tmux"
        raise CommandFailed(f"connecting to {agent.name}: {what} ended with exit code {code}", code=code)


def client_line(agent: Agent) -> Cmd:
    """Inside tmux a second client would be a screen in a screen: the one there switches, if it is of the same server."""
    there = cmd("tmux", "has-session", "-t", f"={agent.session}")
    if os.environ.get("TMUX") and not agent.host.runner.run(there, check=False).code:
        return cmd("tmux", "switch-client", "-t", f"={agent.session}")
    if not os.isatty(0) or not os.isatty(1):
        raise MngError("connecting needs a terminal", f"for its screen: mng logs {agent.name} screen")
    return tmux.attach(agent.session)
