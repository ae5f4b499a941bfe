"""This machine as a host: always there, never made, stopped or kept."""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mng.errors import NotAvailable, UsageError
from mng.host import Host
from mng.runner import LocalRunner

if TYPE_CHECKING:
    from mng.inventory.provider import Check, HostSpec, Kept, Snapshot, SnapshotSpec, Spare


class Local:
    """The provider of one host."""

    name = "local"
    makes_hosts = False

    def __init__(self, host_dir: str, prefix: str) -> None:
        home = str(Path.home())
        self.host = Host(machine_id(host_dir), "local", "local", LocalRunner(), home, host_dir, prefix, local=True)

    def hosts(self) -> list[Host]:
        return [self.host]

    def named(self, word: str) -> Host | None:
        return self.host if word in ("local", self.host.id) else None

    def create(self, spec: HostSpec) -> Host:
        """This machine, which takes nothing that shapes a new host."""
        if spec.snapshot:
            no("create a host from a snapshot")
        given = [f"--build {word}" for word in spec.build_args] + [f"--start-arg {word}" for word in spec.start_args]
        given += [f"--host-name {spec.name}"] * bool(spec.name) + [f"--tag {key}" for key in spec.tags]
        if given:
            raise UsageError(
                f"a local agent runs on this machine as it is: {given[0]} has no meaning",
                "--in PROVIDER makes a new host",
            )
        return self.host

    def start(self, host: Host, snapshot: str = "") -> Host:
        if snapshot:
            no("start from a snapshot")
        return host

    def stop(self, host: Host) -> None:
        no("stop")

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        no("be destroyed")

    def age(self, host: Host) -> float:
        return 0.0

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        no("be snapshotted")

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        return []

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        no("have snapshots")

    def refresh_keys(self, host: Host) -> None:
        no("refresh keys")

    def spares(self) -> list[Spare]:
        return []

    def checks(self) -> list[Check]:
        from mng.inventory.provider import Check

        folder = Path(self.host.dir)
        there = next(place for place in (folder, *folder.parents) if place.exists())
        can = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        found = [Check("host_dir", "ok" if can else "missing", f"{folder}{'' if can else ' can not be written'}")]
        if not can:
            found = [found[0]._replace(mend=f"mend {there}, or: mng config set --scope user host_dir FOLDER")]
        probe = self.host.probe()
        if probe.problem:
            return [*found, Check("provider local", "missing", probe.problem)]
        return [
            *found,
            Check("provider local", "ok", f"this machine, {len({pane.session for pane in probe.panes})} tmux sessions"),
        ]


def no(what: str) -> NoReturn:
    raise NotAvailable(f"this machine can't {what}: provider local does not do that", "see: mng create --in PROVIDER")


def machine_id(host_dir: str) -> str:
    """The same for every mng of this user and folder, without anything written down."""
    machine = Path("/etc/machine-id")
    seed = machine.read_text() if machine.exists() else os.uname().nodename
    words = f"{seed}\0{os.getuid()}\0{host_dir}"
    return "host-" + "".join(f"{zlib.crc32(f'{part} {words}'.encode()):08x}" for part in range(4))
