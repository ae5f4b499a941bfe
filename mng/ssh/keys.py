"""Which key a host must show, and which ones we show it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mng.errors import Unreachable
from mng.ssh.target import Target, Way

if TYPE_CHECKING:
    import paramiko


class UnknownHost(Unreachable):
    """The host's key is none that we know: nothing was sent to it."""


def known(way: Way) -> list[tuple[str, str, str]]:
    """(marker, type, key) of all that known_hosts files have of the host; of the plain name only where `[name]:port` has none."""
    lines = [line.split() for file in way.known for line in text_of(file).splitlines() if line[:1] not in ("#", "")]
    marked = [words if words and words[0].startswith("@") else ["", *words] for words in lines]
    entries = [words for words in marked if len(words) > 3]
    by_name = ([(marker, kind, key) for marker, field, kind, key, *_ in entries if named(field, name)] for name in way.names)
    return next((found for found in by_name if found), [])


def text_of(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def named(field: str, name: str) -> bool:
    """Whether the first field of a line of known_hosts means the name: hashed, or patterns with * ? and !"""
    if field.startswith("|1|"):
        salt, _, digest = field.removeprefix("|1|").partition("|")
        try:
            return hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest() == base64.b64decode(digest)
        except ValueError:
            return False
    patterns = [pattern.replace("[", "[[]") for pattern in field.lower().split(",")]
    hits = [pattern for pattern in patterns if fnmatch(name.lower(), pattern.removeprefix("!"))]
    return bool(hits) and not any(pattern.startswith("!") for pattern in hits)


def trust(client: paramiko.SSHClient, target: Target, way: Way, allow: bool) -> None:
    """The client takes the known keys alone; others as StrictHostKeyChecking or --allow-unknown-host say."""
    import paramiko

    lines = known(way)
    revoked = {key for marker, _, key in lines if marker == "@revoked"}
    name = way.host if way.port == 22 else f"[{way.host}]:{way.port}"  # as paramiko will look it up
    for marker, kind, key in lines:
        if not marker and key not in revoked:
            with contextlib.suppress(ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey):
                entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {kind} {key}")
                if entry and entry.key:
                    client.get_host_keys().add(name, kind, entry.key)

    class Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            if key.get_base64() not in revoked:
                if way.strict == "no":
                    return
                if way.strict == "accept-new" or allow:
                    pin(way, key)
                    return
            digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
            signed = "; it may be signed by an authority, which mng can't check" if any(m for m, *_ in lines) else ""
            raise UnknownHost(
                f"{target}: its host key is not known: {key.get_name()} SHA256:{digest}{signed}",
                f"compare it, then: ssh {' '.join(target.words)} (answer yes), or give --allow-unknown-host",
            )

    client.set_missing_host_key_policy(Policy())


def pin(way: Way, key: paramiko.PKey) -> None:
    """As ssh does it: a line in the first of the user's known_hosts files."""
    if not way.known:
        return
    file = way.known[0]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(f"{way.names[0]} {key.get_name()} {key.get_base64()}\n")


def strategy(way: Way) -> Any:
    """The keys in the order of OpenSSH: those of the agent that are named, its others, those in files."""
    from paramiko import PKey
    from paramiko.auth_strategy import AuthStrategy, InMemoryPrivateKey, NoneAuth

    class Ours(AuthStrategy):  # type: ignore[misc]
        locked: list[Path] = []  # keys that want a passphrase

        def get_sources(self) -> Iterator[Any]:
            held = agent_keys(way.agent)
            files = [path for path in way.keys if path.is_file()]
            wanted = {body for path in way.keys if (body := public(path))}
            first = [key for key in held if key.get_base64() in wanted]
            rest = [] if way.only else [key for key in held if key.get_base64() not in wanted]
            for key in [*first, *rest]:
                yield InMemoryPrivateKey(way.user, key)
            sent = {key.get_base64() for key in [*first, *rest]}
            for path in files:
                if public(path) in sent:
                    continue
                try:
                    key = PKey.from_path(path)
                except Exception as error:  # paramiko raises of many kinds here
                    self.locked = [*self.locked, path]
                    self.log.debug(f"{path}: {error}")
                    continue
                for certificate in way.certificates:  # the one beside a key is there already
                    if certificate.is_file() and certificate.name.startswith(path.name):
                        key.load_certificate(str(certificate))
                yield InMemoryPrivateKey(way.user, key)
            yield NoneAuth(way.user)

    return Ours(ssh_config=None)


def public(path: Path) -> str:
    """The public half, of a key's .pub file or a .pub itself; "" if that can't be told."""
    beside = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    words = text_of(beside).split()
    return words[1] if len(words) > 1 else ""


def agent_keys(path: str) -> list[Any]:
    """What the agent at that socket holds; nothing where none answers."""
    if not path:
        return []
    from paramiko import SSHException
    from paramiko.agent import AgentSSH

    agent = AgentSSH()
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    try:
        connection.connect(path)
        agent._connect(connection)
    except (OSError, SSHException):
        connection.close()
        return []
    return list(agent.get_keys())
