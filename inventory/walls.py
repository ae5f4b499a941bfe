"""What a container can reach: rules in its network, made by another container beside it, so that it never has the right to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mng.errors import NotAvailable
from mng.inventory import images
from mng.shell import cmd

if TYPE_CHECKING:
    from mng.inventory.engine import Engine

LABEL, IMAGE = "mng.walls", "mng.base"  # of a container: what it was made with; of it and its snapshots: what it was made from
SCRIPT = images.FILES / "walls.sh"
SIGN = (
    'mkdir -p /run && : >"/run/mng-walls.$(cut -d " " -f 22 /proc/1/stat)"'  # what container.sh waits for: holds for this start
)
HELPER = ("run", "--rm", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "0", "--entrypoint", "sh")


class Walls(NamedTuple):
    """`ranges`: nothing else can be reached (None: everything can); `no_host`: not the engine's machine, whatever else."""

    ranges: tuple[str, ...] | None = None
    no_host: bool = False

    @classmethod
    def asked(cls, build: images.Build) -> Walls:
        return cls(build.ranges if build.offline or build.ranges else None, build.no_host)

    @classmethod
    def of(cls, container: Any) -> Walls:
        """By what the engine says of it, which nothing in it can change. Older ones say it as a variable and arguments."""
        config = container.attrs["Config"]
        if LABEL in container.labels:
            ranges, no_host = json.loads(container.labels[LABEL])
            return cls(None if ranges is None else tuple(ranges), no_host)
        return cls(tuple(config["Cmd"][1:])) if "MNG_NETWORK=allow" in (config["Env"] or ()) else cls()

    def __bool__(self) -> bool:
        return self.ranges is not None or self.no_host

    def words(self) -> list[str]:
        """For `docker create`: its entry waits until they are there."""
        return ["--env", "MNG_WALLS=wait", "--label", f"{LABEL}={json.dumps([self.ranges, self.no_host])}"] if self else []

    def hold(self, container: Any) -> None:
        """NotAvailable for a container that could take them away, or whose network is not its own."""
        config = container.attrs["HostConfig"]
        more = [cap.removeprefix("CAP_") for cap in config.get("CapAdd") or ()]
        wrong = [cap for cap in more if cap in ("NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "ALL")]
        mode = str(config.get("NetworkMode"))
        if self and (wrong or config.get("Privileged") or mode == "host" or mode.startswith("container:")):
            why = f"--cap-add={wrong[0]}" if wrong else "--privileged" if config.get("Privileged") else f"--network={mode}"
            raise NotAvailable(f"-b offline, cidr-allowlist and no-host can't hold with -s {why}", "leave one of them out")

    def make(self, engine: Engine, container: Any) -> None:
        """In the network of a container that runs; its entry goes on afterwards. Again does no harm."""
        image = clean(engine, labels=container.labels)
        found = list(container.attrs["NetworkSettings"]["Networks"].values())
        gates = [one[key] for one in found for key in ("Gateway", "IPv6Gateway") if one.get(key)]
        own, resolvers = machine(engine, image) if self.no_host else ([], [])
        mode = "open" if self.ranges is None else "allow"
        words = [mode, ",".join(gates), ",".join([*own, *gates] if self.no_host else []), ",".join(resolvers)]
        caps = ["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", "--network", f"container:{container.id}"]
        images.run(engine.program, *HELPER, caps, image, "-c", SCRIPT.read_text(), "walls.sh", words, list(self.ranges or ()))
        with engine.translated():
            container.exec_run(["sh", "-c", SIGN], user="0")


def machine(engine: Engine, image: str) -> tuple[list[str], list[str]]:
    """The addresses of the engine's machine, and the resolvers that it uses."""
    line = cmd("cat", "/proc/net/fib_trie").either(cmd("true")).line
    line += "; echo ==; cat /proc/net/if_inet6; echo ==; cat /etc/resolv.conf"
    four, six, resolv = images.run(engine.program, *HELPER, "--network", "host", image, "-c", line).split("==\n")
    own, last = list[str](), ""
    for text in four.splitlines():
        last = text.split()[-1] if "|--" in text else last
        if "host LOCAL" in text and not last.startswith("127."):
            own.append(last)
    for text in six.splitlines():
        digits = text.split()[0]
        address = ":".join(digits[at : at + 4] for at in range(0, 32, 4))
        own += [address] if not digits.startswith(("fe80", "0" * 31)) else []
    names = [text.split()[1] for text in resolv.splitlines() if text.startswith("nameserver ")]
    return list(dict.fromkeys(own)), [name for name in names if not name.startswith("127.")]


class Made:
    """For which start of which container walls were made, by this installation; an engine or a person may start one, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "walls"

    def note(self, host_id: str, container: Any) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / host_id).write_text(started(container.attrs))

    def there(self, host_id: str, container: Any) -> bool:
        file = self.folder / host_id
        return file.exists() and file.read_text() == started(container.attrs)

    def forget(self, host_id: str) -> None:
        (self.folder / host_id).unlink(missing_ok=True)


def started(attrs: Mapping[str, Any]) -> str:
    return f"{attrs['Id']} {attrs['State']['StartedAt']}"


def clean(engine: Engine, image: str = "", labels: Mapping[str, str] | None = None) -> str:
    """An image whose programs no agent has touched: of a snapshot that of its first container, or else the default one."""
    with engine.translated():
        labels = engine.client.images.get(image).labels if image else labels or {}
        there = {tag for one in engine.client.images.list() for tag in one.tags}
    if image and "mng.snapshot" not in labels:
        return image
    return labels[IMAGE] if labels.get(IMAGE) in there else images.ready(engine.program, images.Build())
