"""Which agents a command acts on: the options that all such commands share."""

from __future__ import annotations

from typing import Literal

from mng.agents.team import Team
from mng.cli.options import Options, option
from mng.inventory.inventory import Inventory


class TargetOptions(Options):
    """Which agents"""

    agents: list[str] = option([], "--agent", place="words", help="names or ids, NAME@HOST; - reads them from stdin")
    all_: bool = option(False, "-a", help="all agents")
    include: list[str] = option([], help="those for which the CEL expression is true")
    exclude: list[str] = option([], help="not those for which the CEL expression is true")
    stdin: bool = option(False, help="read names or ids from stdin, one a line")
    host: str | None = option(None, help="those on hosts of this pattern (as Ansible's): 'web:!web3'")
    limit: str | None = option(
        None, help="of these, only hosts of this pattern; @FILE: of its lines, @failed: where it failed last"
    )
    list_hosts: bool = option(False, help="print the hosts that it would go to, and do nothing")
    allow_unknown_host: bool = option(False, help="trust a host whose key is not known yet, and keep its key")
    on_error: Literal["continue", "abort"] = option("continue", help="after a failure, go on with the others or not")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host patterns to look on; none means everywhere."""
        return (self.host,) if self.host else ("all",) if self.limit else ()

    @property
    def words(self) -> list[str]:
        """The names, where nothing but names says which agents."""
        others = self.all_ or self.include or self.exclude or self.stdin or "-" in self.agents or getattr(self, "session", [])
        return [] if others else self.agents

    def team(self) -> Team:
        """The agents on the hosts that these options mean."""
        return Team.of(self.inventory(), self.hosts, self.words, limit=self.limit or "")

    def inventory(self) -> Inventory:
        return Inventory(self.settings, self.allow_unknown_host)
