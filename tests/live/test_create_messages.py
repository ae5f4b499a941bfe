"""Options of create for what happens once the agent is there: messages, waiting, connecting."""

import json
import stat
import subprocess

import pytest

from tests.bed.world import World
from tests.live.test_create_options import SLEEP, agents, create

pytestmark = pytest.mark.live


def demo_said(world: World, name: str = "x") -> str:
    return world.mng("logs", name, "transcript", check=False).out


def test_first_messages(world: World) -> None:
    (world.root / "letter").write_text("from a file\nof two lines")
    world.mng("create", "x", "demo", "--no-connect", "--message-file", world.root / "letter")
    world.wait(lambda: "of two lines" in demo_said(world), what="the message")
    world.mng("create", "y", "demo", "--no-connect", "--message-file", "-", "--await-ready", input="from stdin")
    assert "from stdin" in demo_said(world, "y")
    world.tool("editor", '#!/bin/sh\necho "from the editor" > "$1"\n')
    world.mng(
        "create",
        "z",
        "demo",
        "--no-connect",
        "--await-ready",
        "--edit-message",
        env={"EDITOR": "editor", "VISUAL": None},
    )
    assert "from the editor" in demo_said(world, "z")
    for words in (["--message", " "], ["--message-file", "/no/such"], ["--message", "a", "--edit-message"]):
        assert world.mng("create", "w", "demo", "--no-connect", *words, check=False).code == 2
    assert len(agents(world)) == 3


def test_an_editor_has_the_terminal_to_itself_and_its_failure_leaves_the_agent(world: World) -> None:
    world.tool("editor", "#!/bin/sh\nsleep 2\necho EDITED >&2\nexit 3\n")
    words = ["create", "x", "demo", "--no-connect", "--edit-message", "-v"]
    done = world.mng(*words, env={"EDITOR": "editor", "VISUAL": None}, check=False)
    assert done.code == 1 and "x is there, but has no message: the editor editor ended with exit code 3" in done.err
    assert done.err.index("EDITED") < done.err.index("workdir: worktree")
    assert agents(world)[0]["state"] in ("RUNNING", "WAITING")


def test_a_resume_message_at_every_later_start(world: World) -> None:
    (world.root / "again").write_text("go on from a file")
    world.mng("create", "x", "demo", "--no-connect", "--await-ready", "--resume-message", "go on please")
    world.mng("create", "y", "demo", "--no-connect", "--await-ready", "--resume-message-file", world.root / "again")
    assert "go on" not in demo_said(world)
    world.mng("stop", "x", "y")
    world.mng("start", "x", "y")
    assert "go on please" in demo_said(world) and "go on from a file" in demo_said(world, "y")


def test_reuse(world: World) -> None:
    world.mng("create", "x", "demo", "--no-connect", "--reuse", "--await-ready")
    first = world.record("x")["id"]
    world.mng("stop", "x")
    world.mng("create", "x", "demo", "--no-connect", "--reuse", "--await-ready", "--message", "hello again")
    assert world.record("x")["id"] == first and "hello again" in demo_said(world)
    assert world.mng("create", "x", "demo", "--no-connect", "--no-reuse", check=False).code == 1


def test_waiting_for_the_end(world: World) -> None:
    row = world.mng("create", "x", "--agent-cmd", "sleep 1; exit 0", "--no-connect", "--await-agent-stopped", "--json").json
    assert row["state"] == "DONE"


def test_ready_that_never_comes(world: World) -> None:
    world.tool("claude", "#!/bin/sh\nexec sleep 99999\n")
    late = world.mng("create", "x", "claude", "--no-connect", "--await-ready", "--ready-timeout", "1s", check=False)
    assert late.code in (1, 7) and "Traceback" not in late.err and len(late.err.splitlines()) <= 4
    assert [agent["name"] for agent in agents(world)] == ["x"]


def test_connect_and_attach_commands(world: World) -> None:
    ran = world.mng("create", "x", *SLEEP[:2], "--connect", "--connect-command", "echo $MNG_AGENT_NAME $MNG_SESSION_NAME")
    assert f"x {world.prefix}x\n" in ran.out
    ran = world.mng("create", "y", *SLEEP[:2], "--connect", "--attach-command", "echo attached to $MNG_SESSION_NAME")
    assert f"attached to {world.prefix}y\n" in ran.out
    no_terminal = world.mng("create", "z", *SLEEP[:2], "--connect", check=False)
    assert no_terminal.code == 1 and "terminal" in no_terminal.err


def test_a_dry_run_makes_nothing(world: World) -> None:
    ran = create(world, "--dry-run", "--json")
    assert ran.json["name"] == "x" and "would create" in ran.err
    assert agents(world) == [] and world.git("branch", "--list", "mng/*") == "" and not world.host_dir.exists()


def test_a_program_that_is_not_there(world: World) -> None:
    for words, hint in ((["x", "codexx"], "did you mean codex?"), (["x", "--agent-cmd", "no-such-program"], "install it")):
        ran = world.mng("create", *words, "--no-connect", check=False)
        assert ran.code == 6 and hint in ran.err, ran
    for line in ("mng lsit", "mng exce x ls", "mng destory x"):
        typo = world.run("sh", "-c", line, check=False)
        assert typo.code == 2 and "did you mean" in typo.err, typo
    assert agents(world) == []


def test_a_missing_program_is_installed_only_when_agreed_to(world: World) -> None:
    called, program = world.root / "npm-was-called", world.bin / "codex"
    lines = ["#!/bin/sh", f'echo "$@" > {called}', f"printf '#!/bin/sh\\nsleep 9999' > {program}", f"chmod +x {program}", ""]
    world.tool("npm", "\n".join(lines))
    env = world.without("codex", "claude", "opencode")
    env["PATH"] = f"{world.bin}:{env['PATH']}"
    refused = world.mng("create", "x", "codex", "--no-connect", env=env, check=False)
    assert refused.code == 6 and "npm install" in refused.err and not called.exists()
    world.mng("create", "x", "codex", "--no-connect", "-y", env=env)
    assert "codex" in called.read_text()


def test_the_record(world: World) -> None:
    create(world)
    path = world.folder("x") / "data.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    record = json.loads(path.read_text())
    assert record["phase"] == "ready" and record["work"]["made_branch"] and record["version"] == 1


def test_a_project_without_a_first_commit(world: World) -> None:
    empty = world.root / "empty"
    subprocess.run(["git", "init", "-q", empty], check=True, env=world.env)
    (empty / "file").write_text("1")
    ran = world.mng("create", "x", *SLEEP, "--no-ensure-clean", cwd=empty, check=False)
    assert ran.code == 0 or (ran.code == 2 and "commit" in ran.err), ran
