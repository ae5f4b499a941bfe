"""The calls about sandboxes; V1 (with a GPU) and V2 (all others) have the same answers under two names."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import api_pb2 as api

from tests.emulator.apps import Apps, Secrets
from tests.emulator.rpc import Metadata, Tokens, not_found, refuse
from tests.emulator.sandboxes import Life, Result, Sandbox


class Sandboxes:
    def __init__(self, apps: Apps, secrets: Secrets, tokens: Tokens, life: Life, page: int) -> None:
        self.apps, self.secrets, self.tokens, self.life, self.page = apps, secrets, tokens, life, page
        self.all: dict[str, Sandbox] = {}
        self.starting: dict[tuple[str, str], str] = {}  # names that are taken already
        self.newest = 0.0
        self.url = ""  # of the router: the same server

    def get(self, id_: str) -> Sandbox:
        return self.all.get(id_) or not_found("Sandbox", id_)

    def of_task(self, task: str, ended: bool = False) -> Sandbox:
        found = next((one for one in self.all.values() if one.task == task), None) or not_found("Task", task)
        if found.result and not ended:
            not_found("Task", f"{task} (finished)")
        return found

    def running(self, id_: str) -> Sandbox:
        sandbox = self.get(id_)
        if sandbox.result:
            refuse(Status.FAILED_PRECONDITION, f"Sandbox {id_} has already finished")
        return sandbox

    def about(self, sandbox: Sandbox) -> api.SandboxHandleMetadata:
        return api.SandboxHandleMetadata(app_id=sandbox.app, result=sandbox.result)

    # --- the beginning

    async def create(self, r: Any, v2: bool) -> Sandbox:
        app, definition = self.apps.get(r.app_id), r.definition
        if not 0 < definition.timeout_secs <= 86400:
            refuse(Status.INVALID_ARGUMENT, "timeout must be between 1 and 86400 seconds")
        for mount in definition.volume_mounts:
            self.life.volumes.get(mount.volume_id)
        env = self.secrets.env(definition.secret_ids, getattr(r, "secret_sources", ()))
        self.newest = max(time.time(), self.newest + 0.001)  # no two at once: lists go on from the last one's time
        sandbox = Sandbox(definition, v2, self.newest, env)
        sandbox.app, sandbox.app_name, sandbox.environment = app.id, app.name, app.environment
        sandbox.tags = tags(r.tags)
        key = (app.id, definition.name)
        if definition.name and (key in self.starting or any((one.app, one.name) == key for one in self.live())):
            refuse(Status.ALREADY_EXISTS, f"Sandbox with name '{definition.name}' already exists in App '{app.name}'")
        self.starting[key] = sandbox.id
        try:
            await self.life.begin(sandbox)
            self.all[sandbox.id] = sandbox
        finally:
            del self.starting[key]
        return sandbox

    def live(self) -> list[Sandbox]:
        return [one for one in self.all.values() if not one.result]

    async def SandboxCreate(self, r: api.SandboxCreateRequest, metadata: Metadata) -> api.SandboxCreateResponse:
        sandbox = await self.create(r, v2=False)
        return api.SandboxCreateResponse(sandbox_id=sandbox.id, metadata=self.about(sandbox))

    async def SandboxCreateV2(self, r: api.SandboxCreateV2Request, metadata: Metadata) -> api.SandboxCreateV2Response:
        sandbox = await self.create(r, v2=True)
        access = api.CommandRouterAccess(url=self.url, jwt=self.tokens.new())
        return api.SandboxCreateV2Response(
            sandbox_id=sandbox.id, task_id=sandbox.task, metadata=self.about(sandbox),
            tunnels=tunnels(sandbox, unencrypted=False), command_router_access=access,
        )  # fmt: skip

    # --- while it runs

    async def SandboxGetTaskId(self, r: Any, metadata: Metadata) -> api.SandboxGetTaskIdResponse:
        sandbox = self.get(r.sandbox_id)  # answered after the end, too: without a task the SDK asks for ever
        return api.SandboxGetTaskIdResponse(task_id=sandbox.task, task_result=sandbox.result)

    async def TaskGetCommandRouterAccess(self, r: Any, metadata: Metadata) -> api.TaskGetCommandRouterAccessResponse:
        self.of_task(r.task_id)
        return api.TaskGetCommandRouterAccessResponse(url=self.url, jwt=self.tokens.new())

    async def SandboxGetCommandRouterAccess(self, r: Any, metadata: Metadata) -> api.SandboxGetCommandRouterAccessResponse:
        self.running(r.sandbox_id or self.of_task(r.task_id).id)
        return api.SandboxGetCommandRouterAccessResponse(url=self.url, jwt=self.tokens.new())

    async def SandboxGetTunnels(self, r: Any, metadata: Metadata) -> api.SandboxGetTunnelsResponse:
        return api.SandboxGetTunnelsResponse(tunnels=tunnels(self.running(r.sandbox_id)))

    async def SandboxTagsSet(self, r: Any, metadata: Metadata) -> Empty:
        self.get(r.sandbox_id).tags = tags(r.tags)  # all of them, not these besides
        return Empty()

    async def SandboxTagsGet(self, r: Any, metadata: Metadata) -> api.SandboxTagsGetResponse:
        return api.SandboxTagsGetResponse(tags=tag_messages(self.get(r.sandbox_id).tags))

    # --- the end

    async def SandboxWait(self, r: Any, metadata: Metadata) -> api.SandboxWaitResponse:
        sandbox = self.get(r.sandbox_id)
        if not sandbox.result and r.timeout:
            with suppress(TimeoutError):
                await asyncio.wait_for(sandbox.done.wait(), r.timeout)
        return api.SandboxWaitResponse(result=sandbox.result, metadata=self.about(sandbox))

    async def SandboxTerminate(self, r: Any, metadata: Metadata) -> api.SandboxTerminateResponse:
        sandbox = self.get(r.sandbox_id)
        before = sandbox.result
        await self.life.finish(sandbox, Result.GENERIC_STATUS_TERMINATED)
        return api.SandboxTerminateResponse(existing_result=before)

    async def SandboxGetExitSnapshot(self, r: Any, metadata: Metadata) -> api.SandboxGetExitSnapshotResponse:
        sandbox, answer = self.get(r.sandbox_id), api.SandboxGetExitSnapshotResponse
        if not sandbox.keeps:
            refuse(Status.INVALID_ARGUMENT, "exit snapshot is not enabled for this Sandbox")
        try:
            await asyncio.wait_for(sandbox.done.wait(), max(r.timeout, 0.01))
        except TimeoutError:
            return answer(pending=answer.Pending())
        if not sandbox.kept:
            error = answer.Error(error_code=answer.ERROR_CODE_FILESYSTEM_INCONSISTENT, message="snapshot failed")
            return answer(error=error)
        return answer(success=answer.Success(image_id=sandbox.kept))

    async def AppStop(self, r: Any, metadata: Metadata) -> Empty:
        for sandbox in self.live():
            if sandbox.app == r.app_id:
                await self.life.finish(sandbox, Result.GENERIC_STATUS_TERMINATED)
        self.apps.all.pop(r.app_id, None)
        return Empty()

    # --- finding them

    def listed(self, r: Any, v1_only: bool) -> api.SandboxListResponse:
        wanted = {tag.tag_name: tag.tag_value for tag in r.tags}
        found = [
            one for one in self.all.values()
            if (r.include_finished or not one.result) and not (v1_only and one.v2)
            and (one.app == r.app_id if r.app_id else one.environment == (r.environment_name or "main"))
            and wanted.items() <= one.tags.items()
            and (not r.before_timestamp or one.created < r.before_timestamp)
        ]  # fmt: skip
        page = sorted(found, key=lambda one: -one.created)[: self.page]
        return api.SandboxListResponse(sandboxes=[self.row(one) for one in page])

    def row(self, one: Sandbox) -> api.SandboxInfo:
        task = api.TaskInfo(id=one.task, started_at=one.created, result=one.result)
        return api.SandboxInfo(
            id=one.id, created_at=one.created, app_id=one.app, name=one.name, tags=tag_messages(one.tags),
            image_id=one.definition.image_id, timeout_secs=one.definition.timeout_secs, tunnels=tunnels(one),
            metadata=self.about(one), task_info=task,
        )  # fmt: skip

    async def SandboxList(self, r: api.SandboxListRequest, metadata: Metadata) -> api.SandboxListResponse:
        return self.listed(r, v1_only=True)

    async def SandboxListV2(self, r: Any, metadata: Metadata) -> api.SandboxListResponse:
        return self.listed(r, v1_only=False)

    def named(self, r: Any, v2: bool) -> api.SandboxGetFromNameResponse:
        place = (r.app_name, r.sandbox_name, r.environment_name or "main", v2)
        found = [one for one in self.all.values() if (one.app_name, one.name, one.environment, one.v2) == place]
        live = [one for one in found if not one.result]
        if not live and getattr(r, "include_terminated", False):
            live = sorted(found, key=lambda one: one.created)[-1:]
        if not live:
            not_found("Sandbox", r.sandbox_name)
        return api.SandboxGetFromNameResponse(sandbox_id=live[0].id, metadata=self.about(live[0]))

    async def SandboxGetFromName(self, r: Any, metadata: Metadata) -> api.SandboxGetFromNameResponse:
        return self.named(r, v2=False)

    async def SandboxGetFromNameV2(self, r: Any, metadata: Metadata) -> api.SandboxGetFromNameResponse:
        return self.named(r, v2=True)

    # --- what it printed (V1; that of V2 is the router's)

    async def SandboxGetLogs(self, r: api.SandboxGetLogsRequest, metadata: Metadata) -> AsyncIterator[api.TaskLogsBatch]:
        sandbox = self.get(r.sandbox_id)
        if not sandbox.result:
            with suppress(TimeoutError):
                await asyncio.wait_for(sandbox.done.wait(), r.timeout or 55)
        ended = bool(sandbox.result)
        text = sandbox.logs[r.file_descriptor == api.FILE_DESCRIPTOR_STDERR].decode(errors="replace")
        items = [api.TaskLogs(data=text, file_descriptor=r.file_descriptor)] if ended and not r.last_entry_id else []
        yield api.TaskLogsBatch(entry_id="1" if ended else r.last_entry_id, items=items, eof=ended)

    SandboxGetTaskIdV2, SandboxGetTunnelsV2, SandboxWaitV2 = SandboxGetTaskId, SandboxGetTunnels, SandboxWait
    SandboxTerminateV2, SandboxGetExitSnapshotV2 = SandboxTerminate, SandboxGetExitSnapshot
    SandboxTagsSetV2, SandboxTagsGetV2 = SandboxTagsSet, SandboxTagsGet


def tags(messages: Iterable[Any]) -> dict[str, str]:
    found = {tag.tag_name: tag.tag_value for tag in messages}
    for name, value in found.items():  # what Modal takes is not known: this is Kubernetes' rule
        if not (re.fullmatch(r"[\w.-]{1,63}", name) and re.fullmatch(r"[\w.-]{0,63}", value)):
            refuse(Status.INVALID_ARGUMENT, f"Invalid tag {name}={value!r}")
    return found


def tag_messages(found: dict[str, str]) -> list[api.SandboxTag]:
    return [api.SandboxTag(tag_name=name, tag_value=value) for name, value in found.items()]


def tunnels(sandbox: Sandbox, unencrypted: bool = True) -> list[api.TunnelData]:
    found = []
    for port in sandbox.definition.open_ports.ports:
        if port.port in sandbox.tunnels and (unencrypted or not port.unencrypted):
            data = api.TunnelData(host="127.0.0.1", port=sandbox.tunnels[port.port].port, container_port=port.port)
            if port.unencrypted:
                data.unencrypted_host, data.unencrypted_port = "127.0.0.1", data.port
            found.append(data)
    return found
