"""A layer of a Modal image, built by `docker build` without any network."""

import asyncio
import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modal_proto import api_pb2 as api

from tests.emulator.docker import Docker

STANDS = re.compile(r"(docker\.io/)?(library/)?(debian|ubuntu|python)(:|@|$)")  # for these the base image stands
FROM = re.compile(r"(?i)^\s*FROM\s+(?:--\S+\s+)?(\S+)(\s+AS\s+(\S+))?\s*$")
RUN = re.compile(r"(?i)\s*RUN\b")
AT = "/__modal/emulator"
SHELL = f"""#!/bin/sh
# Build secrets are variables, and files for `RUN --mount=type=secret,id=NAME`.
umask 077
for name in $__SECRETS; do mkdir -p /run/secrets; eval "printf %s \\"\\$$name\\"" >/run/secrets/$name; done
umask 022
PATH={AT}/bin:$PATH /bin/sh "$@"
code=$?
[ -z "$__SECRETS" ] || rm -rf /run/secrets
exit $code
"""
APT = """#!/bin/sh
# Installs nothing: looks whether the packages are in the base image.
work=
for word; do
    case $word in
        -*) ;;
        install | update | upgrade | dist-upgrade | clean | autoclean | autoremove) work=$word ;;
        *) [ "$work" != install ] || dpkg -s "${word%%=*}" >/dev/null 2>&1 || {
            echo "E: Unable to locate package $word" >&2
            exit 100
        } ;;
    esac
done
"""


def shim() -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, text in {"sh": SHELL, "bin/apt-get": APT, "bin/apt": APT}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return tar.getvalue()


class Build:
    """Of one request; `files` are those of its context, `below` the images that it builds on, by their tags."""

    def __init__(self, docker: Docker, request: api.ImageGetOrCreateRequest, env: Mapping[str, str], say: Callable[[str], Any]):
        self.docker, self.request, self.env, self.say = docker, request, env, say
        self.below: dict[str, str] = {}
        self.files: dict[str, tuple[bytes, int]] = {}

    async def base(self, name: str, stages: set[str]) -> str:
        if name in self.below or name in stages:
            return self.below.get(name, name)
        if STANDS.match(name):
            self.say(f"{name}: {self.docker.base} stands for it\n")
            return self.docker.base
        if await self.docker.config(name) is None:
            raise RuntimeError(f"Failed to pull image '{name}': not found, or access is denied")
        return name

    async def recipe(self) -> str:
        lines: list[str] = []
        stages, skips = {"scratch"}, False
        given = [f"ARG {name}" for name in [*self.env, "__SECRETS"] if self.env]  # for RUN alone: not in the image
        wanted = "\n".join(self.request.image.dockerfile_commands).split("\n")
        runs = any(RUN.match(line) for line in wanted)
        for line in wanted:
            if not (found := FROM.match(line)):
                if not (skips and RUN.match(line)):
                    lines.append(re.sub(r"--mount=type=secret\S*\s", "", line))
                continue
            name, alias = found[1], found[3]
            # Image.debian_slim(): what it runs needs the network
            skips = self.request.namespace == api.DEPLOYMENT_NAMESPACE_GLOBAL and name.startswith("python:")
            lines.append(f"FROM {await self.base(name, stages)}{found[2] or ''}")
            stages.add(alias or "")
            lines.append(f"LABEL {self.docker.label}")
            if runs and not skips and name != "scratch":
                lines += [f"COPY --from={self.shim} / {AT}/", f'SHELL ["{AT}/sh", "-c"]', *given]
        return "\n".join([*lines, *['SHELL ["/bin/sh", "-c"]'] * runs, ""])

    @property
    def shim(self) -> str:
        return f"{self.docker.id}-shim:1"

    async def run(self, ref: str) -> None:
        """Raises RuntimeError with the end of what docker said."""
        folder = Path(tempfile.mkdtemp(prefix="mng-emulator-build-"))
        try:
            for name, (data, mode) in self.files.items():
                file = folder / name.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
                file.chmod(mode & 0o777 or 0o644)
            if await self.docker.config(self.shim) is None:
                await self.docker("import", "--change", f"LABEL {self.docker.label}", "-", self.shim, stdin=shim())
            await self.build(ref, folder, await self.recipe())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def build(self, ref: str, folder: Path, recipe: str) -> None:
        values = {**self.request.image.build_args, **self.env}
        if self.env:
            values["__SECRETS"] = " ".join(self.env)
        words = [*self.docker.program, "build", "--force-rm", "--network", "none", "--tag", ref, "--file", "-"]
        words += ["--no-cache"] if self.request.force_build else []
        for name in values:
            words += ["--build-arg", name]  # its value is in the environment, where `ps` shows nothing
        process = await asyncio.create_subprocess_exec(
            *words, str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env={**os.environ, **values, "DOCKER_BUILDKIT": "0"}, limit=1 << 24,
        )  # fmt: skip
        assert process.stdin and process.stdout
        process.stdin.write(recipe.encode())
        process.stdin.close()
        last: list[str] = []
        async for line in process.stdout:
            text = re.sub(r"\x1b\[[0-9;]*m", "", line.decode(errors="replace"))
            last = [*last[-3:], text]
            self.say(text)
        if await process.wait():
            raise RuntimeError("".join(last).strip()[-800:])
