"""What inventory files say: hosts, groups in groups, variables of both; and how each host is reached."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mng.errors import NotAvailable, UsageError
from mng.inventory.addresses import expanded
from mng.inventory.patterns import Names

Vars = dict[str, Any]
SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh")
LOCAL = ("local", "ansible.builtin.local")


class Fixed(NamedTuple):
    """A host that somebody wrote down; what is left empty is as ~/.ssh/config has it."""

    name: str
    address: str
    port: int = 0
    user: str = ""
    key: str = ""
    options: tuple[str, ...] = ()  # further words for ssh
    tags: Mapping[str, str] = {}
    here: bool = False  # it is this machine


@dataclass
class Group:
    """`hosts` and `children` are its own, in order."""

    name: str
    vars: Vars = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    priority: int = 1


class Hosts:
    """Filled by readers of files, then used after `finish()`."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.vars: dict[str, Vars] = {}  # of each host its own
        self.more: list[Callable[[str, str], Vars]] = []  # variables from elsewhere: of ("host" or "group", its name)
        self.join("all", "ungrouped")

    # --- for readers

    def group(self, name: str) -> Group:
        """The one of that name, made if it is new."""
        return self.groups.setdefault(name, Group(name))

    def join(self, parent: str, child: str) -> None:
        """Put a group into another."""
        above, below = self.group(parent), self.group(child)
        if parent == child or any(name == child for name in self.ancestors(parent)):
            raise UsageError(f"the group {child} can't be in {parent}, which is in it")
        above.children[child] = None
        below.parents[parent] = None

    def add(self, pattern: str, group: str, variables: Vars | None = None) -> None:
        """A host into a group, or all of a range (`web[1:9]`), perhaps with a port (`web:2222`)."""
        names, port = expanded(pattern)
        for name in names:
            if name not in self.vars:
                self.vars[name] = {"ansible_port": port} if port else {}
            self.group(group).hosts[name] = None
            self.vars[name] |= variables or {}

    def give(self, group: str, variables: Vars) -> None:
        """Variables to a group."""
        for key, value in variables.items():
            if key == "ansible_group_priority":
                self.group(group).priority = int(value)
            else:
                self.group(group).vars[key] = value

    def finish(self) -> None:
        """What is in no group is in `ungrouped`, and nothing else; every group is in `all`."""
        for name, group in self.groups.items():
            if name != "all" and not group.parents:
                self.join("all", name)
        ungrouped = self.groups["ungrouped"]
        grouped = {host for group in self.groups.values() if group.name not in ("all", "ungrouped") for host in group.hosts}
        kept = [host for host in ungrouped.hosts if host not in grouped]
        ungrouped.hosts = dict.fromkeys([*kept, *(host for host in self.vars if host not in grouped)])

    # --- for users

    @property
    def names(self) -> Names:
        return Names(list(self.vars), {name: self.members(name) for name in self.groups})

    def members(self, group: str) -> list[str]:
        """Its hosts and those of all below it, the nearest first."""
        hosts: dict[str, None] = {}
        for name in self.walk(group, lambda one: one.children):
            hosts |= self.groups[name].hosts
        return list(hosts)

    def ancestors(self, group: str) -> Iterator[str]:
        names = self.walk(group, lambda one: one.parents)
        next(names)
        return names

    def walk(self, group: str, way: Callable[[Group], dict[str, None]]) -> Iterator[str]:
        """It and all that lie that way, level by level."""
        level, seen = {group: None}, {group}
        while level:
            yield from level
            level = {name: None for above in level for name in way(self.groups[above]) if name not in seen}
            seen |= level.keys()

    def depth(self, group: str) -> int:
        """Steps to `all`, on the longest way."""
        return max((self.depth(parent) + 1 for parent in self.groups[group].parents), default=0)

    def groups_of(self, host: str) -> list[Group]:
        """Those that it is in, directly or not: `all` first, the deeper the later."""
        inside = {
            name
            for group in self.groups.values()
            if host in group.hosts
            for name in self.walk(group.name, lambda one: one.parents)
        }
        return sorted(
            (self.groups[name] for name in inside | {"all"}), key=lambda one: (self.depth(one.name), one.priority, one.name)
        )

    def variables(self, host: str) -> Vars:
        """All that hold for it: of groups < group_vars/ < its own < host_vars/."""
        groups = self.groups_of(host)
        found: Vars = {}
        for group in groups:
            found |= group.vars
        for group in groups:
            for more in self.more:
                found |= more("group", group.name)
        found |= self.vars[host]
        for more in self.more:
            found |= more("host", host)
        return found

    def fixed(self, host: str) -> Fixed:
        """How it is reached; NotAvailable for what is reached in ways that are not ours (winrm)."""
        values = Filled(host, self.variables(host))
        way = values.text("ansible_connection") or "ssh"
        if way in LOCAL:
            return Fixed(host, "", here=True)
        if way not in SSH:
            raise NotAvailable(
                f"{host} is reached by {way} (ansible_connection), which mng can't", f"leave it out: '...:!{host}'"
            )
        port = values.text("ansible_port", "ansible_ssh_port")
        if port and not port.isdigit():
            raise UsageError(f"{host}: ansible_port is {port!r}, which is no number")
        words = [values.text(f"ansible_ssh_{which}_args") for which in ("common", "extra")]
        key = values.text("ansible_private_key_file", "ansible_ssh_private_key_file")
        return Fixed(
            host, values.text("ansible_host", "ansible_ssh_host") or host, int(port or 0),
            values.text("ansible_user", "ansible_ssh_user"), str(Path(key).expanduser()) if key else "",
            tuple(word for line in words for word in shlex.split(line)),
            {str(key): str(value) for key, value in (values.given.get("mng_tags") or {}).items()},
        )  # fmt: skip


class Filled:
    """Variables of one host as text, with `{{ name }}` in them filled in."""

    def __init__(self, host: str, given: Vars) -> None:
        self.host, self.given = host, given
        self.own = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0]}

    def text(self, *keys: str) -> str:
        """The first that is set; "" if none is."""
        value = next((self.given[key] for key in keys if self.given.get(key) not in (None, "")), "")
        return self.filled(str(value), keys[0])

    def filled(self, text: str, key: str, depth: int = 0) -> str:
        def put(found: re.Match[str]) -> str:
            value = self.own.get(found[1], self.given.get(found[1]))
            if value is None or depth > 9:
                raise UsageError(f"{self.host}: {key} is {text!r}, and {found[1]} is not known")
            return self.filled(str(value), key, depth + 1)

        done = re.sub(r"\{\{\s*(\w+)\s*\}\}", put, text)
        if "{{" in done or "{%" in done:
            raise UsageError(f"{self.host}: {key} is {text!r}: mng fills in plain names only", "write the value itself")
        return done
