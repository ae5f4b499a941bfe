"""A message under a key: what is kept of it, so that sent again it does not arrive twice."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mng.agents.agent import Agent
from mng.agents.types import Receipt
from mng.errors import UsageError
from mng.runner import File

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass
class Letter:
    """Without a key nothing is kept. `tried` says that an earlier attempt may have typed it already."""

    agent: Agent
    key: str
    text: str
    mark: Any = None
    tried: bool = False
    receipt: Receipt | None = field(default=None)

    @classmethod
    def of(cls, agent: Agent, key: str, text: str) -> Letter:
        """As an earlier attempt left it; UsageError if that had another text."""
        letter = cls(agent, key, text)
        kept = agent.host.runner.get([letter.path]).get(letter.path) if key else None
        if kept:
            facts = json.loads(kept)
            if facts["digest"] != letter.digest:
                raise UsageError(f"--id {key}: {agent.name} was sent another message under this key", "take a new key")
            letter.mark, letter.tried = facts["mark"], facts["outcome"] in ("pending", "unknown")
            if facts["outcome"] == "delivered":
                letter.receipt = Receipt("delivered", facts["evidence"])
        return letter

    @property
    def path(self) -> str:
        name = self.key if PLAIN.fullmatch(self.key) else hashlib.sha256(self.key.encode()).hexdigest()
        return f"{mailbox(self.agent)}/messages/{name}.json"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def keep(self, outcome: str, evidence: str = "") -> None:
        if self.key:
            facts = {"outcome": outcome, "evidence": evidence, "mark": self.mark, "digest": self.digest}
            self.agent.host.runner.put({self.path: File(json.dumps(facts).encode())})


def mailbox(agent: Agent) -> str:
    """Where an agent's receipts and its senders' lock lie; a session made by hand has no folder of its own."""
    return agent.folder if agent.record.id else f"{agent.host.dir}/by-hand/{quote(agent.name, safe='')}"
