"""What acts in a folder, in groups that are trusted each by itself; and whether all of it is the user's own."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Literal, get_args

from mng.home import root_name

Group = Literal["settings", "inventory", "roles", "tasks", "agents"]
GROUPS: tuple[Group, ...] = get_args(Group)
INVOKE = ("invoke.yaml", "invoke.yml", "invoke.json", "invoke.py")  # what Invoke reads beside a tasks.py
AGENTS = (".claude/settings.json", ".claude/settings.local.json", ".mcp.json")  # what Claude Code runs things by
OURS = Path(__file__).parent.parent  # roles/ and inventory/ of a clone of mng are its own code
VARS = ("group_vars", "host_vars")
LEFT_OUT = ("__pycache__", ".git")


def files(folder: Path, group: Group) -> list[Path]:
    """Those that there are; nothing outside of them acts."""
    if group == "settings":
        return there(folder / f".{root_name()}" / name for name in ("settings.toml", "settings.local.toml"))
    if group == "roles":
        return [] if folder == OURS else list(below(folder / "roles"))
    if group == "inventory":
        return list(dict.fromkeys([*there([folder / "ansible.cfg"]), *inventory(folder)]))
    if group == "agents" and folder == Path.home():
        return []  # the user's own settings
    if group == "agents":
        return [*there(folder / name for name in AGENTS), *below(folder / ".codex")]
    return tasks(folder)


def there(paths: Iterator[Path] | list[Path]) -> list[Path]:
    return [path for path in paths if os.path.lexists(path)]


def below(folder: Path) -> Iterator[Path]:
    """All files, in order; a link to a folder leads there."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except NotADirectoryError:
        yield folder
        return
    except OSError:
        return
    for name in names:
        path = folder / name
        if name not in LEFT_OUT and path.is_dir() and not (path.is_symlink() and path.resolve() in folder.resolve().parents):
            yield from below(path)
        elif name not in LEFT_OUT:
            yield path


def inventory(folder: Path) -> Iterator[Path]:
    """`inventory/`, and what the settings and ansible.cfg name, with the variables that lie beside it."""
    if folder != OURS:
        yield from below(folder / "inventory")
    for path in named(folder):
        yield from below(path) if os.path.lexists(path) else ()
        for name in VARS:
            yield from below((path if path.is_dir() else path.parent) / name)


def named(folder: Path) -> list[Path]:
    import configparser
    import tomllib

    words: list[str] = []
    for file in files(folder, "settings"):
        try:
            found = tomllib.loads(text(file)).get("inventory", [])
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        words += [word for word in found if isinstance(word, str)] if isinstance(found, list) else []
    if os.path.lexists(folder / "ansible.cfg"):
        config = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            config.read_string(text(folder / "ansible.cfg"))
        except configparser.Error:
            return [folder / word for word in words]
        words += config.get("defaults", "inventory", fallback="").split(",")
    return [folder / os.path.expanduser(word.strip()) for word in words if word.strip()]  # noqa: PTH111


def tasks(folder: Path) -> list[Path]:
    """tasks.py or tasks/, with what is imported of the folder, and what Invoke reads beside it."""
    begin = [file for file in (*there([folder / "tasks.py"]), *below(folder / "tasks")) if file.suffix == ".py"]
    found = dict.fromkeys(begin)
    left = list(begin)
    while left:
        file = left.pop()
        for path in imported(file, [folder, folder / "tasks"]):
            if path not in found:
                found[path] = None
                left.append(path)
    compiled = sorted((folder / "__pycache__").glob("invoke.*.pyc"))  # which Invoke would run for its text
    return [*found, *there(folder / name for name in INVOKE), *compiled] if found else []


def imported(file: Path, roots: list[Path]) -> Iterator[Path]:
    """The modules below the roots that the text of this one imports."""
    import ast

    try:
        tree = ast.parse(text(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                for root in roots:
                    yield from modules(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            bases = [list(file.parents)[min(node.level, len(file.parents)) - 1]] if node.level else roots
            for base in bases:
                for alias in node.names:
                    yield from modules(base, [*filter(None, (node.module or "").split(".")), alias.name])


def modules(root: Path, parts: list[str]) -> Iterator[Path]:
    """The files of a.b.c, each of its packages among them; what Python or mng has under that name is never taken from here."""
    if parts[0] in sys.stdlib_module_names or parts[0] in ("mng", "invoke"):
        return
    for many in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:many])
        yield from there([place / "__init__.py", place.with_name(f"{place.name}.py")])


def text(file: Path) -> str:
    try:
        return data(file).decode(errors="replace")
    except OSError:
        return ""


MOST = 16 << 20  # bytes of one file


def data(file: Path) -> bytes:
    """Its content; OSError for what is no plain file of a sensible size: a pipe, a device, what a link leads to."""
    one = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(one, "rb") as opened:
        state = os.fstat(one)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(f"{file} is no plain file")
        read = opened.read(MOST + 1)
    if len(read) > MOST:
        raise OSError(f"{file} has more than {MOST >> 20} MB")
    return read


# --- whose they are


def stranger(folder: Path, found: list[Path]) -> str:
    """Why not all of it is the user's own, and only the user's to write; "" if it is.

    As git takes it (safe.directory), and further: nobody else may write where it lies, nor put another folder in its place.
    """
    mine, top = owners(), os.path.realpath(folder)
    links = [str(file) for file in found if file.is_symlink()]
    if any(os.lstat(link).st_uid not in mine | {0} for link in links):
        return f"a link in {folder} belongs to another user"
    inside, apart = {top}, set[str]()
    for file in found:
        real = os.path.realpath(file)
        if real.startswith(f"{top}/"):
            inside.update(upwards(real, until=inside))
        else:
            apart |= {real, real.rpartition("/")[0] or "/"}
    above = {place for one in (top, *apart) for place in upwards(one)} - inside - apart
    for places, whose, sticky in (
        (inside, mine, 0),
        (apart, mine | {0}, 0),
        (above, mine | {0, os.lstat("/").st_uid}, stat.S_ISVTX),
    ):
        for place in sorted(places):
            if why := foreign(place, whose, sticky):
                return why
    return ""


def upwards(place: str, until: Container[str] = ()) -> Iterator[str]:
    """It and the folders that it is in."""
    while place and place not in until:
        yield place
        place = place.rpartition("/")[0] or ("/" if place != "/" else "")


def foreign(place: str, whose: set[int], sticky: int) -> str:
    try:
        state = os.lstat(place)
    except OSError as error:
        return f"{place}: {error.strerror}"
    if state.st_uid not in whose:
        return f"{place} belongs to {name_of(state.st_uid)}"
    if state.st_mode & sticky:
        return ""
    if state.st_mode & stat.S_IWOTH or (state.st_mode & stat.S_IWGRP and not private(state)):
        return f"others may write {place}"
    return ""


def owners() -> set[int]:
    """Whose files are the user's own: under sudo those of who called it, too."""
    me, caller = os.geteuid(), os.environ.get("SUDO_UID", "")
    return {me, int(caller)} if me == 0 and caller.isdecimal() else {me}


def owner(place: Path) -> int:
    try:
        return place.lstat().st_uid
    except OSError:
        return -1


def private(state: os.stat_result) -> bool:
    """Whether the group is its owner's alone, as many systems give everybody one."""
    import grp
    import pwd

    try:
        person, group = pwd.getpwuid(state.st_uid), grp.getgrgid(state.st_gid)
    except KeyError:
        return False
    return person.pw_gid == state.st_gid and group.gr_name == person.pw_name and set(group.gr_mem) <= {person.pw_name}


def name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
