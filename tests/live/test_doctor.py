"""mng doctor: what it finds, what it says to do, and that it never hangs or shows a secret."""

import os
import shutil
import time

import pytest

from tests.bed.agents import VERSIONS
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live
NEWEST = VERSIONS["claude"][-1]


def only(world: World, *programs: str) -> str:
    """A PATH with mng, these programs and a fake `apt-get`."""
    for name in ("sh", "env", *programs):
        there = shutil.which(name)
        assert there, name
        (world.bin / name).symlink_to(there)
    world.tool("apt-get", "#!/bin/sh\n")
    (world.bin / "mng").symlink_to(shutil.which("mng", path=world.env["PATH"]) or "")
    return str(world.bin)


def found(ran: Ran) -> dict[str, tuple[str, str, str]]:
    return {row["check"]: (row["status"], row["found"], row["mend"]) for row in ran.json}


def test_all_that_create_needs(world: World) -> None:
    world.tool("claude", f"#!/bin/sh\necho {NEWEST} '(Claude Code)'\n")
    path = only(world, "tmux", "git", "cat")
    ran = world.mng("doctor", "--json", env={"PATH": path, "ANTHROPIC_API_KEY": "sk-hush"})
    rows = found(ran)
    assert rows["claude"] == ("ok", f"{NEWEST} (mng is tested with {', '.join(VERSIONS['claude'])})", "")
    assert rows["claude account"] == ("ok", "present (ANTHROPIC_API_KEY)", "")
    assert rows["host_dir"][:2] == ("ok", str(world.host_dir)) and rows["provider local"][0] == "ok"
    sudo = "" if os.getuid() == 0 else "sudo "
    assert rows["unison"] == ("warning", "not installed (pair need it)", f"{sudo}apt-get install -y unison")
    npm = f"{sudo}apt-get install -y npm && npm install -g @openai/codex"
    assert rows["codex"] == ("warning", "not installed", npm) and "codex account" not in rows
    assert "hush" not in ran.out + ran.err
    human = world.mng("doctor", env={"PATH": path})
    assert human.out.startswith("CHECK ") and f"codex: {npm}\n" in human.err
    absent = found(world.mng("doctor", "--json", env={"PATH": path}))["claude account"]
    assert absent == ("warning", "absent", "run claude once and log in, or set ANTHROPIC_API_KEY")
    (world.home / ".claude.json").write_text('{"oauthAccount": {"x": "hush"}}')
    ran = world.mng("doctor", "--json", env={"PATH": path})
    assert found(ran)["claude account"][1] == "present (~/.claude.json)" and "hush" not in ran.out


@pytest.mark.parametrize(("version", "mend"), [("9.8.7", "a newer mng may know it"), ("1.0.0", "upgrade claude")])
def test_a_version_that_was_not_tried_is_told_and_not_refused(world: World, version: str, mend: str) -> None:
    world.tool("claude", f"#!/bin/sh\necho {version} '(Claude Code)'\n")
    ran = world.mng("doctor", "--json", env={"PATH": only(world, "tmux", "git", "cat"), "ANTHROPIC_API_KEY": "x"})
    status, told, says = found(ran)["claude"]
    assert ran.code == 0 and status == "warning" and told.startswith(f"{version}, but mng is tested with ") and mend in says


def test_what_create_lacks(world: World) -> None:
    path = only(world, "git", "cat")
    ran = world.mng("doctor", "--json", env={"PATH": path}, check=False)
    rows = found(ran)
    assert ran.code == 1
    assert rows["tmux"][:2] == ("missing", "not installed") and "install -y tmux" in rows["tmux"][2]
    assert rows["claude"][0] == "missing" and rows["provider local"] == ("missing", "tmux is not on its PATH", "")
    world.tool("brew", "#!/bin/sh\n")
    assert found(world.mng("doctor", "--json", env={"PATH": path}, check=False))["tmux"][2] == "brew install tmux"
    world.tool("tmux", "#!/bin/sh\necho tmux 2.9a\n")
    rows = found(world.mng("doctor", "--json", env={"PATH": path}, check=False))
    assert rows["tmux"][:2] == ("missing", "2.9a, too old")


@pytest.mark.parametrize(
    ("kind", "row"), [("demo", None), ("sleep", ("ok", "there", "")), ("nowhere", ("missing", "not on the PATH", ""))]
)
def test_the_type_of_the_settings_counts(world: World, kind: str, row: tuple[str, str, str] | None) -> None:
    world.mng("config", "set", "--scope", "user", "commands.create.type", kind)
    path = only(world, "tmux", "git", "sleep")
    ran = world.mng("doctor", "--json", env={"PATH": path}, check=False)
    assert ran.code == (1 if kind == "nowhere" else 0)
    assert found(ran).get(kind) == row and found(ran)["claude"][0] == "warning"


@pytest.mark.parametrize(
    ("text", "check", "message"),
    [
        ("a = = 1\n", "settings project", "settings.toml:1: Invalid value"),
        ("[commands.create]\nconect = 1\n", "settings", "settings.toml:2: commands.create.conect: create has no option"),
        ("[agent_types.a]\nparent_type = 'a1'\n", "settings", "settings.toml:2: agent_types.a.parent_type: no agent type"),
    ],
)
def test_wrong_settings_do_not_stop_it(world: World, text: str, check: str, message: str) -> None:
    (world.repo / ".mng").mkdir()
    (world.repo / ".mng" / "settings.toml").write_text(text)
    ran = world.mng("doctor", "--json", check=False)
    status, said, mend = found(ran)[check]
    assert ran.code == 1 and status == "missing" and message in said and mend
    assert found(ran)["git"][0] == "ok"


def test_a_profile_and_a_folder_that_can_not_be(world: World) -> None:
    rows = found(world.mng("doctor", "--json", check=False, env={"MNG_PROFILE": "../x"}))
    assert rows["profile"][0] == "missing"
    (world.root / "file").write_text("")
    rows = found(world.mng("doctor", "--json", check=False, env={"MNG_HOST_DIR": f"{world.root}/file/host"}))
    assert rows["host_dir"][:2] == ("missing", f"{world.root}/file/host can not be written")
    assert not (world.root / "file" / "host").exists()


def test_what_does_not_answer_keeps_nobody(world: World) -> None:
    world.tool("codex", "#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()
    rows = found(world.mng("doctor", "--json", "--timeout", "2s", check=False))
    assert rows["codex"] == ("warning", "codex --version: not done after 2 s, ended", "")
    assert rows["git"][0] == "ok" and time.monotonic() - began < 15
    world.expect_no_leftovers()
