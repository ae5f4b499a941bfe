"""The real coding agents, at exact versions, set up as their user has them: logged in, with a model API on loopback.

Nothing of a project is trusted beforehand: that is for mng. All three run `TOOL[touch made.txt]` without asking and
ask before `TOOL[chmod 600 made.txt] PERM` (see model_server.py for these words).
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.bed.model_server import ModelServer
from tests.bed.need import missing
from tests.bed.world import World

NPM = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex", "opencode": "opencode-ai"}
VERSIONS: dict[str, list[str]] = tomllib.loads((Path(__file__).parents[2] / "mng/agents/versions.toml").read_text())
PLACE = Path(os.environ.get("MNG_TEST_AGENTS") or Path.home() / ".cache" / "mng-test-agents")
# Some put their program in its place after installation; newer npm runs such scripts only where a package.json says so.
SCRIPTS = dict.fromkeys(NPM.values(), True)
# Beside the newest of all, so that what is mended for the newest does not break the oldest: these tests run with both.
ALSO_OLDEST = ("claude",)


def version(name: str) -> str:
    """The one that tests run: MNG_TEST_CLAUDE=2.1.240 (and so on for the others), else the newest that is pinned."""
    return os.environ.get(f"MNG_TEST_{name.upper()}") or VERSIONS[name][-1]


def oldest_and_newest(name: str) -> list[str]:
    """What the tests of one program are run with; the one asked for, if one is."""
    asked = os.environ.get(f"MNG_TEST_{name.upper()}")
    return [asked] if asked else [VERSIONS[name][0], VERSIONS[name][-1]]


def program(name: str, which: str = "") -> Path:
    return folder(name, which or version(name)) / "node_modules" / ".bin" / name


def folder(name: str, which: str) -> Path:
    return PLACE / f"{name}-{which}"


def installed(name: str, which: str = "") -> bool:
    """At exactly that version?"""
    which = which or version(name)
    about = folder(name, which) / "node_modules" / NPM[name] / "package.json"
    return program(name, which).exists() and json.loads(about.read_text())["version"] == which


def install(name: str, which: str) -> str:
    """With npm, if it is missing; what the program says of its version."""
    if not installed(name, which):
        place = folder(name, which)
        place.mkdir(parents=True, exist_ok=True)
        write(place / "package.json", {"private": True, "dependencies": {NPM[name]: which}, "allowScripts": SCRIPTS})
        subprocess.run(["npm", "install", "--no-fund", "--no-audit"], check=True, cwd=place)
    done = subprocess.run([program(name, which), "--version"], capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"{name} {which} does not run:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def install_all() -> None:
    """`python -m tests.bed.agents`: those that scripts/test.sh runs."""
    for name in NPM:
        for which in dict.fromkeys(oldest_and_newest(name) if name in ALSO_OLDEST else [version(name)]):
            print(f"{name}: {install(name, which)}", flush=True)


def set_up(world: World, model: ModelServer, name: str, which: str = "") -> None:
    """Put the agent on the world's PATH with its user's settings in the world's HOME."""
    if not installed(name, which) or not shutil.which("node"):
        missing(f"{name} {which or version(name)} is not installed in {PLACE}")
    (world.bin / name).symlink_to(program(name, which))
    for command in ("CREATE", "CLONE", "MIGRATE"):
        world.env[f"MNG_COMMANDS_{command}_READY_TIMEOUT"] = "60"  # a busy machine starts them late
    {"claude": claude, "codex": codex, "opencode": opencode}[name](world, model.url)


def claude(world: World, url: str) -> None:
    world.env.update(
        ANTHROPIC_BASE_URL=url, ANTHROPIC_AUTH_TOKEN="test", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1", CLAUDE_CODE_MAX_RETRIES="1",
    )  # fmt: skip
    write(world.home / ".claude.json", {"hasCompletedOnboarding": True})
    write(world.home / ".claude" / "settings.json", {"permissions": {"allow": ["Bash(touch:*)"]}})


def can_sandbox() -> bool:
    """Without user namespaces (in many containers) codex can only run outside of its sandbox, and never asks."""
    return subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode == 0


def codex(world: World, url: str) -> None:
    world.env["STUB_KEY"] = "test"
    config = world.home / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text(
        f'sandbox_mode = "{"workspace-write" if can_sandbox() else "danger-full-access"}"\n'
        'model = "stub-model"\nmodel_provider = "stub"\ncheck_for_update_on_startup = false\n\n'
        '[model_providers.stub]\nname = "stub"\nwire_api = "responses"\nenv_key = "STUB_KEY"\n'
        f'base_url = "{url}/v1"\n'
    )


def opencode(world: World, url: str) -> None:
    world.env.update(dict.fromkeys(("OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_AUTOUPDATE",
                                    "OPENCODE_DISABLE_LSP_DOWNLOAD"), "1"))  # fmt: skip
    model = {"name": "Stub Model", "tool_call": True, "limit": {"context": 200000, "output": 8192}}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Stub", "models": {"stub-model": model},
                "options": {"baseURL": f"{url}/v1", "apiKey": "test"}}  # fmt: skip
    write(
        world.home / ".config" / "opencode" / "opencode.json",
        {
            "autoupdate": False, "share": "disabled", "model": "stub/stub-model", "small_model": "stub/stub-model",
            "enabled_providers": ["stub"], "provider": {"stub": provider},
            "permission": {"bash": {"*": "ask", "touch *": "allow"}},
        },
    )  # fmt: skip


class Fake:
    """`claude` in this world is tests/bed/hostile.py; `truth(event)` is what really happened to it."""

    def __init__(self, world: World, **mischief: float) -> None:
        self.file = world.root / "truth.jsonl"
        program = Path(__file__).with_name("hostile.py")
        world.tool("claude", f'#!/bin/sh\nexec {sys.executable} -I {program} "$@"\n')
        world.env["HOSTILE"] = json.dumps({"seed": 1, **mischief, "truth": str(self.file)})
        write(world.home / ".claude.json", {"hasCompletedOnboarding": True})

    def truth(self, event: str) -> list[dict[str, Any]]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [fact for line in lines if (fact := json.loads(line))["event"] == event]

    def turns(self) -> list[str]:
        """The messages that it took, in order."""
        return [fact["text"] for fact in self.truth("turn")]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    install_all()
