"""`python -m tests.bench [--rounds N] [--only NAME] [--quick] [--skip-200]`: a table of medians, ratios and targets."""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from tests.bed.world import World
from tests.bench import clouds, containers
from tests.bench.clouds import Clouds, Sdk
from tests.bench.containers import Containers, with_hosts
from tests.bench.sides import Original, Ours, Side, Took

Work = Callable[[Side, Took, int], None]  # does and measures a scenario once, in this round
BIG_FILES, BIG_SIZE = 20_000, 10_000


@dataclass
class Scenario:
    name: str
    target: float  # at most this, as a ratio to the original (or `unit`)
    work: Work
    agents: int = 0  # in a world of that many
    unit: str = ""  # "ms": the target is absolute; "git", "rsync": a ratio to that alone; "sdk": seconds more than it
    once: bool = False


def plain(*words: str) -> Work:
    return lambda side, took, turn: side.time(took, words)


def beside_help(*words: str) -> Work:
    """Ours beside the original's --help: the least that any of its commands takes."""
    return lambda side, took, turn: side.time(took, words if isinstance(side, Ours) else ["--help"])


def create(side: Side, took: Took, turn: int) -> None:
    side.time(took, side.create(f"new{turn}"))
    side.run(["destroy", "-f", f"new{turn}"], check=False)


def in_world(count: int, *words: str) -> Work:
    return lambda side, took, turn: side.time(took, words, str(count))


def start(side: Side, took: Took, turn: int) -> None:
    side.run(["stop", "a1"], "1")
    side.time(took, ["start", "a1"], "1")


def stop(side: Side, took: Took, turn: int) -> None:
    side.run(["start", "a1"], "1", check=False)
    side.time(took, ["stop", "a1"], "1")
    side.run(["start", "a1"], "1")


def destroy(side: Side, took: Took, turn: int) -> None:
    side.run(side.create(f"old{turn}"))
    side.time(took, ["destroy", "-f", f"old{turn}"])


def tab(count: int) -> Work:
    return lambda side, took, turn: side.tab(took, str(count))


def big(side: Side, took: Took, turn: int) -> None:
    repo = Big.repo()
    name = f"{side.label}{turn}"  # the branch is in the repository of all sides
    side.time(took, side.create(name), cwd=repo)
    side.run(["destroy", "-f", name], check=False)


def elsewhere(side: Side, took: Took, turn: int) -> None:
    """20 hosts with 10 agents each; the original has no such hosts here."""
    if isinstance(side, Ours):
        side.hosts(20, 10)
        side.time(took, ["list"], "ssh")


def many(side: Side, took: Took, turn: int) -> None:
    """200 hosts, which are names of four sshd's."""
    if isinstance(side, Ours):
        side.names(200)
        side.time(took, ["exec", "--host", "many", "true"], "names")


def push(changed: bool) -> Work:
    """20,000 files to an empty folder of a host, or nothing to one that has them."""

    def work(side: Side, took: Took, turn: int) -> None:
        if isinstance(side, Ours):
            there = side.box(Big.repo())
            if changed:
                shutil.rmtree(there)
            there.mkdir(exist_ok=True)
            side.time(took, ["push", "web", "."], "box", Big.repo())

    return work


def pair(side: Side, took: Took, turn: int) -> None:
    """From a change on one side until it is on the other, while `mng pair` runs; by turns from here and from there."""
    if not isinstance(side, Ours):
        return
    here, there = side.pairing()
    source, target = (here, there) if turn % 2 else (there, here)
    began = time.perf_counter()
    (source / f"change{turn}").write_text("x")
    side.world("pair").wait(lambda: (target / f"change{turn}").exists(), what="the change on the other side")
    took.seconds.append(time.perf_counter() - began)


class Rsync(Side):
    """Plain rsync over the same ssh."""

    label = "rsync"

    def __init__(self, ours: Ours) -> None:
        super().__init__(Path("/usr/bin/rsync"))
        self.ours = ours

    def plain(self, took: Took, turn: int, scenario: str) -> None:
        there = self.ours.box(Big.repo()).with_name("plain")
        if "nothing" not in scenario:
            shutil.rmtree(there, ignore_errors=True)
        line = ["rsync", "-a", "--exclude", ".git", f"{Big.repo()}/", f"box:{there}/"]
        self.ours.measure(took, line, "box")

    def end(self) -> None:
        """What it used is ours."""


