"""What the user asked for on top: folders, files, lines and commands, in that order."""

from __future__ import annotations

from typing import NamedTuple

from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import Cmd, cmd, raw


class Steps(NamedTuple):
    """Paths are relative to the agent's work dir; contents are read before anything is made."""

    directories: tuple[str, ...] = ()
    uploads: tuple[tuple[str, bytes, int], ...] = ()  # remote path, content, mode
    appends: tuple[tuple[str, str], ...] = ()
    prepends: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    sudo_commands: tuple[str, ...] = ()


@role()
def steps(on: Play, asked: Steps, folder: str, within: Cmd) -> None:
    """`within` is a line that reads the agent's environment."""
    folder = on.host.expand(folder)

    def at(path: str) -> str:
        path = on.host.expand(path)
        return path if path.startswith("/") else f"{folder}/{path}"

    for path in asked.directories:
        ops.directory(on, at(path))
    for path, data, mode in asked.uploads:
        ops.file(on, at(path), data, mode)
    for path, text in asked.appends:
        ops.text_at(on, at(path), text, end=True)
    for path, text in asked.prepends:
        ops.text_at(on, at(path), text, end=False)
    lines = [(raw(line), "") for line in asked.commands] + [(raw(line), "root") for line in asked.sudo_commands]
    for line, user in lines:
        whole = cmd("sh", "-c", Cmd(f"{within.line}\n{line.line}", line.shown))
        ops.command(on, whole.within(folder), user=user)
