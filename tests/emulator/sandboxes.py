"""Sandboxes: containers with a clock, tunnels that are counted, and what is kept of them at their end."""

import asyncio
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from grpclib import Status
from modal_proto import api_pb2 as api

from tests.emulator.docker import Docker, cpus, write
from tests.emulator.images import Images
from tests.emulator.rpc import new_id, refuse
from tests.emulator.volumes import Volumes

Result = api.GenericResult
AT = "/run/modal"
DAYS_30 = 30 * 86400
START = f"""until [ -e {AT}/go ]; do sleep 0.02; done
set -a
. {AT}/env
set +a
rm -f {AT}/env
exec "$@"
"""


class Tunnel:
    """A relay to a port of a container: its open connections count as activity, and end with the sandbox."""

    def __init__(self, sandbox: "Sandbox", port: int) -> None:
        self.sandbox, self.inner = sandbox, port
        self.port = 0
        self.writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self.server.close()
        for writer in list(self.writers):
            writer.close()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        both = [writer]
        self.writers.add(writer)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self.sandbox.address, self.inner)
            both.append(far_writer)
            await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        for one in both:
            one.close()
        self.writers.discard(writer)
        self.sandbox.last = time.time()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self.sandbox.last = time.time()
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.write_eof()  # the other way may go on


class Sandbox:
    def __init__(self, definition: api.Sandbox, v2: bool, created: float, env: Mapping[str, str]) -> None:
        # the SDK knows V1 by 22 letters and digits after "sb-"; tasks of V2 end in "V"
        self.id, self.task = new_id("sb", 26 if v2 else 22), new_id("ta") + "V" * v2
        self.definition, self.v2, self.created, self.env = definition, v2, created, env
        self.app = self.app_name = self.environment = ""
        self.tags: dict[str, str] = {}
        self.container = f"modal-{self.id[3:].lower()}-{new_id('x', 4)[2:].lower()}"
        self.pid = self.address = self.parent = ""
        self.tunnels: dict[int, Tunnel] = {}
        self.result: Result | None = None
        self.why = 0  # the status to tell when the container ends, if it was ended
        self.done = asyncio.Event()
        self.execs = 0
        self.last = time.time()
        self.kept = ""  # the image of its exit snapshot
        self.logs = (b"", b"")
        self.jobs: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def keeps(self) -> bool:
        return bool(self.definition.experimental_options_v2.get("enable_exit_snapshot", "").lower() == "true")

    @property
    def busy(self) -> bool:
        return bool(self.execs or any(tunnel.writers for tunnel in self.tunnels.values()))


class Life:
    """Starts, watches and ends sandboxes; limits of time pass `faster`."""

    def __init__(self, docker: Docker, images: Images, volumes: Volumes, folder: Path, faster: float) -> None:
        self.docker, self.images, self.volumes, self.folder, self.faster = docker, images, volumes, folder, faster

    async def begin(self, sandbox: Sandbox) -> None:
        definition, place = sandbox.definition, self.folder / sandbox.id
        access = definition.network_access
        if access.allowed_domains:
            refuse(Status.UNIMPLEMENTED, "a domain allow-list is not emulated")
        place.mkdir(parents=True)
        env = {"MODAL_SANDBOX_ID": sandbox.id, "MODAL_TASK_ID": sandbox.task, "MODAL_IMAGE_ID": definition.image_id}
        env |= dict(definition.environment_variables.contents) | dict(sandbox.env)
        write(place / "env", "".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items()))
        write(place / "start", START)
        sandbox.parent = self.images.get(definition.image_id).ref
        command = await self.docker.command(sandbox.parent, list(definition.entrypoint_args))
        started = await self.docker(*self.words(sandbox, place), sandbox.parent, f"{AT}/start", *command, check=False)
        if started.code:
            await self.docker("rm", "-f", sandbox.container, check=False)
            refuse(Status.INVALID_ARGUMENT, f"could not start: {started.err.decode(errors='replace').strip()[-300:]}")
        look = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        sandbox.pid, _, sandbox.address = (await self.docker("inspect", "--format", look, sandbox.container)).text.partition(" ")
        await self.reach(sandbox, access)
        for port in definition.open_ports.ports:
            tunnel = sandbox.tunnels[port.port] = Tunnel(sandbox, port.port)
            await tunnel.open()
        write(place / "go", "")
        sandbox.jobs = [asyncio.create_task(self.watch(sandbox)), asyncio.create_task(self.clock(sandbox))]

    def words(self, sandbox: Sandbox, place: Path) -> list[str]:
        definition = sandbox.definition
        words = ["run", "-d", "--init", "--name", sandbox.container, "--hostname", "modal", "--user", "0:0"]
        words += ["--label", self.docker.label, "--entrypoint", "sh", "-v", f"{place}:{AT}"]
        if definition.network_access.network_access_type == api.NetworkAccess.BLOCKED:
            words += ["--network", "none"]
        if definition.resources.milli_cpu_max:
            words += ["--cpus", cpus(definition.resources.milli_cpu_max)]
        if definition.resources.memory_mb_max:
            words += ["--memory", f"{definition.resources.memory_mb_max}m"]
        if definition.workdir:
            words += ["--workdir", definition.workdir]
        for mount in definition.volume_mounts:
            folder = self.volumes.path(mount.volume_id, mount.sub_path, must_exist=False)
            folder.mkdir(parents=True, exist_ok=True)
            words += ["-v", f"{folder}:{mount.mount_path}" + ":ro" * mount.read_only]
        return words

    async def reach(self, sandbox: Sandbox, access: api.NetworkAccess) -> None:
        """What it may connect to, from now on."""
        if access.network_access_type == api.NetworkAccess.ALLOWLIST:
            await self.docker.wall(sandbox.pid, list(access.allowed_cidrs))
        elif access.network_access_type == api.NetworkAccess.OPEN and sandbox.address:
            await self.docker.unwall(sandbox.pid)

    async def watch(self, sandbox: Sandbox) -> None:
        ended = await self.docker("wait", sandbox.container, check=False)
        code = int(ended.text or 1)
        for tunnel in sandbox.tunnels.values():
            tunnel.close()
        logs = await self.docker("logs", sandbox.container, check=False)
        sandbox.logs = logs.out, logs.err
        if sandbox.keeps:
            with suppress(RuntimeError):
                sandbox.kept = (await self.images.keep(sandbox.container, sandbox.parent, DAYS_30, "exit")).id
        status = sandbox.why or (Result.GENERIC_STATUS_FAILURE if code else Result.GENERIC_STATUS_SUCCESS)
        sandbox.result = Result(status=status, exitcode=code)  # type: ignore[arg-type]
        sandbox.done.set()
        sandbox.jobs[1].cancel()
        await self.docker("rm", "-f", "-v", sandbox.container, check=False)

    async def clock(self, sandbox: Sandbox) -> None:
        end = time.time() + sandbox.definition.timeout_secs / self.faster
        idle = sandbox.definition.idle_timeout_secs / self.faster
        while not sandbox.why:
            await asyncio.sleep(0.2)
            if sandbox.busy:
                sandbox.last = time.time()
            if time.time() > end:
                await self.finish(sandbox, Result.GENERIC_STATUS_TIMEOUT)
            elif idle and time.time() - sandbox.last > idle:
                await self.finish(sandbox, Result.GENERIC_STATUS_IDLE_TIMEOUT)

    async def finish(self, sandbox: Sandbox, status: int) -> None:
        if not sandbox.result and not sandbox.why:
            sandbox.why = status
            await self.docker("kill", sandbox.container, check=False)
