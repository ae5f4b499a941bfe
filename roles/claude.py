"""Claude Code on a host: its program, and a work dir that it does not ask about."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.programs import program
from mng.roles.role import role
from mng.shell import cmd, raw

INSTALL = cmd("npm", "install", "-g", "@anthropic-ai/claude-code")


@role(needs=[program(name="claude", install=INSTALL)])
def claude(on: Play, account: str = "~/.claude.json", folder: str = "", answers: dict[str, Any] | None = None) -> None:
    """`folder`, where the user asked to run it, is trusted in `account`; `answers` are what its first set-up would ask."""
    # The variable CLAUDE_CODE_SANDBOXED=1 would do without touching the account file, but it tells Claude Code that it
    # is in a sandbox when it is not, and leaves the permissions of a project's own settings out of force.
    now = ops.read(on, account)
    keys = {"projects": {folder: {"hasTrustDialogAccepted": True}}} if folder and not trusted(now, folder) else {}
    if answers and "hasCompletedOnboarding" not in loaded(now):
        keys |= answers
    if keys:
        with unlocked(on, f"{on.path(account)}.lock"):
            ops.json_keys(on, account, keys)


@contextlib.contextmanager
def unlocked(on: Play, lock: str) -> Iterator[None]:
    """Hold the lock that Claude Code itself takes to write its account file: a folder. One that stays is stale."""
    take = raw('for _ in 1 2 3 4 5 6 7 8 9 10; do mkdir "$0" 2>/dev/null && exit; sleep 0.1; done; exit 1')
    held = not on.check and on.host.runner.run(cmd("sh", "-c", take, lock), check=False).code == 0
    try:
        yield
    finally:
        if held:
            on.host.runner.run(cmd("rmdir", lock), check=False)


def trusted(account: bytes | None, folder: str) -> bool:
    """Whether the account file says so of the folder or of one that it is in."""
    projects: Any = loaded(account).get("projects", {})
    folders = [folder, *map(str, PurePath(folder).parents)]
    return any(projects.get(one, {}).get("hasTrustDialogAccepted") is True for one in folders)


def loaded(account: bytes | None) -> dict[str, Any]:
    """What the account file says; nothing where it can't be read: json_keys says what is wrong with it."""
    try:
        found = json.loads(account or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
