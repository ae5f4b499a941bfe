"""Volumes of version 2: folders of this machine; what is in their files goes over HTTP, in blocks."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

from tests.emulator.apps import Blobs
from tests.emulator.rpc import Metadata, new_id, not_found, refuse

BLOCK = 8 * 1024 * 1024


@dataclass
class Volume:
    id: str
    name: str
    environment: str
    folder: Path


class Volumes:
    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self.folder, self.blobs = folder, blobs
        self.http = ""  # where the files are sent to and fetched from
        self.all: dict[str, Volume] = {}

    def get(self, id_: str) -> Volume:
        return self.all.get(id_) or not_found("Volume", id_)

    def named(self, name: str) -> Volume:
        return next((one for one in self.all.values() if one.name == name), None) or not_found("Volume", name)

    def lose(self, volume: Volume) -> None:
        del self.all[volume.id]
        shutil.rmtree(volume.folder, ignore_errors=True)

    def path(self, id_: str, path: str, must_exist: bool = True) -> Path:
        root = self.get(id_).folder.resolve()
        found = (root / path.lstrip("/")).resolve()
        if not found.is_relative_to(root):
            refuse(Status.INVALID_ARGUMENT, f"'{path}' is not in the volume")
        if must_exist and not found.exists():
            not_found("path", path)
        return found

    async def VolumeGetOrCreate(self, r: api.VolumeGetOrCreateRequest, metadata: Metadata) -> api.VolumeGetOrCreateResponse:
        name, environment = r.deployment_name or new_id("anonymous"), r.environment_name or "main"
        volume = next((one for one in self.all.values() if (one.name, one.environment) == (name, environment)), None)
        if volume and r.object_creation_type == api.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            refuse(Status.ALREADY_EXISTS, f"Volume '{name}' already exists")
        if not volume:
            if r.object_creation_type == api.OBJECT_CREATION_TYPE_UNSPECIFIED:
                not_found("Volume", name)
            id_ = new_id("vo")
            volume = self.all[id_] = Volume(id_, name, environment, self.folder / id_)
            volume.folder.mkdir(parents=True)
        about = api.VolumeMetadata(version=api.VOLUME_FS_VERSION_V2, name=volume.name)
        return api.VolumeGetOrCreateResponse(volume_id=volume.id, version=about.version, metadata=about)

    async def VolumeDelete(self, r: api.VolumeDeleteRequest, metadata: Metadata) -> Empty:
        self.lose(self.get(r.volume_id))
        return Empty()

    async def VolumeListFiles2(
        self, r: api.VolumeListFiles2Request, metadata: Metadata
    ) -> AsyncIterator[api.VolumeListFiles2Response]:
        path, root = self.path(r.volume_id, r.path), self.path(r.volume_id, "")
        found = [path] if path.is_file() else sorted(path.rglob("*") if r.recursive else path.iterdir())
        kinds = api.FileEntry.FileType
        entries = []
        for file in found:
            try:
                kind, stat = kinds.DIRECTORY if file.is_dir() else kinds.FILE, file.stat()
            except FileNotFoundError:  # removed meanwhile
                continue
            name = str(file.relative_to(root))
            entries.append(api.FileEntry(path=name, type=kind, size=stat.st_size, mtime=int(stat.st_mtime)))
        yield api.VolumeListFiles2Response(entries=entries)

    async def VolumeGetFile2(self, r: api.VolumeGetFile2Request, metadata: Metadata) -> api.VolumeGetFile2Response:
        path = self.path(r.volume_id, r.path)
        if path.is_dir():
            refuse(Status.INVALID_ARGUMENT, f"'{r.path}' is a directory")
        size = path.stat().st_size
        urls = [f"{self.http}/volumes/{r.volume_id}/{number}/{r.path.lstrip('/')}" for number in range(-(-size // BLOCK))]
        return api.VolumeGetFile2Response(get_urls=urls, size=size, start=0, len=size)

    async def VolumePutFiles2(self, r: api.VolumePutFiles2Request, metadata: Metadata) -> api.VolumePutFiles2Response:
        """Called twice: the first answer tells which blocks are to be sent, the second call puts them together."""
        missing = []
        for index, file in enumerate(r.files):
            for number, block in enumerate(file.blocks):
                digest = block.contents_sha256.hex()
                if not self.blobs.file(digest).exists():
                    place = f"{self.http}/blocks/{digest}"
                    missing.append(api.VolumePutFiles2Response.MissingBlock(file_index=index, block_index=number, put_url=place))
        for file in r.files if not missing else ():
            path = self.path(r.volume_id, file.path, must_exist=False)
            if path.exists() and r.disallow_overwrite_existing_files:
                refuse(Status.ALREADY_EXISTS, f"'{file.path}' already exists")
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.{new_id('new')}")
            data = b"".join(self.blobs.file(block.contents_sha256.hex()).read_bytes() for block in file.blocks)
            new.write_bytes(data[: file.size])
            new.replace(path)
        return api.VolumePutFiles2Response(missing_blocks=missing)

    async def VolumeRemoveFile2(self, r: api.VolumeRemoveFile2Request, metadata: Metadata) -> Empty:
        path = self.path(r.volume_id, r.path)
        if not path.is_dir():
            path.unlink(missing_ok=True)
        elif r.recursive or not any(path.iterdir()):
            shutil.rmtree(path)
        else:
            refuse(Status.INVALID_ARGUMENT, f"'{r.path}' is a directory that is not empty")
        return Empty()

    # --- over HTTP

    async def put(self, asked: web.Request) -> web.Response:
        data = await asked.read()
        digest = asked.match_info["digest"]
        if hashlib.sha256(data).hexdigest() != digest:
            return web.Response(status=400, text="this is not what its digest says")
        self.blobs.file(digest).write_bytes(data)
        return web.Response(body=b"ok")

    async def fetch(self, asked: web.Request) -> web.Response:
        try:
            with self.path(asked.match_info["volume"], asked.match_info["path"]).open("rb") as file:
                file.seek(int(asked.match_info["number"]) * BLOCK)
                return web.Response(body=file.read(BLOCK))
        except (GRPCError, OSError):  # removed since its address was given
            return web.Response(status=404, text="no such block")
