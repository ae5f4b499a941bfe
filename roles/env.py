"""The environment of an agent: a file of its own, readable by its user alone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from mng.errors import MngError, UsageError
from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import cmd

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@role()
def env(on: Play, path: str, values: dict[str, str]) -> None:
    """KEY='value' lines, as a POSIX shell reads them; what else is in the file stays."""
    old = (ops.read(on, path) or b"").decode(errors="surrogateescape")
    ops.file(on, path, over(old, values, path).encode(errors="surrogateescape"), 0o600, mask=masked)


@role()
def host_env(on: Play, values: dict[str, str]) -> None:
    """The same for all agents of the host; an agent's own counts over it."""
    env.body(on, f"{on.host.dir}/env", values)


@role()
def known_hosts(on: Play, lines: list[str]) -> None:
    """Hosts that agents may ssh to from there."""
    ops.directory(on, "~/.ssh", 0o700)
    for line in lines:
        ops.line(on, "~/.ssh/known_hosts", line)


def over(old: str, values: Mapping[str, str], path: str) -> str:
    """The text with these values; one that a person has written on is only added to."""
    known = assigned(old, path)
    if written(known) == old:
        return written({**known, **values})
    new = {name: value for name, value in values.items() if known.get(name) != value}
    return old + "\n" * bool(new and old and not old.endswith("\n")) + written(new)


def written(values: Mapping[str, str]) -> str:
    return "".join(f"{checked(name)}={cmd(value).line}\n" for name, value in sorted(values.items()))


def assigned(text: str, path: str) -> dict[str, str]:
    """What a shell would assign, but that `$` stays as it is."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise MngError(f"{path} can't be read: {str(error).lower()}", "mend the file") from None
    pairs = [word.partition("=") for word in words]
    return {name: value for name, equals, value in pairs if equals and NAME.fullmatch(name)}


def masked(data: bytes) -> bytes:
    """Names without values, for a diff."""
    try:
        names = assigned(data.decode(errors="replace"), "")
    except MngError:
        return b""
    return "".join(f"{name}=***\n" for name in names).encode()


def checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be the name of an environment variable")
    return name


def parse(text: str, path: str) -> dict[str, str]:
    """An env file: KEY=VALUE lines, `export ` and quotes allowed, # comments; UsageError names file and line."""
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip().removeprefix("export ")
        if not words or words.startswith("#"):
            continue
        name, equals, value = words.partition("=")
        if not equals or not NAME.fullmatch(name.strip()):
            raise UsageError(f"{path}:{number}: not KEY=VALUE: {name[:40]}")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values
