"""Inventories that are programs: run when hosts are asked for, with a deadline, and what they said last is kept."""

from __future__ import annotations

import contextlib
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

from mng import trust
from mng.errors import MngError
from mng.inventory.hosts import Hosts, Vars
from mng.runner import LocalRunner
from mng.shell import cmd

DEADLINE = 60.0


class Scripts:
    """`run=False`: nothing is run, and what a program said the last time holds."""

    def __init__(self, cache: Path, run: bool = True) -> None:
        self.cache, self.run = cache, run

    def is_one(self, file: Path) -> bool:
        """Executable, and not by accident: a text that begins with `#!`, or no text."""
        if not os.access(file, os.X_OK):
            return False
        with file.open("rb") as data:
            start = data.read(4)
        return start[:2] == b"#!" or start == b"\x7fELF"

    def read(self, file: Path, hosts: Hosts) -> None:
        """Groups and hosts; of hosts whose variables did not come along, these are asked for when they are needed."""
        data = self.answer(file, "--list")
        if data is None:
            return
        if not isinstance(data, dict):
            raise MngError(f"{file} --list: prints no groups, but {str(data)[:60]}")
        meta = data.pop("_meta", None)
        known = meta.get("hostvars") if isinstance(meta, dict) else None
        mine: dict[str, None] = {}
        for name, group in data.items():
            mine |= dict.fromkeys(add_group(file, name, group, hosts))
        if isinstance(known, dict):
            for host in mine:
                hosts.vars[host] |= known.get(host) or {}
            return
        asked: dict[str, Vars] = {}

        def more(kind: str, name: str) -> Vars:
            if kind != "host" or name not in mine:
                return {}
            if name not in asked:
                asked[name] = self.answer(file, "--host", name) or {}
            return asked[name]

        hosts.more.append(more)

    def answer(self, file: Path, *words: str) -> Any:
        """What it prints, as data; None if it may not run and never did."""
        kept = self.cache / f"{zlib.crc32(' '.join([str(file), *words]).encode()):08x}.json"
        if not self.run:
            try:
                return json.loads(kept.read_bytes())
            except (OSError, ValueError):
                return None
        trust.data(file)  # is still what is trusted
        line = cmd(str(file.absolute()), *words)
        done = LocalRunner().run(line, check=False, timeout=DEADLINE)
        if done.code:
            raise MngError(f"{line.shown}: ended with {done.code}: {done.complaint}")
        try:
            data = json.loads(done.out or b"{}")
        except ValueError as error:
            raise MngError(f"{line.shown}: prints no JSON: {error}") from None
        with contextlib.suppress(OSError):
            self.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = kept.with_suffix(f".{os.getpid()}")
            new.touch(0o600)
            new.write_text(json.dumps(harmless(data)))
            new.replace(kept)
        return data


def harmless(data: Any) -> Any:
    """Without variables that may be secrets: of all, only how hosts are reached is kept."""
    if isinstance(data, dict):
        return {
            key: harmless(value)
            for key, value in data.items()
            if isinstance(value, dict | list) or (key.startswith("ansible_") and not re.search("pass|secret|token", key))
        }
    return data


def add_group(file: Path, name: str, data: Any, hosts: Hosts) -> list[str]:
    """The names of its hosts. A list is its hosts, and a table of none of the usual words a host and its variables."""
    if isinstance(data, list):
        data = {"hosts": data}
    elif not isinstance(data, dict):
        raise MngError(f"{file} --list: the group {name} is neither a list nor a table")
    elif not data.keys() & {"hosts", "vars", "children"}:
        data = {"hosts": [name], "vars": data}
    hosts.group(name)
    mine = [str(host) for host in data.get("hosts") or []]
    for host in mine:
        hosts.vars.setdefault(host, {})
        hosts.group(name).hosts[host] = None
    hosts.give(name, data.get("vars") or {})
    for child in data.get("children") or []:
        hosts.join(name, str(child))
    return mine
