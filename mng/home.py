"""What this instance of mng is called, and its user's folder. Imports nothing that takes time."""

from __future__ import annotations

import os
from pathlib import Path


def root_name() -> str:
    """MNG_ROOT_NAME sets a whole instance apart: `~/.NAME`, sessions `NAME-`, projects' `.NAME/`."""
    return os.environ.get("MNG_ROOT_NAME") or "mng"


def user_dir() -> Path:
    return Path.home() / f".{root_name()}"


def names_plugins() -> bool:
    """Whether the user's settings name any plugin: a glance that costs next to nothing."""
    return any(b"plugins" in file.read_bytes() for file in user_dir().glob("profiles/*/settings.toml") if file.is_file())
