"""Every example of the reference is run as it stands, with agents of the names that they use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mng.cli.examples import examples
from mng.commands import contents
from tests.bed.world import World

pytestmark = pytest.mark.live
NEED = {"modal": 6, "docker": 6, "shared-host": 3}  # what this version does not reach, and how it says so


def prepared(world: World, line: str) -> None:
    names = [name for name in ("web", "api") if name in line.split()]
    if "--all" in line:
        names = ["web"]
    world.env["GITHUB_TOKEN"] = "x"
    if line.startswith(("mng create", "mng clone")):
        names = [name for name in names if f"-agent {name}" in line or f"clone {name}" in line]
    for name in names:
        world.mng("create", name, "demo", "--no-connect")
        if "transcript" in line:
            world.mng("message", name, "--wait", "-m", "hello")
    if "start" in line.split():
        world.mng("stop", "web")
    (world.home / ".npmrc").write_text("")
    (world.repo / ".env").write_text("LOG=info\n")
    (world.repo / "path/to").mkdir(parents=True)
    (world.repo / "path/to/Dockerfile").write_text("FROM debian\n")
    (world.repo / ".gitignore").write_text(".env\n.gitignore\npath/\n")
    for program in ("codex", "npm", "top"):
        world.tool(program, "#!/bin/sh\n" + "exec sleep 30\n" * (program != "npm"))


@pytest.mark.parametrize("line", [example.line for example in examples(contents)])
def test_an_example(world: World, fake: Callable[..., Any], line: str) -> None:
    fake()
    prepared(world, line)
    folder = Path(world.home / ".mng" / "profiles" / "default")
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('[create_templates.heavy]\nlabel = ["size=big"]\n')
    wanted = next((code for word, code in NEED.items() if word in line), 0)
    if "--watch" in line or "--edit-message" in line or "destroy web" in line or "connect web" in line:
        wanted = on_a_terminal(world, line)
    else:
        ran = world.run("bash", "-c", line, check=False, timeout=120)
        assert ran.code == wanted and "Traceback" not in ran.err, ran


def on_a_terminal(world: World, line: str) -> int:
    world.env["EDITOR"] = "sh -c 'echo hello > $0'"
    terminal = world.pty("bash", "-c", line)
    if "destroy" in line:
        terminal.expect("Destroy web")
        terminal.line("y")
        assert terminal.wait() == 0
    elif "--watch" in line:
        terminal.expect("no agents yet")
        terminal.send("\x03")
        assert terminal.wait() == 130
    else:
        world.wait(lambda: world.tmux("list-clients"), 20, "a client")
        terminal.send("\x02d")
        assert terminal.wait() == 0
    return 0
