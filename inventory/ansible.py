"""Ansible's inventories as they are: INI, YAML, TOML, programs, folders of these; group_vars/ and host_vars/."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mng import trust
from mng.errors import NotAvailable, UsageError
from mng.inventory.hosts import Hosts, Vars
from mng.inventory.script import Scripts

SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
GROUP_NAME = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
IGNORED = re.compile(r"^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry)|~)$")
VARS_FILES = ("", ".yml", ".yaml", ".json")
PLAIN = {"address": "ansible_host", "port": "ansible_port", "user": "ansible_user", "key_file": "ansible_ssh_private_key_file",
         "tags": "mng_tags"}  # fmt: skip


def load(sources: list[Path], scripts: Scripts) -> Hosts:
    """All files together, the later one's word being the last; UsageError names file and line."""
    hosts = Hosts()
    for source in sources:
        read(source, hosts, scripts)
    hosts.finish()
    for folder in dict.fromkeys(source if source.is_dir() else source.parent for source in sources):
        files: dict[tuple[str, str], Vars] = {}

        def more(kind: str, name: str, folder: Path = folder, files: dict[tuple[str, str], Vars] = files) -> Vars:
            if (kind, name) not in files:
                files[kind, name] = variables(folder / f"{kind}_vars", name)
            return files[kind, name]

        hosts.more.append(more)
    return hosts


def read(source: Path, hosts: Hosts, scripts: Scripts) -> None:
    """One file, or all of a folder."""
    if source.is_dir():
        for name in sorted(os.listdir(source)):  # noqa: PTH208
            if not IGNORED.search(name):
                read(source / name, hosts, scripts)
        return
    if scripts.is_one(source):
        scripts.read(source, hosts)
        return
    text = content(source)
    if source.suffix == ".toml":
        toml(source, text, hosts)
    elif source.suffix in (".yml", ".yaml", ".json") or (not source.suffix and seems_yaml(text)):
        yaml_(source, text, hosts)
    else:
        ini(source, text, hosts)


