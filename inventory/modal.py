"""Modal's sandboxes as hosts: they end and are made anew from what was kept; sshd inside is reached by a tunnel."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mng import output
from mng.errors import MngError, NotAvailable, NotFound, Unreachable
from mng.fault import fault
from mng.host import Asleep, Host, Remote
from mng.inventory import modal_sandbox
from mng.inventory.docker import PAUSED, Cut, tarred
from mng.inventory.keys import known, new_pair, own_pair, used, way_in
from mng.inventory.last_known import read
from mng.inventory.modal_cloud import CONNECT, LONG, Cloud, configured
from mng.inventory.modal_records import Record, Records
from mng.inventory.modal_words import Asked, price
from mng.inventory.provider import Check, HostSpec, Kept, Snapshot, SnapshotSpec, Spare
from mng.inventory.ssh import host_id
from mng.names import check_name, new_id
from mng.shell import cmd
from mng.ssh.archive import inflated
from mng.ssh.runner import SshRunner
from mng.ssh.snapshot import ANSWER
from mng.ssh.snapshot import Snapshot as Files

if TYPE_CHECKING:
    from mng.runner import Runner, Tree

HOME = "/root"
MAKE = 30.0  # seconds until there is a sandbox
START = 120.0  # seconds until sshd answers in it
KEEP = 600.0  # seconds that a snapshot may take
Address = tuple[str, int]
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
        self.records = Records(self.cloud, folder / "modal" / name)

    # --- what every provider does

    def hosts(self) -> list[Host]:
        """While Modal does not answer, those that were known, none of which can be reached."""
        if not configured() and not self.known:
            return []
        try:
            records, running = self.cloud.run(self.look)
        except MngError as error:
            if not self.known:
                output.warn(error.what)
            runner = cast("Runner", Cut(error))
            return [Remote(host_id(self.name, name), name, self.name, runner, prefix=self.prefix) for name in self.known]
        return [self.host_of(record, running.get(record.get("sandbox", ""))) for record in records if not record.get("gone")]

    async def look(self) -> tuple[list[Record], dict[str, Address]]:
        """What is kept, with what runs and was never written down, as a killed create leaves it; where those that run are."""

        async def found() -> tuple[dict[str, Any], dict[str, Address]]:
            running = await self.cloud.running()
            addresses = await asyncio.gather(*(self.address(one) for one in running.values()))
            return running, {id_: one for id_, one in zip(running, addresses, strict=True) if one is not None}

        records, (running, addresses) = await asyncio.gather(self.records.all(), found())
        stray = {id_: running[id_] for id_ in running.keys() - {record.get("sandbox") for record in records}}
        ids = {record["id"]: record for record in records}
        for id_, tags in zip(stray, await asyncio.gather(*(one.get_tags.aio() for one in stray.values())), strict=True):
            if host := tags.get("mng-host"):
                record = ids.get(host) or {"id": host, "name": tags["mng-name"], "created": float(tags["mng-created"])}
                record["sandbox"] = id_
                records += [] if host in ids else [record]
        await asyncio.gather(*(self.noted(one) for one in records if one.get("sandbox") and one["sandbox"] not in running))
        return records, addresses

    async def noted(self, record: Record) -> None:
        """How a sandbox ended by itself: asked once."""
        if (code := self.records.ended(record)) is None:
            with contextlib.suppress(self.cloud.sdk.exception.Error):
                sandbox = await self.cloud.sdk.Sandbox.from_id.aio(record["sandbox"], client=self.cloud.client)
                if (code := await sandbox.poll.aio()) is not None:
                    self.records.note(record, code)
        record["code"] = code

    def named(self, word: str) -> Host | None:
        """By name or id."""
        return next((host for host in self.hosts() if word in (host.name, host.id)), None)

    def create(self, spec: HostSpec) -> Host:
        """The sandbox runs when this returns. Raises MngError; what was made is then gone again."""
        if spec.start_args:
            raise NotAvailable(f"-s {spec.start_args[0]}: Modal has no words for starting", "-b takes all of its words")
        asked, id_ = Asked.of(spec.build_args), new_id("host")
        name = check_name(spec.name or f"{self.name}-{id_[5:13]}")
        record: Record = {
            "id": id_, "name": name, "created": time.time(), "tags": spec.tags, "asked": asked._asdict(), "snapshots": [],
        }  # fmt: skip
        used(self.folder, self.name)
        if asked.walls is not None:
            output.progress("nothing can be fetched from within its walls: the image must have all that its agents need")

        async def image() -> Any:
            if spec.snapshot:
                return self.cloud.image((await self.found(spec.snapshot))["image"])
            output.progress("building the image of the host")
            return await modal_sandbox.built(self.cloud, asked)

        made = self.cloud.run(image, LONG, "build the image")
        record |= {"image": made.object_id} | ({"state": made.object_id} if spec.snapshot else {})
        try:
            fault("host.made")
            return self.boot(record, made)
        except BaseException:
            self.given_up(record)
            with contextlib.suppress(MngError):
                self.cloud.run(lambda: self.records.forget(id_))
            raise

    def start(self, host: Host, snapshot: str = "") -> Host:
        """From a snapshot of it, else from how it ended, else from how it was stopped."""

        async def look() -> tuple[Record, Address | None, list[str]]:
            record = await self.records.read(host.id) or {}
            last = await self.cloud.last(record or blank(host))
            if not record and last is None:
                raise NotFound(f"{self.name}: nothing is kept of host {host.name}", "see: mng gc")
            if snapshot:
                return record or blank(host), None, [(await self.found(snapshot))["image"]]
            if last is not None and last.returncode is None:
                return {**(record or blank(host)), "sandbox": last.object_id}, await self.address(last), []
            return record or blank(host), None, await self.states(record or blank(host), last)

        record, there, found = self.cloud.run(look, KEEP)
        if there is not None:
            return self.host_of(record, there)
        if not found:
            raise NotFound(f"{self.name}: no state of host {host.name} is kept", "mng destroy removes what is left of it")
        record, before = {**record, "state": found[0]}, [record.get("state", "")]
        if snapshot:
            before.append(self.cloud.run(partial(self.ended, record), START, "end the sandbox"))
        try:
            started = self.boot(record, self.cloud.image(found[0]))
        except BaseException:
            self.given_up(record)
            raise
        self.cloud.run(lambda: self.unused(before))
        return started

    def stop(self, host: Host) -> None:
        """Kept and written down before anything ends."""
        files = b""
        with contextlib.suppress(MngError):
            files = host.runner.run(cmd("sh", "-c", STATE), timeout=60, check=False, most=ANSWER).out

        async def keep() -> None:
            record, sandbox = await self.records.read(host.id) or blank(host), await self.cloud.named(host.id)
            if sandbox is not None:
                old, image = record.get("state", ""), await sandbox.snapshot_filesystem.aio(timeout=int(KEEP), ttl=None)
                state = {"state": image.object_id, "files": base64.b64encode(files).decode(), "sandbox": sandbox.object_id}
                await self.records.write(record | state)
                await self.unused([old])

        async def end() -> None:
            if record := await self.records.read(host.id):
                ends = await self.ended(record)
                await self.records.write(record | {"sandbox": "", "stopped": record.get("sandbox") or record.get("stopped")})
                await self.unused([ends])

        fault("host.stop")
        self.cloud.run(keep, KEEP, "keep the state of the host")
        fault("host.stopped")
        self.cloud.run(end, START, "end the sandbox")

    def destroy(self, host: Host, keep: Collection[Kept] = ()) -> None:
        async def clean() -> None:
            record = await self.records.read(host.id) or blank(host)
            ends = await self.ended(record)
            fault("host.ended")
            images = [record.get("state", ""), ends, *(one["image"] for one in record["snapshots"])]
            if "snapshots" in keep and record["snapshots"]:
                await self.records.write({**record, "gone": True, "state": "", "files": ""})
                images = images[:2]
            else:
                await self.records.forget(host.id)
            await self.unused(images)

        self.cloud.run(clean, START, "end the sandbox")
        (self.folder / "keys" / f"{host.id}.known_hosts").unlink(missing_ok=True)

    def age(self, host: Host) -> float:
        records, _ = self.cloud.run(self.look)
        return next((time.time() - float(record["created"]) for record in records if record["id"] == host.id), 0.0)

    def snapshot(self, host: Host, spec: SnapshotSpec) -> Snapshot:
        """All of its files but those of volumes; kept until it is destroyed, not for the 30 days of the SDK."""

        async def keep() -> Snapshot:
            record = await self.records.read(host.id) or blank(host)
            last = await self.cloud.last(record)
            if last is not None and last.returncode is None:
                image = (await last.snapshot_filesystem.aio(timeout=int(KEEP), ttl=None)).object_id
            else:
                image = next(iter(await self.states(record, last)), "")
            if not image:
                raise NotFound(f"{self.name}: no state of host {host.name} is kept")
            one = {"id": new_id("host").replace("host-", "snap-")[:21], "image": image, "name": spec.name or host.name,
                   "description": spec.description, "tags": spec.tags, "at": time.time()}  # fmt: skip
            record["snapshots"] = [*record.get("snapshots", []), one]
            await self.records.write(record)
            return self.taken(record, one)

        return self.cloud.run(keep, KEEP, "take a snapshot")

    def snapshots(self, host: Host | None = None) -> list[Snapshot]:
        if not configured():
            return []
        records = self.cloud.run(self.records.all)
        found = [
            self.taken(one, kept) for one in records if not host or one["id"] == host.id for kept in one.get("snapshots", [])
        ]
        return sorted(found, key=lambda one: one.created_at)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        async def drop() -> None:
            record = await self.records.read(snapshot.host_id)
            if record is None:
                return
            gone = [one["image"] for one in record["snapshots"] if one["id"] == snapshot.id]
            record["snapshots"] = [one for one in record["snapshots"] if one["id"] != snapshot.id]
            last = record.get("gone") and not record["snapshots"]
            await (self.records.forget(record["id"]) if last else self.records.write(record))
            await self.unused(gone)

        self.cloud.run(drop)

    def refresh_keys(self, host: Host) -> None:
        raise NotAvailable("the keys of a host on Modal are made anew whenever it starts", "mng stop, mng start")

    def spares(self) -> list[Spare]:
        """Snapshots of hosts that are gone."""
        records = self.cloud.run(self.records.all) if configured() else []
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

    async def states(self, record: Record, last: Any) -> list[str]:
        """Images of what the host was, the newest first; `last`: its sandbox that ended."""
        ended = last is not None and last.object_id != record.get("stopped")
        ends = await self.cloud.exit_state(last) if ended else ""
        kept = [one for one in (ends, record.get("state"), record.get("image")) if one]
        found = [one for one in kept if await self.cloud.has_image(one)]
        if kept[:1] != found[:1]:
            output.warn(f"Modal does not keep the last state of host {record['name']} any more: it is as it was before")
        return found

    def boot(self, record: Record, image: Any) -> Host:
        """A sandbox of this record from the image, whose sshd answers; written down."""
        mine = new_pair(record["id"])
        known(self.folder, record["id"], mine.public)

        async def make() -> Any:
            sandbox = await modal_sandbox.sandbox(self.cloud, record, image, mine.private, own_pair(self.folder)[1])
            fault("host.started")
            record.update(sandbox=sandbox.object_id, booted=time.time())
            await self.records.write(record)
            return sandbox

        sandbox = self.cloud.run(make, MAKE, "make the sandbox")

        async def ready() -> Address | None:
            await sandbox.wait_until_ready.aio(timeout=int(START))
            return await self.address(sandbox)

        if (address := self.cloud.run(ready, START, "start the sandbox")) is None:
            raise MngError(f"{self.name}: the sandbox of host {record['name']} ended as soon as it had begun")
        return self.host_of(record, address)

    def given_up(self, record: Record) -> None:
        """Nothing of it is to cost anything; what can't be ended is told of, and found by gc."""
        try:
            self.cloud.run(partial(self.ended, record), MAKE, "end the sandbox")
        except MngError as error:
            output.warn(f"{error.what}: the sandbox of host {record['name']} may run and cost; mng gc ends it")

    async def ended(self, record: Record) -> str:
        """None of its sandboxes runs when this returns: the image of how the last one was then, if any is kept."""
        sandbox = await self.cloud.last(record)
        if sandbox is None:
            return ""
        if sandbox.returncode is None:
            await sandbox.terminate.aio(wait=True)
        return await self.cloud.exit_state(sandbox)

    async def address(self, sandbox: Any) -> Address | None:
        """Its tunnel's at this moment, "" while there is none; None of one that has just ended."""
        errors = self.cloud.sdk.exception
        try:
            host, port = (await sandbox.tunnels.aio(timeout=int(CONNECT)))[22].tcp_socket
        except (errors.NotFoundError, errors.InvalidError):
            return None
        except errors.TimeoutError:
            return "", 0
        return str(host), int(port)

    async def unused(self, gone: list[str]) -> None:
        """Delete those of the images that no host needs any more."""
        if not any(gone):
            return
        records = await self.records.all()
        used = {image for one in records for image in (one.get("state"), one.get("image"))}
        used |= {kept["image"] for one in records for kept in one.get("snapshots", [])}
        deletes: list[Awaitable[None]] = [self.cloud.delete_image(image) for image in set(gone) - used if image]
        await asyncio.gather(*deletes)

    async def found(self, word: str) -> dict[str, Any]:
        kept = [one for record in await self.records.all() for one in record.get("snapshots", [])]
        match = [one for one in kept if word in (one["id"], one["name"])]
        if not match:
            raise NotFound(f"{self.name} has no snapshot {word!r}", "see: mng snapshot list")
        return dict(max(match, key=lambda one: float(one["at"])))

    def taken(self, record: Record, one: dict[str, Any]) -> Snapshot:
        return Snapshot(one["id"], one["name"], record["id"], one["at"], 0, self.name, one["description"], one["tags"])

    def host_of(self, record: Record, address: Address | None) -> Host:
        """`address`: of its tunnel; None if it does not run."""
        id_, name, tags = record["id"], record["name"], record.get("tags", {})
        host: Host
        if address is None:
            state = "PAUSED" if record.get("code") == PAUSED else "STOPPED"
            host = Asleep(id_, name, self.name, self.prefix, state, tags, HOME, lambda: self.files(record))
        else:
            lost = Cut(Unreachable(f"{name} has no address at Modal yet", "try again"))
            runner = SshRunner(way_in(self.folder, id_, *address)) if address[0] else cast("Runner", lost)
            host = Remote(id_, name, self.name, runner, prefix=self.prefix, tags=tags, ours=True)
            host.cost_per_hour = price(Asked.kept(record), self.prices)
            host.running_since = float(record.get("booted") or record["created"])
        host.image = record.get("image", "")
        host.snapshots = [self.taken(record, one) for one in record.get("snapshots", [])]
        return host

    def files(self, record: Record) -> Tree:
        """Of a host that does not run: as it was stopped, else as it was last seen."""
        there, what = Files(None, f"{HOME}/.mng"), f"what is kept of {record['name']}"
        if record.get("files"):
            there.add(inflated(base64.b64decode(record["files"])), what)
        elif seen := read(self.folder / "hosts" / f"{self.name}%20{record['name']}.json"):
            there.add((tarred({f"agents/{id_}/data.json": (text, 0o600) for id_, text in seen.records.items()}),), what)
            there.listed |= {f"{HOME}/.mng/agents/{id_}" for id_ in seen.records}
        return there


def blank(host: Host) -> Record:
    """Of a host of which nothing is kept."""
    return {"id": host.id, "name": host.name, "created": 0.0, "snapshots": []}
