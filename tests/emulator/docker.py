"""The engine, by the `docker` program; and the walls around a container, by iptables from outside."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

LABEL = "mng-emulator"
FOREVER = ["sleep", "infinity"]


class Done(NamedTuple):
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace").strip()


async def run(*words: str, env: Mapping[str, str] | None = None, check: bool = True, stdin: bytes | None = None) -> Done:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *words, stdin=nothing if stdin is None else pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})}
    )
    out, err = await process.communicate(stdin)
    if check and process.returncode:
        raise RuntimeError(f"{' '.join(words[:5])}: {err.decode(errors='replace').strip()[-500:]}")
    return Done(process.returncode or 0, out, err)


class Docker:
    """All that is made has the label `mng-emulator=<id>`, so that all of it can be found."""

    def __init__(self, host: str, id_: str, base: str) -> None:
        self.program = ["docker", "-H", host]
        self.id, self.base = id_, base
        self.label = f"{LABEL}={id_}"

    async def __call__(self, *words: str, **how: Any) -> Done:
        return await run(*self.program, *words, **how)

    async def config(self, ref: str) -> dict[str, Any] | None:
        done = await self("image", "inspect", "--format", "{{json .Config}}", ref, check=False)
        return None if done.code else (json.loads(done.out) or {})

    async def command(self, ref: str, words: list[str]) -> list[str]:
        config = await self.config(ref) or {}
        return [*(config.get("Entrypoint") or []), *(words or config.get("Cmd") or FOREVER)]

    async def commit(self, container: str, parent: str, ref: str) -> None:
        """The file system alone: entry and command are those of the image that the container is of."""
        config = await self.config(parent) or {}
        entry = f"ENTRYPOINT {json.dumps(config.get('Entrypoint') or [])}"
        command = f"CMD {json.dumps(config.get('Cmd') or FOREVER)}"
        if not config.get("Entrypoint"):
            entry = 'ENTRYPOINT ["env"]'  # docker would keep the container's own in place of an empty one
        await self("commit", "--change", entry, "--change", command, container, ref)

    async def wall(self, pid: str, ranges: list[str]) -> None:
        """The container of this process reaches these ranges alone, and what has connected to it."""
        rules = [["-P", "OUTPUT", "DROP"], ["-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT"],
                 ["-A", "OUTPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"]]  # fmt: skip
        rules += [["-A", "OUTPUT", "-d", one, "-j", "ACCEPT"] for one in ranges if ":" not in one]
        await self.unwall(pid)
        for rule in rules:
            await run("nsenter", "-t", pid, "-n", "iptables", "-w", *rule)

    async def unwall(self, pid: str) -> None:
        for rule in (["-P", "OUTPUT", "ACCEPT"], ["-F", "OUTPUT"]):
            await run("nsenter", "-t", pid, "-n", "iptables", "-w", *rule)

    async def clean(self) -> None:
        found = (await self("ps", "-aq", "--filter", f"label={self.label}", check=False)).text.split()
        if found:
            await self("rm", "-f", "-v", *found, check=False)
        images = (await self("images", "-aq", "--no-trunc", "--filter", f"label={self.label}", check=False)).text.split()
        if images:
            await self("rmi", "-f", *dict.fromkeys(images), check=False)


def cpus(milli: int) -> str:
    return str(min(milli / 1000, os.cpu_count() or 1))


def write(file: Path, text: str, mode: int = 0o600) -> None:
    file.touch(mode=mode)
    file.write_text(text)
    file.chmod(mode)
