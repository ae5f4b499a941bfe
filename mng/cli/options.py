"""Options as data: one frozen pydantic model a command, built of groups, from which parsing, help and docs follow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, Union, get_args, get_origin

from invoke.parser.argument import Argument
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from mng import settings as settings_module
from mng.errors import UsageError
from mng.settings import Settings, did_you_mean

Exclusive = tuple[tuple[str, ...], ...]  # groups of fields of which only one may be on; those of bases hold too
Place = Literal["flag", "word", "words", "rest"]  # `--x`, one positional, many, all that follows `--`


def option(
    default: Any,
    *flags: str,
    help: str = "",
    place: Place = "flag",
    count: bool = False,
    maybe: bool = False,
    secret: bool = False,
    empty: bool = False,
    off: str = "",
) -> Any:
    """A field of an options model, with flags beyond its own name.

    `maybe`: `--x` as well as `--x=VALUE`; `off`: another flag that turns it off; `secret`: in no log and no error;
    `empty`: may be given as "", which else is what an unset variable of a script comes to.
    """
    extra: dict[str, Any] = {"names": [flag.lstrip("-") for flag in flags], "place": place, "off": off}
    extra |= {"count": count, "maybe": maybe, "secret": secret, "empty": empty}
    return Field(default, description=help, json_schema_extra=extra)


class Placeholder(str):
    """What stands for the value in help: `Annotated[float, Placeholder("DURATION")]`."""


def seconds(value: object) -> object:
    """`90`, `90s`, `5m`, `1h`, `7d` as seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", value.strip())
        if not match:
            raise ValueError("is no duration: 30s, 5m, 1h, 7d or plain seconds")
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    return value


def pairs(value: object) -> object:
    """`["A=1", "B=2"]` as a dict; the last of a key wins."""
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, str] = {}
    for word in value:
        key, equals, text = str(word).partition("=")
        if not equals or not key:
            raise ValueError("is not KEY=VALUE")
        found[key] = text
    return found


Duration = Annotated[float, Placeholder("DURATION"), BeforeValidator(seconds)]
Count = Annotated[int, Field(ge=0)]
Pairs = Annotated[dict[str, str], Placeholder("KEY=VALUE"), BeforeValidator(pairs)]


class Layer(NamedTuple):
    """Values for options from one place, by field, and how an error names one of them."""

    values: dict[str, Any]
    source: Callable[[str], str]


