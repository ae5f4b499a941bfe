"""The two programs under test, each installed in a venv of its own and run in worlds of its own."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.bed.sshd import Sshd
from tests.bed.world import World

ROOT = Path(__file__).parent.parent.parent
CACHE = Path.home() / ".cache" / "mng-bench"
ORIGINAL = ["mng==0.1.8", "pyinfra==3.7", "gevent<26"]  # newer ones of these two break its list


@dataclass
class Took:
    """What was measured of one scenario on one side."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)  # MB
    wrong: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds and not self.wrong else float("nan")

    @property
    def peak(self) -> float:
        return max(self.peaks) if self.peaks and not self.wrong else float("nan")


class Side:
    """Has worlds by number of agents; each agent runs `cat`, so that a message has somewhere to go."""

    label = ""

    def __init__(self, mng: Path) -> None:
        self.mng = mng
        self.worlds: dict[str, World] = {}

    def world(self, name: str = "work") -> World:
        if name not in self.worlds:
            world = self.worlds[name] = World()
            world.env["PATH"] = f"{self.mng.parent}:{os.environ['PATH']}"
        return self.worlds[name]

    def end(self) -> None:
        for world in self.worlds.values():
            world.end()

    def create(self, name: str) -> list[str]:
        raise NotImplementedError

    def run(self, words: Sequence[str], world: str = "work", check: bool = True) -> None:
        """Untimed: before and after what is measured."""
        self.world(world).run(self.mng, *words, check=check, timeout=900)

    def time(self, took: Took, words: Sequence[str], world: str = "work", cwd: Path | None = None) -> None:
        self.measure(took, [str(self.mng), *words], world, cwd)

    def measure(self, took: Took, line: list[str], world: str, cwd: Path | None = None) -> None:
        """Wall time and peak memory of the process and those that it waited for."""
        place = self.world(world)
        with tempfile.TemporaryFile() as out:
            began = time.perf_counter()
            process = subprocess.Popen(
                line, env=place.env, cwd=cwd or place.repo, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            _, status, usage = os.wait4(process.pid, 0)
            took.seconds.append(time.perf_counter() - began)
            process.returncode = os.waitstatus_to_exitcode(status)
            took.peaks.append(usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024))
            out.seek(0)
            if process.returncode and not self.forgiven(line):
                said = out.read().decode(errors="replace").strip().splitlines()
                took.wrong = f"exit code {process.returncode}: {said[-1] if said else ''}"

    def forgiven(self, line: list[str]) -> bool:
        return False

    def grow(self, count: int) -> None:
        """A world called `count` with so many agents a1, a2, …"""
        raise NotImplementedError

    def tab(self, took: Took, world: str) -> None:
        """What TAB after `mng connect ` takes."""
        raise NotImplementedError


class Original(Side):
    label = "original"

    def __init__(self) -> None:
        venv = Path(os.environ.get("MNG_BENCH_ORIGINAL") or CACHE / "original")
        if not (venv / "bin" / "mng").exists():
            install(venv, ORIGINAL)
        super().__init__(venv / "bin" / "mng")

    def create(self, name: str, command: str = "sleep 99999") -> list[str]:
        return ["create", name, "--command", command, "--no-connect"]

    def forgiven(self, line: list[str]) -> bool:
        return "destroy" in line  # its gc fails where there is no Docker, after everything is destroyed

    def grow(self, count: int) -> None:
        """One by its own create; it would need half an hour for 200, so the others are made as it would make them."""
        world = self.world(str(count))
        self.run(self.create("a1", "cat"), str(count))
        first = next((world.host_dir / "agents").iterdir())
        work = Path(re.findall(r'"work_dir": "(.*)"', (first / "data.json").read_text())[0])
        made = []
        for number in range(2, count + 1):
            name, id_ = f"a{number}", f"agent-{uuid4().hex}"
            folder, place = first.parent / id_, work.parent / f"{name}-{uuid4().hex}"
            shutil.copytree(first, folder)
            for file in (folder / "data.json", folder / "env"):
                text = file.read_text().replace(first.name, id_).replace(str(work), str(place))
                text = text.replace('"name": "a1"', f'"name": "{name}"').replace("mng/a1", f"mng/{name}")
                file.write_text(re.sub(r"(MNG_AGENT_NAME=)\S*", rf"\1{name}", text))
            world.git("worktree", "add", "-q", "-b", f"mng/{name}", place)
            world.tmux("new-session", "-d", "-s", world.prefix + name, "-c", place, "cat")
            made.append(place)
        host = world.host_dir / "data.json"
        also = "".join(f',\n    "{place}"' for place in made)
        host.write_text(host.read_text().replace(f'"{work}"', f'"{work}"{also}', 1))

    def tab(self, took: Took, world: str) -> None:
        words = ["env", "COMP_WORDS=mng connect ", "COMP_CWORD=2", str(self.mng.with_name("python"))]
        self.measure(took, [*words, "-m", "imbue.mng.cli.complete"], world)


