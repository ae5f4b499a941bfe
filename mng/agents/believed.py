"""What counts here of an agent elsewhere: what this machine kept when it was made, never what its host says of it now."""

from __future__ import annotations

import os
from pathlib import Path

from mng import foreign
from mng.agents.agent import Agent
from mng.agents.types import BUILT_IN
from mng.inventory import last_known
from mng.inventory.origins import Origin, Origins
from mng.records import AgentRecord
from mng.runner import LocalRunner
from mng.shell import cmd, here


def origin_of(agent: Agent, host_dir: Path, folder: Path | None = None) -> Origin | None:
    """None for an agent that was not made from here. This machine's own record counts as it is."""
    if agent.host.local:
        return Origin(agent.host.id, agent.record)
    known = Origins(host_dir).of(agent.host.id, agent.record.id)
    return known or accepted(agent, host_dir, folder or here())


def accepted(agent: Agent, host_dir: Path, folder: Path) -> Origin | None:
    """Of an agent that a version made which kept no origins, once: where the user stands in the very repository it names.

    Those alone that such a version remembered: one that a host shows for the first time is not among them. What it runs is taken
    for known if it is no more than a type of ours.
    """
    known, record, work = last_known.recall(host_dir / "hosts", agent.host), agent.record, agent.record.work
    if not known or record.id not in (known.legacy or ()):
        return None
    if work.home:
        line = cmd("git", "-C", folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
        done = LocalRunner().run(line, check=False)
        there = done.out.decode(errors="surrogateescape").rstrip("\n")
        if done.code or os.path.realpath(there) != os.path.realpath(work.home):
            return None
    elif foreign.below(work):
        return None
    plain = record.kind in BUILT_IN and record.kind != "generic"
    whole = plain and not (record.program or record.command or record.args or record.windows or record.resume_message)
    origins = Origins(host_dir)
    origins.keep(agent.host, bare(record, work.home), {}, whole=whole and not record.grants)
    return origins.of(agent.host.id, record.id)


def bare(record: AgentRecord, home: str = "") -> AgentRecord:
    """Without what it runs, and with this repository here for its home."""
    work = record.work.model_copy(update={"home": home})
    return AgentRecord(
        id=record.id, name=record.name, type=record.type, kind=record.kind, phase=record.phase, work=work,
        host_id=record.host_id, create_time=record.create_time,
    )  # fmt: skip
