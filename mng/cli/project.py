"""The tasks.py of the user's project: read, not run, so that a fresh clone's code runs only when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast


def tasks(folder: Path) -> dict[str, str]:
    """The names in the nearest tasks.py, upwards, with their summaries; none of a file that Python can't read."""
    for place in (folder, *folder.parents):
        for file in (place / "tasks.py", place / "tasks" / "__init__.py"):
            if file.is_file():
                try:
                    return defined(file.read_text())
                except (OSError, SyntaxError, ValueError):
                    return {}
    return {}


def defined(source: str) -> dict[str, str]:
    """The decorated functions, and the collections, of the text of a tasks.py."""
    import ast

    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            doc = (ast.get_docstring(node) or "").partition("\n")[0]
            for name in (node.name, *(name for call in node.decorator_list for name in named(call))):
                found[name.strip("_").replace("_", "-")] = doc
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found.update({t.id.replace("_", "-"): "" for t in node.targets if isinstance(t, ast.Name)})
    return {name: doc for name, doc in found.items() if name not in ("ns", "namespace")}


def named(decorator: ast.expr) -> list[str]:
    """`name=` and `aliases=` of a decorator, where they are written out."""
    import ast

    words: list[str] = []
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg in ("name", "aliases"):
            value = keyword.value
            items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            words += [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return words