class Options(BaseModel):
    """Options"""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    exclusive: ClassVar[Exclusive] = ()

    _settings: Settings | None = PrivateAttr(None)
    _origin: dict[str, str] = PrivateAttr({})

    @classmethod
    def given(cls, words: Mapping[str, Any]) -> Self:
        """From what was typed or called with: None and [] mean not given."""
        values = {name: value for name, value in words.items() if value is not None and value != []}
        return cls.layered([Layer(values, cls.spelled)])

    def over(self, settings: Settings, command: str) -> Self:
        """Typed > templates > environment > settings > defaults; `model_fields_set` is what any of them set."""
        if self._settings is not None:
            return self
        typed = Layer({name: getattr(self, name) for name in self.model_fields_set}, self.spelled)
        below = [settings_layer(type(self), settings, command), environment_layer(type(self), command)]
        asked: Any = next((y.values["template"] for y in (typed, *reversed(below)) if "template" in y.values), [])
        names = [asked] if isinstance(asked, str) else asked
        templates = [template_layer(type(self), settings, name) for name in names]
        done = self.layered([*below, *templates, typed])
        done._settings = settings
        return done

    @property
    def settings(self) -> Settings:
        """Those that these options were completed from."""
        if self._settings is None:
            self._settings = settings_module.load(getattr(self, "context", None))
        return self._settings

    def origin(self, field: str) -> str:
        """Where the value came from: `--name`, `.mng/settings.toml:3: …`, a variable; "" for a default."""
        return self._origin.get(field, "")

    @classmethod
    def layered(cls, layers: list[Layer]) -> Self:
        """One value a field, the last layer's; UsageError for the first that is wrong."""
        merged, source = cls.merged(layers)
        try:
            done = cls.model_validate(merged)
        except ValidationError as error:
            raise UsageError(*cls.complaint(error, source)) from None
        done._origin = source
        return done

    @classmethod
    def merged(cls, layers: list[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
        """Values and their sources; a choice in a later layer silences those it excludes in earlier ones."""
        merged: dict[str, Any] = {}
        source: dict[str, str] = {}
        for layer in layers:
            for group in cls.excluding():
                on = [name for name in group if layer.values.get(name) not in (None, False, [], "")]
                if len(on) > 1:
                    raise UsageError(f"{layer.source(on[0])} and {layer.source(on[1])} exclude each other")
                if on:
                    merged = {name: value for name, value in merged.items() if name not in group}
            merged.update(layer.values)
            source.update({name: layer.source(name) for name in layer.values})
        return merged, source

    @classmethod
    def excluding(cls) -> Iterator[tuple[str, ...]]:
        for owner in cls.__mro__:
            yield from owner.__dict__.get("exclusive", ())

    @classmethod
    def complaint(cls, error: ValidationError, source: Mapping[str, str]) -> tuple[str, str]:
        """What is wrong with which option, and what would be right."""
        first = min(error.errors(include_url=False), key=lambda one: one["type"] == "missing")
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            return f"{cls.__name__} has no option {name!r}", did_you_mean(name, cls.model_fields)
        if first["type"] == "missing":
            return f"{cls.spelled(name)} is missing", ""
        given = first["input"] if isinstance(first["input"], list) else [first["input"]]
        shown = "the value" if is_secret(cls, name) else " ".join(map(repr, given))
        choices = Option(name, cls.model_fields[name]).choices
        label = source.get(name, cls.spelled(name))
        if choices and first["type"] == "literal_error":
            return f"{label}: {shown} is none of {', '.join(choices)}", ""
        return f"{label}: {shown} {WRONG.get(first['type'], first['msg'].removeprefix('Value error, '))}", ""

    @classmethod
    def spelled(cls, field: str) -> str:
        return "--" + flag_name(field)

    @classmethod
    def groups(cls) -> dict[str, list[Option]]:
        """The options under the docstring's first line of the class that brings them in."""
        owners = [base for base in cls.__mro__ if issubclass(base, Options)]
        grouped: dict[str, list[Option]] = {}
        for base in owners:
            for name in base.model_fields:
                if base is next(owner for owner in reversed(owners) if name in owner.model_fields):
                    title = (base.__doc__ or "Options").strip().splitlines()[0]
                    grouped.setdefault(title, []).append(Option(name, cls.model_fields[name]))
        return dict(sorted(grouped.items(), key=lambda group: group[0] == "Common"))  # last, also after those of plugins


WRONG = {
    "bool_parsing": "is neither true nor false",
    "int_parsing": "is no whole number",
    "greater_than_equal": "is less than 0",
    "float_parsing": "is no number",
    "list_type": "is no list",
    "string_type": "is no text",
}


class Option(Argument):
    """A field of an options model as an Invoke argument; None while it is not given, since defaults are the model's."""

    def __init__(self, field: str, info: Any) -> None:
        extra = info.json_schema_extra or {}
        kinds = list(plain_types(info.annotation))
        self.field: str = field
        self.place: Place = extra.get("place", "flag")
        self.required: bool = info.is_required()
        self.choices = tuple(str(c) for kind in kinds if get_origin(kind) is Literal for c in get_args(kind))
        self.fallback = None if self.required else info.get_default(call_default_factory=True)
        self.count: bool = extra.get("count", False)
        self.secret: bool = extra.get("secret", False)
        self.empty: bool = extra.get("empty", False) or self.place == "rest"
        self.doc: str = info.description or ""
        said = (str(note) for note in (*info.metadata, *kinds) if isinstance(note, Placeholder))
        self.placeholder = next(said, self.guess(field, kinds))
        flag = flag_name(field)
        many = any({kind, get_origin(kind)} & {list, dict} for kind in kinds)
        boolean = set(kinds) <= {bool} and bool(kinds)
        super().__init__(
            names=[flag, *extra.get("names", ())],
            attr_name=field if field != flag else None,  # equal, Invoke makes an alias to itself and recurses
            kind=list if many else bool if boolean else str,  # pydantic converts the rest
            default=True if boolean else None,  # True is how Invoke knows to offer --no-x
            help=self.doc,
            optional=extra.get("maybe", False),
            incrementable=self.count,
            positional=self.place == "word" and self.required,  # the only positional that plain inv can do
        )
        self.off = [f"--no-{flag}"] if bool in kinds else []
        self.off += [extra["off"]] if extra.get("off") else []
        self._value: Any = [] if many else None

    @staticmethod
    def guess(field: str, kinds: list[Any]) -> str:
        return "N" if int in kinds or float in kinds else flag_name(field).rpartition("-")[2].upper()

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, word: Any) -> None:
        self.set_value(word)

    def set_value(self, value: Any, cast: bool = True) -> None:
        self.raw_value = value
        if self.count and value is True:
            self._value = (self._value or 0) + 1
        elif self.kind is list:
            self._value = [*self._value, *(value if isinstance(value, list) else [value])]
        else:
            self._value = value

    @property
    def flags(self) -> list[str]:
        """`-n`, `--name`, shortest first."""
        return sorted((("-" if len(n) == 1 else "--") + n for n in self.names), key=len)

    @property
    def many_choices(self) -> bool:
        """Too many to stand beside the flag."""
        return sum(map(len, self.choices)) > 40

    @property
    def word(self) -> str:
        """As a positional in the usage line."""
        name = self.names[0].upper()
        name = f"-- {name}..." if self.place == "rest" else f"{name}..." if self.place == "words" else name
        return name if self.required else f"[{name}]"

    @property
    def spelling(self) -> str:
        """`-b, --build-arg ARG`, as in help."""
        flags = ", ".join(self.flags)
        if self.kind is bool and self.fallback is not False:
            flags = flags.replace("--", "--[no-]", 1)
        if self.off[1:]:
            flags = f"{', '.join(self.flags)} / {self.off[1]}"
        value = self.placeholder if self.many_choices else "|".join(self.choices) or self.placeholder
        if self.kind is not bool and not self.count:
            flags += f"[={value}]" if self.optional else f" {value}"
        if self.place in ("word", "words"):
            return f"{self.names[0].upper()}{'...' * (self.place == 'words')}, {flags}"
        return self.word.strip("[]") if self.place == "rest" else flags


def flag_name(field: str) -> str:
    return field.rstrip("_").replace("_", "-")


def is_secret(model: type[Options], field: str) -> bool:
    extra = model.model_fields[field].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("secret"))


