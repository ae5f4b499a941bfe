"""docs/commands/*.md and docs/schemas/, from the same models as --help and as what --json prints."""

from __future__ import annotations

import functools
import json
import operator
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from mng.cli import help
from mng.cli.hosts import HostListed

if TYPE_CHECKING:
    from mng.cli.command import Command
    from mng.cli.contents import Contents

SCHEMAS = 1  # a new number when a field goes, or means something else; new fields come without one


def pages(contents: Contents) -> dict[str, str]:
    """The text of every file in docs/commands/, by its name."""
    made = {f"{file(name)}.md": page(contents.load(name)) for name in contents.entries}
    lines = ["# Commands", ""]
    for group in dict.fromkeys(entry.group for entry in contents.entries.values()):
        lines += [f"## {group}", ""]
        for name, entry in contents.entries.items():
            if entry.group == group:
                lines.append(f"- [`{name}`]({file(name)}.md): {entry.summary}")
        lines.append("")
    made["README.md"] = "\n".join(lines)
    return made


def page(task: Command[Any]) -> str:
    headline, text, sections = help.command(task)
    lines = [f"# mng {task.path}", "", "```", headline, "```", "", text, ""]
    for title, rows in sections:
        lines += [f"## {title}", "", f"| {'command' if title.startswith(('Also', 'Examples')) else 'option'} | |", "|---|---|"]
        lines += [f"| `{escaped(left)}` | {escaped(right)} |" for left, right in rows]
        lines.append("")
    return "\n".join(lines)


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def schemas(contents: Contents) -> dict[str, str]:
    """The text of every file in docs/schemas/, by its name: what --json of a command prints."""
    made = {}
    for name in contents.entries:
        if (kind := printed(get_type_hints(contents.load(name).body)["return"])) is not None:
            made[name] = schema(name, kind)
    made["--list-hosts"] = schema("--list-hosts", list[HostListed])
    return {f"{SCHEMAS}/{file(name)}.json": json.dumps(one, indent=1) + "\n" for name, one in made.items()}


def file(name: str) -> str:
    return name.strip("-").replace(" ", "-")


class Printed(GenerateJsonSchema):
    """All fields are there, whether they have defaults or not."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Any:
        return self.generate_inner(schema["schema"])


def schema(name: str, kind: Any) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mng:schema:{SCHEMAS}:{file(name)}",
        **TypeAdapter(kind).json_schema(mode="serialization", schema_generator=Printed),
        "title": f"mng {name} --json",
    }


def printed(kind: Any) -> Any:
    """What a command returns, as JSON has it; None for a command that prints nothing."""
    if get_origin(kind) in (Union, UnionType):
        some = [one for one in map(printed, get_args(kind)) if one is not None]
        return functools.reduce(operator.or_, some) if some else None
    if get_origin(kind) is not None:  # Results[…]
        return list[get_args(kind)[0]]  # type: ignore[misc]
    return None if kind is type(None) else kind


def write(files: dict[str, str], folder: Path) -> None:
    """Write them all, and take away those that are no longer among them."""
    for old in folder.rglob("*.*"):
        if old.is_file() and str(old.relative_to(folder)) not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
