"""What other users of a machine, and the agents of other projects, can't see of the work there."""

import os
import shutil
import stat
import subprocess

import pytest

from tests.bed.world import World

pytestmark = pytest.mark.live
NOBODY = 65534
HIDDEN = "canary-4711"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be another user")
def test_another_user_reads_nothing_of_an_agent(world: World) -> None:
    world.root.chmod(0o755)
    world.home.chmod(0o755)
    world.repo.chmod(0o700)
    (world.repo / "plain.txt").write_text(HIDDEN)
    world.git("add", "-A")
    world.git("commit", "-qm", "more")
    world.mng("create", "scout", "demo", "--no-connect", "--await-ready", "--env", f"TOKEN={HIDDEN}", "--message", HIDDEN)
    world.mng("exec", "scout", f"echo {HIDDEN} > new.txt")
    world.mng("destroy", "scout", "--force")
    world.mng("create", "again", "demo", "--no-connect", "--await-ready")
    assert find(world, "-readable") == ""


def test_folders_of_an_earlier_version_are_closed_at_the_next_command(world: World) -> None:
    world.mng("create", "scout", "demo", "--no-connect", "--await-ready")
    folders = [world.host_dir, *(world.host_dir / name for name in ("agents", "worktrees"))]
    for folder in folders:
        folder.chmod(0o755)
    world.mng("create", "again", "demo", "--no-connect", "--await-ready")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3


def test_what_an_agents_program_makes_has_the_users_own_modes(world: World) -> None:
    old = os.umask(0o022)
    try:
        world.mng("create", "scout", "--agent-cmd", "touch made.txt; sleep 99", "--no-connect")
        made = world.wait(lambda: next((world.host_dir / "worktrees").glob("*/made.txt")))
    finally:
        os.umask(old)
    assert stat.S_IMODE(made.stat().st_mode) == 0o644


def test_no_command_line_has_a_secret_while_a_message_is_delivered(world: World) -> None:
    words = ["--env", f"TOKEN={HIDDEN}", "--message", f"the word is {HIDDEN}"]
    world.mng("create", "scout", "--agent-cmd", "stty -echo; sleep 60", "--no-connect", *words, "--", HIDDEN, check=False)
    for _ in range(20):
        lines = world.run("ps", "axww", "-o", "args=").out
        assert HIDDEN not in lines


def test_the_log_has_no_value_that_may_be_a_secret(world: World) -> None:
    values = [f"hidden-value-{number}" for number in range(6)]
    world.mng("create", "scout", "demo", "--no-connect", "-c", f"TOKEN={values[0]}", "--append-to-file", f".env:K={values[1]}",
              "--prepend-to-file", f".env:K={values[2]}", "--user-command", f"true {values[3]}", "--env", f"X={values[4]}",
              "--message", values[5], "--", "--key", "hidden-value-9")  # fmt: skip
    log = (world.home / ".mng/logs/mng.jsonl").read_text()
    assert "create" in log and "hidden-value" not in log


def test_an_agent_has_no_variable_of_another_projects(world: World) -> None:
    told = "env > env.txt; sleep 99"
    here = {"DEPLOY_TOKEN": HIDDEN, "LC_TIME": "C"}
    world.mng("create", "one", "--agent-cmd", told, "--no-connect", "--env", "MINE=one", env=here)
    other = world.make_repo(world.root / "other")
    world.mng("create", "two", "--agent-cmd", told, "--no-connect", "--env", "MINE=two", cwd=other)
    for name, mine in (("one", "MINE=one"), ("two", "MINE=two")):
        file = world.root.joinpath(world.record(name)["work"]["path"], "env.txt")
        variables = world.wait(lambda file=file, mine=mine: text if mine in (text := file.read_text()) else "")  # type: ignore[misc]
        assert HIDDEN not in variables and "PATH=" in variables and "HOME=" in variables


def test_a_tmux_server_that_a_person_started_hands_nothing_on(world: World) -> None:
    world.run("tmux", "new-session", "-d", "-s", "mine", "sleep 99", env={"DEPLOY_TOKEN": HIDDEN})
    world.mng("create", "one", "--agent-cmd", "env > env.txt; sleep 99", "--no-connect", "--env", "MINE=one")
    file = world.root.joinpath(world.record("one")["work"]["path"], "env.txt")
    assert HIDDEN not in world.wait(lambda: text if "MINE=one" in (text := file.read_text()) else "")


def find(world: World, *tests: str) -> str:
    """The files below MNG_HOST_DIR of which this holds for a user who is nobody."""
    setpriv = shutil.which("setpriv")
    assert setpriv
    line = [
        setpriv,
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "find",
        str(world.host_dir),
        "-type",
        "f",
        *tests,
    ]
    return subprocess.run(line, capture_output=True, text=True, cwd="/").stdout
