"""Handlers: what a change makes necessary, once, at the end. Noted on the host before the change, so that a kill loses none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mng import output
from mng.errors import MngError
from mng.host import Host
from mng.roles.facts import Facts
from mng.runner import File
from mng.shell import cmd

if TYPE_CHECKING:
    from mng.roles.role import Role


class Entry(NamedTuple):
    """A handler to be done, and how it is written down."""

    role: str
    handler: Role
    line: str


class Handlers:
    """Those of one host: `known` by what they are written down as, `due` to be done, `noted` on the host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.path = f"{host.dir}/handlers.jsonl"
        self.known: dict[str, Entry] = {}
        self.due: dict[str, Entry] = {}
        self.over: set[str] = set()
        self.noted: set[str] = set()

    def know(self, role: str, handler: Role) -> Entry:
        try:
            line = json.dumps({"role": role, "handler": handler.name, "options": handler.options}, sort_keys=True)
        except TypeError:
            raise MngError(f"role {role}: the options of handler {handler.name} can't be written down") from None
        return self.known.setdefault(line, Entry(role, handler, line))

    def add(self, role: str, handler: Role, keep: bool) -> None:
        """To be done at the end; with `keep`, written down first."""
        entry = self.know(role, handler)
        if entry.line in self.over:
            return
        if keep and entry.line not in self.noted:
            self.write(lambda lines: [*lines, entry.line])
            self.noted.add(entry.line)
        self.due[entry.line] = entry

    def next(self) -> Entry | None:
        """Each comes once."""
        line = next(iter(self.due), None)
        if line is None:
            return None
        self.over.add(line)
        return self.due.pop(line)

    def done(self, entry: Entry) -> None:
        if entry.line in self.noted:
            self.write(lambda lines: [line for line in lines if line != entry.line])
            self.noted.discard(entry.line)

    def note(self, facts: Facts) -> None:
        facts.note(self.path)

    def left(self, facts: Facts, earlier: bool) -> None:
        """Those that an earlier run did not come to: of roles done now, and (`earlier`, here) of any that can be found.

        What lies on a host elsewhere chooses no role, option or file of this machine: it is only told of.
        """
        for line in (facts.seen(self.path).data or b"").decode(errors="replace").splitlines():
            if line in self.noted:
                continue
            if entry := self.known.get(line) or (self.find(line) if earlier else None):
                self.noted.add(line)
                self.due.setdefault(line, entry)

    def find(self, line: str) -> Entry | None:
        from mng.roles import finding

        if not self.host.local:
            output.warn(f"{self.host.name}: a handler of an earlier run is still to be done, by its role: {line[:300]}")
            return None
        try:
            written = json.loads(line)
            role, name, options = written["role"], written["handler"], written["options"]
            return Entry(role, finding.handler(role, name)(**options), line)
        except (ValueError, KeyError, TypeError, MngError) as error:
            output.warn(f"{self.host.name}: a handler of an earlier run is still to be done: {line} ({error})")
            return None

    def write(self, change: Callable[[list[str]], list[str]]) -> None:
        runner = self.host.runner
        with runner.lock(f"{self.path}.lock", timeout=10):
            old = runner.get([self.path]).get(self.path, b"").decode(errors="replace").splitlines()
            new = list(dict.fromkeys(change(old)))
            if new:
                runner.put({self.path: File("".join(f"{line}\n" for line in new).encode())})
            elif old:
                runner.run(cmd("rm", "-f", "--", self.path))
