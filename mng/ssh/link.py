"""Connections to one host: made under its limits, shared by all that this process does there, their errors translated."""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mng import output
from mng.errors import MngError, Unreachable
from mng.ssh.keys import UnknownHost, strategy, trust
from mng.ssh.target import Target, Way, resolve

if TYPE_CHECKING:
    import paramiko

CONNECT = 5.0  # seconds that a host may take to let us in
AGAIN = 30.0  # seconds in which a host that is there but turns us away is asked again: MaxStartups
SESSIONS = 10  # OpenSSH's MaxSessions, until a host says that its is lower
HOPS = 4  # connects at once through one place: its MaxStartups counts for all behind it
hops: dict[str, threading.Semaphore] = {}


class Lost(Unreachable):
    """The connection ended while something was under way."""


class TurnedAway(Unreachable):
    """Somebody is there, but has no room for us now: MaxStartups, a restart."""


@dataclass
class Link:
    """One connection, and the sessions open on it."""

    client: paramiko.SSHClient
    transport: paramiko.Transport
    limit: int = SESSIONS
    open: int = 0
    locks: int = 0  # sessions that only hold a lock, and so may stay for long
    tunnel: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return bool(self.transport.is_active())

    def close(self) -> None:
        self.client.close()
        if self.tunnel:
            tunnel_said(self.tunnel)


@dataclass
class Links:
    """The connections to one host: one, unless locks would leave no room for what is done under them."""

    target: Target
    allow_unknown: bool = False
    patience: float = AGAIN
    links: list[Link] = field(default_factory=list)
    turn: threading.Condition = field(default_factory=threading.Condition)
    connecting: bool = False
    opened: int = 0  # connections ever made: for tests and for -v

    @contextlib.contextmanager
    def session(self, deadline: float, *, lock: bool = False) -> Iterator[tuple[Link, paramiko.Channel]]:
        """A session of its own, by `deadline` (time.monotonic); Unreachable says why there is none."""
        link, channel = self.take(deadline, lock)
        try:
            yield link, channel
        finally:
            channel.close()
            with self.turn:
                link.open -= 1
                link.locks -= lock
                self.turn.notify_all()

    def take(self, deadline: float, lock: bool) -> tuple[Link, paramiko.Channel]:
        import paramiko

        refused = 0
        while True:
            link = self.room(deadline, lock)
            try:
                return link, link.transport.open_session(timeout=max(deadline - time.monotonic(), 0.1))
            except (paramiko.SSHException, EOFError, OSError) as error:
                with self.turn:
                    link.open -= 1
                    link.locks -= lock
                    if link.alive:  # paramiko tells only one of several refusals at once from other errors
                        link.limit = max(min(link.limit, link.open), 1)
                    elif link in self.links:
                        self.links.remove(link)
                    self.turn.notify_all()
                    others = link.open
                refused += 1
                if time.monotonic() > deadline or (refused > 20 and not others):
                    raise Unreachable(f"{self.target}: no session on it: {said(error)}", "its MaxSessions?") from None
                if not others:  # one that ended a moment ago may still be counted there
                    time.sleep(0.05)

    def room(self, deadline: float, lock: bool) -> Link:
        """A connection with room for one more session, counted as taken."""
        with self.turn:
            while True:
                self.links = [link for link in self.links if link.alive]
                for link in self.links:
                    if link.open < link.limit and (not lock or link.locks + 1 < link.limit):
                        link.open += 1
                        link.locks += lock
                        return link
                full = all(link.locks + lock >= link.limit for link in self.links)  # waiting would be for ever
                if full and not self.connecting:
                    self.connecting = True
                    break
                if not self.turn.wait(max(deadline - time.monotonic(), 0)) and time.monotonic() >= deadline:
                    raise Unreachable(f"{self.target}: no session free on it in time")
        made: list[Link] = []
        try:
            made = [connect(self.target, deadline, self.allow_unknown, self.patience)]
            made[0].open, made[0].locks = 1, int(lock)
            return made[0]
        finally:
            with self.turn:
                self.connecting = False
                self.opened += len(made)
                self.links += made
                self.turn.notify_all()

    def forget(self) -> None:
        """In a process that was forked: the connections belong to the other one."""
        for link in self.links:
            link.transport.sock.close()
        self.links, self.turn, self.connecting = [], threading.Condition(), False

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.links = []


def connect(target: Target, deadline: float, allow_unknown: bool, patience: float) -> Link:
    """Asked again while the host has no room; Unreachable when it does not answer, or does not want us."""
    began, way = time.monotonic(), resolve(target)
    pause = 0.05
    with hops.setdefault(way.first, threading.Semaphore(HOPS)):
        while True:
            try:
                return attempt(target, way, min(deadline, time.monotonic() + CONNECT), allow_unknown)
            except TurnedAway:
                if time.monotonic() + pause > min(began + patience, deadline):
                    raise
            time.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 1.6, 1.0)