class Git(Side):
    """Plain git, for what should cost what it costs."""

    label = "git"

    def __init__(self) -> None:
        super().__init__(Path("/usr/bin/git"))

    def plain(self, took: Took, turn: int, scenario: str) -> None:
        folder = self.world().root / f"big{turn}"
        line = ["git", "worktree", "add", "-q", "-b", f"plain{turn}", str(folder)]
        self.measure(took, line, "work", Big.repo())
        self.world().git("worktree", "remove", "--force", folder, cwd=Big.repo())


class Big:
    """One repository of 20,000 files and 200 MB for all sides."""

    made: World | None = None

    @classmethod
    def repo(cls) -> Path:
        if not cls.made:
            cls.made = World()
            folder = cls.made.root / "big"
            block = "".join(f"line {number} of a file that is like others\n" for number in range(300))
            for number in range(BIG_FILES):  # one at a time: a child's peak memory begins with that of this process
                file = folder / f"d{number // 100}" / f"f{number}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{number}\n{block}"[:BIG_SIZE])
            cls.made.make_repo(folder)
        return cls.made.root / "big"


SCENARIOS = [
    Scenario("--help", 0.10, plain("--help")),
    Scenario("config get", 0.12, beside_help("config", "get", "prefix")),
    Scenario("plugin list", 0.12, beside_help("plugin", "list")),
    Scenario("create", 0.17, create),
    Scenario("create, 20,000 files", 1.15, big, unit="git"),
    Scenario("list, 1 agent", 0.12, in_world(1, "list"), 1),
    Scenario("list, 50 agents", 0.07, in_world(50, "list"), 50),
    Scenario("list, 200 agents", 0.02, in_world(200, "list"), 200),
    Scenario("list, 20 SSH hosts", 1500, elsewhere, unit="ms"),
    Scenario("exec on 200 SSH hosts", 10_000, many, unit="ms"),
    Scenario("push, 20,000 files", 1.15, push(True), unit="rsync"),
    Scenario("push of nothing", 1.2, push(False), unit="rsync"),
    Scenario("pair, a change is on the other side", 2000, pair, unit="ms"),
    Scenario("exec", 0.15, in_world(1, "exec", "a1", "true"), 1),
    Scenario("message", 0.30, in_world(1, "message", "a1", "-m", "hello"), 1),
    Scenario("start", 0.20, start, 1),
    Scenario("stop", 0.20, stop, 1),
    Scenario("destroy -f", 0.20, destroy),
    Scenario("TAB, 1 agent", 20, tab(1), 1, unit="ms"),
    Scenario("TAB, 200 agents", 20, tab(200), 200, unit="ms"),
    Scenario("docker: create", 0.35, containers.create),
    Scenario("docker: exec", 0.2, with_hosts(1, "exec", "a1", "true")),
    Scenario("docker: message", 0.3, with_hosts(1, "message", "a1", "-m", "hello")),
    Scenario("docker: list, 1 host", 0.2, with_hosts(1, "list")),
    Scenario("docker: list, 5 hosts", 0.16, with_hosts(5, "list")),
    Scenario("docker: snapshot", 0.35, with_hosts(1, "snapshot", "create", "a1")),
    Scenario("docker: stop", 0.4, containers.stop),
    Scenario("docker: start", 0.4, containers.start),
    Scenario("docker: destroy -f", 0.25, containers.destroy(1)),
    Scenario("docker: destroy -f, five", 0.08, containers.destroy(5)),
    Scenario("modal: create", 2, clouds.create, unit="sdk"),
    Scenario("modal: list, 20 sandboxes", 1500, clouds.twenty, unit="ms"),
    Scenario("destroy -f --all, 200", 0.02, in_world(200, "destroy", "-f", "--all"), 200, once=True),
]


