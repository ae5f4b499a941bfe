"""Modal's sandboxes as hosts: they end and are made anew from what was kept; sshd inside is reached by a tunnel."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import os
import time
from collections.abc import Awaitable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mng import output
from mng.errors import MngError, NotAvailable, NotFound, Unreachable
from mng.fault import fault
from mng.host import Asleep, Host, Remote
from mng.inventory import images
from mng.inventory.docker import PAUSED, SSHD, Cut, tarred
from mng.inventory.keys import known, new_pair, own_pair, used
from mng.inventory.last_known import read
from mng.inventory.modal_cloud import LONG, LOOK, Cloud, configured
from mng.inventory.modal_words import Asked, price
from mng.inventory.provider import Check, HostSpec, Kept, Snapshot, SnapshotSpec, Spare
from mng.inventory.ssh import host_id
from mng.names import check_name, new_id
from mng.shell import cmd
from mng.ssh.runner import SshRunner
from mng.ssh.snapshot import Snapshot as Files
from mng.ssh.target import Target

if TYPE_CHECKING:
    from mng.runner import Runner, Tree

HOME = "/root"
START = 120.0  # seconds until sshd answers
KEEP = 600.0  # seconds that a snapshot may take
ENTRY = 'printf %s "$MNG_FILES" | base64 -d | tar -xzf - -C / && unset MNG_FILES && exec sh /etc/mng/container.sh'
STATE = "cd && tar -C .mng -czf - --exclude=messages --exclude=logs --exclude=env agents names"


class Modal:
    """The sandboxes of one account that this installation made."""

    makes_hosts = True

    def __init__(
        self, name: str, owner: str, folder: Path, prefix: str, known: tuple[str, ...] = (),
        prices: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        """`owner`: this installation's id, `folder`: where its keys are, `known`: its hosts, `prices`: an hour, in dollars."""
        self.name, self.folder, self.prefix, self.known, self.prices = name, folder, prefix, known, prices or {}
        self.cloud = Cloud(name, f"mng-{owner.removeprefix('host-')[:16]}")

    # --- what every provider does

    def hosts(self) -> list[Host]:
        """While Modal does not answer, those that were known, none of which can be reached."""
        if not configured() and not self.known:
            return []
        try:
            records, running = self.cloud.run(self.look)
        except (NotAvailable, Unreachable) as error:
            runner = cast("Runner", Cut(error))
            return [Remote(host_id(self.name, name), name, self.name, runner, prefix=self.prefix) for name in self.known]
        return [self.host_of(record, record.get("sandbox") in running) for record in records if not record.get("gone")]

    async def look(self) -> tuple[list[dict[str, Any]], set[str]]:
        """What is kept, with what runs and was never written down, as a killed create leaves it."""
        cloud = self.cloud
        records, running = await asyncio.gather(cloud.records(), cloud.running())
        stray = {id_: running[id_] for id_ in running.keys() - {record.get("sandbox") for record in records}}
        ids = {record["id"]: record for record in records}
        for id_, tags in zip(stray, await asyncio.gather(*(one.get_tags.aio() for one in stray.values())), strict=True):
            if host := tags.get("mng-host"):
                record = ids.get(host) or {"id": host, "name": tags["mng-name"], "created": float(tags["mng-created"])}
                record |= {"sandbox": id_, "address": await self.address(stray[id_])}
                records += [] if host in ids else [record]
        ended = [one for one in records if one.get("sandbox") and one["sandbox"] not in running and one.get("code") is None]
        await asyncio.gather(*(self.noted(record) for record in ended))
        return records, set(running)

    async def noted(self, record: dict[str, Any]) -> None:
        """How a sandbox ended by itself: asked once."""
        with contextlib.suppress(self.cloud.sdk.exception.Error):
            sandbox = await self.cloud.sdk.Sandbox.from_id.aio(record["sandbox"], client=self.cloud.client)
            record["code"] = await sandbox.poll.aio()
            await self.cloud.write(record["id"], record)

    def named(self, word: str) -> Host | None:
        """By name or id."""
        return next((host for host in self.hosts() if word in (host.name, host.id)), None)

    def create(self, spec: HostSpec) -> Host:
        """The sandbox runs when this returns. Raises MngError; what was made is then gone again."""
        if spec.start_args:
            raise NotAvailable(f"-s {spec.start_args[0]}: Modal has no words for starting", "-b takes all of its words")
        asked, id_ = Asked.of(spec.build_args), new_id("host")
        name = check_name(spec.name or f"{self.name}-{id_[5:13]}")
        record: dict[str, Any] = {
            "id": id_, "name": name, "created": time.time(), "tags": spec.tags, "asked": asked._asdict(), "snapshots": [],
        }  # fmt: skip
        used(self.folder, self.name)

        async def image() -> Any:
            return self.cloud.image((await self.found(spec.snapshot))["image"]) if spec.snapshot else await self.built(asked)

        made = self.cloud.run(image, LONG, "build the image")
        record["image"] = made.object_id
        try:
            fault("host.made")
            return self.boot(record, made)
        except BaseException:
            with contextlib.suppress(MngError):
                self.end(id_)
            raise

    def start(self, host: Host, snapshot: str = "") -> Host:
        """From a snapshot of it, else from how it ended, else from how it was stopped."""

        async def states() -> tuple[dict[str, Any], Any, list[str]]:
            record = await self.cloud.read(host.id) or {}
            if not record:
                raise NotFound(f"{self.name}: nothing is kept of host {host.name}", "see: mng gc")
            last = await self.cloud.named(host.id, ended=True)
            if last is not None and last.returncode is None and not snapshot:
                return record, last, []
            if snapshot:
                return record, None, [(await self.found(snapshot))["image"]]
            ends = await self.exit_state(last) if last is not None else ""
            return record, None, [one for one in (ends, record.get("state", ""), record["image"]) if one]

        record, there, found = self.cloud.run(states, KEEP)
        if there is not None:
            return self.host_of(record, True)
        if snapshot:
            self.end(host.id)
        return self.boot(record, self.cloud.image(found[0]))

    def stop(self, host: Host) -> None:
        """Kept and written down before anything ends."""
        files = b""
        with contextlib.suppress(MngError):
            files = host.runner.run(cmd("sh", "-c", STATE), timeout=60, check=False).out

        async def keep() -> None:
            record = await self.cloud.read(host.id) or {}
            sandbox = await self.cloud.named(host.id)
            if sandbox is not None:
                old, image = record.get("state", ""), await sandbox.snapshot_filesystem.aio(timeout=int(KEEP), ttl=None)
                record |= {"state": image.object_id, "files": base64.b64encode(files).decode(), "sandbox": ""}
                await self.cloud.write(host.id, record)
                await self.unused([old], record)

        fault("host.stop")
        self.cloud.run(keep, KEEP, "keep the state of the host")
        fault("host.stopped")
        self.end(host.id)

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        self.end(host.id)

        async def clean() -> None:
            record = await self.cloud.read(host.id) or {"snapshots": []}
            images = [record.get("state", ""), *(one["image"] for one in record["snapshots"])]
            if "snapshots" in keep and record["snapshots"]:
                await self.cloud.write(host.id, {**record, "gone": True, "state": "", "files": ""})
                images = images[:1]
            else:
                await self.cloud.forget(host.id)
            await self.unused(images)

        self.cloud.run(clean)
        (self.folder / "keys" / f"{host.id}.known_hosts").unlink(missing_ok=True)

    def age(self, host: Host) -> float:
        records, _ = self.cloud.run(self.look)
        return next((time.time() - float(record["created"]) for record in records if record["id"] == host.id), 0.0)

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        """All of its files but those of volumes; kept until it is destroyed, not for the 30 days of the SDK."""

        async def keep() -> Snapshot:
            record, sandbox = await self.cloud.read(host.id) or {}, await self.cloud.named(host.id)
            image = record.get("state") or record.get("image")
            if sandbox is not None:
                image = (await sandbox.snapshot_filesystem.aio(timeout=int(KEEP), ttl=None)).object_id
            one = {"id": new_id("host").replace("host-", "snap-")[:21], "image": image, "name": spec.name or host.name,
                   "description": spec.description, "tags": spec.tags, "at": time.time()}  # fmt: skip
            record["snapshots"] = [*record.get("snapshots", []), one]
            await self.cloud.write(host.id, record)
            return self.taken(record, one)

        return self.cloud.run(keep, KEEP, "take a snapshot")

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        if not configured():
            return []
        records = self.cloud.run(self.cloud.records)
        found = [
            self.taken(one, kept) for one in records if not host or one["id"] == host.id for kept in one.get("snapshots", [])
        ]
        return sorted(found, key=lambda one: one.created_at)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        async def drop() -> None:
            record = await self.cloud.read(snapshot.host_id) or {}
            gone = [one["image"] for one in record.get("snapshots", []) if one["id"] == snapshot.id]
            record["snapshots"] = [one for one in record.get("snapshots", []) if one["id"] != snapshot.id]
            last = record.get("gone") and not record["snapshots"]
            await (self.cloud.forget(snapshot.host_id) if last else self.cloud.write(snapshot.host_id, record))
            await self.unused(gone)

        self.cloud.run(drop)

    def refresh_keys(self, host: Host) -> None:
        raise NotAvailable("the keys of a host on Modal are made anew whenever it starts", "mng stop, mng start")

    def spares(self) -> list[Spare]:
        """Snapshots of hosts that are gone."""
        records = self.cloud.run(self.cloud.records) if configured() else []
        kept = [self.taken(record, one) for record in records if record.get("gone") for one in record["snapshots"]]
        return [Spare(f"snapshot {one.id} ({one.name})", "snapshots", partial(self.drop_snapshot, one)) for one in kept]

    def checks(self) -> list[Check]:
        name = f"provider {self.name}"
        try:
            records, running = self.cloud.run(self.look)
        except MngError as error:
            return [Check(name, "warning", error.what, error.hint)]
        return [Check(name, "ok", f"Modal: {len(records)} hosts, {len(running)} sandboxes run")]

    # --- how

    async def built(self, asked: Asked) -> Any:
        """The image that was asked for, with what a host needs on top."""
        sdk, secrets = self.cloud.sdk, self.secrets(asked)
        if asked.dockerfile:
            image = sdk.Image.from_dockerfile(asked.dockerfile, context_dir=asked.context or ".", secrets=secrets)
        else:
            image = sdk.Image.from_registry(asked.image or images.DEFAULT)
        script = base64.b64encode((images.FILES / "install.sh").read_bytes()).decode()
        image = image.run_commands(f"echo {script} | base64 -d > /tmp/mng-install.sh && sh /tmp/mng-install.sh")
        output.progress("building the image of the host")
        return await image.build.aio(self.cloud.app)

    def secrets(self, asked: Asked) -> list[Any]:
        """Variables of this environment, or secrets of that name that Modal keeps."""
        sdk = self.cloud.sdk
        return [
            sdk.Secret.from_dict({name: os.environ[name]}) if name in os.environ else sdk.Secret.from_name(name)
            for name in asked.secrets
        ]

    def boot(self, record: dict[str, Any], image: Any) -> Host:
        """A sandbox of this record from the image, whose sshd answers; written down."""
        asked, sdk = Asked(**record["asked"]), self.cloud.sdk
        _, public = own_pair(self.folder)
        mine = new_pair(record["id"])
        known(self.folder, record["id"], mine.public)
        files = {
            "host_key": (mine.private, 0o600), "authorized_keys": (public, 0o600), "sshd_config": (SSHD, 0o644),
            "container.sh": ((images.FILES / "container.sh").read_text(), 0o755),
            "end": ((images.FILES / "end.sh").read_text(), 0o755),
        }  # fmt: skip
        packed = base64.b64encode(gzip.compress(tarred({f"etc/mng/{name}": one for name, one in files.items()}))).decode()
        tags = {"mng-host": record["id"], "mng-name": record["name"], "mng-created": str(record["created"])}

        async def make() -> list[Any]:
            secrets = [sdk.Secret.from_dict({"MNG_FILES": packed}), *self.secrets(asked)]
            volumes = {
                path: sdk.Volume.from_name(name, create_if_missing=True, client=self.cloud.client)
                for name, _, path in (one.partition(":") for one in asked.volumes)
            }
            sandbox = await sdk.Sandbox.create.aio(
                "sh", "-c", ENTRY, app=self.cloud.app, image=image, name=record["id"], tags=tags, secrets=secrets,
                volumes=volumes, unencrypted_ports=[22], readiness_probe=sdk.Probe.with_tcp(22), client=self.cloud.client,
                **asked.words,
            )  # fmt: skip
            fault("host.started")
            await sandbox.wait_until_ready.aio(timeout=int(START))
            record.update(sandbox=sandbox.object_id, address=await self.address(sandbox), booted=time.time(), code=None)
            await self.cloud.write(record["id"], record)
            return list(record["address"])

        self.cloud.run(make, START, "start the sandbox")
        return self.host_of(record, True)

    def end(self, id_: str) -> None:
        """Its sandbox, if one runs; MngError if that can't be known."""

        async def stop() -> None:
            sandbox = await self.cloud.named(id_)
            if sandbox is not None:
                await sandbox.terminate.aio(wait=True)

        self.cloud.run(stop, START, "end the sandbox")

    async def address(self, sandbox: Any) -> list[Any]:
        return list((await sandbox.tunnels.aio())[22].tcp_socket)

    async def exit_state(self, sandbox: Any) -> str:
        """The image of how it ended; "" if there is none."""
        errors = self.cloud.sdk.exception
        try:
            return str((await sandbox._experimental_get_exit_snapshot.aio(timeout=LOOK)).object_id)
        except (errors.NotFoundError, errors.SnapshotCreationError, errors.InvalidError):
            return ""

    async def unused(self, gone: list[str], *others: dict[str, Any]) -> None:
        """Delete those of the images that no host needs any more."""
        records = [*await self.cloud.records(), *others]
        used = {image for one in records for image in (one.get("state"), one.get("image"))}
        used |= {kept["image"] for one in records for kept in one.get("snapshots", [])}
        deletes: list[Awaitable[None]] = [self.cloud.delete_image(image) for image in set(gone) - used if image]
        await asyncio.gather(*deletes)

    async def found(self, word: str) -> dict[str, Any]:
        kept = [one for record in await self.cloud.records() for one in record.get("snapshots", [])]
        match = [one for one in kept if word in (one["id"], one["name"])]
        if not match:
            raise NotFound(f"{self.name} has no snapshot {word!r}", "see: mng snapshot list")
        return dict(max(match, key=lambda one: float(one["at"])))

    def taken(self, record: dict[str, Any], one: dict[str, Any]) -> Snapshot:
        return Snapshot(one["id"], one["name"], record["id"], one["at"], 0, self.name, one["description"], one["tags"])

    def host_of(self, record: dict[str, Any], runs: bool) -> Host:
        id_, name, tags = record["id"], record["name"], record.get("tags", {})
        if not runs:
            state = "PAUSED" if record.get("code") == PAUSED else "STOPPED"
            return Asleep(id_, name, self.name, self.prefix, state, tags, HOME, lambda: self.files(record))
        key, _ = own_pair(self.folder)
        options = [f"UserKnownHostsFile={self.folder / 'keys' / f'{id_}.known_hosts'}", "GlobalKnownHostsFile=/dev/null",
                   f"HostKeyAlias={id_}", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "IdentityAgent=none",
                   "ForwardAgent=no", "ProxyJump=none"]  # fmt: skip
        words = [word for option in options for word in ("-o", option)]
        address, port = record["address"]
        target = Target(str(address), int(port), "root", str(key), ("-F", "/dev/null", *words))
        host = Remote(id_, name, self.name, SshRunner(target), self.prefix, tags=tags, ours=True)
        host.cost_per_hour = price(Asked(**record.get("asked", {})), self.prices)
        host.running_since = record.get("booted", record["created"])
        return host

    def files(self, record: dict[str, Any]) -> Tree:
        """Of a host that does not run: as it was stopped, else as it was last seen."""
        there = Files(cast("Runner", None), f"{HOME}/.mng")
        if record.get("files"):
            there.add(base64.b64decode(record["files"]))
        elif seen := read(self.folder / "hosts" / f"{self.name}%20{record['name']}.json"):
            there.add(tarred({f"agents/{id_}/data.json": (text, 0o600) for id_, text in seen.records.items()}))
            there.listed |= {f"{HOME}/.mng/agents/{id_}" for id_ in seen.records}
        return there
