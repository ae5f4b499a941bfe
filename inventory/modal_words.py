"""The words of `-b` for Modal: what a sandbox is made from, its size and its limits."""

from __future__ import annotations

from typing import Any, NamedTuple

from mng.errors import UsageError
from mng.inventory.images import ranges
from mng.shell import expanded

DAY = 86400
PRICES = {  # dollars an hour, for a core, a GiB and a GPU; as Modal had them for sandboxes in 2025
    "cpu": 0.142,
    "memory": 0.0242,
    "t4": 0.59,
    "l4": 0.80,
    "a10": 1.10,
    "l40s": 1.95,
    "a100": 2.10,
    "a100-40gb": 2.10,
    "a100-80gb": 2.50,
    "h100": 3.95,
    "h200": 4.54,
    "b200": 6.25,
}
LEAST = (0.125, 0.125)  # cores and GiB of a sandbox for which nothing is asked
NAMES = ("dockerfile", "context-dir", "image", "cpu", "memory", "gpu", "timeout", "region", "secret", "offline",
         "cidr-allowlist", "volume")  # fmt: skip


class Asked(NamedTuple):
    """What a sandbox is to be; as JSON keeps it."""

    dockerfile: str = ""
    context: str = ""
    image: str = ""
    cpu: float = 0.0
    memory: float = 0.0  # GiB
    gpu: str = ""
    timeout: int = DAY
    region: str = ""
    secrets: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()  # NAME:PATH
    walls: tuple[str, ...] | None = None  # what alone can be reached

    @classmethod
    def of(cls, args: tuple[str, ...]) -> Asked:
        """`k=v`, `--k=v`, `--k v`, or bare `offline`; UsageError for others."""
        asked, words = cls(), [word for arg in args for word in (arg.split(None, 1) if arg.startswith("--") else [arg])]
        while words:
            key, equals, value = words.pop(0).partition("=")
            name = key.removeprefix("--")
            if name not in NAMES:
                raise UsageError(f"-b {key}: Modal has no such word", f"there are: {', '.join(NAMES)}")
            if name == "offline":
                if equals:
                    raise UsageError(f"-b {key} takes no value")
            elif not equals and words:
                value = words.pop(0)
            if name != "offline" and not value:
                raise UsageError(f"-b {key} needs a value")
            asked = asked.with_(name, value)
        if asked.image and asked.dockerfile:
            raise UsageError("-b image and -b dockerfile: which of them?")
        return asked

    @classmethod
    def kept(cls, record: dict[str, Any]) -> Asked:
        """As a host's record has it."""
        return cls(**record.get("asked", {}))

    def with_(self, name: str, value: str) -> Asked:
        new: dict[str, Any] = {name: value}
        match name:
            case "offline":
                new = {"walls": self.walls or ()}
            case "cidr-allowlist":
                new = {"walls": (*(self.walls or ()), *ranges(value))}
            case "cpu" | "memory":
                new = {name: number(name, value)}
            case "timeout":
                new = {name: int(number(name, value))}
            case "dockerfile" | "context-dir":
                path = expanded(value).absolute()
                if not (path.is_dir() if name == "context-dir" else path.is_file()):
                    raise UsageError(f"-b {name}={value}: there is no such {'folder' if name == 'context-dir' else 'file'}")
                new = {name.removesuffix("-dir"): str(path)}
            case "secret":
                new = {"secrets": (*self.secrets, value)}
            case "volume":
                if not value.partition(":")[2].startswith("/"):
                    raise UsageError(f"-b volume={value} is not NAME:/PATH")
                new = {"volumes": (*self.volumes, value)}
        return self._replace(**new)

    @property
    def words(self) -> dict[str, Any]:
        """For Sandbox.create."""
        words: dict[str, Any] = {"timeout": self.timeout}
        words |= {"cpu": self.cpu} if self.cpu else {}
        words |= {"memory": int(self.memory * 1024)} if self.memory else {}
        words |= {"gpu": self.gpu} if self.gpu else {}
        words |= {"region": self.region} if self.region else {}
        return words | ({"outbound_cidr_allowlist": list(self.walls)} if self.walls is not None else {})


def price(asked: Asked, given: dict[str, float]) -> float:
    """About what it costs an hour while it runs; `given` prices count over those here, a GPU in no table for nothing."""
    prices = {**PRICES, **given}
    gpu, _, count = asked.gpu.lower().partition(":")
    cards = prices.get(gpu.rstrip("!"), 0.0) * (int(count) if count.isdecimal() else 1)
    return (asked.cpu or LEAST[0]) * prices["cpu"] + (asked.memory or LEAST[1]) * prices["memory"] + cards


def number(name: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if found <= 0 or (name == "timeout" and found > DAY):
        limit = f" up to {DAY} (24 hours)" if name == "timeout" else ""
        raise UsageError(f"-b {name}={value}: it must be a number above 0{limit}")
    return found
