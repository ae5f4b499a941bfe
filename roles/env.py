"""The environment of an agent: a file of its own, readable by its user alone."""

from __future__ import annotations

import re
import shlex

from mng.errors import UsageError
from mng.roles import ops
from mng.roles.role import Play, role
from mng.shell import cmd

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@role()
def env(on: Play, path: str, values: dict[str, str]) -> None:
    """KEY='value' lines, as a POSIX shell reads them."""
    lines = [f"{checked(name)}={cmd(value).line}\n" for name, value in sorted(values.items())]
    ops.file(on, path, "".join(lines).encode(), 0o600)


def checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be the name of an environment variable")
    return name


def values(data: bytes) -> dict[str, str]:
    """What is in a file that the role wrote."""
    pairs = (word.partition("=") for word in shlex.split(data.decode(errors="surrogateescape"), comments=True))
    return {name: value for name, equals, value in pairs if equals}


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
