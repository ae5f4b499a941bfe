"""All parts together on two ports of loopback: gRPC for the SDK, HTTP for files of volumes and for the test."""

import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from grpclib import Status
from grpclib.server import Server
from modal._utils.grpc_utils import custom_detail_codec
from modal_proto import api_grpc, task_command_router_grpc

from tests.emulator.apps import Apps, Blobs, Secrets
from tests.emulator.control import Sandboxes
from tests.emulator.docker import Docker
from tests.emulator.images import Images
from tests.emulator.router import Router
from tests.emulator.rpc import Desk, Fault, Metadata, Tokens, new_id, refuse
from tests.emulator.sandboxes import Life, Result, Sandbox
from tests.emulator.volumes import Volumes

TOKEN = ("ak-emulator", "as-emulator")
ENDS = {"timeout": Result.GENERIC_STATUS_TIMEOUT, "idle": Result.GENERIC_STATUS_IDLE_TIMEOUT,
        "terminated": Result.GENERIC_STATUS_TERMINATED, "crash": Result.GENERIC_STATUS_FAILURE}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """`faster`: how fast limits of time pass; `page`: rows that one call of a list gives."""

    engine: str
    base: str = "debian:bookworm-slim"
    faster: float = 1
    page: int = 5
    builder: str = "2025.06"


class Emulator:
    def __init__(self, options: Options) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mng-modal-"))
        self.docker = Docker(options.engine, f"{os.getpid()}-{new_id('e', 6)[2:].lower()}", options.base)
        self.desk, self.tokens, self.secrets = Desk(), Tokens(), Secrets()
        self.apps, self.blobs = Apps(self.tokens, options.builder), Blobs(self.folder / "blobs")
        self.images = Images(self.docker, self.secrets, self.blobs)
        self.volumes = Volumes(self.folder / "volumes", self.blobs)
        self.life = Life(self.docker, self.images, self.volumes, self.folder / "sandboxes", options.faster)
        self.sandboxes = Sandboxes(self.apps, self.secrets, self.tokens, self.life, options.page)
        self.router = Router(self.sandboxes, self.secrets)

    async def start(self) -> None:
        parts = [self.apps, self.secrets, self.blobs, self.images, self.volumes, self.sandboxes]
        control = self.desk.service(api_grpc.ModalClientBase, parts, self.with_account)
        router = self.desk.service(task_command_router_grpc.TaskCommandRouterBase, [self.router], self.with_bearer)
        self.grpc = Server([control, router], status_details_codec=custom_detail_codec)
        await self.grpc.start("127.0.0.1", 0)
        self.url = self.sandboxes.url = f"http://127.0.0.1:{port(self.grpc._server)}"
        app = web.Application(client_max_size=1 << 30)
        app.add_routes([
            web.put("/blocks/{digest}", self.volumes.put),
            web.get("/volumes/{volume}/{number}/{path:.*}", self.volumes.fetch),
            web.get("/calls", self.calls), web.delete("/calls", self.forget),
            web.post("/faults", self.break_), web.delete("/faults", self.mend),
            web.get("/state", self.state), web.post("/finish", self.finish), web.post("/lose", self.lose),
            web.post("/move", self.move),
        ])  # fmt: skip
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.admin = self.volumes.http = f"http://127.0.0.1:{port(site._server)}"

    async def end(self) -> None:
        """With all containers and images that it made."""
        self.grpc.close()
        await self.docker.clean()
        for job in [job for sandbox in self.sandboxes.all.values() for job in sandbox.jobs]:
            job.cancel()
        await self.docker.clean()  # exit snapshots of those that have just ended
        await self.runner.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- who may

    def with_account(self, name: str, metadata: Metadata) -> None:
        if (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret")) != TOKEN:
            refuse(Status.UNAUTHENTICATED, "Token validation failed")
        if name.endswith("V2") or name == "SandboxGetCommandRouterAccess":
            self.tokens.check(metadata.get("x-modal-auth-token"))

    def with_bearer(self, name: str, metadata: Metadata) -> None:
        self.tokens.check((metadata.get("authorization") or "").removeprefix("Bearer "))

    # --- for the test

    async def calls(self, asked: web.Request) -> web.Response:
        return web.json_response(self.desk.calls)

    async def forget(self, asked: web.Request) -> web.Response:
        self.desk.calls.clear()
        return web.json_response({})

    async def break_(self, asked: web.Request) -> web.Response:
        fault = Fault(**await asked.json())
        if fault.status:
            Status[fault.status]  # a mistyped one is the test's mistake: it is told now
        self.desk.faults.append(fault)
        return web.json_response(asdict(fault))

    async def mend(self, asked: web.Request) -> web.Response:
        self.desk.faults.clear()
        return web.json_response({})

    async def finish(self, asked: web.Request) -> web.Response:
        given = await asked.json()
        found = [one for one in self.sandboxes.live() if given["sandbox"] in (one.id, one.name)]
        if not found:
            return web.Response(status=404, text=f"no running sandbox {given['sandbox']}")
        await self.life.finish(found[0], ENDS[given["how"]])
        await found[0].done.wait()
        return web.json_response({})

    async def move(self, asked: web.Request) -> web.Response:
        given = await asked.json()
        for sandbox in self.sandboxes.live():
            if given["sandbox"] in (sandbox.id, sandbox.name):
                for tunnel in sandbox.tunnels.values():
                    tunnel.close()
                    await tunnel.open()
                return web.json_response({})
        return web.Response(status=404, text=f"no running sandbox {given['sandbox']}")

    async def lose(self, asked: web.Request) -> web.Response:
        name = (await asked.json())["volume"]
        found = [volume for volume in self.volumes.all.values() if volume.name == name]
        for volume in found:
            self.volumes.lose(volume)
        return web.json_response({}) if found else web.Response(status=404, text=f"no volume {name}")

    async def state(self, asked: web.Request) -> web.Response:
        images = [{"id": one.id, "kind": one.kind, "end": one.end} for one in self.images.all.values()]
        volumes = {one.name: str(one.folder) for one in self.volumes.all.values()}
        sandboxes = [shown(one) for one in self.sandboxes.all.values()]
        mine = {"label": self.docker.label, "volumes": volumes}
        return web.json_response({"sandboxes": sandboxes, "images": images, **mine})


def shown(one: Sandbox) -> dict[str, Any]:
    definition, resources = one.definition, one.definition.resources
    return {
        "id": one.id, "name": one.name, "app": one.app_name, "v2": one.v2, "tags": one.tags, "container": one.container,
        "status": Result.GenericStatus.Name(one.result.status) if one.result else "", "kept": one.kept,
        "gpu": resources.gpu_config.gpu_type, "gpus": resources.gpu_config.count,
        "cpu": [resources.milli_cpu, resources.milli_cpu_max], "memory": [resources.memory_mb, resources.memory_mb_max],
        "regions": list(definition.scheduler_placement.regions), "ranges": list(definition.network_access.allowed_cidrs),
        "timeout": definition.timeout_secs, "idle_timeout": definition.idle_timeout_secs, "image": definition.image_id,
    }  # fmt: skip


def port(server: Any) -> int:
    return int(server.sockets[0].getsockname()[1])
