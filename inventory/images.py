"""Docker images for hosts, by the `docker` program: the user's own or the default one, with what a host needs on top."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from pathlib import Path
from typing import NamedTuple

from mng import output
from mng.errors import CommandFailed, MngError, UsageError
from mng.runner import LocalRunner
from mng.shell import Cmd, cmd

FILES = Path(__file__).parent / "files"
RECIPE = """ARG BASE
FROM $BASE
USER 0
COPY install.sh /tmp/mng-install.sh
RUN sh /tmp/mng-install.sh && rm /tmp/mng-install.sh
"""
DEFAULT = "debian:bookworm-slim"
LONG = 3600.0  # seconds that a build may take


class Build(NamedTuple):
    """What `-b` asked for, apart: words for `docker build`, and what mng reads itself."""

    words: tuple[str, ...] = ()
    image: str = ""
    context: str = ""
    dockerfile: bool = False
    offline: bool = False
    ranges: tuple[str, ...] = ()
    no_host: bool = False

    @classmethod
    def of(cls, args: tuple[str, ...]) -> Build:
        """`-b offline`, `cidr-allowlist=RANGE`, `no-host`, `image=NAME`, `context-dir=DIR`, `"--dockerfile PATH"`."""
        build, words = cls(), [word for arg in args for word in split(arg)]
        rest: list[str] = []
        while words:
            key, equals, value = words.pop(0).partition("=")
            name = key.removeprefix("--")
            if name in ("image", "context-dir", "dockerfile", "cidr-allowlist") and not equals:
                if not words:
                    raise UsageError(f"-b {key} needs a value")
                value = words.pop(0)
            if name == "offline":
                build = build._replace(offline=True)
            elif name == "no-host":
                build = build._replace(no_host=True)
            elif name == "cidr-allowlist":
                build = build._replace(ranges=(*build.ranges, *ranges(value)))
            elif name == "image":
                build = build._replace(image=value)
            elif name == "context-dir":
                build = build._replace(context=value)
            elif name == "dockerfile":
                build, rest = build._replace(dockerfile=True), [*rest, "--file", str(Path(value).expanduser().absolute())]
            else:
                rest.append(key + equals + value if key.startswith("-") or not equals else f"--{key}{equals}{value}")
        given = build.dockerfile or any(word in ("-f", "--file") or word.startswith("--file=") for word in rest)
        if build.image and (given or rest):
            raise UsageError(f"-b image={build.image} is taken as it is: nothing to build with {rest[0]}")
        return build._replace(words=tuple(rest), dockerfile=given)


def split(arg: str) -> list[str]:
    """`--file PATH` is two words; `key=a value` and `--key=a value` are one."""
    first = arg.split(" ", 1)[0]
    return shlex.split(arg) if first.startswith("-") and "=" not in first else [arg]


def ranges(text: str) -> list[str]:
    import ipaddress

    try:
        return [str(ipaddress.ip_network(one.strip())) for one in text.split(",")]
    except ValueError as error:
        raise UsageError(f"-b cidr-allowlist={text}: {error}") from None


def ready(docker: tuple[str, ...], asked: Build) -> str:
    """The name of an image that is fit to be a host, built if it is not there yet. Raises MngError with what docker said."""
    base = asked.image or DEFAULT
    if asked.dockerfile or asked.words or asked.context:
        base = built(docker, asked)
    wanted = (FILES / "install.sh").read_text()
    base_id = said(docker, "image", "inspect", "--format", "{{.Id}}", base, quiet=True)
    known = base_id or base
    tag = f"mng-host:{hashlib.sha256(f'{known}{wanted}{RECIPE}'.encode()).hexdigest()[:16]}"
    if base_id and said(docker, "image", "inspect", "--format", "{{.Id}}", tag, quiet=True):
        return tag
    with tempfile.TemporaryDirectory(prefix="mng-") as folder:
        Path(folder, "Dockerfile").write_text(RECIPE)
        Path(folder, "install.sh").write_text(wanted)
        output.note(f"building the image of the host from {base} (once)")
        run(docker, "build", "--build-arg", f"BASE={base}", "--label", "mng.image=host", "--tag", tag, folder)
    return tag


def built(docker: tuple[str, ...], asked: Build) -> str:
    """The user's own Dockerfile, with the words for `docker build` as they are."""
    context = str(Path(asked.context or ".").expanduser().absolute())
    output.note(f"docker build {' '.join(asked.words)} {context}")
    with tempfile.TemporaryDirectory(prefix="mng-") as folder:
        run(docker, "build", "--iidfile", f"{folder}/id", "--label", "mng.image=base", list(asked.words), context)
        return Path(folder, "id").read_text().strip()


def run(docker: tuple[str, ...], *words: str | list[str]) -> str:
    """What the docker program prints; its last complaint as MngError."""
    line: Cmd = cmd(*docker, *words)
    try:
        return LocalRunner().run(line, timeout=LONG, live=told if output.now.verbose else None).text
    except CommandFailed as error:
        raise MngError(f"docker {words[0]} failed: {error.what.rpartition(': ')[2]}", "see all it says: add -v") from None


def told(stream: str, data: bytes) -> None:
    output.raw(data, error=True)


def said(docker: tuple[str, ...], *words: str, quiet: bool = False) -> str:
    """What it prints, or "" where it fails."""
    done = LocalRunner().run(cmd(*docker, *words), check=not quiet, timeout=60)
    return done.text if not done.code else ""
