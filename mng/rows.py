"""Results as data: rows with fields, and what `--format '{name}\\t{host.name}'` makes of them."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from mng.errors import UsageError
from mng.settings import did_you_mean


class Row(BaseModel):
    """One result. `columns` (header to field path) is its line in a table; all fields without it."""

    model_config = ConfigDict(defer_build=True)

    columns: ClassVar[dict[str, str]] = {}

    def human(self) -> str | None:
        """The text for a person where it stands alone; None lists the fields."""
        return None

    @classmethod
    def headers(cls) -> dict[str, str]:
        return cls.columns or {name.upper().replace("_", " "): name for name in cls.model_fields}


R = TypeVar("R")


class Results(list[R]):
    """Several results; `footer` goes to stderr in human format; the exit code is the worst of the rows'."""

    alone = False  # a single one that was asked for: its own text, not a table
    streamed = False  # what a person wants to see of them is on the screen already

    def __init__(self, rows: Iterable[R] = (), footer: str = "") -> None:
        super().__init__(rows)
        self.footer = footer

    @property
    def exit_code(self) -> int:
        return max((int(getattr(row, "exit_code", 0) or 0) for row in self), default=0)


def value_at(row: object, path: str) -> Any:
    """`host.name`, `labels.KEY`, `host.snapshots[0].id`, `[:2]`; None where there is nothing."""
    value: Any = row
    if isinstance(row, Cut):
        return (row.model_extra or {}).get(path)
    for part in steps(path):
        if value is None:
            return None
        if part.startswith("["):
            value = sliced(value, part[1:-1])
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            value = getattr(value, part, None)
    return value


def steps(path: str) -> Iterator[str]:
    for part in path.replace("[", ".[").split("."):
        if part:
            yield part


def sliced(value: Any, within: str) -> Any:
    if not isinstance(value, list | tuple):
        return None
    try:
        bounds = [int(bound) if bound else None for bound in within.split(":")]
        return value[bounds[0]] if len(bounds) == 1 and bounds[0] is not None else value[slice(*bounds)]
    except IndexError:
        return None
    except (ValueError, TypeError):
        raise UsageError(f"[{within}] is neither an index nor a slice") from None


def cut(row: Row, fields: str) -> Row:
    """The row with only these fields (`name,host.name`), each under its path."""
    paths = [path.strip() for path in fields.split(",") if path.strip()]
    if not paths:
        raise UsageError("--fields names no field", "as name,state,host.name")
    for path in paths:
        check(type(row), path)
    return Cut.model_validate({path: value_at(row, path) for path in paths})


class Cut(Row):
    """Some fields of a row."""

    model_config = ConfigDict(extra="allow")

    def headers(self) -> dict[str, str]:  # type: ignore[override]
        return {path.upper(): path for path in self.model_extra or {}}


def check(row: type, path: str) -> None:
    """UsageError, with the near ones, if rows of this class never have the field."""
    at: Any = row
    done = ""
    for part in steps(path):
        if part.startswith("["):
            at = next(iter(get_args(bare(at))), Any)
        elif isinstance(bare(at), type) and issubclass(bare(at), BaseModel):
            model = bare(at)
            known = {name: info.annotation for name, info in model.model_fields.items()}
            known |= {name: info.return_type for name, info in model.model_computed_fields.items()}
            if part not in known and model.model_config.get("extra") != "allow":
                raise UsageError(f"no field {done + part!r}", did_you_mean(done + part, [done + k for k in known]))
            at = known.get(part, Any)
        elif at is Any or get_origin(bare(at)) is dict or bare(at) in (dict, object):
            return  # any key may come
        else:
            raise UsageError(f"no field {path!r}", f"{done.rstrip('.')} has no parts")
        done += f"{part}."


def problem(row: type, path: str) -> UsageError | None:
    try:
        check(row, path)
    except UsageError as error:
        return error
    return None


def classes(returned: Any) -> list[type]:
    """The classes of the rows in an annotation: of `Results[A | B] | None`, A and B."""
    if get_origin(returned) is not None:
        return [row for part in get_args(returned) for row in classes(part)]
    return [returned] if isinstance(returned, type) and issubclass(returned, Row) and returned is not Row else []


def bare(annotation: Any) -> Any:
    """Without None and Annotated."""
    if get_origin(annotation) in (Union, UnionType):
        return bare(next(part for part in get_args(annotation) if part is not type(None)))
    return bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


class Template:
    """`'{name}\\t{host.name}'`: `\\t` and `\\n` are tab and newline, `{{` a brace, a missing value nothing."""

    def __init__(self, text: str) -> None:
        for escape, meant in (("\\t", "\t"), ("\\n", "\n")):
            text = text.replace(escape, meant)
        try:
            self.parts = [(before, field) for before, field, _, _ in string.Formatter().parse(text)]
        except ValueError as error:
            raise UsageError(f"--format: {text!r}: {error}") from None
        self.fields = [field for _, field in self.parts if field is not None]
        if "" in self.fields:
            raise UsageError("--format: {} names no field")

    def check(self, returned: Any) -> None:
        """UsageError if no row of what is returned ever has one of the fields."""
        for field in self.fields:
            wrong = [error for row in classes(returned) if (error := problem(row, field))]
            if wrong and len(wrong) == len(classes(returned)):
                raise wrong[0]

    def fill(self, row: object) -> str:
        return "".join(b + ("" if f is None else cell(value_at(row, f))) for b, f in self.parts)


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ",".join(f"{key}={cell(one)}" for key, one in value.items())
    if isinstance(value, list | tuple | set):
        return ",".join(cell(one) for one in value)
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return value if isinstance(value, str | int | float | None) else str(value)
