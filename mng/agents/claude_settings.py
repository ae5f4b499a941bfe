"""What a run of Claude Code is started with: settings on top of the user's own, and of the user's words those that stay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mng import lenient
from mng.errors import UsageError
from mng.host import Host
from mng.records import AgentRecord
from mng.shell import cmd

EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "Stop", "StopFailure",
          "SessionEnd")  # fmt: skip
CHOOSES_SESSION = {"--session-id": 1, "-r": 1, "--resume": 1, "-c": 0, "--continue": 0, "--fork-session": 0}
BYPASS = "--dangerously-skip-permissions"
ANSWERED = ("theme", "customApiKeyResponses", "hasSeenAutoDefaultNudge")  # at its first set-up, or once an account


def settings(script: str, folder: str, theirs: dict[str, Any], args: list[str], grants: list[str], mode: str = "") -> str:
    """Of one run, on top of the user's own: a second --settings would replace the first, so that is in it."""
    lines = {event: cmd("sh", script, event, folder).line for event in EVENTS}
    hooks = {event: [{"hooks": [{"type": "command", "command": line, "timeout": 10}]}] for event, line in lines.items()}
    both = {**hooks, **{event: [*there, *hooks.get(event, [])] for event, there in theirs.get("hooks", {}).items()}}
    consent = {"skipDangerousModePermissionPrompt": True} if BYPASS in args else {}
    rules: dict[str, Any] = {**theirs.get("permissions", {})}
    if grants:
        rules["allow"] = [*rules.get("allow", []), *grants]
    if mode:
        rules["defaultMode"] = mode
    return json.dumps({**consent, **theirs, **({"permissions": rules} if rules else {}), "hooks": both})


def own_mode(host: Host, record: AgentRecord) -> str:
    """The permission mode of the user's own settings, if it is the one in force.

    It is repeated in those of the run: where only the user's say so, Claude Code (from 2.1.290 on) asks at its start
    whether another should be the default, once an account, so on every new host and in every container.
    """
    own, *projects = (
        f"{(os.environ.get('CLAUDE_CONFIG_DIR') if host.local else '') or f'{host.home}/.claude'}/settings.json",
        f"{record.work.path}/.claude/settings.json",
        f"{record.work.path}/.claude/settings.local.json",
    )
    files = host.runner.get([own, *projects])
    modes = {path: default_mode(parsed(data) or {}) for path, data in files.items()}
    return modes.get(own, "") if not any(modes.get(path) for path in projects) else ""


def default_mode(settings: dict[str, Any]) -> str:
    permissions = settings.get("permissions")
    mode = permissions.get("defaultMode") if isinstance(permissions, dict) else ""
    return mode if isinstance(mode, str) else ""


def without_settings(args: list[str], get: Callable[[str], dict[str, bytes]]) -> tuple[list[str], dict[str, Any]]:
    """The user's words without --settings, and what the last of these said: JSON, or a file of it."""
    kept, given, left = list[str](), "", list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*kept, word, *left], loaded(given, get)
        if word == "--settings" and left:
            given = left.pop(0)
        elif word.startswith("--settings="):
            given = word.partition("=")[2]
        else:
            kept.append(word)
    return kept, loaded(given, get)


def loaded(given: str, get: Callable[[str], dict[str, bytes]]) -> dict[str, Any]:
    if not given:
        return {}
    try:
        found = json.loads(given if given.lstrip().startswith("{") else next(iter(get(given).values()), b""))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"--settings {given[:60]}: neither JSON nor a file of it")
    return found


def without_session(args: list[str]) -> list[str]:
    """The user's words without those that chose a session for the first start."""
    kept, left = [], list(args)
    while left:
        word = left.pop(0)
        values = CHOOSES_SESSION.get(word.partition("=")[0])
        if word == "--" or values is None:
            kept += [word, *left] if word == "--" else [word]
            left = [] if word == "--" else left
        elif values and "=" not in word and left and not left[0].startswith("-"):
            left.pop(0)
    return kept


def answers() -> dict[str, Any]:
    """What the user has answered to Claude Code here, so that on another host it does not ask again."""
    account = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home(), ".claude.json")
    try:
        here = parsed(account.read_bytes()) or {}
    except OSError:
        here = {}
    return {"hasCompletedOnboarding": True} | {key: here[key] for key in ANSWERED if key in here}


def parsed(data: bytes) -> dict[str, Any] | None:
    """None without a file; {} for one that is being written."""
    return lenient.table(lenient.loaded(data)) if data else None
