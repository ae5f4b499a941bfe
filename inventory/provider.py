"""What a provider of hosts must do; every provider passes the same contract test."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from mng.host import Host
from mng.host import Snapshot as Snapshot
from mng.ssh.target import Target as Target

BEING_MADE = 900.0  # seconds that a host may take to get its first agent
Kept = Literal["snapshots", "volumes"]


@dataclass(frozen=True)
class HostSpec:
    """What is asked of a new host; a provider refuses what it can't do."""

    name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    build_args: tuple[str, ...] = ()
    start_args: tuple[str, ...] = ()
    snapshot: str = ""


class SnapshotSpec(NamedTuple):
    """What is asked of a new snapshot; `pause`: nothing runs on the host meanwhile."""

    name: str = ""
    description: str = ""
    tags: dict[str, str] = {}
    pause: bool = True


class Spare(NamedTuple):
    """Something that a provider keeps and no host uses; `kind` is the option of gc that is for it."""

    what: str
    kind: Literal["snapshots", "volumes", "build_cache"]
    remove: Callable[[], object]


class Check(NamedTuple):
    """What `mng doctor` found; `missing` is what create can't do without, `mend` the command that helps."""

    name: str
    status: Literal["ok", "missing", "warning"]
    found: str
    mend: str = ""


class Provider(Protocol):
    """Makes, stops and finds hosts of one kind. What it can't do raises NotAvailable, never does nothing."""

    name: str
    makes_hosts: bool  # and so may stop and destroy them

    def hosts(self) -> list[Host]: ...
    def named(self, word: str) -> Host | None: ...
    def create(self, spec: HostSpec) -> Host: ...
    def start(self, host: Host, snapshot: str = "") -> Host: ...  # from the state that this snapshot of it kept
    def stop(self, host: Host) -> None: ...
    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None: ...
    def age(self, host: Host) -> float: ...  # seconds since it was made
    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot: ...
    def snapshots(self, host: Host | None = None) -> list[Snapshot]: ...
    def drop_snapshot(self, snapshot: Snapshot) -> None: ...
    def refresh_keys(self, host: Host) -> None: ...  # this installation is let in again
    def spares(self) -> list[Spare]: ...
    def checks(self) -> list[Check]: ...
