"""All that settings say, held against what the commands take; a command at work looks only at its own part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mng.errors import UsageError
from mng.settings import Settings, did_you_mean

if TYPE_CHECKING:
    from mng.cli.contents import Contents
    from mng.cli.options import Layer, Options


def verify(settings: Settings, contents: Contents) -> None:
    """UsageError for the first thing that some command would not take."""
    from mng.agents.types import choose
    from mng.cli.options import settings_layer, template_layer

    contents.check(settings)
    for name, values in settings.commands.items():
        if name in contents.entries:
            model = contents.load(name).model
            accepted(model, settings_layer(model, settings, name))
        elif name == "mng" or contents.below(name):
            default_of(settings, contents, name, values)
    model = contents.load("create").model
    for name in settings.create_templates:
        accepted(model, template_layer(model, settings, name))
    for name in settings.agent_types:
        choose(name, settings)


def accepted(model: type[Options], layer: Layer) -> None:
    """UsageError for a value that the command would not take; others may be missing."""
    from pydantic import ValidationError

    values, source = model.merged([layer])
    try:
        model.model_validate(values)
    except ValidationError as error:
        if any(one["type"] != "missing" for one in error.errors(include_url=False)):
            raise UsageError(*model.complaint(error, source)) from None


def default_of(settings: Settings, contents: Contents, group: str, values: dict[str, object]) -> str:
    """The command that `[commands.GROUP] default_subcommand` names ("" without one); GROUP is `mng` or as `snapshot`."""
    for key in values:
        if key != "default_subcommand":
            at = settings.where("commands", group, key)
            raise UsageError(f"{at}: {group} has no option {key!r}", did_you_mean(key, ["default_subcommand"]))
    if "default_subcommand" not in values:
        return ""
    word = str(values["default_subcommand"])
    name = contents.find(word.split())[0] if group == "mng" else f"{group} {word}"
    if name not in contents.entries:
        known = contents.entries if group == "mng" else [name.rpartition(" ")[2] for name in contents.below(group)]
        at = settings.where("commands", group, "default_subcommand")
        raise UsageError(f"{at}: no command {word!r}", did_you_mean(word, known))
    return name
