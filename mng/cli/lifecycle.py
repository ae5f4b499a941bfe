"""When agents stop and start by themselves: options of create and limit."""

from __future__ import annotations

from typing import Annotated

from mng.agents.limits import Mode, limited
from mng.cli.options import Duration, Options, Placeholder, option
from mng.records import AgentRecord


class GrantOptions(Options):
    """What it may do"""

    grant: Annotated[list[str], Placeholder("RULE")] = option(
        [], help="let it do this without asking, by a rule of its program, e.g. 'Bash(npm test:*)' (type claude)"
    )


class LifecycleOptions(GrantOptions):
    """Lifecycle"""

    idle_timeout: Duration | None = option(None, help="stop it after so long without activity; never while it works")
    idle_mode: Mode | None = option(None, help="what counts as activity (default with a timeout: io)")
    activity_sources: Annotated[list[str], Placeholder("SOURCE,…")] = option(
        [], help="just these: create, boot, start, ssh (somebody is attached), process, agent, user"
    )
    start_on_boot: bool | None = option(None, help="start it when this machine starts")

    def limited(self, record: AgentRecord) -> AgentRecord:
        """The record with these limits."""
        sources = split(self.activity_sources) if self.activity_sources else None
        return limited(record, timeout=self.idle_timeout, mode=self.idle_mode, sources=sources, boot=self.start_on_boot)


def split(words: list[str]) -> list[str]:
    return [source.strip() for word in words for source in word.split(",") if source.strip()]
