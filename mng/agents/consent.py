"""Whether the questions of trust that agents' programs ask at their start may be answered yes.

Who types `mng create` in a folder of their own says yes to it, unless files that act for them there are not trusted:
then the program asks, as it would without mng. Of a tree that mng made it is as of the folder that it was made from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from mng import acting, settings, trust
from mng.host import Host
from mng.records import AgentRecord
from mng.shell import cmd, raw

ASKS = "asks_trust"  # of a record: its program's question is not to be answered


def answered(record: AgentRecord) -> bool:
    return not record.plugin.get(ASKS)


def with_consent(record: AgentRecord, host: Host, folder: str) -> AgentRecord:
    """The record of an agent whose work dir is to be made from that folder of the host."""
    return record if consented(host, folder) else record.model_copy(update={"plugin": {**record.plugin, ASKS: True}})


def consented(host: Host, folder: str) -> bool:
    """On this machine a person is asked, where there is one; elsewhere nothing may be there that acts."""
    if made := re.match(rf"{re.escape(host.dir)}/worktrees/[^/]+-([0-9a-f]{{8}})(?:/|$)", folder):
        return host.local is False or answered_there(Path(host.dir), made[1])
    if not host.local:
        look = raw('cd "$0" || exit; for one; do if [ -e "$one" ] || [ -L "$one" ]; then exit 1; fi; done')
        return host.runner.run(cmd("sh", "-c", look, folder, *acting.AGENTS, ".codex"), check=False).code == 0
    places = settings.marked(Path(folder)) or [Path(folder)]
    if why := acting.stranger(places[-1], [Path(folder)]) or acting.stranger(Path(folder), []):
        trust.warn(f"{folder}: the agent's program asks itself whether to trust it: {why}", about=Path(folder))
        return False
    return all(trust.counts(place, group) for place in places for group in acting.GROUPS if settings.acts(place, group))


def answered_there(folder: Path, id_: str) -> bool:
    """Whether the question was answered for the agent whose tree it is; of one that is gone, no."""
    for file in folder.glob(f"agents/agent-{id_}*/data.json"):
        try:
            plugin = json.loads(file.read_bytes()).get("plugin") or {}
            return not plugin.get(ASKS)
        except (OSError, ValueError, AttributeError):
            return False
    return False