class Ours(Side):
    label = "mng"

    def __init__(self) -> None:
        self.beds: dict[str, Sshd] = {}
        venv = CACHE / "ours"
        lock = ROOT / "requirements.lock"
        if not (venv / lock.name).exists() or (venv / lock.name).read_bytes() != lock.read_bytes():
            shutil.rmtree(venv, ignore_errors=True)
            install(venv, ["--require-hashes", "-r", str(lock)])
            shutil.copy(lock, venv)
        with tempfile.TemporaryDirectory() as copy:  # not editable, as users have it; and no build/ in the tree
            for name in ("mng", "roles", "inventory"):
                shutil.copytree(ROOT / name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, copy)
            install(venv, ["--no-deps", "--no-build-isolation", "--force-reinstall", copy])
        super().__init__(venv / "bin" / "mng")

    def create(self, name: str, command: str = "sleep 99999") -> list[str]:
        return ["create", name, "--agent-cmd", command, "--no-connect"]

    def grow(self, count: int) -> None:
        for number in range(1, count + 1):
            self.run(self.create(f"a{number}", "cat"), str(count))

    def hosts(self, count: int, agents: int) -> None:
        """A world called `ssh` with so many hosts and agents on each."""
        if "ssh" in self.worlds:
            return
        bed, world = self.with_bed("ssh"), self.world("ssh")
        names = [f"h{number}" for number in range(count)]
        for name in names:
            bed.start(name).fill(world.prefix, agents)
        settings = world.home / ".mng" / "profiles" / "default" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text('[providers.lab]\nbackend = "ssh"\n' + "".join(f"[providers.lab.hosts.{name}]\n" for name in names))

    def names(self, count: int) -> None:
        """A world called `names`, whose inventory has so many hosts, which are four sshd's."""
        if "names" in self.worlds:
            return
        bed = self.with_bed("names")
        ports = [bed.start(f"r{number}", config="MaxStartups 200").port for number in range(4)]
        lines = (f"h{number} ansible_host=127.0.0.1 ansible_port={ports[number % 4]}\n" for number in range(count))
        folder = self.world("names").repo / "inventory"
        folder.mkdir()
        (folder / "hosts").write_text("[many]\n" + "".join(lines))

    def box(self, source: Path) -> Path:
        """The work dir of an agent on a host, in a world called `box`."""
        if "box" not in self.worlds:
            host = self.with_bed("box").start("box")
            (host.home / "work").mkdir()
            words = ["--agent-cmd", "cat", "--no-connect", "--host", "box", "--in-place", "--from", f"box:{host.home}/work"]
            self.run(["create", "web", *words], "box")
        return self.beds["box"].hosts["box"].home / "work"

    def pairing(self) -> tuple[Path, Path]:
        """The two folders that a `mng pair` keeps equal, in a world called `pair`."""
        here = self.world("pair").root / "here"
        if "pair" not in self.beds:
            host = self.with_bed("pair").start("box")
            for folder in (here, host.home / "work"):
                folder.mkdir()
            (host.home / "work" / "first").write_text("first")
            words = ["--agent-cmd", "cat", "--no-connect", "--host", "box", "--in-place", "--from", f"box:{host.home}/work"]
            self.run(["create", "web", *words], "pair")
            self.world("pair").start(self.mng, "pair", "web", "--target", here, "--no-require-git")
            self.world("pair").wait(lambda: (here / "first").exists(), 60, what="the first file")
        return here, self.beds["pair"].hosts["box"].home / "work"

    def with_bed(self, name: str) -> Sshd:
        world = self.world(name)
        world.env["PATH"] = f"{world.bin}:{world.env['PATH']}"
        self.beds[name] = Sshd(world)
        return self.beds[name]

    def end(self) -> None:
        for bed in self.beds.values():
            bed.end()
        super().end()

    def tab(self, took: Took, world: str) -> None:
        """The shell that is there already does it: the time is taken in it."""
        self.run(["list"], world)
        script = (
            f'. <({self.mng} --completion bash); COMP_WORDS=(mng connect ""); COMP_CWORD=2; a=$EPOCHREALTIME;'
            "_mng_complete; b=$EPOCHREALTIME; echo $a $b ${#COMPREPLY[@]}"
        )
        began, ended, count = self.world(world).run("bash", "--norc", "-c", script).out.split()
        took.seconds.append(float(ended) - float(began))
        if int(count) < int(world):
            took.wrong = f"offers {count} names"


def install(venv: Path, words: list[str]) -> None:
    if not (venv / "bin" / "pip").exists():
        print(f"installing into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    subprocess.run([venv / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *words], check=True)
