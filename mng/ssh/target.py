"""The address of a host, and what the user's ssh_config makes of it: `ssh -G` says, so all of it counts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from mng.errors import NotAvailable, UsageError

TYPED = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<address>[\w.-]+))(?::(?P<port>\d{1,5}))?")


class Target(NamedTuple):
    """The address that a provider hands out; what is left empty is as ssh_config has it. Empty for this machine."""

    address: str = ""
    port: int = 0
    user: str = ""
    key: str = ""
    options: tuple[str, ...] = ()  # further words for ssh: -o, UserKnownHostsFile=…

    @property
    def words(self) -> list[str]:
        """What ssh is given, all but the command."""
        port = ["-p", str(self.port)] if self.port else []
        user = ["-l", self.user] if self.user else []
        key = ["-i", str(Path(self.key).expanduser())] if self.key else []
        return [*port, *user, *key, *self.options, "--", self.address]

    def closed(self, *, agent: bool = False) -> list[str]:
        """These with nothing of this machine forwarded, whatever ssh_config says; with `agent`, the user's ssh-agent is."""
        *words, end, address = self.words
        return [*words, "-A" if agent else "-a", "-x", end, address]  # last: an -A before would count otherwise

    @property
    def settled(self) -> bool:
        """No file of settings counts for it: its options are `-F /dev/null`, then `-o KEY=VALUE` each."""
        rest = self.options[2:]
        return bool(self.key and self.user and self.options[:2] == ("-F", "/dev/null") and set(rest[::2]) == {"-o"})

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Target:
        """From what was kept of it as JSON."""
        return cls(**{**data, "options": tuple(data.get("options", ()))})

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return user + self.address + (f":{self.port}" if self.port else "")


def typed(word: str) -> Target | None:
    """`user@address:port`, at least one of user and port given; IPv6 in brackets."""
    found = TYPED.fullmatch(word)
    if not found or not (found["user"] or found["port"]) or word.startswith("-"):
        return None
    return Target(found["six"] or found["address"], int(found["port"] or 0), found["user"] or "")


class Way(NamedTuple):
    """How ssh would reach a host."""

    host: str
    port: int
    user: str
    keys: list[Path]
    certificates: list[Path]
    agent: str  # its socket; "" for none
    only: bool  # no other keys of the agent than these
    names: list[str]  # what it may be called in known_hosts
    known: list[Path]
    strict: str  # StrictHostKeyChecking: yes, ask, accept-new, no
    proxy: list[str]  # the words of a program whose input and output are the connection
    first: str  # the first hop: what connects at once to one place are limited by


def resolve(target: Target) -> Way:
    """NotAvailable without an ssh, UsageError for settings that it refuses."""
    said = written(target) if target.settled else asked(target)
    one = {key: values[0] for key, values in said.items()}
    host, port, user = one["hostname"], int(one["port"]), one["user"]
    alias = one.get("hostkeyalias", "none")
    name = host if port == 22 else f"[{host}]:{port}"
    tokens = {"h": host, "p": str(port), "r": user, "n": target.address, "k": alias if alias != "none" else name}

    def paths(*keys: str) -> list[Path]:
        words = [word for key in keys for value in said.get(key, []) for word in value.split() if word != "none"]
        return [Path(expanded(word, tokens)).expanduser() for word in words]

    return Way(
        host, port, user,
        [Path(expanded(value, tokens)).expanduser() for value in said.get("identityfile", []) if value != "none"],
        [Path(expanded(value, tokens)).expanduser() for value in said.get("certificatefile", []) if value != "none"],
        agent_socket(one.get("identityagent", "SSH_AUTH_SOCK"), tokens),
        one.get("identitiesonly") == "yes",
        [alias] if alias != "none" else [name, host],
        paths("userknownhostsfile", "globalknownhostsfile"),
        {"true": "yes", "false": "no", "off": "no"}.get((strict := one.get("stricthostkeychecking", "ask")), strict),
        *proxy(one, target, tokens),
    )  # fmt: skip


def asked(target: Target) -> dict[str, list[str]]:
    """The settings that ssh has for it."""
    try:
        done = subprocess.run(["ssh", "-G", *target.words], capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
    except FileNotFoundError:
        raise NotAvailable("ssh is not on the PATH", "apt-get install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"ssh -G {target} does not end", "a Match exec in ssh_config?") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"ssh can't make sense of {target}: {lines[0] if lines else done.returncode}", "see: ssh_config(5)")
    said: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key.lower(), []).append(value)
    return said


def written(target: Target) -> dict[str, list[str]]:
    """The settings of a target that says them all itself: ssh would say no more, and takes 10 ms to start."""
    options = (word.partition("=") for word in target.options[3::2])
    said = {"hostname": [target.address], "port": [str(target.port or 22)], "user": [target.user], "identityfile": [target.key]}
    return said | {key.lower(): [value] for key, _, value in options}


def agent_socket(said: str, tokens: dict[str, str]) -> str:
    if said == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if said.startswith("$"):
        return os.environ.get(said.strip("${}"), "")
    return "" if said == "none" else os.path.expanduser(expanded(said, tokens))  # noqa: PTH111


def expanded(text: str, tokens: dict[str, str]) -> str:
    """%h and the like, as far as `ssh -G` has left them."""
    tokens = {**tokens, "d": str(Path.home()), "u": os.environ.get("USER", ""), "%": "%"}
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def proxy(one: dict[str, str], target: Target, tokens: dict[str, str]) -> tuple[list[str], str]:
    """ProxyJump as OpenSSH does it: an ssh to the last jump, through the others, whose -W is the connection."""
    jumps = one.get("proxyjump", "none")
    if jumps != "none":
        *others, last = jumps.split(",")
        through = ["-J", ",".join(others)] if others else []
        config = [word for at, word in enumerate(target.options) if "-F" in (word, target.options[at - 1])]
        where = "[{h}]:{p}".format(**tokens)
        words = [
            "ssh",
            "-a",
            "-x",
            "-o",
            "BatchMode=yes",
            *config,
            *through,
            "-W",
            where,
            "--",
            last if "://" in last else f"ssh://{last}",
        ]
        return words, jumps.split(",")[0]
    command = one.get("proxycommand", "none")
    if command != "none":
        return [os.environ.get("SHELL") or "/bin/sh", "-c", "exec " + expanded(command, tokens)], command
    return [], f"{tokens['h']}:{tokens['p']}"


def aliases(word: str = "") -> list[str]:
    """The names that ~/.ssh/config and what it includes have Host lines for; with `word`, [word] if one of them fits it."""
    patterns = list(host_words(Path.home() / ".ssh" / "config"))
    if word:
        yes = [each for each in patterns if each != "*" and not each.startswith("!") and fnmatch(word, each)]
        return [word] if yes and not any(each.startswith("!") and fnmatch(word, each[1:]) for each in patterns) else []
    return list(dict.fromkeys(each for each in patterns if not re.search(r"[*?!]", each)))


def host_words(file: Path, depth: int = 0) -> Iterator[str]:
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        key, _, rest = re.sub(r"\s*=\s*|\s+", " ", line.strip(), count=1).partition(" ")
        words = re.findall(r'"([^"]*)"|(\S+)', rest.partition(" #")[0])
        values = [quoted or plain for quoted, plain in words]
        if key.lower() == "host":
            yield from values
        elif key.lower() == "include" and depth < 8:
            for value in values:
                base = Path(value).expanduser()
                where = base if base.is_absolute() else Path.home() / ".ssh" / value
                for found in sorted(where.parent.glob(where.name)):
                    yield from host_words(found, depth + 1)
