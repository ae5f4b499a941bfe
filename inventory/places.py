"""Where inventories lie: the `inventory` setting, else the conventional places and what Ansible would read here."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from mng.errors import UsageError
from mng.inventory.ansible import IGNORED
from mng.settings import Settings, marked, root_name


def sources(settings: Settings) -> list[Path]:
    """The weakest first: of the user, of Ansible's settings, of the project."""
    if settings.inventory:
        at = settings.place("inventory").rpartition(":")[0]
        return [existing(base(Path(at)) / Path(word).expanduser(), at) for word in settings.inventory]
    found = list(conventional(settings.user_dir))
    found += ansible(settings.context)
    for folder in reversed(marked(settings.context)):
        found += conventional(folder)
    return list(dict.fromkeys(found))


def base(file: Path) -> Path:
    """The folder that the settings' folder is in: paths in settings begin there."""
    return next((folder.parent for folder in file.parents if folder.name == f".{root_name()}"), Path.cwd())


def existing(path: Path, at: str) -> Path:
    if not path.exists():
        raise UsageError(f"{at}: inventory: there is no {path}")
    return path


def conventional(folder: Path) -> Iterator[Path]:
    """`inventory/hosts`, `inventory/hosts.toml` and the like."""
    for file in sorted((folder / "inventory").glob("hosts*")):
        if file.name.partition(".")[0] == "hosts" and file.is_file() and not IGNORED.search(file.name):
            yield file


def ansible(context: Path) -> list[Path]:
    """As ansible.cfg says (ANSIBLE_CONFIG, here, the project's, ~/.ansible.cfg), or ANSIBLE_INVENTORY."""
    if words := os.environ.get("ANSIBLE_INVENTORY"):
        return [existing(Path.cwd() / Path(word).expanduser(), "ANSIBLE_INVENTORY") for word in words.split(",") if word]
    given = os.environ.get("ANSIBLE_CONFIG")
    folders = [context, *marked(context)]
    places = [Path(given)] if given else [*(folder / "ansible.cfg" for folder in folders), Path.home() / ".ansible.cfg"]
    for file in places:
        if file.is_file():
            config = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                config.read(file)
            except (configparser.Error, UnicodeDecodeError) as error:
                raise UsageError(f"{file}: {str(error).splitlines()[0]}") from None
            words = config.get("defaults", "inventory", fallback="")
            return [
                existing(file.parent / Path(word.strip()).expanduser(), str(file)) for word in words.split(",") if word.strip()
            ]
    return []
