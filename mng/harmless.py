"""Which settings of a project count: without trust a list of harmless ones, and with it never what is the user's alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mng.shell import expanded, here

SHAPES = {"format", "json", "jsonl", "fields", "sort", "sort_order"}  # of any command
CREATE = {
    "label",
    "project",
    "type",
    "agent_type",
    "base_branch",
    "new_branch_prefix",
    "name_style",
    "host_name_style",
    "connect",
}
TYPES = {"claude", "codex", "opencode", "demo"}
NEVER = {  # options of any command, under all their names
    "log_file", "log_commands", "log_command_output", "log_env_vars", "force", "f", "yes", "y", "discard", "all", "a",
    "allow_unknown_host", "same_password",
    "context", "trust", "plugin", "disable_plugin", "add_ssh_key", "remove_ssh_key", "revoke",
}  # fmt: skip
FILES = {  # files and folders of this machine: only those of the project
    "env_file", "host_env_file", "upload_file", "message_file", "resume_message_file", "include_file", "exclude_file",
    "source_path", "from", "source",
}  # fmt: skip
HANDED_ON = {"pass_env", "pass_host_env"}
SECRET = re.compile(r"pass|secret|token|key|credential|auth|cookie|private", re.IGNORECASE)
Path_ = tuple[str, ...]


def without_trust(data: dict[str, Any], types: set[str]) -> dict[str, Any]:
    """What counts of a project's settings without trust; `types` are those of the user's own settings."""
    commands, templates = data.get("commands"), data.get("create_templates")
    kept: dict[str, Any] = {}
    for name, table in commands.items() if isinstance(commands, dict) else ():
        options = table.items() if isinstance(table, dict) else ()
        if fine := {key: value for key, value in options if harmless(name, key, value, types)}:
            kept.setdefault("commands", {})[name] = fine
    for name, table in templates.items() if isinstance(templates, dict) else ():
        if isinstance(table, dict) and all(harmless("create", key, value, types) for key, value in table.items()):
            kept.setdefault("create_templates", {})[name] = table
    return kept


def harmless(command: str, key: str, value: Any, types: set[str]) -> bool:
    key = key.replace("-", "_")
    if key in ("type", "agent_type") and command == "create":
        return value in TYPES | types
    if key == "base_branch":
        return command == "create" and not str(value).startswith("-")
    return key in SHAPES or (command == "create" and key in CREATE)


def with_trust(data: dict[str, Any], folder: Path) -> tuple[dict[str, Any], list[Path_]]:
    """What counts of a project's settings with trust, and the paths of what never does."""
    refused: list[Path_] = []
    kept = {key: value for key, value in data.items() if key not in ("host_dir", "prefix", "providers")}
    refused += [(key,) for key in data if key not in kept]
    for section in ("commands", "create_templates"):
        tables = kept.get(section)
        if isinstance(tables, dict):
            kept[section] = {name: options_of(table, folder, (section, name), refused) for name, table in tables.items()}
    return kept, refused


def options_of(table: Any, folder: Path, path: Path_, refused: list[Path_]) -> Any:
    if not isinstance(table, dict):
        return table
    kept: dict[str, Any] = {}
    for key, value in table.items():
        one = key.replace("-", "_")
        wrong = [word for word in words(value) if not allowed(one, word, folder)]
        if one in NEVER or (wrong and not isinstance(value, list)):
            refused.append((*path, key))
        elif wrong:
            refused.append((*path, key))
            kept[key] = [word for word in value if word not in wrong]
        else:
            kept[key] = value
    return kept


def words(value: Any) -> Iterator[str]:
    yield from (str(word) for word in value) if isinstance(value, list) else [str(value)]


def allowed(key: str, word: str, folder: Path) -> bool:
    if key in HANDED_ON:
        return not SECRET.search(word)
    if key not in FILES or word == "-":
        return True
    path = word.partition(":")[0] if key == "upload_file" else word
    if key in ("from", "source") and "/" not in path and not path.startswith("~"):
        return True  # an agent
    if key in ("from", "source") and re.match(r"[^/~]+:", path):
        return True  # on a host
    return Path(os.path.realpath(here() / expanded(path))).is_relative_to(os.path.realpath(folder))
