"""Settings in their layers: defaults < user < project < local < environment; merged key by key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from mng import acting, harmless, trust
from mng.errors import UsageError
from mng.home import root_name as root_name
from mng.home import user_dir as user_dir
from mng.shell import expanded, here, is_text

VARIABLES = {"prefix": "MNG_PREFIX", "host_dir": "MNG_HOST_DIR"}


class AgentTypeSettings(BaseModel):
    """`[agent_types.NAME]`: a type of one's own, or changes to one of ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    parent_type: str = ""
    cli_args: list[str] = []
    command: str = ""
    env: dict[str, str] = {}


class PluginSettings(BaseModel):
    """`[plugins.NAME]`; what else stands there is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    module: str = ""
    enabled: bool = True
    projects: bool = False  # whether a project's settings may enable it


class Source(NamedTuple):
    """A settings file that was read."""

    file: Path
    text: str
    data: dict[str, Any]


class Settings(BaseModel):
    """What holds for this user in this folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    prefix: str = ""
    host_dir: Path = Path()
    commands: dict[str, dict[str, Any]] = {}  # pydantic copies defaults
    create_templates: dict[str, dict[str, Any]] = {}
    agent_types: dict[str, AgentTypeSettings] = {}
    providers: dict[str, dict[str, Any]] = {}
    plugins: dict[str, PluginSettings] = {}
    inventory: list[str] = []

    _sources: list[Source] = PrivateAttr([])
    _context: Path | None = PrivateAttr(None)

    @property
    def context(self) -> Path:
        """The folder that they are for."""
        return self._context or here()

    @property
    def user_dir(self) -> Path:
        return user_dir()

    def where(self, *path: str) -> str:
        """`FILE:LINE: a.b.c`, of the last file that says it."""
        return ": ".join(filter(None, (self.place(*path), ".".join(path))))

    def place(self, *path: str) -> str:
        """`FILE:LINE` of the last file that says it; "" if none does."""
        found = next((source for source in reversed(self._sources) if has(source.data, path)), None)
        return f"{found.file}:{line_of(found.text, path)}" if found else ""

    def of_plugin(self, name: str) -> dict[str, Any]:
        """What `[plugins.NAME]` says beyond what mng knows: the plugin's own settings."""
        return dict(self.plugins[name].model_extra or {}) if name in self.plugins else {}

    def plugins_of_user(self) -> dict[str, dict[str, Any]]:
        """What the user's own file says of plugins: no file of a project can bring code in."""
        mine = next((source.data for source in self._sources if source.file == user_file()), {}).get("plugins", {})
        return {name: table for name, table in mine.items() if isinstance(table, dict)} if isinstance(mine, dict) else {}

    def plugins_enabled(self) -> tuple[dict[str, str], list[str]]:
        """Name and module of each that is enabled and that the user has; what is wrong with asking for others."""
        mine, enabled, wrong = self.plugins_of_user(), {}, []
        for name, plugin in self.plugins.items():
            own, at = mine.get(name, {}), self.where("plugins", name, "enabled")
            if not plugin.enabled or not self.place("plugins", name):
                continue
            if own.get("module") and (own.get("enabled", True) or own.get("projects")):
                enabled[name] = str(own["module"])
            elif self.place("plugins", name, "enabled"):
                wrong.append(f"{at}: you have not allowed this; to allow it: mng plugin enable {name}")
        return enabled, wrong

    def data(self) -> dict[str, Any]:
        """What the files say together."""
        merged: dict[str, Any] = {}
        for source in self._sources:
            merge(merged, source.data)
        return merged


def load(context: str | Path | None = None) -> Settings:
    """The settings for work from `context` (this folder without it); UsageError names file, line and key."""
    places = files(Path(context or here()))
    mine = read(places["user"])
    theirs = of_project([places[scope] for scope in ("project", "local") if scope in places], mine)
    done = combined([*([mine] if mine else []), *theirs])
    done._context = here() / Path(context or "")
    return done


def of_project(places: list[Path], mine: Source | None) -> list[Source]:
    """What counts of a project's files: with trust, without it, or never."""
    there = [file for file in places if os.path.lexists(file)]
    if not there:
        return []
    trust.look_again(there)

    folder = there[0].parent.parent
    if why := acting.stranger(folder, there):
        trust.warn(f"{folder}: its settings count as absent: {why}", about=folder)
        return []
    types = set(mine.data.get("agent_types") or ()) if mine else set[str]()
    found, wrong = list[Source](), None
    for file in there:
        try:
            found += [source] if (source := read(file)) else []
        except UsageError as error:
            wrong = error
    fine = [source._replace(data=harmless.without_trust(source.data, types)) for source in found]
    if not wrong and [source.data for source in found] == [source.data for source in fine]:
        return fine
    if not trust.counts(folder, "settings"):
        return fine
    if wrong:
        raise wrong
    return [whole(source, folder) for file in there if (source := read(file))]


def acts(folder: Path, group: acting.Group) -> bool:
    """Whether there is anything in the folder that needs trust: settings may be harmless ones only."""
    if group != "settings":
        return bool(acting.files(folder, group))
    try:
        found = [source for file in acting.files(folder, group) if (source := read(file))]
    except UsageError:
        return True
    return any(harmless.without_trust(source.data, set()) != source.data for source in found)


def whole(source: Source, folder: Path) -> Source:
    """With a warning for what no project may say."""
    data, refused = harmless.with_trust(source.data, folder)
    for path in refused:
        trust.warn(f"{source.file}:{line_of(source.text, path)}: {'.'.join(path)}: no project can say this, only your own file")
    return source._replace(data=data)


