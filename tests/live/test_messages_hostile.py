"""Three hundred messages from concurrent senders to agents that lose keys, open dialogs and menus, and die."""

import json
import os
import random
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mng.agents.agent import Agent
from mng.agents.send import deliver
from mng.agents.team import Team
from mng.agents.types import Receipt
from mng.inventory.inventory import Inventory
from mng.settings import load
from tests.bed.agents import Fake
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
SEED = int(os.environ.get("MNG_TEST_SEED", "7"))
AGENTS, SENDERS, EACH = 6, 5, 10  # 300 messages
MISCHIEF = {"swallow": 0.15, "early": 0.3, "dialog": 0.15, "menu": 0.1, "die": 0.02, "slow": 0.3, "deny": 0.3}
SHAPES: list[Callable[[str], str]] = [
    lambda tag: tag,
    lambda tag: f'{tag}\nsecond line\n\tthird "quoted" $HOME `id` it\'s',
    lambda tag: f"/{tag}/x --flag; \\",
    lambda tag: f"!{tag} # not a shell",
    lambda tag: f"-{tag} ends in @file",
    lambda tag: f"{tag} " + "long words " * 900,
    lambda tag: f"{tag} e\u0301 \U0001f600 \u4f60\u597d;",
]


@dataclass
class Sent:
    """What a sender tried, and each answer it got."""

    text: str
    receipts: list[Receipt] = field(default_factory=list)


@dataclass
class Target:
    """A hostile agent, and who may start it again."""

    agent: Agent
    truth: Path
    starting: threading.Lock = field(default_factory=threading.Lock)
    over: bool = False

    def revive(self) -> None:
        with self.starting:
            view = self.agent.view()
            if self.agent.status().state in ("FAILED", "STOPPED", "DONE"):
                self.agent.start(resume=True, view=view)
        time.sleep(0.3)

    def facts(self, event: str) -> list[dict[str, Any]]:
        lines = self.truth.read_text().splitlines() if self.truth.exists() else []
        return [fact for line in lines if (fact := json.loads(line))["event"] == event]

    def send(self, chance: random.Random, tag: str) -> Sent:
        """With a key, until it is delivered: what is lost is sent again, what arrived never."""
        sent = Sent(chance.choice(SHAPES)(tag))
        for _ in range(40):
            sent.receipts.append(deliver(self.agent, sent.text, key=tag, timeout=20))
            if sent.receipts[-1].outcome == "delivered":
                break
            if sent.receipts[-1].outcome == "dead" or self.agent.status().state == "FAILED":
                self.revive()
            time.sleep(0.3)
        return sent

    def is_quiet(self) -> bool:
        """It has ended, or been at its prompt for a while: nothing is left in its queue."""
        now = self.agent.status()
        return now.state in ("FAILED", "STOPPED") or (now.reason == "turn-end" and time.time() - now.since > 1)

    def resize(self, chance: random.Random, world: World) -> None:
        while not self.over:
            size = ["-x", chance.randint(60, 200), "-y", chance.randint(15, 60)]
            world.tmux("resize-window", "-t", world.session(self.agent.name), *size, check=False)
            time.sleep(chance.uniform(0.3, 2))


@pytest.fixture
def targets(world: World, fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    fake(**MISCHIEF)
    found = []
    for number in range(AGENTS):
        truth = world.root / f"truth-{number}.jsonl"
        mischief = json.dumps({**MISCHIEF, "seed": SEED * 100 + number, "truth": str(truth)})
        world.mng("create", f"a{number}", "claude", "--no-connect", "--await-ready", "--env", f"HOSTILE={mischief}")
        found.append(truth)
    for name in os.environ.keys() - world.env.keys():
        if name.startswith(("MNG_", "CLAUDE", "ANTHROPIC", "TMUX")) and name != "MNG_TEST_SEED":
            monkeypatch.delenv(name)
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)
    team = Team.of(Inventory(load(world.repo)))
    return [Target(team.named(f"a{number}"), truth) for number, truth in enumerate(found)]


@pytest.mark.timeout(600)
def test_no_false_receipt_no_duplicate_no_approved_dialog(world: World, targets: list[Target]) -> None:
    def sender(target: Target, number: int) -> list[Sent]:
        chance = random.Random(SEED * 1000 + number)
        tags = [f"{target.agent.name}s{number}m{count}" for count in range(EACH)]
        return [target.send(chance, tag) for tag in tags]

    with ThreadPoolExecutor(AGENTS * (SENDERS + 1)) as pool:
        nuisances = [pool.submit(target.resize, random.Random(SEED), world) for target in targets]
        asked = [(target, pool.submit(sender, target, number)) for target in targets for number in range(SENDERS)]
        try:
            results = [(target, future.result()) for target, future in asked]
        finally:
            for target in targets:
                target.over = True
        [nuisance.result() for nuisance in nuisances]
    world.wait(lambda: all(target.is_quiet() for target in targets), 60, "all queues to be empty")
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    for target, sent in results:
        turns = Counter(" ".join(normal(fact["text"]).split()) for fact in target.facts("turn"))
        for one in sent:
            tally.update(receipt.outcome for receipt in one.receipts)
            wrong += judged(one, turns[" ".join(normal(one.text).split())], bool(target.facts("died")))
    approved = [fact for target in targets for fact in target.facts("approved")]
    print(dict(tally), "died", sum(len(target.facts("died")) for target in targets))
    assert not wrong, "\n".join(wrong)
    assert not approved
    assert tally["delivered"] == AGENTS * SENDERS * EACH


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def judged(sent: Sent, turns: int, died: bool) -> list[str]:
    """What was not true of its receipts."""
    last = sent.receipts[-1]
    what = f"{sent.text[:20]!r} was taken {turns} times; " + ", ".join(f"{r.outcome}: {r.evidence}" for r in sent.receipts)
    lost_with_its_queue = died and "queue" in last.evidence
    if turns > 1 or (last.outcome == "delivered" and turns == 0 and not lost_with_its_queue):
        return [what]
    return [what] if last.outcome != "delivered" and turns else []
