"""An agent that starts with the machine: by a systemd unit of its user's, else by a line of the crontab."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mng import output
from mng.errors import MngError, NotAvailable
from mng.runner import File
from mng.shell import Cmd, cmd, joined, raw

if TYPE_CHECKING:
    from mng.agents.agent import Agent

SCRIPT = Path(__file__).with_name("boot.sh")
KNOWN = ("PATH", "MNG_ROOT_NAME", "MNG_PROFILE", "TMUX_TMPDIR", "XDG_CONFIG_HOME", "LANG", "LC_ALL")
UNIT = """\
[Unit]
Description=Start an agent of mng

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart=/bin/sh "{path}"

[Install]
WantedBy=default.target
"""


def enable(agent: Agent) -> None:
    """NotAvailable on a host that has neither."""
    path = f"{agent.folder}/boot"
    agent.host.runner.put({path: File(starter(agent).encode(), 0o700)})
    quoted = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    done = run(agent, "on", cmd("/bin/sh", path).line.replace("%", "\\%"), UNIT.format(path=quoted))
    if done == "systemd":
        output.note(f"{agent.name} starts when you log in; to have it start with the machine: loginctl enable-linger")


def disable(agent: Agent) -> None:
    """Also where nothing was enabled."""
    run(agent, "off", "", "")


def run(agent: Agent, what: str, line: str, unit: str) -> str:
    words = ["sh", "-c", SCRIPT.read_text(), "boot.sh", what, f"mng-{agent.record.id}", line]
    shown = cmd("boot.sh", what, f"mng-{agent.record.id}").shown
    with agent.host.runner.lock(f"{agent.host.dir}/boot.lock", timeout=30):
        done = agent.host.runner.run(Cmd(cmd(words).line, shown), stdin=unit.encode(), check=False)
    if done.code == 69:
        raise NotAvailable(
            f"{agent.name} can't start with {agent.host.name}: there is neither systemd for users nor cron",
            "apt-get install cron, or leave out --start-on-boot",
        )
    if done.code:
        raise MngError(f"{agent.name}: turning its start with the machine {what}: {done.complaint}")
    return done.text


def starter(agent: Agent) -> str:
    """A script that starts the agent as the user's own shell would."""
    env = {name: os.environ[name] for name in KNOWN if name in os.environ}
    env |= {"MNG_HOST_DIR": agent.host.dir, "MNG_PREFIX": agent.host.prefix}
    line = cmd("exec", sys.executable, "-P", "-m", "mng.main", "start", agent.record.id)
    sets = raw("\n")
    for name, value in env.items():
        sets = joined(joined(sets, "", cmd("export", f"{name}={value}")), "", raw("\n"))
    return "#!/bin/sh\ncd" + joined(sets, "", line).line + "\n"