def attempt(target: Target, way: Way, deadline: float, allow_unknown: bool) -> Link:
    import logging

    import fabric
    import paramiko

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it would print tracebacks of what is translated here
    began, tunnel, connection = time.monotonic(), None, None
    left = max(deadline - began, 0.1)
    try:
        if way.proxy:
            sock, tunnel = through(way.proxy)
        else:
            sock = socket.create_connection((way.host, way.port), left)
            keep(sock)
        how = {"sock": sock, "banner_timeout": left, "auth_timeout": left, "auth_strategy": strategy(way), "timeout": left}
        connection = fabric.Connection(way.host, way.user, way.port, config=plain_config(), connect_kwargs=how)
        trust(connection.client, target, way, allow_unknown)
        connection.open()
        transport = connection.transport
        transport.set_keepalive(10)
        output.ran(f"connect to {target}", time.monotonic() - began, 0)
        return Link(connection.client, transport, tunnel=tunnel)
    except BaseException as error:
        alive = connection is not None and (now := connection.client.get_transport()) is not None and now.is_active()
        if connection is not None:
            connection.client.close()
        if not isinstance(error, paramiko.SSHException | OSError | EOFError):
            raise
        raise translated(error, target, way, alive, tunnel_said(tunnel)) from None


def plain_config() -> Any:
    """ssh has told us its settings: Fabric needs to read none."""
    import fabric
    from paramiko import SSHConfig

    return fabric.Config(lazy=True, ssh_config=SSHConfig())


def keep(sock: socket.socket) -> None:
    """A connection on which nothing arrives any more ends, instead of hanging for minutes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)


def through(words: list[str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A program's input and output as a socket: ProxyCommand, ProxyJump."""
    ours, theirs = socket.socketpair()
    with theirs:
        tunnel = subprocess.Popen(
            words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE, start_new_session=True
        )
    assert tunnel.stderr
    os.set_blocking(tunnel.stderr.fileno(), False)
    return ours, tunnel


def tunnel_said(tunnel: subprocess.Popen[bytes] | None) -> str:
    """The last that a proxy program wrote, which is ended."""
    if not tunnel or not tunnel.stderr:
        return ""
    with contextlib.suppress(subprocess.TimeoutExpired):
        tunnel.wait(0.2)
    tunnel.kill()
    tunnel.wait()
    lines = (tunnel.stderr.read() or b"").decode(errors="replace").strip().splitlines()
    tunnel.stderr.close()
    return lines[-1].strip() if lines else ""


def translated(error: BaseException, target: Target, way: Way, alive: bool, proxy: str) -> MngError:
    """What of paramiko's and the system's errors a user can act on."""
    import paramiko

    where = f"{target}" if str(target) in (way.host, f"{way.host}:{way.port}") else f"{target} ({way.host}:{way.port})"
    by = f", by way of {way.first}" if way.proxy else ""
    if isinstance(error, UnknownHost):
        return error
    if isinstance(error, paramiko.BadHostKeyException):
        return UnknownHost(
            f"{where}: its host key has CHANGED: it shows {error.key.get_name()} {error.key.fingerprint}",
            "somebody may be in between; if the host was made anew: ssh-keygen -R " + way.names[0],
        )
    if isinstance(error, paramiko.AuthenticationException) and alive:
        tried = ", ".join(str(path) for path in way.keys if path.is_file()) or "no key file"
        return Unreachable(
            f"{where}: user {way.user} is not let in (tried {'the agent, ' if way.agent else ''}{tried})",
            f"it must work without a password: ssh -o BatchMode=yes {' '.join(target.words)} true; "
            "a key with a passphrase must be in the agent: ssh-add",
        )
    if isinstance(error, socket.gaierror):
        return Unreachable(f"{where}: no such address: {error.strerror}")
    late = ("timed out", "timeout", "no existing session")  # the last: what paramiko says of a banner that never came
    if isinstance(error, TimeoutError) or any(words in str(error).lower() for words in late):
        return Unreachable(f"{where}: no answer in time{by}" + (f": {proxy}" if proxy else ""))
    if isinstance(error, OSError) and not isinstance(error, ConnectionResetError | BrokenPipeError):
        return Unreachable(f"{where}: {error.strerror or error}{by}")
    if "banner" in str(error) or isinstance(error, OSError | EOFError) or not alive:
        again = not proxy or re.search("closed by|reset by|banner|kex_exchange", proxy)
        kind = TurnedAway if again else Unreachable
        why = f": {proxy}" if proxy else ""
        return kind(f"{where}: it closed the connection at once{by}{why}", "" if proxy else "its MaxStartups?")
    return Unreachable(f"{where}: {said(error)}{by}")


def said(error: BaseException) -> str:
    """Of an error that paramiko made: its words, without its numbers."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
