"""All that a host pattern can mean: providers' hosts, those of inventory files, and the groups of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from mng import output
from mng.errors import MngError, NotFound
from mng.host import Host
from mng.inventory import patterns
from mng.inventory.hosts import Hosts
from mng.names import near


class Selection:
    """`every`: what providers list. `named` finds a host by its name, also one that nobody lists."""

    def __init__(
        self, every: list[Host], written: Hosts, named: Callable[[str], Host | None], unsure: Container[str] = ()
    ) -> None:
        """`unsure`: providers that don't know the states of their hosts."""
        self.written, self.named, self.unsure = written, named, unsure
        self.every = [host for host in every if not host.local]  # this machine only by its name, as Ansible's localhost
        self.strays: dict[str, Host] = {}
        self.unknown: list[str] = []  # what is said of terms that mean nothing

    @cached_property
    def listed(self) -> dict[str, list[Host]]:
        found: dict[str, list[Host]] = {}
        for host in self.every:
            found.setdefault(host.name, []).append(host)
        return found

    @cached_property
    def names(self) -> patterns.Names:
        """Groups are those of the files, and provider_NAME, tag_KEY_VALUE and state_STATE."""
        written = self.written.names
        groups: dict[str, dict[str, None]] = {name: dict.fromkeys(hosts) for name, hosts in written.groups.items()}
        groups["all"] = dict.fromkeys([*self.listed, *groups["all"]])
        for host in self.every:
            kinds = [f"provider_{host.provider}", *(f"tag_{key}_{value}" for key, value in host.tags.items())]
            kinds += [f"state_{host.state.lower()}"] if host.provider not in self.unsure else []
            for kind in kinds:
                groups.setdefault(word(kind), {})[host.name] = None
        for name in written.hosts:
            groups.setdefault("provider_ssh", {})[name] = None
            for key, value in (self.written.vars[name].get("mng_tags") or {}).items():
                groups.setdefault(word(f"tag_{key}_{value}"), {})[name] = None
        return patterns.Names(list(groups["all"]), {name: list(hosts) for name, hosts in groups.items()})

    def hosts(self, pattern: Iterable[str], limit: str = "", file: Callable[[str], Path] = Path) -> list[Host]:
        """What they mean, in their order; NotFound if that is none."""
        found = {host.id: host for name in self.chosen(pattern, limit, file) for host in self.of(name)}
        return list(found.values())

    def chosen(self, pattern: Iterable[str], limit: str = "", file: Callable[[str], Path] = Path) -> list[str]:
        """Their names."""
        pattern = list(pattern)
        terms = [term for one in pattern for term in patterns.split(one)]
        chosen = patterns.select(terms, self.names, self.stray)
        if limit:
            kept = set(patterns.select(patterns.limits(limit, file), self.names, self.stray))
            chosen = [name for name in chosen if name in kept]
        if not chosen:
            raise self.nothing([*pattern, *([f"--limit {limit}"] if limit else [])], terms)
        for text in self.unknown:
            output.warn(text)
        self.unknown = []
        return chosen

    def facts(self, name: str) -> list[dict[str, Any]]:
        """What is known of the hosts of that name without going there."""
        if name in self.written.vars and name not in self.listed:
            try:
                fixed = self.written.fixed(name)
            except MngError as error:
                return [{"name": name, "provider": "ssh", "state": "", "problem": str(error)}]
            if not fixed.here:
                address = address_of(fixed.address, fixed.port, fixed.user)
                return [{"name": name, "provider": "ssh", "state": "", "address": address, "tags": dict(fixed.tags)}]
        facts = []
        for host in self.of(name):
            target = getattr(host.runner, "target", None)
            address = address_of(target.address, target.port, target.user) if target else ""
            state = "" if host.provider in self.unsure else host.state
            facts.append({"name": name, "provider": host.provider, "state": state, "address": address, "tags": host.tags})
        return facts

    def of(self, name: str) -> list[Host]:
        if name in self.strays:
            return [self.strays[name]]
        if name in self.listed:
            return self.listed[name]
        host = self.named(name)
        return [host] if host else []

    def stray(self, term: str) -> list[str]:
        """A term that neither a host nor a group has: an id, this machine, an alias of ssh_config, an address."""
        host = next((host for host in self.every if host.id == term), None)
        if term in patterns.HERE:
            here = next((name for name in patterns.HERE if name in self.written.vars), None)
            if here:
                return [here]
        if not re.search(r"[*?\[]|^~", term):
            host = host or self.named(term.removeprefix("@"))
        if not host:
            close = near(term, [*self.names.hosts, *self.names.groups])
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            hint = "; a pattern has commas or colons, not both" if re.search(":[!&]", term) else hint
            self.unknown.append(f"no host or group {term}{hint}")
            return []
        self.strays[host.name] = host
        return [host.name]

    def nothing(self, said: list[str], terms: list[str]) -> NotFound:
        groups = (name for name, hosts in self.names.groups.items() if hosts)
        known = list(dict.fromkeys([*self.names.hosts, *groups, "local"]))
        close = near(terms[0].lstrip("!&~"), known) if terms else []
        mixed = any(re.search(":[!&]", term) for term in terms)
        hint = "a pattern has commas or colons, not both" if mixed else f"there is: {', '.join(close or known[:8])}"
        return NotFound(f"no host matches {' '.join(said)}", hint)


def word(kind: str) -> str:
    """As the name of a group: what pattern signs could be taken for is `_`."""
    return re.sub(r"\W", "_", kind)


def address_of(address: str, port: int, user: str) -> str:
    """`user@address:port`, as far as they are given."""
    whole = f"[{address}]" if ":" in address and port else address
    return (f"{user}@" if user else "") + whole + (f":{port}" if port else "")
