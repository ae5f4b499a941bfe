"""docs/scripting.md: its tasks do what the page says, by hand of the demo agent and of the real Claude Code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bed.world import World
from tests.e2e.test_readme import ROOT, fenced, with_tasks

PAGE = ROOT / "docs" / "scripting.md"
pytestmark = pytest.mark.live


def test_the_examples_are_typed(tmp_path: Path) -> None:
    """As a user's type checker sees them: commands are functions with results, not modules."""
    wrong = "\nrow = commands.create(Context(), name='x')\nrow.nonsense\ncommands.exec(Context(), command='ls')[0].nonsense\n"
    for code, problems in (("", 0), (wrong, 3)):  # the second: of a row that is one of two kinds
        (tmp_path / "tasks.py").write_text("\n\n".join(fenced(PAGE, "python")) + code)
        line = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "tasks.py"]
        env = {**os.environ, "MYPYPATH": str(ROOT)}
        done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert (
            len([said for said in done.stdout.splitlines() if said.startswith("tasks.py:") and ": error:" in said]) == problems
        ), done.stdout


def fanned_out(printed: str) -> dict[str, str]:
    """Each agent's state and patch."""
    parts = re.split(r"^--- (\w+): (\S+) on mng/\1$", printed, flags=re.M)
    return {f"{name} {state}": patch for name, state, patch in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


def test_one_prompt_to_three_agents(world: World) -> None:
    with_tasks(world, PAGE)
    told = fanned_out(world.mng("fan-out", "write notes.txt: a note", "--kind", "demo").out)
    assert list(told) == ["ada WAITING", "ben WAITING", "cleo WAITING"]
    for patch in told.values():
        assert "+++ b/notes.txt" in patch and "+a note" in patch
    again = world.mng("fan-out", "x", "--kind", "demo", check=False)
    assert again.code == 1 and again.err.startswith("mng: there is an agent ada already"), again


@pytest.mark.agents
def test_one_prompt_to_three_of_claude_code(world: World, claude: str) -> None:
    with_tasks(world, PAGE)
    told = fanned_out(world.mng("fan-out", "TOOL[touch made.txt] WAIT1", timeout=180).out)
    assert list(told) == ["ada WAITING", "ben WAITING", "cleo WAITING"]
    assert all(patch.count("new file mode") == 1 and "b/made.txt" in patch for patch in told.values()), told


def test_who_asks_is_at_rest_and_told(world: World) -> None:
    with_tasks(world, PAGE)
    told = fanned_out(world.mng("fan-out", "run: rm -rf x", "--kind", "demo").out.replace("(permission: run)", "?"))
    assert list(told) == ["ada WAITING?", "ben WAITING?", "cleo WAITING?"]
    for program in (("mng",), ("inv",), ("fab", "-c", "tasks")):
        said = world.run(*program, "standup").out.splitlines()
        assert said == ["ada: permission run", "ben: permission run", "cleo: permission run", "3 wait for you"]
    blocked = world.mng("nightly", "--kind", "demo", "--prompt", "ask").out
    assert blocked.startswith("It stands still until somebody answers: nightly waits for question")


def test_waiting_ends(world: World) -> None:
    code = "from mng.agents.team import Team\nTeam.of().wait('web', timeout={})\n"
    world.mng("create", "web", "demo", "--no-connect", "--await-ready", "--message", "hello")
    world.run(sys.executable, "-c", code.format(20))
    world.mng("create", "busy", "--agent-cmd", "sleep 60", "--no-connect")
    late = world.run(sys.executable, "-c", code.format(0.3).replace("web", "busy"), check=False)
    assert re.search(r"MngError: busy: not at rest after 0\.\d+ s \(it is RUNNING\)", late.err), late.err
    gone = world.run(sys.executable, "-c", code.format(1).replace("web", "nobody"), check=False)
    assert "NotFound: no agent 'nobody'; see: mng list" in gone.err


@pytest.mark.parametrize("kind", ["--worktree", "--clone", "--copy", "--in-place"])
def test_the_diff_of_every_kind_of_work_dir(world: World, kind: str) -> None:
    world.mng("create", "web", "demo", "--no-connect", kind)
    line = (
        "echo changed >> README.md; git rm -q --cached src/app.py 2>/dev/null; rm src/app.py;"
        "printf 'a\\0b' > 'bin ary'; mkdir -p deep; echo new > deep/new.txt"
    )
    world.mng("exec", "web", line)
    if kind in ("--worktree", "--clone"):
        world.mng("exec", "web", "git add -A . && git commit -qm done && echo later > later.txt")
    before = world.git("count-objects")
    code = "from mng.agents.team import Team\nimport sys\nsys.stdout.write(Team.of().named('web').diff())\n"
    patch = world.run(sys.executable, "-c", code).raw
    assert world.git("count-objects") == before, "nothing is written into the repository"
    target = world.root / "target"
    world.git("clone", "-q", world.repo, target, cwd=world.root)
    world.run("git", "apply", "-", input=patch, cwd=target)
    assert (target / "deep" / "new.txt").read_text() == "new\n" and (target / "bin ary").read_bytes() == b"a\0b"
    assert not (target / "src" / "app.py").exists() and (target / "README.md").read_text() == "# Sample\nchanged\n"
    assert (target / "later.txt").exists() is (kind in ("--worktree", "--clone"))


def test_the_diff_of_a_folder_without_a_repository(world: World) -> None:
    plain = world.root / "plain"
    plain.mkdir()
    (plain / "a.txt").write_text("one\n")
    world.mng("create", "web", "demo", "--no-connect", cwd=plain)
    code = "from mng.agents.team import Team\nprint(repr(Team.of().named('web').diff()))\n"
    assert world.run(sys.executable, "-c", code).out == "''\n"
    world.mng("exec", "web", "echo two >> a.txt")
    assert "+two" in world.run(sys.executable, "-c", code).out
    world.mng("exec", "web", "cd .. && rm -r ./web-*")
    assert "NotFound: the work dir is gone" in world.run(sys.executable, "-c", code, check=False).err
