"""Asking whether a folder is trusted: what its files want, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mng import acting, output, trust
from mng.acting import Group
from mng.errors import MngError

RUNS = {  # options whose values are run, and when
    "user_command": "at create", "sudo_command": "as root at create", "agent_cmd": "as the agent",
    "agent_command": "as the agent", "command": "as the agent", "add_cmd": "beside agents", "add_command": "beside agents",
    "connect_command": "when you connect", "attach_command": "when you connect", "rsync_args": "in words for rsync",
    "rsync_arg": "in words for rsync", "start_args": "in words for the container engine",
    "build_args": "in words for the container engine", "start_arg": "in words for the container engine",
    "build_arg": "in words for the container engine",
}  # fmt: skip


def asked(folder: Path) -> bool:
    """Whether the person on the terminal trusts it, now that it is said what it wants; no is kept until that changes."""
    if not output.interactive():
        return False
    seen = trust.seen(folder)
    if why := acting.stranger(folder, [folder / name for one in seen.values() for name in one]):
        trust.warn(f"{folder} can't be trusted: {why}")
        return False
    output.note(f"{output.clean(str(folder))} has files that act for you here. They want to:")
    for line in wants(folder, seen):
        output.note(f"  - {output.clean(line)}")
    answer = output.confirm("Trust them, as they are now?")
    if answer:
        trust.keep(folder, seen)
    elif answer is False:
        trust.decline(folder, seen)
    return bool(answer)


def wants(folder: Path, seen: Mapping[str, trust.Hashes]) -> list[str]:
    """What these files want, a line each; what has not changed since it was trusted is said, too."""
    lines: list[str] = []
    for group, words in WANTS.items():
        files = [folder / name for name in seen.get(group, {})]
        if not files:
            continue
        try:
            lines += words(folder, files)
        except (MngError, OSError, ValueError, RecursionError) as error:
            lines.append(f"say what cannot be read: {getattr(error, 'what', None) or error}")
    return list(dict.fromkeys(lines))


# --- of each group


def settings_want(folder: Path, files: list[Path]) -> Iterator[str]:
    from mng import harmless, settings

    for file in files:
        source = settings.read(file)
        data = harmless.with_trust(source.data, folder)[0] if source else {}
        for path, value in settings.leaves(data):
            if value != {}:
                yield said(path, value)


def said(path: tuple[str, ...], value: Any) -> str:
    """One setting."""
    first, *rest = path
    key = path[-1].replace("-", "_")
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    template = f" (with the template {rest[0]})" if first == "create_templates" and rest else ""
    if first in ("commands", "create_templates") and key in RUNS:
        return f"run {RUNS[key]}{template}: {shown}"
    if key in ("pass_env", "pass_host_env"):
        return f"pass {shown} on to agents{template}"
    if key in ("host", "target_host", "in", "new_host"):
        return f"put agents on {shown}{template}"
    if key in ("upload_file", "env_file", "host_env_file", "message_file"):
        return f"send agents the content of {shown}{template}"
    if key == "role":
        return f"do the roles {shown} to hosts{template}"
    if first == "agent_types" and key == "command":
        return f"run as an agent of the type {rest[0]}: {shown}"
    if first == "plugins" and key == "enabled":
        return f"turn the plugin {rest[0]} {'on' if value is True else 'off'}"
    if first == "inventory":
        return f"take hosts from {shown}"
    return f"set {'.'.join(path)} = {shown}"


def inventory_wants(folder: Path, files: list[Path]) -> Iterator[str]:
    """Without running any program of it."""
    from mng.inventory import ansible, places
    from mng.inventory.script import Scripts

    scripts = Scripts(Path("/nonexistent"), run=False)
    for file in files:
        if file.name != "ansible.cfg" and scripts.is_one(file):
            yield f"run {file.relative_to(folder) if file.is_relative_to(folder) else file} whenever hosts are asked for"
    named = [path for path in acting.named(folder) if path.exists()]
    hosts = ansible.load([*places.conventional(folder), *named], scripts)
    ways: dict[str, list[str]] = {"ssh": [], "a program": [], "this machine": []}
    for name in hosts.vars:
        try:
            fixed = hosts.fixed(name)
        except MngError:
            continue
        program = any("command" in word.lower() or word in ("-F", "-S") for word in fixed.options)
        ways["this machine" if fixed.here else "a program" if program else "ssh"].append(name)
    if ways["ssh"]:
        yield f"name {counted(ways['ssh'])} that you can go to by ssh"
    if ways["a program"]:
        words = dict.fromkeys(" ".join(hosts.fixed(name).options) for name in ways["a program"])
        yield f"reach {counted(ways['a program'])} through a program: {'; '.join(words)}"
    if ways["this machine"]:
        yield f"take this machine for {counted(ways['this machine'])}"


def counted(names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} host{'s' if len(names) > 1 else ''} ({shown})"


def roles_want(folder: Path, files: list[Path]) -> Iterator[str]:
    places = {file.relative_to(folder / "roles").parts[0] for file in files if file.suffix == ".py"}
    names = sorted(place.removesuffix(".py") for place in places if not place.startswith("__"))
    yield f"run the roles {', '.join(names)} when they are asked for"


def tasks_want(folder: Path, files: list[Path]) -> Iterator[str]:
    from mng.cli.project import defined

    begin = [file for file in (folder / "tasks.py", folder / "tasks" / "__init__.py") if file in files][:1]
    for file in begin:
        try:
            names = defined(acting.text(file))
        except (SyntaxError, RecursionError, MemoryError):
            names = {}
        yield f"run the commands {', '.join(names) or '(none that can be told)'} when they are typed"
    if more := [str(file.relative_to(folder)) for file in files if file not in begin]:
        yield f"run with them: {', '.join(more[:8])}{', …' if len(more) > 8 else ''}"


def agents_want(folder: Path, files: list[Path]) -> Iterator[str]:
    for file in files:
        name = str(file.relative_to(folder))
        try:
            data = json.loads(acting.text(file) or "{}") if file.suffix == ".json" else {}
        except ValueError:
            data = {}
        parts = list(data.get("mcpServers", data)) if isinstance(data, dict) else []
        yield f"have the agent's program act by {name}" + (f" ({', '.join(map(str, parts[:6]))})" if parts else "")


WANTS: dict[Group, Any] = {
    "settings": settings_want, "inventory": inventory_wants, "roles": roles_want, "tasks": tasks_want, "agents": agents_want,
}  # fmt: skip
