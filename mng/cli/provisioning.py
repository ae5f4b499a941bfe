"""What create and provision have in common: an agent's environment, and what is to be done to its host."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

from mng.agents.types import Chosen
from mng.cli.options import Options, Pairs, Placeholder, option
from mng.cli.text import content
from mng.errors import UsageError
from mng.roles.env import checked, host_env, known_hosts, parse
from mng.roles.role import Role, in_order
from mng.roles.steps import Steps
from mng.shell import expanded


class ProvisionOptions(Options):
    """Environment and provisioning"""

    env: Pairs = option({}, secret=True, help="KEY=VALUE for the agent")
    env_file: list[str] = option([], help="file of KEY=VALUE lines (- for stdin)")
    pass_env: Annotated[list[str], Placeholder("NAME")] = option([], help="variable of this shell to hand on")
    host_env: Pairs = option({}, secret=True, help="KEY=VALUE for all agents of the host")
    host_env_file: list[str] = option([], help="file of KEY=VALUE lines for all of them (- for stdin)")
    pass_host_env: Annotated[list[str], Placeholder("NAME")] = option([], help="variable of this shell to hand on to them")
    known_host: Annotated[list[str], Placeholder("LINE")] = option([], help="line for known_hosts there: whom agents may ssh to")
    role: Annotated[list[str], Placeholder("NAME:KEY=VALUE,…")] = option([], secret=True, help="role to do to the host first")
    user_command: list[str] = option([], secret=True, help="shell line to run in the work dir")
    sudo_command: list[str] = option([], secret=True, help="the same as root")
    upload_file: Annotated[list[str], Placeholder("LOCAL:REMOTE")] = option([], help="file to bring along")
    append_to_file: Annotated[list[str], Placeholder("REMOTE:TEXT")] = option([], secret=True, help="text for the end of a file")
    prepend_to_file: Annotated[list[str], Placeholder("REMOTE:TEXT")] = option([], secret=True, help="text for its beginning")
    create_directory: list[str] = option([], help="folder to make")
    yes: bool = option(False, "-y", help="install what is missing without asking")


def environment(o: ProvisionOptions, chosen: Chosen) -> dict[str, str]:
    """What the program needs of this shell < its type's settings < what is asked for."""
    values = {name: os.environ[name] for name in chosen.kind.pass_env if name in os.environ}
    return values | dict(chosen.env) | variables(o)


def variables(o: ProvisionOptions) -> dict[str, str]:
    """Of the agent."""
    return assigned("", o.env_file, o.pass_env, o.env)


def environments_read(o: ProvisionOptions) -> dict[str, Any]:
    """What model_copy needs so that files and this shell's variables are read once: their values as if typed."""
    read: dict[str, Any] = {}
    if o.env_file or o.pass_env:
        read |= {"env": variables(o), "env_file": [], "pass_env": []}
    if o.host_env_file or o.pass_host_env:
        values = assigned("host-", o.host_env_file, o.pass_host_env, o.host_env)
        read |= {"host_env": values, "host_env_file": [], "pass_host_env": []}
    return read


def assigned(what: str, files: list[str], names: list[str], typed: dict[str, str]) -> dict[str, str]:
    """Files < variables handed on < typed; `what` is in the options' names."""
    values: dict[str, str] = {}
    for path in files:
        values |= parse(read_text(path, f"--{what}env-file"), path)
    for name in names:
        if name not in os.environ:
            raise UsageError(f"--pass-{what}env {name}: this shell has no such variable")
        values[name] = os.environ[name]
    return {checked(name): value for name, value in {**values, **typed}.items()}


def roles_of(o: ProvisionOptions) -> list[Role]:
    """What is asked for the host; no role is looked up, and no project's code runs, without a name."""
    values = assigned("host-", o.host_env_file, o.pass_host_env, o.host_env)
    own = [host_env(values=values)] if values else []
    own += [known_hosts(lines=o.known_host)] if o.known_host else []
    if not o.role:
        return own
    from mng.roles import finding

    asked = [finding.given(word, getattr(o, "context", None)) for word in o.role]
    in_order(asked)  # what they need is loaded, or missed, before several hosts are provisioned at once
    return [*own, *asked]


def steps_of(o: ProvisionOptions) -> Steps:
    """The user's own steps; files are read now, so that a missing one is known before anything is made."""
    uploads = []
    for word in o.upload_file:
        here, there = halves(word, "--upload-file", "LOCAL:REMOTE")
        path = expanded(here)
        try:
            uploads.append((there, path.read_bytes(), path.stat().st_mode & 0o777))
        except OSError as error:
            raise UsageError(f"--upload-file {here}: {error.strerror}") from None
    return Steps(
        directories=tuple(o.create_directory),
        uploads=tuple(uploads),
        appends=tuple(halves(word, "--append-to-file", "REMOTE:TEXT") for word in o.append_to_file),
        prepends=tuple(halves(word, "--prepend-to-file", "REMOTE:TEXT") for word in o.prepend_to_file),
        commands=tuple(o.user_command),
        sudo_commands=tuple(o.sudo_command),
    )


def read_text(path: str, option: str) -> str:
    try:
        return content(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option} {path}: {getattr(error, 'strerror', None) or error}") from None


def added(words: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """--add-cmd words as windows, and the ALL_CAPS ones as variables."""
    windows: dict[str, str] = {}
    variables: dict[str, str] = {}
    for word in words:
        name, equals, line = word.partition("=")
        if not equals:
            name, line = word.split()[0].rpartition("/")[2] if word.strip() else "", word
        if not name or not line.strip():
            raise UsageError(f"--add-cmd {word[:1]!r}… is not NAME=LINE")
        (variables if equals and re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) else windows)[name] = line
    return windows, variables


def halves(word: str, option: str, shape: str) -> tuple[str, str]:
    first, colon, second = word.partition(":")
    if not colon or not first or not second:
        raise UsageError(f"{option} {word!r} is not {shape}")
    return first, second
