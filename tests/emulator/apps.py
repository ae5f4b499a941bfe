"""Who asks and in which app: hello, tokens, environments, apps, secrets, and files sent for image builds."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpclib import Status
from modal_proto import api_pb2 as api

from tests.emulator.rpc import Metadata, Tokens, new_id, not_found, refuse

OF_APP = (api.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP, api.OBJECT_CREATION_TYPE_EPHEMERAL)


@dataclass
class App:
    id: str
    name: str
    environment: str


class Apps:
    def __init__(self, tokens: Tokens, builder: str) -> None:
        self.tokens, self.builder = tokens, builder
        self.environments: dict[str, str] = {}
        self.all: dict[str, App] = {}

    def get(self, id_: str) -> App:
        return self.all.get(id_) or not_found("App", id_)

    async def ClientHello(self, r: Any, metadata: Metadata) -> api.ClientHelloResponse:
        return api.ClientHelloResponse()

    async def AuthTokenGet(self, r: Any, metadata: Metadata) -> api.AuthTokenGetResponse:
        return api.AuthTokenGetResponse(token=self.tokens.new())

    async def EnvironmentGetOrCreate(
        self, r: api.EnvironmentGetOrCreateRequest, metadata: Metadata
    ) -> api.EnvironmentGetOrCreateResponse:
        name = r.deployment_name or "main"
        settings = api.EnvironmentSettings(image_builder_version=self.builder)
        about = api.EnvironmentMetadata(name=name, settings=settings)
        id_ = self.environments.setdefault(name, new_id("en"))
        return api.EnvironmentGetOrCreateResponse(environment_id=id_, metadata=about)

    async def AppGetOrCreate(self, r: api.AppGetOrCreateRequest, metadata: Metadata) -> api.AppGetOrCreateResponse:
        environment = r.environment_name or "main"
        app = next((app for app in self.all.values() if (app.name, app.environment) == (r.app_name, environment)), None)
        if not app:
            if r.object_creation_type != api.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                not_found("App", r.app_name)
            app = App(new_id("ap"), r.app_name, environment)
            self.all[app.id] = app
        about = api.AppHandleMetadata(app_id=app.id, description=app.name, environment_name=app.environment)
        return api.AppGetOrCreateResponse(app_id=app.id, handle_metadata=about)


class Secrets:
    def __init__(self) -> None:
        self.values: dict[str, dict[str, str]] = {}
        self.names: dict[tuple[str, str], str] = {}

    def get(self, id_: str) -> dict[str, str]:
        return self.values[id_] if id_ in self.values else not_found("Secret", id_)

    def env(self, ids: Iterable[str], sources: Iterable[Any] = ()) -> dict[str, str]:
        """Of secrets by id, and of those which V2 calls carry in themselves."""
        found: dict[str, str] = {}
        for id_ in ids:
            found |= self.get(id_)
        for source in sources:
            found |= dict(source.env.contents) if source.HasField("env") else self.get(source.secret_id)
        return found

    async def SecretGetOrCreate(self, r: api.SecretGetOrCreateRequest, metadata: Metadata) -> api.SecretGetOrCreateResponse:
        how, key = r.object_creation_type, (r.environment_name or "main", r.deployment_name)
        if how in OF_APP:
            id_ = new_id("st")
        elif key in self.names and how == api.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            refuse(Status.ALREADY_EXISTS, f"Secret '{r.deployment_name}' already exists")
        elif key not in self.names and how == api.OBJECT_CREATION_TYPE_UNSPECIFIED:
            not_found("Secret", r.deployment_name)
        else:
            id_ = self.names.setdefault(key, new_id("st"))
        if r.env_dict or id_ not in self.values:
            self.values[id_] = dict(r.env_dict)
        if lacks := sorted(set(r.required_keys) - set(self.values[id_])):
            refuse(Status.NOT_FOUND, f"Secret is missing key(s): {', '.join(lacks)}")
        about = api.SecretMetadata(name=r.deployment_name, keys=list(self.values[id_]))
        return api.SecretGetOrCreateResponse(secret_id=id_, metadata=about)


class Blobs:
    """Contents by their SHA-256, and mounts: named sets of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.mounts: dict[str, list[Any]] = {}

    def file(self, digest: str) -> Path:
        return self.folder / Path(digest).name

    async def MountBatchedCheckExistence(
        self, r: api.MountBatchedCheckExistenceRequest, metadata: Metadata
    ) -> api.MountBatchedCheckExistenceResponse:
        missing = [digest for digest in r.sha256_hex_hashes if not self.file(digest).exists()]
        return api.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(self, r: api.MountPutFileRequest, metadata: Metadata) -> api.MountPutFileResponse:
        if r.data or r.sha256_hex == hashlib.sha256().hexdigest():
            self.file(r.sha256_hex).write_bytes(r.data)
        return api.MountPutFileResponse(exists=self.file(r.sha256_hex).exists())

    async def MountGetOrCreate(self, r: api.MountGetOrCreateRequest, metadata: Metadata) -> api.MountGetOrCreateResponse:
        id_ = new_id("mo")
        self.mounts[id_] = list(r.files)
        return api.MountGetOrCreateResponse(mount_id=id_, handle_metadata=api.MountHandleMetadata())