def combined(sources: list[Source], environment: bool = True) -> Settings:
    """Settings of these files, the weakest first, and of the environment."""
    data: dict[str, Any] = {}
    for source in sources:
        merge(data, source.data)
    for key, name in VARIABLES.items():
        if environment and os.environ.get(name):
            data[key] = os.environ[name]
    settings = checked(data, sources) if data else Settings.model_construct()
    folder = expanded(settings.host_dir) if "host_dir" in data else user_dir()
    if not is_text(str(folder)):
        raise UsageError(f"host_dir {str(folder)!r} is not UTF-8")
    prefix = settings.prefix if "prefix" in data else f"{root_name()}-"
    if not re.fullmatch(r"[A-Za-z0-9_-]*", prefix):
        plain = Settings.model_construct()
        plain._sources = sources
        at = "MNG_PREFIX" if environment and os.environ.get("MNG_PREFIX") else plain.where("prefix")
        raise UsageError(f"{at}: {prefix!r}: letters, digits, - and _ only, since it begins the names of tmux sessions")
    done = settings.model_copy(update={"host_dir": folder.absolute(), "prefix": prefix})
    done._sources = sources
    return done


def checked(data: dict[str, Any], sources: list[Source]) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    plain = Settings.model_construct()
    plain._sources = sources
    at = plain.where(*path)
    if first["type"] == "extra_forbidden":
        known = Settings.model_fields if len(path) == 1 else AgentTypeSettings.model_fields
        raise UsageError(f"{at}: no such setting", did_you_mean(path[-1], known))
    raise UsageError(f"{at}: {first['msg'][:1].lower()}{first['msg'][1:]}, not {first['input']!r}")


def files(context: Path) -> dict[str, Path]:
    """The settings files that may exist, by scope, the weakest first; outside of any project the user's alone."""
    found = {"user": user_file()}
    if folder := project(here() / context):
        found |= {"project": folder / f".{root_name()}/settings.toml", "local": folder / f".{root_name()}/settings.local.toml"}
    return found


def user_file() -> Path:
    return user_dir() / "profiles" / profile() / "settings.toml"


def profile() -> str:
    """Whose settings: MNG_PROFILE, else the line in `~/.mng/profile`, else `default`."""
    name, at = os.environ.get("MNG_PROFILE", ""), "MNG_PROFILE"
    if not name:
        try:
            name, at = (user_dir() / "profile").read_text(errors="replace").strip(), str(user_dir() / "profile")
        except OSError:
            return "default"
    if name and not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"{at}: {name[:60]!r} can't be the name of a profile", "letters, digits, ., - and _ only")
    return name or "default"


def project(context: Path) -> Path | None:
    """The nearest folder with settings, up to the git root or below home; without settings, the git root.

    Outside of both, only the folder itself.
    """
    home, chain, root = Path.home(), [], None
    for folder in (context, *context.parents):
        if folder == home:
            break
        chain.append(folder)
        if (folder / ".git").exists():
            root = folder
            break
    else:
        chain = [context]
    names = (f".{root_name()}/settings.toml", f".{root_name()}/settings.local.toml")
    return next((folder for folder in chain for name in names if (folder / name).is_file()), root)


def marked(context: Path) -> list[Path]:
    """The folders with a tasks.py or .mng/ from here up to the git root, and that itself; the nearest first."""
    found = []
    for folder in (context, *context.parents):
        if folder == Path.home():
            break
        marks = (folder / "tasks.py", folder / "tasks", folder / f".{root_name()}", folder / ".git")
        found += [folder] if any(mark.exists() for mark in marks) else []
        if marks[-1].exists():
            break
    return found


def read(file: Path) -> Source | None:
    try:
        text = trust.data(file).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
    return parsed(file, text)


def parsed(file: Path, text: str) -> Source:
    """UsageError, with the line, for text that is no TOML."""
    import tomllib

    try:
        return Source(file, text, tomllib.loads(text))
    except RecursionError:
        raise UsageError(f"{file}: its values are nested too deep") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        at = line[1] if line else text.count("\n") + 1
        raise UsageError(f"{file}:{at}: {re.sub(r' [(]at .*', '', str(error))}") from None


def merge(into: dict[str, Any], data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if isinstance(value, dict):
            below = into.get(key)
            into[key] = dict(below) if isinstance(below, dict) else {}
            merge(into[key], value)
        else:
            into[key] = value


def leaves(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every value of nested tables with the path to it; an empty table is one, too."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in data.items():
        found += leaves(value, (*path, key)) if isinstance(value, dict) and value else [((*path, key), value)]
    return found


def has(data: Any, path: Iterable[str]) -> bool:
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line of the key, else of the table that it is in, else 1."""
    best = 1
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^]]+?)\s*\]", line):
            table = keys(header[1])
        elif key := re.match(r"\s*([^=#]+?)\s*=", line):
            if path[: len(table) + len(keys(key[1]))] == (*table, *keys(key[1])):
                return number
            continue
        if table and path[: len(table)] == table:
            best = number
    return best


def keys(dotted: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^\s.\"']+)", dotted))


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A hint for an error: the near ones, else all if they are few."""
    from mng.names import near

    words = list(dict.fromkeys(w.replace("_", "-") if "-" in word else w for w in words))
    if close := near(word, words):
        return f"did you mean {close[0]}?"
    return "there are: " + ", ".join(words) if 0 < len(words) <= 12 else ""
