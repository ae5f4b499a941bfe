"""docs/commands/*.md, from the same models as --help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mng.cli import help

if TYPE_CHECKING:
    from mng.cli.command import Command
    from mng.cli.contents import Contents


def pages(contents: Contents) -> dict[str, str]:
    """The text of every file in docs/commands/, by its name."""
    made = {f"{name.replace(' ', '-')}.md": page(contents.load(name)) for name in contents.entries}
    lines = ["# Commands", ""]
    for group in dict.fromkeys(entry.group for entry in contents.entries.values()):
        lines += [f"## {group}", ""]
        for name, entry in contents.entries.items():
            if entry.group == group:
                lines.append(f"- [`{name}`]({name.replace(' ', '-')}.md): {entry.summary}")
        lines.append("")
    made["README.md"] = "\n".join(lines)
    return made


def page(task: Command[Any]) -> str:
    headline, text, sections = help.command(task)
    lines = [f"# mng {task.path}", "", "```", headline, "```", "", text, ""]
    for title, rows in sections:
        lines += [f"## {title}", "", "| option | |", "|---|---|"]
        lines += [f"| `{escaped(left)}` | {escaped(right)} |" for left, right in rows]
        lines.append("")
    return "\n".join(lines)


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def write(contents: Contents, folder: Path) -> list[Path]:
    """Write them all, and take away those of commands that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages(contents)
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, content in made.items():
        (folder / name).write_text(content)
    return [folder / name for name in made]
