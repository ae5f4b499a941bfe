"""`fab -H PATTERN`: hosts of our inventory for Fabric, by `tasks.executor_class: mng.cli.fab.Executor` in fabric.yaml."""

from __future__ import annotations

import functools
import getpass
import shlex
from collections.abc import Iterable
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from mng import output
from mng.errors import UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory

hosts: dict[tuple[str, str, int], Host] = {}  # by address, user and port: what a connection of Fabric knows of itself


def __getattr__(name: str) -> Any:
    if name == "Executor":  # Fabric's own is imported only where fab is at work already
        return executor()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def executor() -> type:
    from fabric.executor import Executor

    class OnHosts(Executor):  # type: ignore[misc]
        def normalize_hosts(self, given: Iterable[str | dict[str, Any]] | None) -> list[dict[str, Any]]:
            """Words are parts of a pattern that fab has split at commas; the rest is for Fabric."""
            words = [one for one in given or [] if isinstance(one, str)]
            found = [connection(host) for host in Inventory().hosts(",".join(words))] if words else []
            return [*found, *(one for one in given or [] if isinstance(one, dict))]

    return OnHosts


def connection(host: Host) -> dict[str, Any]:
    """What Fabric needs to reach it, as `ssh -G` has it."""
    target = getattr(host.runner, "target", None)
    if target is None:
        hosts["localhost", getpass.getuser(), 22] = host
        return {"host": "localhost", "user": getpass.getuser(), "port": 22}
    from mng.ssh.target import resolve

    way = resolve(target)
    hosts[way.host, way.user, way.port] = host
    there: dict[str, Any] = {"host": way.host, "user": way.user, "port": way.port}
    keys = [str(key) for key in way.keys if key.exists()]
    there["connect_kwargs"] = {"key_filename": keys} if keys else {}
    return {**there, "gateway": shlex.join(way.proxy)} if way.proxy else there


def host_of(c: Context) -> Host:
    """The host that a task is at work on, with all that ours can do."""
    key = (getattr(c, "host", ""), getattr(c, "user", ""), getattr(c, "port", 0))
    if key not in hosts:
        raise UsageError("on which hosts?", "fab -H PATTERN, with executor_class: mng.cli.fab.Executor in fabric.yaml")
    return hosts[key]


@task(positional=["name"], help={"name": "its name, and options: NAME:key=value,key=value", "check": "change nothing"})
def role(c: Context, name: str, check: bool = False) -> None:
    """Do a role to the hosts of -H"""
    from mng import hooks, settings
    from mng.roles import finding
    from mng.roles.play import provision

    hooks.use(settings.load())

    output.write(f"{provision(host_of(c), [finding.given(name)], check=check)}\n")
