"""One side of what is moved between work dirs: a folder on a host, and what git says of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from mng.errors import MngError, NotFound
from mng.host import Host
from mng.sync import git


class Place(NamedTuple):
    """A path on a host; `name` is what people call it."""

    host: Host
    path: str
    name: str

    def __str__(self) -> str:
        return self.path if self.host.local else f"{self.host.name}:{self.path}"


@dataclass(frozen=True)
class Side:
    """A place as of one moment. Paths of files are from `place.path`; folders among them end with /."""

    place: Place
    kind: str  # folder | file | "" for nothing
    full: bool = False  # it is no empty folder
    dir: str = ""  # its git directory; "" without a work tree
    common: str = ""  # that of the repository
    prefix: str = ""  # its place in the work tree: "" or ends with /
    head: str = ""
    branch: str = ""
    shallow: tuple[str, ...] = ()
    refs: dict[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()  # not as in HEAD
    new: tuple[str, ...] = ()  # those of them that are not tracked
    ignored: tuple[str, ...] = ()

    @property
    def host(self) -> Host:
        return self.place.host

    @property
    def path(self) -> str:
        return self.place.path

    @property
    def top(self) -> str:
        """Of the work tree."""
        return self.path.removesuffix("/" + self.prefix.rstrip("/")) if self.prefix else self.path

    @classmethod
    def of(cls, place: Place, *, each: bool = False, refs: bool = False) -> Side:
        """All in one trip."""
        line = git.script("side", path=place.path, each="all" * each, refs="1" * refs)
        done = place.host.runner.read(line, timeout=git.LONG)
        parts = done.out.split(b"\0", 9)
        if done.code or len(parts) < 10:
            raise git.explained(done, f"cannot read {place}")
        here, kind, dir_, common, prefix, head, branch, bare, shallow = (
            part.decode(errors="surrogateescape") for part in parts[:9]
        )
        if not kind:
            return cls(place, "")
        lines, _, status = parts[9].partition(b"\0")
        listed = [(ref, oid) for oid, _, ref in (line.partition(" ") for line in lines.decode().splitlines())]
        own = "" if kind.startswith("folder") else place.path.rpartition("/")[2]
        found = [(state, path.removeprefix(prefix)) for state, path in git.entries(status)]
        return cls(
            place._replace(path=f"{here.rstrip('/')}/{own}" if own else here), kind.rstrip("+"), kind.endswith("+"),
            "" if bare == "true" else dir_, common, prefix, head, branch, tuple(shallow.split()), dict(listed),
            tuple(path for state, path in found if state != "!!"),
            tuple(path for state, path in found if state == "??"),
            tuple(path for state, path in found if state == "!!"),
        )  # fmt: skip

    @classmethod
    def both(cls, source: Place, target: Place, *, each: bool = False, refs: bool = False) -> tuple[Side, Side]:
        """Side by side. NotFound without a source."""
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(cls.of, target, each=each, refs=refs)
            return cls.of(source, each=each, refs=refs).there(), other.result()

    def there(self) -> Side:
        """NotFound without anything at it."""
        if not self.kind:
            raise NotFound(f"{self.place}: there is no such folder")
        return self


def covered(path: str, by: set[str]) -> bool:
    """Whether the path, or a folder that it is in, is one of them (without / at their ends)."""
    while path:
        if path in by:
            return True
        path = path.rpartition("/")[0]
    return False


def apart(source: Side, target: Side) -> None:
    """MngError where one is the other, or in it."""
    if source.host.id != target.host.id:
        return
    one, other = (f"{side.path.rstrip('/')}/" for side in (source, target))
    if one == other:
        raise MngError(f"{source.place} is both: there is nothing to move")
    if one.startswith(other) or (other.startswith(one) and source.kind == "folder"):
        raise MngError(f"{source.place} and {target.place} lie one in the other", "name folders that are apart")
