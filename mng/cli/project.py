"""The tasks.py of the user's project: read, and run only with trust and when one of its words is typed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast

TAKES_TASKS = ("Collection", "Collection.from_module", "add_task", "add_collection")


class Tasks(NamedTuple):
    """A tasks.py, or the one of a package tasks/: `folder` is where it lies, `names` what may be typed, with summaries."""

    folder: Path
    file: Path
    names: dict[str, str]


def tasks(folder: Path) -> dict[str, str]:
    """The names in the nearest tasks.py or tasks/, upwards, with their summaries, if it is trusted."""
    found = nearest(folder)
    if not found:
        return {}
    from mng import trust

    return found.names if trust.is_trusted(found.folder, "tasks") else {}


def nearest(folder: Path) -> Tasks | None:
    """The tasks.py that is meant here, trusted or not."""
    for place in (folder, *folder.parents):
        for file in (place / "tasks.py", place / "tasks" / "__init__.py"):
            if file.is_file():
                from mng import acting, output, trust

                if why := acting.stranger(place, [file]):
                    trust.warn(f"{file} does not count: {why}")
                    continue
                try:
                    return Tasks(place, file, defined(acting.data(file).decode()))
                except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
                    line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
                    output.warn(f"{file}{line}: {getattr(error, 'msg', None) or error}; none of its tasks is known")
                    return None
    return None


def load(found: Tasks) -> ModuleType:
    """Its module, run now; UsageError without trust: an agent by the name of a task is not what was meant."""
    from mng import sourced, trust

    if not trust.counts(found.folder, "tasks"):
        from mng.errors import UsageError

        raise UsageError(f"{found.file} is not trusted, so that none of its tasks is run", "see: mng trust --show; mng trust")
    return sourced.module("tasks", found.file, found.folder, first=True)


def defined(source: str) -> dict[str, str]:
    """What the text of a tasks.py may make a task or a collection of: never too little, as Invoke has the last word."""
    import ast

    found: dict[str, str] = {}
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            doc = (ast.get_docstring(node) or "").partition("\n")[0]
            for name in (node.name, *(name for call in node.decorator_list for name in named(call))):
                found[name] = doc
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found.update({t.id: "" for t in node.targets if isinstance(t, ast.Name)})
        elif isinstance(node, ast.ImportFrom) and (node.level or node.module == "tasks"):  # of a package tasks/
            found.update({alias.asname or alias.name: "" for alias in node.names})
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(TAKES_TASKS):
            for arg in call.args:
                if isinstance(arg, ast.Name | ast.Attribute):
                    found.setdefault(ast.unparse(arg).rpartition(".")[2], "")
                elif isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                    found.setdefault(arg.value, "")
            found.update({name: found.get(name, "") for name in named(call)})
    return {name.strip("_").replace("_", "-"): doc for name, doc in found.items() if name not in ("ns", "namespace", "*")}


def named(call: ast.expr) -> list[str]:
    """`name=` and `aliases=` of a decorator or a call, where they are written out."""
    import ast

    words: list[str] = []
    for keyword in call.keywords if isinstance(call, ast.Call) else []:
        if keyword.arg in ("name", "aliases"):
            value = keyword.value
            items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            words += [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return words
