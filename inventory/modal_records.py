"""What is remembered of hosts on Modal: a file for each on a volume there, and a copy here for the day when that is gone."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mng import output
from mng.disk import MOST, too_much

if TYPE_CHECKING:
    from mng.inventory.modal_cloud import Cloud

Record = dict[str, Any]
SETTLED = 10.0  # seconds after which a file's time and size tell whether it changed: its time is whole seconds, by another clock


class Records:
    """One of each host, by its id. What is on the volume counts; a copy is only put back."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        """`folder`: of the copies."""
        self.cloud, self.folder = cloud, folder

    async def all(self) -> list[Record]:
        errors = self.cloud.sdk.exception
        try:
            there = {Path(entry.path).stem: entry for entry in await self.cloud.volume.listdir.aio("/hosts")}
        except (errors.NotFoundError, FileNotFoundError):
            there = {}
        names = os.listdir(self.folder) if self.folder.is_dir() else ()  # noqa: PTH208
        if lost := {name.removesuffix(".json") for name in names if name.endswith(".json")} - there.keys():
            output.warn(f"Modal ({self.cloud.name}) has lost what it kept of {len(lost)} hosts: put back from the copy here")
        seen, read = (self.seen(id_, entry) for id_, entry in there.items()), (self.read(id_) for id_ in lost)
        found = await asyncio.gather(*seen, *read)
        return [record for record in found if record]

    async def seen(self, id_: str, entry: Any) -> Record | None:
        """As it was read before, while it is the same file: that is sure of one that was old enough then."""
        file, sign = self.place(id_, "seen"), f"{entry.mtime} {entry.size}\n"
        with contextlib.suppress(OSError):
            text = file.read_text()
            if text.startswith(sign) and (record := parsed(text.removeprefix(sign).encode())) is not None:
                return record
        record = await self.read(id_)
        if record and entry.mtime < time.time() - SETTLED:
            self.keep(file, f"{sign}{json.dumps(record)}".encode())
        return record

    async def read(self, id_: str) -> Record | None:
        """None if it was never written, or is forgotten. What can't be read there is as it was last seen."""
        data = await self.fetched(id_)
        if (record := parsed(data)) is not None:
            return record
        if (record := parsed(self.copy(id_))) is not None:
            await self.write(record)
        elif data:
            output.warn(f"Modal ({self.cloud.name}): what it keeps of {id_} can't be read")
        return record

    async def fetched(self, id_: str) -> bytes:
        """What is there, b"" for nothing. Asked again if it fails: it may have been replaced or removed while it was sent."""
        errors = self.cloud.sdk.exception

        async def whole() -> bytes:
            found = bytearray()
            async for part in self.cloud.volume.read_file.aio(f"hosts/{id_}.json"):
                found += part
                if len(found) > MOST:
                    raise too_much(f"what Modal ({self.cloud.name}) keeps of {id_}", MOST)
            return bytes(found)

        try:
            try:
                return await whole()
            except errors.ExecutionError:
                return await whole()
        except (errors.NotFoundError, FileNotFoundError):
            return b""

    async def write(self, record: Record) -> None:
        data = json.dumps(record).encode()
        async with self.cloud.volume.batch_upload(force=True) as upload:
            upload.put_file(io.BytesIO(data), f"/hosts/{record['id']}.json")
        self.keep(self.place(record["id"]), data)

    async def forget(self, id_: str) -> None:
        """The copy first: it must not bring back what is gone."""
        self.place(id_).unlink(missing_ok=True)
        for kind in ("ended", "seen"):
            self.place(id_, kind).unlink(missing_ok=True)
        try:
            await self.cloud.volume.remove_file.aio(f"/hosts/{id_}.json")
        except (self.cloud.sdk.exception.NotFoundError, FileNotFoundError):
            return

    # --- here

    def place(self, id_: str, kind: str = "json") -> Path:
        return self.folder / f"{id_}.{kind}"

    def copy(self, id_: str) -> bytes:
        try:
            return self.place(id_).read_bytes()
        except OSError:
            return b""

    def keep(self, file: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.folder / f".{file.name}.{os.getpid()}.{threading.get_ident()}"
        new.write_bytes(data)
        new.replace(file)

    def ended(self, record: Record) -> int | None:
        """With which code its sandbox ended, if that was noted. It is noted only here: a host may be removed meanwhile."""
        with contextlib.suppress(OSError, ValueError):
            sandbox, _, code = self.place(record["id"], "ended").read_text().partition(" ")
            return int(code) if sandbox == record["sandbox"] else None
        return None

    def note(self, record: Record, code: int) -> None:
        self.keep(self.place(record["id"], "ended"), f"{record['sandbox']} {code}".encode())


def parsed(data: bytes) -> Record | None:
    try:
        record = json.loads(data)
    except ValueError:
        return None
    return record if isinstance(record, dict) and {"id", "name", "created", "snapshots"} <= record.keys() else None
