"""What a folder says about the user counts only with trust: by folder, its owner, and the hash of exactly what acts in it.

Read once: what was hashed, and shown, is what is used (`data`). See docs/security.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mng import acting, output
from mng.acting import GROUPS, Group
from mng.home import user_dir

Hashes = dict[str, str]  # of files, by their path from the folder
WHAT: dict[Group, str] = {
    "settings": "its settings count", "inventory": "its inventory counts", "roles": "its roles count",
    "tasks": "its tasks count", "agents": "its settings of agents count",
}  # fmt: skip


@dataclass
class Now:
    """Of this process."""

    once: bool = False  # --trust
    silent: bool = False  # the command says itself what is trusted
    ask: Callable[[Path], bool] | None = None  # a person on the terminal
    hashes: dict[Path, str] = field(default_factory=dict)  # of what counts
    held: list[str] | None = None  # warnings, until it is known how to say them
    told: set[str] = field(default_factory=set)


now = Now()


def counts(folder: Path, group: Group) -> bool:
    """Whether what acts there counts: trusted as it is now. Where somebody is there to ask, asked; else one warning."""
    found = acting.files(folder, group)
    if not found:
        return True
    if why := acting.stranger(folder, found):
        warn(f"{folder}: {WHAT[group]} as absent: {why}", about=folder)
        return False
    if now.once or vouched(folder):
        return True
    hashes = hashed(folder, found)
    if not trusted(folder, group, hashes) and not declined(folder) and now.ask and now.ask(folder):
        hashes = hashed(folder, acting.files(folder, group))  # only what was shown, whatever happened meanwhile
    if trusted(folder, group, hashes):
        now.hashes |= {folder / name: one for name, one in hashes.items()}
        return True
    changed = "has changed since it was trusted" if recorded(folder).get(group) else "is not trusted"
    warn(f"{folder} {changed}: {WHAT[group]} as absent; see: mng trust --show {shown(folder)}; mng trust", about=folder)
    return False


def look_again(files: list[Path]) -> None:
    """They may have changed since this process has seen them."""
    for file in files:
        now.hashes.pop(file, None)


def is_trusted(folder: Path, group: Group) -> bool:
    """The same without a word and without a question."""
    found = acting.files(folder, group)
    if not found or acting.stranger(folder, found):
        return not found
    return now.once or vouched(folder) or trusted(folder, group, hashed(folder, found))


def trusted(folder: Path, group: Group, hashes: Hashes) -> bool:
    return recorded(folder).get(group) == hashes


def vouched(folder: Path) -> bool:
    """Whether MNG_TRUST names it, or a folder that it is in within the same repository."""
    given = [Path(word).expanduser() for word in os.environ.get("MNG_TRUST", "").split(os.pathsep) if word]
    places = {os.path.realpath(path) for path in given if path.is_absolute()}
    for place in (real := Path(os.path.realpath(folder)), *real.parents) if places else ():
        if str(place) in places:
            return True
        if (place / ".git").exists():
            break
    return False


def hashed(folder: Path, found: list[Path]) -> Hashes:
    return {name_in(folder, file): digest(file) for file in found}


def name_in(folder: Path, file: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def digest(file: Path) -> str:
    try:
        return sha(acting.data(file) + (b"x" if os.access(file, os.X_OK) else b""))
    except OSError as error:
        return f"unreadable: {error}"


def sha(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def data(file: Path) -> bytes:
    """Its bytes; UsageError if these are not those that are trusted. Of the user's own files simply their bytes."""
    if file not in now.hashes:
        return acting.data(file)
    read = acting.data(file)
    if sha(read + (b"x" if os.access(file, os.X_OK) else b"")) != now.hashes[file]:
        from mng.errors import UsageError

        raise UsageError(f"{file} has changed while mng was at work", "look at it (mng trust --show), and run it again")
    return read


# --- what is kept


def store() -> Path:
    return user_dir() / "trusted.json"


def kept() -> dict[str, dict[str, Any]]:
    """By folder."""
    try:
        found = json.loads(store().read_bytes())["folders"]
        return {name: one for name, one in found.items() if isinstance(one, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        warn(f"{store()} cannot be read ({error}): no folder is trusted")
        return {}


def recorded(folder: Path) -> dict[str, Hashes]:
    """What is trusted there, by group; nothing if the folder is another owner's now."""
    one = kept().get(os.path.realpath(folder), {})
    groups = one.get("groups")
    return groups if isinstance(groups, dict) and one.get("owner") == acting.owner(folder) else {}


def seen(folder: Path) -> dict[str, Hashes]:
    """All that acts there now, by group."""
    found = {group: acting.files(folder, group) for group in GROUPS}
    return {group: hashed(folder, files) for group, files in found.items() if files}


def keep(folder: Path, groups: Mapping[str, Hashes]) -> None:
    """Trust this from now on, and no more than this; MngError for what is not the user's own."""
    every = [folder / name for one in groups.values() for name in one]
    if why := acting.stranger(folder, every):
        from mng.errors import MngError

        raise MngError(f"{folder} can't be trusted: {why}", "only what is yours alone counts: see docs/security.md")
    change({os.path.realpath(folder): {"owner": acting.owner(folder), "groups": dict(groups)}})


def follow(folder: Path, group: Group) -> None:
    """A change that the user has just made there by mng keeps the trust in the rest."""
    files = acting.files(folder, group)
    groups = {**recorded(folder), group: hashed(folder, files)}
    if not vouched(folder) and not acting.stranger(folder, files):
        change({os.path.realpath(folder): {"owner": acting.owner(folder), "groups": groups}})


def decline(folder: Path, groups: Mapping[str, Hashes]) -> None:
    """Do not ask again until it changes."""
    old = kept().get(os.path.realpath(folder), {})
    change({os.path.realpath(folder): {**old, "declined": dict(groups)}})


def declined(folder: Path) -> bool:
    return kept().get(os.path.realpath(folder), {}).get("declined") == seen(folder)


def change(new: Mapping[str, dict[str, Any] | None]) -> None:
    """None takes a folder out."""
    import fcntl

    try:
        store().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with store().with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folders = {name: one for name, one in {**kept(), **new}.items() if one is not None}
            replaced(store(), json.dumps({"version": 1, "folders": folders}, indent=1))
            trusting = [name for name, one in folders.items() if one.get("groups") and "\n" not in name]
            (user_dir() / "cache").mkdir(mode=0o700, exist_ok=True)
            replaced(user_dir() / "cache" / "trusted", "".join(f"{name}\n" for name in trusting))  # for TAB
    except OSError as error:
        from mng.errors import MngError

        raise MngError(f"cannot keep in {store()} what is trusted: {error.strerror}") from None


def replaced(file: Path, text: str) -> None:
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.touch(0o600)
    new.write_text(text)
    new.replace(file)


# --- what is said


def shown(folder: Path) -> str:
    from mng.shell import cmd

    return cmd(folder).line


def warn(text: str, about: Path | None = None) -> None:
    """Once a process; of a folder that it is `about` only the first."""
    key = str(about or text)
    if key not in now.told and not now.silent:
        now.told.add(key)
        if now.held is None:
            output.warn(output.clean(text))
        else:
            now.held.append(text)


def hold() -> None:
    """Warnings are kept until `tell`: output is not set up yet."""
    now.held = now.held or []


def tell() -> None:
    held, now.held = now.held or [], None
    for text in held:
        output.warn(output.clean(text))
