"""The calls that go to a sandbox's machine itself: exec, snapshots, readiness, output."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from grpclib import Status
from modal_proto import api_pb2 as api
from modal_proto import task_command_router_pb2 as tcr

from tests.emulator.apps import Secrets
from tests.emulator.control import Sandboxes
from tests.emulator.images import Changing
from tests.emulator.rpc import Metadata, not_found, refuse
from tests.emulator.sandboxes import Sandbox

PIPE = asyncio.subprocess.PIPE
CHUNK = 1 << 20


class Exec(Changing):
    def __init__(self, sandbox: Sandbox, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.sandbox, self.process = sandbox, process
        self.said = (bytearray(), bytearray())
        self.closed = [False, False]
        self.taken = 0  # bytes of its input
        self.code: int | None = None
        sandbox.execs += 1
        self.task = asyncio.create_task(self.run())

    async def pump(self, which: int, stream: asyncio.StreamReader | None) -> None:
        while stream and (data := await stream.read(65536)):
            self.said[which].extend(data)
            self.change()
        self.closed[which] = True
        self.change()

    async def run(self) -> None:
        await asyncio.gather(self.pump(0, self.process.stdout), self.pump(1, self.process.stderr))
        self.code = await self.process.wait()
        self.sandbox.execs -= 1
        self.sandbox.last = time.time()
        self.change()


class Router:
    def __init__(self, sandboxes: Sandboxes, secrets: Secrets) -> None:
        self.sandboxes, self.secrets, self.life = sandboxes, secrets, sandboxes.life
        self.execs: dict[tuple[str, str], Exec] = {}

    def exec(self, r: Any) -> Exec:
        return self.execs.get((r.task_id, r.exec_id)) or not_found("exec", r.exec_id)

    async def TaskExecStart(self, r: tcr.TaskExecStartRequest, metadata: Metadata) -> tcr.TaskExecStartResponse:
        sandbox = self.sandboxes.of_task(r.task_id)
        if (r.task_id, r.exec_id) in self.execs:
            return tcr.TaskExecStartResponse()
        env = {**sandbox.env, **self.secrets.env(r.secret_ids, r.secret_sources), **r.env}
        words = [*self.life.docker.program, "exec", "-i"]
        for name in env:
            words += ["-e", name]  # the value is in docker's environment: `ps` does not show it
        if r.workdir or sandbox.definition.workdir:
            words += ["-w", r.workdir or sandbox.definition.workdir]
        limit = ["timeout", "-s", "KILL", str(r.timeout_secs)] if r.timeout_secs else []
        process = await asyncio.create_subprocess_exec(
            *words, sandbox.container, *limit, *r.command_args, stdin=PIPE, stdout=PIPE, stderr=PIPE,
            env={**env, **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ and name not in env}},
        )  # fmt: skip
        self.execs[r.task_id, r.exec_id] = Exec(sandbox, process)
        return tcr.TaskExecStartResponse()

    async def TaskExecStdioRead(
        self, r: tcr.TaskExecStdioReadRequest, metadata: Metadata
    ) -> AsyncIterator[tcr.TaskExecStdioReadResponse]:
        found, at = self.exec(r), r.offset
        which = int(r.file_descriptor == tcr.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR)
        while True:
            changed = found.changed
            if data := bytes(found.said[which][at : at + CHUNK]):
                at += len(data)
                yield tcr.TaskExecStdioReadResponse(data=data)
            elif found.closed[which]:
                return
            else:
                await changed.wait()

    async def TaskExecStdinWrite(self, r: tcr.TaskExecStdinWriteRequest, metadata: Metadata) -> tcr.TaskExecStdinWriteResponse:
        found = self.exec(r)
        assert found.process.stdin
        new = r.data[max(0, found.taken - r.offset) :]  # sent again, it may be there in part
        found.taken += len(new)
        found.process.stdin.write(new)
        await found.process.stdin.drain()
        if r.eof:
            found.process.stdin.close()
        return tcr.TaskExecStdinWriteResponse()

    async def TaskExecWait(self, r: tcr.TaskExecWaitRequest, metadata: Metadata) -> tcr.TaskExecWaitResponse:
        found = self.exec(r)
        while found.code is None:
            await found.changed.wait()
        return tcr.TaskExecWaitResponse(code=found.code)

    async def TaskExecPoll(self, r: tcr.TaskExecPollRequest, metadata: Metadata) -> tcr.TaskExecPollResponse:
        code = self.exec(r).code
        return tcr.TaskExecPollResponse() if code is None else tcr.TaskExecPollResponse(code=code)

    async def TaskSnapshotFilesystem(
        self, r: tcr.TaskSnapshotFilesystemRequest, metadata: Metadata
    ) -> tcr.TaskSnapshotFilesystemResponse:
        sandbox = self.sandboxes.of_task(r.task_id)
        image = await self.life.images.keep(sandbox.container, sandbox.parent, r.ttl_seconds, "snapshot")
        return tcr.TaskSnapshotFilesystemResponse(image_id=image.id)

    async def TaskSetNetworkAccess(
        self, r: tcr.TaskSetNetworkAccessRequest, metadata: Metadata
    ) -> tcr.TaskSetNetworkAccessResponse:
        sandbox = self.sandboxes.of_task(r.task_id)
        await self.life.reach(sandbox, r.network_access)
        sandbox.definition.network_access.CopyFrom(r.network_access)
        return tcr.TaskSetNetworkAccessResponse()

    async def SandboxWaitUntilReady(self, r: Any, metadata: Metadata) -> tcr.SandboxWaitUntilReadyTcrResponse:
        sandbox, end = self.sandboxes.of_task(r.task_id), time.time() + r.timeout
        probe = sandbox.definition.readiness_probe
        while not await self.ready(sandbox, probe):
            if time.time() > end:
                refuse(Status.DEADLINE_EXCEEDED, "the sandbox did not become ready")
            await asyncio.sleep(max(probe.interval_ms, 50) / 1000)
            self.sandboxes.of_task(r.task_id)
        return tcr.SandboxWaitUntilReadyTcrResponse(ready_at=time.time())

    async def ready(self, sandbox: Sandbox, probe: api.Probe) -> bool:
        inside = [] if sandbox.address else ["bash", "-c", f"</dev/tcp/127.0.0.1/{probe.tcp_port}"]  # no network but its own
        if words := list(probe.exec_command.argv) or inside:
            return not (await self.life.docker("exec", sandbox.container, *words, check=False)).code
        try:
            _, writer = await asyncio.open_connection(sandbox.address, probe.tcp_port)
        except OSError:
            return False
        writer.close()
        return True

    async def SandboxStdioReadV2(self, r: Any, metadata: Metadata) -> AsyncIterator[tcr.SandboxStdioReadV2Response]:
        sandbox, at = self.sandboxes.of_task(r.task_id, ended=True), r.offset
        which = int(r.file_descriptor == tcr.SANDBOX_STDIO_FILE_DESCRIPTOR_STDERR)
        while True:
            ended = bool(sandbox.result)
            done = None if ended else await self.life.docker("logs", sandbox.container, check=False)
            logs = (done.out, done.err) if done else sandbox.logs
            if data := logs[which][at : at + CHUNK]:
                yield tcr.SandboxStdioReadV2Response(data=data, starting_offset=at)
                at += len(data)
            elif ended:
                return
            else:
                await asyncio.sleep(0.2)