def content(file: Path) -> str:
    try:
        return trust.data(file).decode()
    except FileNotFoundError:
        raise UsageError(f"there is no inventory {file}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


# --- INI


def ini(file: Path, text: str, hosts: Hosts) -> None:
    """`[group]`, `[group:children]`, `[group:vars]`; what comes before the first is in no group."""
    group, kind = "ungrouped", "hosts"
    missing: dict[str, str] = {}  # groups that are only spoken of, and where
    inside: list[tuple[str, str]] = []  # group and what is in it, put together when all are known
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        try:
            if header := SECTION.fullmatch(line):
                group, kind = header[1], header[2] or "hosts"
                if kind not in ("hosts", "children", "vars"):
                    raise UsageError(f"[{group}:{kind}] is neither a group nor its children or vars")
                if kind == "vars" and group not in hosts.groups:
                    missing.setdefault(group, f"{file}:{number}: [{group}:vars], but there is no group {group}")
                elif kind != "vars":
                    missing.pop(group, None)
                    hosts.group(group)
            elif line[0] == "[" and line[-1] == "]":
                raise UsageError(f"{line} is no section")
            elif kind == "vars":
                key, equals, value = line.partition("=")
                if not equals:
                    raise UsageError(f"{line!r} is not KEY=VALUE")
                hosts.give(group, {key.strip(): literal(value.strip())})
            elif kind == "children":
                name = GROUP_NAME.fullmatch(line)
                if not name:
                    raise UsageError(f"{line!r} is no name of a group")
                if name[1] not in hosts.groups:
                    missing.setdefault(name[1], f"{file}:{number}: {name[1]} is put into {group}, but there is no such group")
                inside.append((group, name[1]))
            else:
                ini_host(line, group, hosts)
        except UsageError as error:
            raise UsageError(f"{file}:{number}: {error.what}", error.hint) from None
    for what in missing.values():
        raise UsageError(what)
    for parent, child in inside:
        hosts.join(parent, child)


def ini_host(line: str, group: str, hosts: Hosts) -> None:
    try:
        pattern, *words = shlex.split(line, comments=True)
    except ValueError as error:
        raise UsageError(f"{line!r}: {error}") from None
    for word in words:
        if "=" not in word:
            raise UsageError(f"{word!r} is not KEY=VALUE")
    if pattern.endswith(":"):
        raise UsageError(f"{pattern!r} ends in a colon", "a YAML inventory has a name that ends in .yaml")
    hosts.add(pattern, group, {key: literal(value) for key, value in (word.split("=", 1) for word in words)})


def literal(text: str) -> Any:
    """A number, list or the like if it is written as Python writes them, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


# --- YAML and TOML


def seems_yaml(text: str) -> bool:
    """Of a file whose name doesn't say: `key:` before anything that only INI has."""
    first = next((line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#;"), "")
    return first.strip() == "---" or bool(re.fullmatch(r"""["']?[^\s\[\]=]+["']?:(\s.*)?""", first)) or first.startswith("{")


def yaml_(file: Path, text: str, hosts: Hosts) -> None:
    data = parse_yaml(file, text)
    if not isinstance(data, dict) or not data:
        raise UsageError(f"{file}: is no inventory: groups with `hosts`, `children` and `vars` are expected")
    if data.get("plugin"):
        raise NotAvailable(
            f"{file}: is the configuration of Ansible's inventory plugin {data['plugin']}, which mng does not run",
            f"use a program instead, of two lines: #!/bin/sh and: exec ansible-inventory -i {file.name} --list",
        )
    for name, inside in data.items():
        yaml_group(file, str(name), inside, hosts)


def yaml_group(file: Path, name: str, data: Any, hosts: Hosts) -> None:
    hosts.group(name)
    for host, values in table(file, name, data, "hosts").items():
        if not isinstance(host, str):
            raise UsageError(f"{file}: {name}: the host {host!r} is no text", "put it in quotes")
        hosts.add(host, name, table(file, f"{name}: {host}", {"": values}, ""))
    hosts.give(name, table(file, name, data, "vars"))
    for child, inside in table(file, name, data, "children").items():
        yaml_group(file, str(child), inside, hosts)
        hosts.join(name, str(child))


def table(file: Path, where: str, data: Any, key: str) -> dict[Any, Any]:
    """A part of a group: a mapping, or one word, or nothing."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"{file}: {where} has to be a mapping, not {data!r}")
    part = data.get(key)
    if isinstance(part, str) and key:
        return {part: None}
    if not isinstance(part, dict | None):
        raise UsageError(f"{file}: {where}: {key} has to be a mapping, not {part!r}".replace(":  ", ": "))
    return part or {}


def toml(file: Path, text: str, hosts: Hosts) -> None:
    """As Ansible's: `[group.hosts]`, `[group.vars]`, `children = [...]`; with plain words for how a host is reached."""
    from mng.settings import parsed

    for name, data in parsed(file, text).data.items():
        hosts.group(name)
        if not isinstance(data, dict):
            raise UsageError(f"{file}: {name} has to be a group: [{name}.hosts]")
        for key in data:
            if key not in ("hosts", "vars", "children"):
                raise UsageError(f"{file}: {name} has hosts, vars and children, not {key}", f"[{name}.hosts] comes before hosts")
        for host, values in table(file, name, data, "hosts").items():
            hosts.add(host, name, plain(file, table(file, f"{name}: {host}", {"": values}, "")))
        hosts.give(name, plain(file, table(file, name, data, "vars")))
        for child in data.get("children", []):
            hosts.join(name, str(child))


def plain(file: Path, values: Mapping[str, Any]) -> Vars:
    """In our own hosts.toml `address` and the like are how a host is reached; in others' they may mean anything."""
    return {PLAIN.get(key, key) if file.name == "hosts.toml" else key: value for key, value in values.items()}


def parse_yaml(file: Path, text: str) -> Any:
    """By the PyYAML in Invoke: what Ansible reads YAML with, here already. What is encrypted is as if it weren't there."""
    from invoke.vendor import yaml

    pyyaml: Any = yaml  # it has no types
    loader: Any = type("Loader", (pyyaml.SafeLoader,), {})
    loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    for tag in ("!vault", "!vault-encrypted"):
        loader.add_constructor(tag, lambda loader, node: None)
    try:
        return pyyaml.load(text, Loader=loader)
    except pyyaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{file}{at}: {getattr(error, 'problem', None) or error}") from None


# --- group_vars/ and host_vars/


def variables(folder: Path, name: str) -> Vars:
    """Those of `NAME`, `NAME.yml` or all files below `NAME/`."""
    if name.startswith("/"):
        return {}
    found: Vars = {}
    for file in vars_files(folder / name):
        text = content(file)
        if text.startswith("$ANSIBLE_VAULT"):
            continue
        data = parse_yaml(file, text)
        if not isinstance(data, dict | None):
            raise UsageError(f"{file}: variables have to be a mapping, not {data!r}")
        found |= data or {}
    return found


def vars_files(path: Path) -> list[Path]:
    for suffix in VARS_FILES:
        file = path.with_name(path.name + suffix)
        if file.is_dir():
            return below(file)
        if file.exists():
            return [file]
    return []


def below(folder: Path) -> list[Path]:
    files: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            files += below(path)
        elif path.is_file() and path.suffix in VARS_FILES:
            files.append(path)
    return files
