"""A repository with a HOME of its own, and short ways to place, save and remove work dirs of it."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mng.records import Work
from mng.runner import Done, LocalRunner
from mng.sync.saved import Saved, save
from mng.sync.source import Placement, Source, place, unplace

CONFIG = """\
[user]
    name = Test
    email = test@example.org
[init]
    defaultBranch = main
"""


@dataclass
class Counting(LocalRunner):
    """Counts the trips to the host."""

    trips: list[str] = field(default_factory=list)

    def run(self, command: Any, **how: Any) -> Done:
        self.trips.append(command.shown)
        return super().run(command, **how)


class Ground:
    def __init__(self, root: Path) -> None:
        self.root, self.repo, self.host_dir = root, root / "repo", root / "host"
        self.runner = Counting()
        (root / "home").mkdir()
        (root / "home/.gitconfig").write_text(CONFIG)
        self.repo.mkdir()

    def git(self, *words: object, at: Path | None = None, check: bool = True) -> str:
        line = ["git", "-C", str(at or self.repo), *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, errors="surrogateescape")
        assert done.returncode == 0 or not check, f"{line}: {done.stderr}"
        return done.stdout.strip("\n")

    def commit(self, message: str = "More", at: Path | None = None, **files: str) -> str:
        """`commit(a="text")`: one commit with these files added; its id."""
        for name, text in files.items():
            self.write((at or self.repo) / name.replace("__", "/"), text)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "--allow-empty", "-m", message, at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def write(self, path: Path, text: str = "text\n") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def plan(
        self, name: str = "web", source: Path | str | None = None, branch: str | None = None, base: str = "", **how: Any
    ) -> Placement:
        branch = f"mng/{name}" if branch is None else branch
        found = Source.of(self.runner, str(source or self.repo), branch, base)
        where = {"path": str(self.root / f"work/{name}"), "claim": str(self.host_dir / f"agents/{name}/made")} | how
        return Placement.plan(found, branch=branch, base=base, **where)

    def place(self, name: str = "web", source: Path | str | None = None, **how: Any) -> Work:
        plan = self.plan(name, source, **how)
        self.notes = place(self.runner, plan)
        return plan.work

    def save(self, work: Work, name: str = "web") -> Saved:
        return save(self.runner, work, name, str(self.host_dir))

    def destroy(self, work: Work, name: str = "web") -> Saved:
        saved = self.save(work, name)
        self.notes = unplace(self.runner, work, saved)
        return saved

    def back(self, saved: Saved) -> None:
        """What the user is told to type."""
        done = subprocess.run(["sh", "-ec", saved.way_back], capture_output=True, text=True)
        assert done.returncode == 0, f"{saved.way_back}\n{done.stderr}"

    def status(self, at: Path | str) -> str:
        return self.git("status", "--porcelain=v1", "-uall", "--no-renames", at=Path(at))

    def leftovers(self) -> dict[str, Any]:
        """All that a work dir could leave behind."""
        return {
            "branches": self.git("for-each-ref", "--format=%(refname)", "refs/heads/mng"),
            "worktrees": sorted(p.name for p in (self.repo / ".git/worktrees").glob("*")),
            "work": sorted(p.name for p in (self.root / "work").glob("*")),
            "agents": sorted(str(p.relative_to(self.host_dir)) for p in self.host_dir.glob("agents/*/*")),
        }


NOTHING: dict[str, Any] = {"branches": "", "worktrees": [], "work": [], "agents": []}


def alone(monkeypatch: pytest.MonkeyPatch, root: Path) -> Ground:
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return Ground(root)


@pytest.fixture
def bare_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """No repository in it yet."""
    return alone(monkeypatch, tmp_path)


@pytest.fixture
def ground(bare_ground: Ground) -> Ground:
    """A repository with one commit on main."""
    bare_ground.git("init", "-q")
    bare_ground.commit("Start", a="a\n", b="b\n", src__app="app\n", **{".gitignore": "*.log\n.env\nbuild/\n"})
    return bare_ground
