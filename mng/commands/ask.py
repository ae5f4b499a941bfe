"""mng ask"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from shutil import which
from typing import Any

from invoke.context import Context

from mng import output
from mng.agents.types import choose
from mng.cli import parser
from mng.cli.command import Command, command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.text import on_terminal, piped_text
from mng.commands import contents
from mng.errors import CommandFailed, MngError, NotFound, UsageError
from mng.rows import Row
from mng.runner import LocalRunner
from mng.settings import Settings
from mng.shell import cmd

PROMPT = """\
You answer questions about `mng`, a command line tool for running coding agents. Use no tools: all that you need is its
reference, which follows. Answer in one or two sentences, and end with the one command line that does it, alone on the
last line, beginning with `mng` and the command's name, and without pipes, variables or other features of a shell.

{reference}
The question:
{question}
"""


class AskOptions(Options):
    """Ask"""

    query: list[str] = option([], place="words", secret=True, help="the question (default: what is piped in)")
    execute: bool = option(False, help="run the command that answers it, after showing it")
    yes: bool = option(False, "-y", help="run it without asking first")
    type: str | None = option(None, "--agent-type", help="agent that answers (default: the one that create starts)")
    offline: bool = option(False, help="ask no agent: search the reference")
    timeout: Duration = option(180.0, help="how long the agent may take")


class Ask(AskOptions, CommonOptions):
    """Ask"""


class Answer(Row):
    """What answers a question: a command line, and in whose words."""

    question: str
    command: str
    text: str
    source: str  # the agent's type, or "reference"

    def human(self) -> str:
        return self.text


@command
def ask(c: Context, o: Ask) -> Answer | None:
    """Ask how to do something with mng

    The configured agent answers from the reference, in its own words; without one, the reference is searched.
    """
    question = " ".join(o.query) or ("" if on_terminal() else piped_text() or "").strip()
    if not question:
        raise UsageError("ask what?", 'mng ask "How do I attach to an agent?"')
    answer = (None if o.offline else by_agent(question, o)) or by_reference(question)
    if not o.execute:
        return answer
    task, given = parsed(answer.command)
    output.error(answer.text if answer.source != "reference" else answer.command)
    if not o.yes:
        agreed = output.confirm(f"Run {answer.command}?")
        if agreed is None:
            raise UsageError("running the answer needs a yes", "look at it first, without --execute; then give -y")
        if not agreed:
            raise MngError("nothing run")
    task(c, **given)
    return None


def by_agent(question: str, o: Ask) -> Answer | None:
    """What the agent's program says when it is run for this alone; None where there is none, or it fails."""
    from mng.cli.docs import pages

    chosen = choose(o.type or configured(o.settings), o.settings)
    program = chosen.program or chosen.kind.program
    if not chosen.kind.headless or not program or not which(program[0]):
        if o.type:
            output.warn(f"{o.type} can't be asked here; this is from the reference")
        return None
    output.progress(f"asking {chosen.name}")
    os.environ.update(chosen.env)
    common = re.compile(r"## Common\n.*?(?=\n## |\Z)", re.DOTALL)  # the same on all pages: once is enough
    first, *rest = pages(contents).values()
    prompt = PROMPT.format(reference="\n".join([first, *(common.sub("", page) for page in rest)]), question=question)
    with tempfile.TemporaryDirectory(prefix="mng-ask-") as folder:  # nothing of the project is its business
        line = cmd(list(program), list(chosen.kind.headless), list(chosen.args)).within(folder)
        try:
            text = LocalRunner().run(line, stdin=prompt.encode(), timeout=o.timeout).text
        except CommandFailed as error:
            output.warn(f"{chosen.name} did not answer ({error.what.rpartition(': ')[2]}); this is from the reference")
            return None
    lines = [line.strip().strip("`").removeprefix("$ ") for line in text.splitlines()]
    said = [line for line in lines if line.startswith("mng ")]
    return Answer(question=question, command=said[-1] if said else "", text=text, source=chosen.name)


def configured(settings: Settings) -> str:
    """The type that `create` starts."""
    values = settings.commands.get("create", {})
    return str(values.get("type") or values.get("agent_type") or values.get("agent-type") or "claude")


def by_reference(question: str) -> Answer:
    from mng.cli.search import search

    found = search(contents, question)
    if not found:
        raise NotFound("the reference has nothing about that", "see: mng --help")
    others = [f"    {one.line}   # {one.about}" for one in found[1:] if one.score > found[0].score / 2]
    text = "\n".join([f"Simply run:\n    {found[0].line}", *(["\nOr:", *others] if others else [])])
    return Answer(question=question, command=found[0].line, text=text, source="reference")


def parsed(line: str) -> tuple[Command[Any], dict[str, Any]]:
    """The command of the line and its options; UsageError for all that is not one plain command of ours."""
    try:
        words = list(shlex.shlex(line, posix=True, punctuation_chars=True))
        plain = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"the answer is no command line: {line!r}: {error}") from None
    if any(set(word) <= set("();<>|&") for word in words if word) or set("$`\n") & set(line):
        raise UsageError(f"the answer is more than a command of mng: {line}", "run it yourself, in a shell")
    name, many = contents.find(plain[1:])
    if plain[:1] != ["mng"] or not name or name == "ask":
        raise UsageError(f"the answer has no command to run: {line!r}", "run it yourself, if it is right")
    task = contents.load(name)
    context = parser.parse(name, task.get_arguments(), plain[1 + many :])
    if context is None:
        raise UsageError(f"the answer asks for help: {line}", "run it yourself")
    given = context.as_kwargs
    task.model.given(given)  # what is wrong with it is said before it is run
    return task, given