def measure(scenario: Scenario, sides: list[Side], rounds: int) -> dict[str, Took]:
    """Side by side, in turns that alternate, so that the machine's moods hit both."""
    took: dict[str, Took] = {side.label: Took() for side in sides}
    for side in sides:
        if scenario.agents and str(scenario.agents) not in side.worlds:
            attempt(took[side.label], lambda side=side: side.grow(scenario.agents))  # type: ignore[misc]
    for turn in range(1 if scenario.once else rounds):
        for side in sides[:: 1 if turn % 2 else -1]:
            mine = took[side.label]
            if isinstance(side, Git | Rsync | Sdk):
                attempt(mine, lambda side=side, mine=mine, turn=turn: side.plain(mine, turn, scenario.name))  # type: ignore[misc]
            elif not mine.wrong:
                attempt(mine, lambda side=side, mine=mine, turn=turn: scenario.work(side, mine, turn))  # type: ignore[misc]
    return took


def attempt(took: Took, work: Callable[[], None]) -> None:
    try:
        work()
    except (AssertionError, OSError, LookupError) as error:
        took.wrong = str(error).strip().splitlines()[-1]


def row(scenario: Scenario, took: dict[str, Took]) -> tuple[str, bool]:
    ours, original = took["mng"], took.get("original", Took())
    base = took.get(scenario.unit, original).median
    reached = {"ms": ours.median * 1000, "sdk": ours.median - base}.get(scenario.unit, ours.median / base)
    unit = {"": "", "ms": " ms", "sdk": " s more than the SDK"}.get(scenario.unit, f" × {scenario.unit}")
    fine = reached <= scenario.target
    seen = ours.wrong or ("?" if isnan(reached) else f"{reached:.3g}{unit}")
    cells = [
        scenario.name,
        seconds(original),
        seconds(ours),
        seen,
        f"≤ {scenario.target:g}{unit}",
        "yes" if fine else "NO",
    ]
    cells += ["-" if isnan(each.peak) else f"{each.peak:.0f}" for each in (original, ours)]
    return "| " + " | ".join(cells) + " |", fine


def seconds(took: Took) -> str:
    return "failed" if took.wrong else "-" if isnan(took.median) else f"{took.median:.3f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    parser.add_argument("--only", action="append", default=[], help="scenarios whose name contains this (repeatable)")
    parser.add_argument("--quick", action="store_true", help="three rounds, none with 200 agents or 20,000 files")
    parser.add_argument("--skip-200", action="store_true", help="none with 200 agents: the original takes minutes")
    asked = parser.parse_args()
    wanted = [each for each in SCENARIOS if not asked.only or any(word in each.name for word in asked.only)]
    if asked.quick or asked.skip_200:
        wanted = [each for each in wanted if each.agents < 200]
    if asked.quick:
        wanted = [each for each in wanted if each.unit not in ("git", "rsync")]
    ours = Ours()
    sides: list[Side] = [ours, Original()]
    others: dict[str, Side] = {"git": Git(), "rsync": Rsync(ours), "sdk": Sdk(Path(sys.executable))}
    fine, peaks = True, {"mng": 0.0, "original": 0.0}
    heads = ["scenario", "original", "mng", "reached", "target", "met", "peak MB, original", "mng"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    try:
        for scenario in wanted:
            also: list[Side] = [others[scenario.unit]] if scenario.unit in others else []
            took = measure(scenario, sides + also, min(3, asked.rounds) if asked.quick else asked.rounds)
            line, met = row(scenario, took)
            fine &= met
            for label in peaks:
                peaks[label] = max(peaks[label], 0 if isnan(took[label].peak) else took[label].peak)
            print(line, flush=True)
        ratio = peaks["mng"] / (peaks["original"] or 1)
        print(f"\nPeak memory: {peaks['mng']:.0f} MB of {peaks['original']:.0f} MB, {ratio:.2f} (target ≤ 0.5)")
    finally:
        for side in [*sides, *others.values()]:
            side.end()
        Clouds.end()
        Containers.open.close()
        if Big.made:
            Big.made.end()
    return 0 if fine and ratio <= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
