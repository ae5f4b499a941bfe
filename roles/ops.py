"""Ops, what roles are made of: each reads first, changes only what isn't right, and is True if it changed it."""

from __future__ import annotations

import json
from typing import Any

from mng import output
from mng.errors import MngError, NotAvailable
from mng.roles.role import Play
from mng.runner import File
from mng.shell import Cmd, cmd


def read(on: Play, path: str) -> bytes | None:
    """The file's content; None where there is none."""
    return on.host.runner.get([path]).get(path)


def directory(on: Play, path: str, mode: int = 0o755) -> bool:
    path = on.host.expand(path)
    there = on.host.runner.run(cmd("test", "-d", path), check=False).code == 0
    return on.op(f"directory {path}", there, lambda: on.host.runner.run(cmd("mkdir", "-p", "-m", f"{mode:o}", "--", path)))


def file(on: Play, path: str, data: bytes, mode: int = 0o644) -> bool:
    """The file with exactly this content."""
    path = on.host.expand(path)
    return on.op(f"file {path}", read(on, path) == data, lambda: on.host.runner.put({path: File(data, mode)}))


def text_at(on: Play, path: str, text: str, *, end: bool) -> bool:
    """The file with this text at its end, or else at its beginning; made when there is none."""
    path, new = on.host.expand(path), text.encode()
    old = read(on, path) or b""
    new += b"" if new.endswith(b"\n") else b"\n"
    glue = b"\n" if end and old and not old.endswith(b"\n") else b""
    whole = old + glue + new if end else new + old
    right = old.endswith(new) if end else old.startswith(new)
    return on.op(f"{'end' if end else 'beginning'} of {path}", right, lambda: replace(on, path, whole))


def replace(on: Play, path: str, data: bytes) -> None:
    """New content for a file that keeps its mode."""
    mode = on.host.runner.run(cmd("stat", "-c", "%a", "--", path), check=False).text
    on.host.runner.put({path: File(data, int(mode, 8) if mode.isdigit() else 0o644)})


def json_keys(on: Play, path: str, keys: dict[str, Any], mode: int = 0o600) -> bool:
    """A JSON file with at least these keys (nested ones merged), under a lock; what else is in it stays."""
    path = on.host.runner.run(cmd("readlink", "-f", on.host.expand(path)), check=False).text or on.host.expand(path)
    with on.host.runner.lock(f"{path}.mng-lock", timeout=10):
        data = read(on, path)
        try:
            old = json.loads(data) if data and data.strip() else {}
        except ValueError as error:
            raise MngError(f"{path} is not valid JSON: {error}", "mend or remove it, then try again") from None
        new = merged(old, keys)
        whole = json.dumps(new, indent=2, ensure_ascii=False).encode() + b"\n"
        return on.op(f"keys of {path}", new == old, lambda: on.host.runner.put({path: File(whole, mode)}))


def merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def command(on: Play, line: Cmd, creates: str = "", timeout: float = 600.0) -> bool:
    """Run a line; with `creates`, only while that path is missing."""
    there = bool(creates) and on.host.runner.run(cmd("test", "-e", on.host.expand(creates)), check=False).code == 0
    return on.op(line.shown, there, lambda: on.host.runner.run(line, timeout=timeout))


def program(on: Play, name: str, install: Cmd | None, hint: str = "") -> bool:
    """A program on the PATH; installed only with -y or a yes on the terminal, else NotAvailable says what to run."""
    there = on.host.runner.run(cmd("command", "-v", name), check=False).code == 0

    def mend() -> None:
        if install is None:
            raise NotAvailable(f"{name} is not on the PATH of host {on.host.name}", hint or "install it first")
        if not on.yes and not output.confirm(f"{name} is not on host {on.host.name}. Install it with `{install}`?"):
            raise NotAvailable(f"{name} is not installed on host {on.host.name}", f"run: {install}   (or give -y)")
        output.progress(f"installing {name}: {install}")
        on.host.runner.run(install, timeout=900)

    return on.op(f"program {name}", there, mend)
