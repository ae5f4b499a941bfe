"""Invoke's program with a default command, grouped help, and the tasks.py of the user's project."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.parser import Parser, ParseResult
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from mng import hooks, output, trust
from mng.cli import complete, project
from mng.cli.contents import Contents
from mng.errors import MngError, UsageError
from mng.home import names_plugins
from mng.shell import here, is_text


class Mng(Program):
    """Config, Executor, Loader and Context are Invoke's; what a line means, and how it ends, is ours."""

    def __init__(self, contents: Contents, version: str) -> None:
        super().__init__(name="mng", binary="mng", version=version, namespace=Collection())
        self.contents = contents

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        """Every way to end: a line on stderr at most and its code; a traceback only for a bug."""
        code = 0
        for sign in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(sign) is signal.SIG_DFL:  # not under nohup
                signal.signal(sign, terminated)
        try:
            self.normalize_argv(argv)
            refuse_bytes(self.argv)
            hooks.hold()
            trust.hold()
            with_trust(self.argv[1:])
            if self.parse(self.argv[1:]):
                self.execute()
        except UnexpectedExit as error:  # of a command in the project's own tasks
            output.error(str(error).rstrip() if error.result.hide else "")
            code = error.result.exited
        except ParseError as error:  # the line of a project's task
            output.error(f"mng: {error}")
            code = 2
        except Exit as error:
            output.error(str(error.message or ""))
            code = error.code
        except KeyboardInterrupt:
            output.error("mng: interrupted")
            code = 130
        except Exception:
            output.crash()
            code = 1
        hooks.tell()
        trust.tell()
        complete.refresh(self.contents, self.version)
        if exit:
            sys.exit(code)

    def core_args(self) -> list[Argument]:
        """None of Invoke's own: `--dry` or `--echo` would be taken for one of the command's."""
        return []

    def parse(self, words: list[str]) -> bool:
        """Set the one task to run; False if the line is answered already (help)."""
        try:
            self.create_config()
        except OSError as error:  # Invoke's own files
            raise MngError(f"cannot read {error.filename}: {error.strerror}") from None
        if names_plugins() or any(word.startswith("--plugin") for word in words):
            from mng.cli import plugged

            plugged.use(words)
        words = self.with_command(words)
        if words[0] in ("-h", "--help", "--version"):
            (self.print_version if words[0] == "--version" else self.print_help)()
            return False
        name, many = self.contents.find(words)
        self.core = ParseResult([ParserContext()])
        if not name:
            return self.parse_theirs(words)
        from mng.cli import parser

        self.collection = self.contents.collection(name)
        task = self.contents.load(name)
        context = parser.parse(name.replace(" ", "."), task.get_arguments(), words[many:])
        if context is None:
            self.print_task_help(name)
            return False
        self.tasks = ParseResult([context])
        return True

    def parse_theirs(self, words: list[str]) -> bool:
        """A task of the project's tasks.py, by Invoke's own rules; its code runs from here on."""
        found = project.nearest(here())
        assert found
        module = project.load(found)
        self.config.set_project_location(str(found.folder))
        keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        self.config.load_project()
        sys.dont_write_bytecode = keep
        self.collection = Collection.from_module(module, auto_dash_names=self.config.tasks.auto_dash_names)
        if "--help" in words or "-h" in words:
            self.their_help(words[0])
            return False
        self.tasks = Parser(self.collection.to_contexts(), initial=ParserContext()).parse_argv(words)
        self.tasks.pop(0)  # Invoke's own options: none
        return True

    def their_help(self, word: str) -> None:
        """In the shape of ours."""
        import inspect

        from mng.settings import did_you_mean

        contexts = {name: context for context in self.collection.to_contexts() for name in (context.name, *context.aliases)}
        if word not in contexts:
            raise UsageError(f"tasks.py has no task {word!r}", did_you_mean(word, filter(None, contexts)))
        name = str(contexts[word].name)
        options = [(left, right or "") for left, right in contexts[word].help_tuples()]
        text = inspect.cleandoc(self.collection[name].__doc__ or "")
        output.document(f"mng {name} [OPTIONS]", text, [("Options", options)] if options else [])

    def with_command(self, words: list[str]) -> list[str]:
        """The line with the command first: common options before it go behind it; none named means the default one."""
        many = leading(words)
        before, words = words[:many], words[many:]
        word = words[0] if words else ""
        name, length = self.contents.find(words)
        if length == 1 and " " in name:
            group = name.split()[0]
            self.refuse_near(words[1:2], self.contents.below(group))
            return [*self.default(group, name), *before, *words[1:]]
        if length:
            return [*words[:length], *before, *words[length:]]
        if word in ("-h", "--help", "--version"):
            return words
        if word and not word.startswith("-"):
            theirs = project.nearest(here())
            if theirs and word.partition(".")[0] in theirs.names:
                return [*words[:1], *before, *words[1:]]
            self.refuse(words, list(theirs.names) if theirs else [])
        return [*self.default("mng", self.contents.default), *before, *words]

    def default(self, group: str, otherwise: str) -> list[str]:
        """The command of a line that names none, or only its group: `[commands.GROUP] default_subcommand`."""
        from mng import settings
        from mng.cli.verify import default_of

        chosen = settings.load()
        return (default_of(chosen, self.contents, group, chosen.commands.get(group, {})) or otherwise).split()

    def refuse_near(self, words: Sequence[str], below: list[str]) -> None:
        """UsageError for `config gte`: the default command of the group would take it for something else."""
        for word in words:
            names = [name.rpartition(" ")[2] for name in below]
            if word not in names and (close := mistyped(word, names)):
                group = below[0].split()[0]
                raise UsageError(f"{group} has no command {word!r}", f"did you mean {group} {close[0]}?")

    def refuse(self, words: Sequence[str], theirs: list[str]) -> None:
        """UsageError if the first word, taken for the name of a new agent, would be a mishap."""
        word, create = words[0], f"an agent of that name: mng {self.contents.default} {words[0]}"
        if below := self.contents.below(word):
            raise UsageError(f"which {word} command?", "there are: " + ", ".join(below))
        if word in self.contents.later:
            raise UsageError(f"{word}: not in this version of mng", create)
        from mng.agents.types import names

        if words[1:2] and words[1] in names():
            return  # NAME TYPE
        if close := mistyped(word, [" ".join(spelling) for spelling in self.contents.spellings] + theirs):
            raise UsageError(f"no command {word!r}", f"did you mean {close[0]}? ({create})")

    def print_help(self) -> None:
        from mng.cli import help

        self.contents.plug()
        output.document(*help.top(self.contents, project.tasks(here())))

    def print_task_help(self, name: str) -> None:
        from mng.cli import help

        output.document(*help.command(self.contents.load(name)))

    def print_version(self) -> None:
        output.show(f"mng {self.version}")


