"""Where inventories lie: the `inventory` setting, else the conventional places and what Ansible would read here."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from mng import trust
from mng.acting import OURS
from mng.errors import UsageError
from mng.inventory.ansible import IGNORED
from mng.settings import Settings, marked, root_name, user_file


def sources(settings: Settings, mine: bool = False) -> list[Path]:
    """The weakest first: of the user, of Ansible's settings, of the project, if that is trusted. `mine`: the user's alone."""
    at = settings.place("inventory").rpartition(":")[0] if settings.inventory else ""
    of_user = at == str(user_file())
    if at and (of_user or (not mine and trust.counts(base(Path(at)), "inventory"))):
        return [existing(base(Path(at)) / Path(word).expanduser(), at) for word in settings.inventory]
    folders = [] if mine or at else [folder for folder in around(settings.context) if trust.counts(folder, "inventory")]
    found = [*conventional(settings.user_dir), *ansible(folders)]
    for folder in reversed(folders):
        found += conventional(folder) if folder in marked(settings.context) else ()
    return list(dict.fromkeys(found))


def around(context: Path) -> list[Path]:
    """The folders that may have a word in it, the nearest first."""
    places = marked(context)
    alone = [context] if context not in places and (context / "ansible.cfg").exists() else []
    return [folder for folder in (*alone, *places) if folder != OURS]


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


def ansible(folders: list[Path]) -> list[Path]:
    """As ansible.cfg says (ANSIBLE_CONFIG, that of these folders, ~/.ansible.cfg), or ANSIBLE_INVENTORY."""
    if words := os.environ.get("ANSIBLE_INVENTORY"):
        return [existing(Path.cwd() / Path(word).expanduser(), "ANSIBLE_INVENTORY") for word in words.split(",") if word]
    given = os.environ.get("ANSIBLE_CONFIG")
    places = [Path(given)] if given else [*(folder / "ansible.cfg" for folder in folders), Path.home() / ".ansible.cfg"]
    for file in places:
        if file.is_file():
            config = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                config.read_string(trust.data(file).decode())
            except (configparser.Error, OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{file}: {str(error).splitlines()[0]}") from None
            words = config.get("defaults", "inventory", fallback="")
            return [
                existing(file.parent / Path(word.strip()).expanduser(), str(file)) for word in words.split(",") if word.strip()
            ]
    return []
