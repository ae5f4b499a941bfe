"""What was last known of hosts elsewhere: for when one does not answer. The truth is on the hosts."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mng import foreign
from mng.host import Host
from mng.ssh.target import Target


@dataclass
class LastKnown:
    """A host as it was at `time`; `states` by agent id, `records` as their files were there: nothing that counts here."""

    name: str
    provider: str
    home: str = ""
    dir: str = ""
    time: float = 0.0
    records: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    legacy: list[str] | None = None  # ids that a version remembered which kept no origins; None: it wrote this file
    reach: dict[str, Any] = field(default_factory=dict)  # as it was asked for when it got its first agent

    def __post_init__(self) -> None:
        self.legacy = list(self.records) if self.legacy is None else self.legacy

    @property
    def names(self) -> set[str]:
        """Of all agents there, as their records say."""
        found = set()
        for text in self.records.values():
            with contextlib.suppress(ValueError, RecursionError):
                record = json.loads(text or "{}")
                found.add(str(record.get("name", "")) if isinstance(record, dict) else "")
        return found


def all_known(folder: Path) -> list[LastKnown]:
    """By name; nothing costs less than a folder that is not there."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    return [known for name in names if name.endswith(".json") and (known := read(folder / name))]


def read(file: Path) -> LastKnown | None:
    try:
        return LastKnown(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def place(folder: Path, host: Host) -> Path:
    return folder / f"{quote(f'{host.provider} {host.name}', safe='@')}.json"


def recall(folder: Path, host: Host) -> LastKnown | None:
    return read(place(folder, host))


def learn(folder: Path, host: Host, id_: str, record: bytes) -> None:
    """Of one agent, with what is known of the others; a host that was not remembered is none to learn of."""
    if known := recall(folder, host):
        known.records[id_] = record.decode(errors="replace")
        with contextlib.suppress(OSError):
            write(place(folder, host), known)


def remember(folder: Path, host: Host, records: Mapping[str, bytes], states: Mapping[str, str] | None = None) -> None:
    """Without records the host is forgotten, unless `states` is None: then it is only about to get its first agent."""
    file = place(folder, host)
    with contextlib.suppress(OSError):
        if not records and states is not None:
            file.unlink(missing_ok=True)
            return
        known = read(file)
        if states is None and known:
            return
        texts = {id_: data.decode(errors="replace") if len(data) <= foreign.MOST else "" for id_, data in records.items()}
        legacy, reach = (known.legacy if known else None) or [], reached(host, known)
        known = LastKnown(
            host.name, host.provider, host.home, host.dir, time.time(), texts, dict(states or {}), legacy, reach
        )  # fmt: skip
        write(file, known)


def reached(host: Host, known: LastKnown | None) -> dict[str, Any]:
    """How it is reached: fixed by the first that makes an agent there, or sees one."""
    target = vars(host.runner).get("target")  # asking for it would raise where the host does not run
    if host.provider != "ssh" or target is None:
        return {}
    if known and (known.reach or target == Target(host.name)):
        return known.reach  # also if nothing was noted then: an inventory may still say how
    return dict(target._asdict())


def write(file: Path, known: LastKnown) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}.new")
    new.write_text(json.dumps(asdict(known)))
    new.replace(file)