def plain_types(annotation: Any) -> Iterator[Any]:
    """The types of a union, and what annotates them, None left out."""
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from plain_types(part)
    elif get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        yield from plain_types(inner)
        yield from (note for note in notes if isinstance(note, Placeholder))
    elif annotation is not NoneType:
        yield annotation


def by_field(model: type[Options], values: Mapping[str, Any], source: Callable[[str], str], what: str) -> Layer:
    """Values under the spellings that people use (`idle-timeout`, `in`, `type`) as values of fields."""
    fields = {}
    for field, info in model.model_fields.items():
        if field in ("plugin", "disable_plugin", "trust"):
            continue  # code runs for who types it, not for what a file says
        names = info.json_schema_extra.get("names", []) if isinstance(info.json_schema_extra, dict) else []
        for name in (field, flag_name(field), *(names if isinstance(names, list) else [])):
            fields[str(name).replace("-", "_")] = field
    found, origin = {}, {}
    for key, value in values.items():
        field = fields.get(key.replace("-", "_"), "")
        if not field:
            raise UsageError(f"{source(key)}: {what} has no option {key!r}", did_you_mean(key, fields))
        found[field], origin[field] = value, source(key)
    return Layer(found, lambda name: origin.get(name, name))


def settings_layer(model: type[Options], settings: Settings, command: str) -> Layer:
    """`[commands.NAME]`"""
    values = settings.commands.get(command, {})
    return by_field(model, values, lambda key: settings.where("commands", command, key), command)


def environment_layer(model: type[Options], command: str) -> Layer:
    """`MNG_COMMANDS_CREATE_CONNECT=false`; a list is one value, or several as JSON. An empty variable is as none."""
    start = f"MNG_COMMANDS_{command.upper().replace('-', '_').replace(' ', '_')}_"
    values: dict[str, Any] = {}
    for name, text in os.environ.items():
        if name.startswith(start) and text:
            values[name.removeprefix(start).lower()] = text
    layer = by_field(model, values, lambda key: start + key.upper(), command)
    for field in layer.values:
        if Option(field, model.model_fields[field]).kind is list:
            layer.values[field] = listed(layer.values[field])
    return layer


def listed(text: str) -> Any:
    if not text.startswith(("[", "{")):
        return [text]
    import json

    try:
        return json.loads(text)
    except ValueError:
        return [text]


def template_layer(model: type[Options], settings: Settings, name: str) -> Layer:
    """`[create_templates.NAME]`"""
    if name not in settings.create_templates:
        hint = did_you_mean(name, settings.create_templates) or "the settings have no [create_templates.NAME]"
        raise UsageError(f"no template {name!r}", hint)
    values = settings.create_templates[name]
    return by_field(model, values, lambda key: settings.where("create_templates", name, key), f"template {name}")


class CommonOptions(Options):
    """Common"""

    exclusive: ClassVar[Exclusive] = (("format", "json_", "jsonl"),)

    format: str = option("human", help="human, json, jsonl, or a template as '{name}\\t{state}'")
    json_: bool = option(False, help="one JSON array or object")
    jsonl: bool = option(False, help="one JSON object a line")
    quiet: bool = option(False, "-q", help="nothing but results and errors")
    verbose: int = option(0, "-v", count=True, help="say more; twice: the commands that run on hosts")
    plugin: list[str] = option([], help="with this plugin, enabled or not")
    disable_plugin: Annotated[list[str], Placeholder("PLUGIN")] = option([], help="without this plugin")
    log_file: str | None = option(None, help="write the log there")
    log_commands: bool = option(False, help="keep the commands that run on hosts in the log")
    log_command_output: bool = option(False, help="and what they print")
    log_env_vars: bool = option(False, help="and the names of the environment's variables")
    context: Annotated[str, Placeholder("DIR")] | None = option(None, help="folder to work from, instead of this one")
    trust: bool = option(False, help="let this folder's files count, for this run (see: mng trust)")

    @property
    def shape(self) -> str:
        return "json" if self.json_ else "jsonl" if self.jsonl else self.format
