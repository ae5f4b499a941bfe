"""Parts of files: what else is in them stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from mng.errors import MngError
from mng.roles.ops.files import difference, unfit, write, written
from mng.roles.play import Play


def line(on: Play, path: str, text: str, match: str = "", present: bool = True) -> bool:
    """A line of a file. With `match` (a regular expression) it takes the place of the last line that matches."""
    if "\n" in text:
        raise MngError(f"line of {path}: the text has several lines", "take ops.block")

    def change(lines: list[str]) -> list[str]:
        hits = [at for at, one in enumerate(lines) if (re.search(match, one) if match else one == text)]
        if not present:
            return [one for at, one in enumerate(lines) if at not in hits]
        if hits:
            return [*lines[: hits[-1]], text, *lines[hits[-1] + 1 :]]
        return lines if text in lines else [*lines, text]

    begins = (match or text).partition("=")[0]  # what comes after may be a secret
    what = f"line {'' if present else 'not '}in {path}: {begins}"
    return edit(on, what, path, lambda old: by_line(old, change))


def block(on: Play, path: str, text: str, name: str = "mng", mark: str = "#") -> bool:
    """Lines between `# BEGIN name` and `# END name`; without text, neither they nor the marks."""
    begin, end = f"{mark} BEGIN {name}", f"{mark} END {name}"

    def change(lines: list[str]) -> list[str]:
        new = [begin, *text.splitlines(), end] if text else []
        if begin not in lines:
            return [*lines, *new]
        first = lines.index(begin)
        if end not in lines[first:]:
            raise MngError(f"{path} has a line {begin!r}, but no {end!r} after it", "mend the file")
        return [*lines[:first], *new, *lines[lines.index(end, first) + 1 :]]

    return edit(on, f"block {name} in {path}", path, lambda old: by_line(old, change))


def text_at(on: Play, path: str, text: str, *, end: bool) -> bool:
    """The file with this text at its end, or else at its beginning; made when there is none."""
    new = text.encode() + (b"" if text.endswith("\n") else b"\n")

    def change(old: bytes) -> bytes:
        glue = b"\n" if end and old and not old.endswith(b"\n") else b""
        if old.endswith(new) if end else old.startswith(new):
            return old
        return old + glue + new if end else new + old

    return edit(on, f"{'end' if end else 'beginning'} of {path}", path, change)


def json_keys(on: Play, path: str, keys: dict[str, Any], mode: int = 0o600) -> bool:
    """A JSON file with at least these keys (nested ones merged); what else is in it stays."""

    def change(data: bytes) -> bytes:
        try:
            old = json.loads(data) if data.strip() else {}
        except ValueError as error:
            raise MngError(f"{path} is not valid JSON: {error}", "mend or remove it, then try again") from None
        new = merged(old, keys)
        return data if new == old and data else json.dumps(new, indent=2, ensure_ascii=False).encode() + b"\n"

    return edit(on, f"keys of {path}", path, change, mode, lock=f"{on.look(path).path}.mng-lock")


def merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def edit(on: Play, what: str, path: str, change: Callable[[bytes], bytes], mode: int = 0o644, lock: str = "") -> bool:
    """The file as `change` makes it of its content, which is read once more under a lock before it is written."""
    seen = on.look(path)
    old = seen.data or b""
    new, whole = change(old), seen.mode if seen.kind else mode

    def mend() -> None:
        with on.host.runner.lock(lock or f"{on.host.dir}/edit.lock", timeout=10):
            fresh = on.facts.anew(on.path(path))
            if fresh.big:
                raise MngError(f"{seen.path} is too big to be changed by parts")
            write(on, fresh, change(fresh.data or b""), whole)

    return on.op(
        what,
        old == new,
        mend,
        after=written(on, path, seen, new, whole),
        diff=lambda: difference(seen, new, whole),
        wrong=MngError(f"{seen.path} is too big to be changed by parts") if seen.big else unfit(seen),
    )


def by_line(old: bytes, change: Callable[[list[str]], list[str]]) -> bytes:
    """Any content comes back byte for byte; a last line without its newline gets one when lines change."""
    text = old.decode(errors="surrogateescape")
    lines = text.removesuffix("\n").split("\n") if text else []
    new = change(lines)
    return old if new == lines else "".join(f"{one}\n" for one in new).encode(errors="surrogateescape")
