"""Images: built layer by layer, kept from sandboxes, deleted."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2 as api

from tests.emulator.apps import Blobs, Secrets
from tests.emulator.builds import Build
from tests.emulator.docker import Docker
from tests.emulator.rpc import Metadata, new_id, not_found

GOOD = api.GenericResult(status=api.GenericResult.GENERIC_STATUS_SUCCESS)


class Changing:
    """Whoever reads it waits for the next change."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    def change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Image(Changing):
    def __init__(self, kind: str, ttl: float = 0) -> None:
        super().__init__()
        self.id = new_id("im")
        self.ref, self.kind = f"modal-emulator:{self.id}", kind
        self.said: list[str] = []
        self.result: api.GenericResult | None = None
        self.end = time.time() + ttl if ttl > 0 else 0.0
        self.task: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        self.said.append(text)
        self.change()

    async def build(self, build: Build) -> None:
        try:
            await build.run(self.ref)
            self.result = GOOD
        except (RuntimeError, OSError) as error:
            self.result = api.GenericResult(status=api.GenericResult.GENERIC_STATUS_FAILURE, exception=str(error))
        self.change()


class Images:
    def __init__(self, docker: Docker, secrets: Secrets, blobs: Blobs) -> None:
        self.docker, self.secrets, self.blobs = docker, secrets, blobs
        self.all: dict[str, Image] = {}
        self.built: dict[str, str] = {}  # by what was asked for
        self.tags: dict[str, str] = {}

    def get(self, id_: str) -> Image:
        image = self.all.get(id_)
        if not image or (image.end and image.end < time.time()):
            not_found("Image", id_)
        return image

    def add(self, image: Image) -> Image:
        self.all[image.id] = image
        return image

    async def keep(self, container: str, parent: str, ttl: float, kind: str) -> Image:
        """The file system of a container, as an image."""
        image = Image(kind, ttl)
        await self.docker.commit(container, parent, image.ref)
        image.result = GOOD
        return self.add(image)

    def key(self, r: api.ImageGetOrCreateRequest, files: list[Any]) -> str:
        spec = api.Image()
        spec.CopyFrom(r.image)
        spec.ClearField("context_mount_id")
        spec.ClearField("secret_ids")
        names = sorted((file.filename, file.sha256_hex, file.mode) for file in files)
        return hashlib.sha256(spec.SerializeToString(deterministic=True) + repr(names).encode()).hexdigest()

    async def ImageGetOrCreate(self, r: api.ImageGetOrCreateRequest, metadata: Metadata) -> api.ImageGetOrCreateResponse:
        files = self.blobs.mounts.get(r.image.context_mount_id, [])
        key = self.key(r, files)
        known = self.all.get(self.built.get(key, ""))
        failed = known and known.result and known.result.status != GOOD.status
        if known and not r.force_build and not failed:
            return api.ImageGetOrCreateResponse(image_id=known.id, result=known.result, metadata=api.ImageMetadata())
        image = Image("build")
        build = Build(self.docker, r, self.secrets.env(r.image.secret_ids), image.say)
        build.below = {base.docker_tag: self.get(base.image_id).ref for base in r.image.base_images}
        build.files = {file.filename: (self.blobs.file(file.sha256_hex).read_bytes(), file.mode) for file in files}
        build.files |= {file.filename: (file.data, 0) for file in r.image.context_files}
        self.add(image)
        self.built[key] = image.id
        image.task = asyncio.create_task(image.build(build))
        return api.ImageGetOrCreateResponse(image_id=image.id)  # without a result the client listens to the build

    async def ImageJoinStreaming(
        self, r: api.ImageJoinStreamingRequest, metadata: Metadata
    ) -> AsyncIterator[api.ImageJoinStreamingResponse]:
        image, at, end = self.get(r.image_id), int(r.last_entry_id or 0), time.time() + (r.timeout or 55)
        while time.time() < end:
            changed = image.changed
            while at < len(image.said):
                log = api.TaskLogs(data=image.said[at], file_descriptor=api.FILE_DESCRIPTOR_STDOUT, timestamp=time.time())
                at += 1
                yield api.ImageJoinStreamingResponse(entry_id=str(at), task_logs=[log])
            if image.result:
                yield api.ImageJoinStreamingResponse(result=image.result, metadata=api.ImageMetadata(), eof=True)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), max(0.1, end - time.time()))

    async def ImageFromId(self, r: api.ImageFromIdRequest, metadata: Metadata) -> api.ImageFromIdResponse:
        return api.ImageFromIdResponse(image_id=self.get(r.image_id).id, metadata=api.ImageMetadata())

    async def ImageDelete(self, r: api.ImageDeleteRequest, metadata: Metadata) -> Empty:
        image = self.get(r.image_id)
        del self.all[image.id]
        await self.docker("rmi", "-f", image.ref, check=False)  # layers that a running sandbox uses stay with it
        return Empty()

    async def ImagePublish(self, r: Any, metadata: Metadata) -> Any:
        self.tags[r.tag] = self.get(r.image_id).id
        return api.ImagePublishResponse()

    async def ImageGetByTag(self, r: Any, metadata: Metadata) -> Any:
        return api.ImageGetByTagResponse(image_id=self.tags.get(r.tag) or not_found("Image", r.tag))