def with_trust(words: Sequence[str]) -> None:
    """Who is there to be asked whether a folder is trusted; with --trust it is, for this run."""
    line = words[: words.index("--")] if "--" in words else words
    trust.now.once, trust.now.silent = "--trust" in line, line[:1] == ["trust"]

    def ask(folder: Path) -> bool:
        from mng.cli import trusting

        return trusting.asked(folder)

    quiet = {"trust", "config", "cfg", "plugin", "plug", "doctor", "-h", "--help", "--no-interactive"}  # they mend, or only tell
    trust.now.ask = None if quiet & {*line} else ask


def refuse_bytes(words: Sequence[str]) -> None:
    """UsageError for words that are not UTF-8: records and settings could not keep them."""
    for word in words:
        if not is_text(word):
            raise UsageError(f"{word!r} is not UTF-8")


def mistyped(word: str, names: Sequence[str]) -> list[str]:
    """The names that the word nearly is."""
    from difflib import get_close_matches

    names = [name for name in names if len(name) > 2]
    turned = [name for name in names if sorted(name) == sorted(word)]  # lsit, exce
    return turned or get_close_matches(word, names, n=1, cutoff=0.8)


def terminated(sign: int, frame: object) -> NoReturn:
    """As Ctrl-C does: what was begun is taken back, and what runs for it ends."""
    raise KeyboardInterrupt


def leading(words: Sequence[str]) -> int:
    """How many words at the start are options that every command has, with their values."""
    if not words or not words[0].startswith("-") or words[0] in ("-h", "--help", "--version"):
        return 0
    from mng.cli.options import CommonOptions, Option

    options = [Option(name, info) for name, info in CommonOptions.model_fields.items()]
    takes = {flag: option.takes_value for option in options for flag in option.flags}
    takes |= {flag: False for option in options for flag in option.off}
    many = 0
    while many < len(words):
        flag, equals, _ = words[many].partition("=")
        if flag not in takes:
            cluster = [f"-{letter}" for letter in flag[1:]] if not flag.startswith("--") else []
            if not cluster or not all(takes.get(letter) is False for letter in cluster):
                break
        many += 2 if takes.get(flag) and not equals else 1
    return min(many, len(words))
