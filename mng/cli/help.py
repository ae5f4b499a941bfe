"""Help, as data: a headline, prose, sections of two columns. For the terminal here, for docs/ in docs.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mng.cli.command import Command
    from mng.cli.contents import Contents
    from mng.cli.options import Option

Page = tuple[str, str, list[tuple[str, list[tuple[str, str]]]]]


def top(contents: Contents, theirs: Mapping[str, str]) -> Page:
    """`mng --help`: the commands by group, and the tasks of the project at hand. Loads none of them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, entry in contents.entries.items():
        spelled = ", ".join((name, *(alias for alias in entry.aliases if alias.count(" ") == name.count(" "))))
        default = "(default) " if name == contents.default else ""
        groups.setdefault(entry.group, []).append((spelled, default + entry.summary))
    sections = [*groups.items(), ("Options", [*OPTIONS])]
    own = [(name, doc) for name, doc in theirs.items() if doc and not contents.find([name])[1]]
    if own:
        sections.insert(-1, ("This project's tasks.py", own))
    return f"mng [COMMAND] [OPTIONS]   (no command: {contents.default})", "", sections


OPTIONS = [
    ("-h, --help", "this text; of a command: mng COMMAND --help"),
    ("--version", "the version"),
    ("--completion SHELL", "the completion function for bash, zsh or fish, to be put in its start-up file"),
]


def command(task: Command[Any]) -> Page:
    """`mng NAME --help`: every option under the title of its group."""
    options = task.get_arguments()
    words = [o.word for o in options if o.place in ("word", "words")] + ["[OPTIONS]"]
    words += [o.word for o in options if o.place == "rest"]
    sections = [(title, [(o.spelling, text(o)) for o in group]) for title, group in task.model.groups().items()]
    sections[-1][1].append(("-h, --help", "this text"))
    if task.contents:
        sections += more(task, task.contents)
    return f"mng {task.path} {' '.join(words)}", prose(task), sections


def more(task: Command[Any], contents: Contents) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The other commands of its group, and examples."""
    from mng.cli.examples import examples

    group = task.path.rpartition(" ")[0]
    if others := [(f"mng {name}", contents.entries[name].summary) for name in contents.below(group) if name != task.path]:
        yield f"Also in {group}", others
    if shown := [(example.line, example.about) for example in examples(contents) if example.command == task.path]:
        yield "Examples", shown


def prose(task: Command[Any]) -> str:
    from inspect import cleandoc

    aliases = f"\n\nAlso: mng {', mng '.join(task.aliases)}" if task.aliases else ""
    return cleandoc(task.__doc__ or "") + aliases


def text(option: Option) -> str:
    """The help of an option, whether it may be repeated, and its default."""
    notes = [", ".join(option.choices)] if option.many_choices else []
    if option.kind is list and option.place != "rest":
        notes.append("repeatable")
    if option.fallback not in (None, [], {}, (), False, True, "", 0):
        notes.append(f"default: {option.fallback:g}" if isinstance(option.fallback, float) else f"default: {option.fallback}")
    elif option.fallback is True:
        notes.append("default: yes")
    return option.doc + (f" ({'; '.join(notes)})" if notes else "")
