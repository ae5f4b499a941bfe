"""The only place that prints: results on stdout and nothing else there, all else on stderr. Also keeps the log."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mng.calm import STEERS, calm
from mng.calm import clean as clean

if TYPE_CHECKING:
    from mng.layout import Sections
    from mng.log import Log
    from mng.rows import Results as Results
    from mng.rows import Row as Row
    from mng.rows import Template


LONGEST = 1000  # characters of a line of an error


@dataclass
class Now:
    """How this process prints; set by `begin`."""

    shape: str = "human"  # or json, jsonl, template
    quiet: bool = False
    verbose: int = 0
    template: Template | None = None
    log: Log | None = None
    progress: bool = False  # a progress line stands on the terminal
    asks: bool = True  # a person on the terminal, if there is one
    live: bool = False  # a person follows on stdout what is done: not a caller in Python
    secrets: set[str] = field(default_factory=set)  # texts that the log never has
    held: list[str] | None = None  # what is said while another program has the terminal


now = Now()


def begin(shape: str = "human", quiet: bool = False, verbose: int = 0) -> None:
    """Before a command runs; UsageError for a shape that there is not."""
    global now
    now = Now(shape, quiet, verbose, live=shape == "human")
    if shape not in ("human", "json", "jsonl"):
        from mng.errors import UsageError
        from mng.rows import Template
        from mng.settings import did_you_mean

        if "{" not in shape:
            hint = did_you_mean(shape, ("human", "json", "jsonl"))
            raise UsageError(f"--format: {shape!r} is neither human, json, jsonl nor a template", hint)
        now.shape, now.template = "template", Template(shape)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def __getattr__(name: str) -> Any:
    """`from mng.output import Row, Results`, without pydantic for those who only print."""
    if name in ("Row", "Results"):
        from mng import rows

        return getattr(rows, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# ── results ──────────────────────────────────────────────────────────────────────────────────────


def show(value: Any) -> None:
    """A result: text, a Row, Results, or rows as they come (an iterator: jsonl and templates print each at once)."""
    if value is None:
        return
    if isinstance(value, Iterator):
        if now.shape in ("jsonl", "template"):
            for row in value:
                show(row)
            return
        value = list(value)
    rows = value if isinstance(value, list) else [value]
    if now.shape == "json":
        write(json_of(value, indent=1 if stdout_is_terminal() else None) + "\n")
    elif now.shape == "jsonl":
        write("".join(json_of(row) + "\n" for row in rows))
    elif now.template and not isinstance(value, str):
        for row in rows:
            now.template.check(type(row))
        write("".join(calm(now.template.fill(row)) + "\n" for row in rows))
    elif isinstance(value, list):
        if getattr(value, "alone", False) and not getattr(value, "streamed", False):
            show(value[0])
        elif not getattr(value, "streamed", False):
            write(table_text(value))
        note(getattr(value, "footer", ""))
    else:
        write(calm(text_of(value)).rstrip("\n") + "\n")


def refresh(value: Any) -> None:
    """The result again, in place of the one before where a terminal shows it."""
    if drawn():
        write("\x1b[H\x1b[2J")
    show(value)


def json_of(value: Any, indent: int | None = None) -> str:
    import json

    from mng.rows import plain

    text = json.dumps(plain(value), indent=indent, ensure_ascii=False)
    return STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def text_of(row: Any) -> str:
    if not hasattr(row, "human"):
        return str(row)
    text = row.human()
    if text is not None:
        return str(text)
    from mng import layout
    from mng.rows import cell, value_at

    pairs = [(header, clean(cell(value_at(row, path)))) for header, path in row.headers().items()]
    return layout.aligned([pair for pair in pairs if pair[1]])


def table_text(rows: Sequence[Row]) -> str:
    """Aligned columns; on a terminal in colour and cut to its width."""
    if not rows or not hasattr(rows[0], "headers"):
        return "".join(f"{calm(str(row))}\n" for row in rows)
    from mng import layout
    from mng.rows import cell, value_at

    headers = rows[0].headers()
    cells = [[clean(cell(value_at(row, path))) for path in headers.values()] for row in rows]
    if fancy(sys.stdout):
        return layout.table(list(headers), cells, width_of(sys.stdout))
    return layout.aligned([list(headers), *cells])


def write(text: str) -> None:
    """Results as they are; a reader that went away ends the program quietly, as SIGPIPE would."""
    passed(sys.stdout, text)


def raw(data: bytes, error: bool = False) -> None:
    """What a command on a host prints, byte for byte."""
    stream = sys.stderr if error else sys.stdout
    clear()
    if stream is not None:
        stream.flush()
        passed(stream.buffer if hasattr(stream, "buffer") else stream, data)


class Streamed:
    """What a command on a host prints as it comes; with a name before each line where several print at once."""

    def __init__(self, name: str = "") -> None:
        self.mark = f"{clean(name)} | ".encode() if name else b""
        self.rest = {"out": b"", "err": b""}

    def __call__(self, stream: str, data: bytes) -> None:
        if not self.mark:
            raw(data, stream == "err")
            return
        *lines, self.rest[stream] = (self.rest[stream] + data).split(b"\n")
        raw(b"".join(self.mark + line + b"\n" for line in lines), stream == "err")

    def end(self) -> None:
        for stream, rest in self.rest.items():
            if rest:
                raw(self.mark + rest + b"\n", stream == "err")


def passed(stream: Any, data: Any) -> None:
    if stream is None:  # closed before we began
        return
    if stream is sys.stdout:
        clear()
    try:
        stream.write(data)
        stream.flush()
    except OSError as error:
        from invoke.exceptions import Exit

        from mng.errors import MngError

        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or Python complains once more at its end
        if isinstance(error, BrokenPipeError):
            raise Exit(code=141) from None
        raise MngError(f"cannot write the output: {error.strerror}") from None


def document(title: str, text: str, sections: Sections) -> None:
    """Help: a headline, prose, then two columns under headings."""
    from mng import layout

    width = width_of(sys.stdout) if stdout_is_terminal() else columns()
    write(layout.help_page(title, text, sections, width, colours=fancy(sys.stdout)))


# ── all else ─────────────────────────────────────────────────────────────────────────────────────


def note(text: str) -> None:
    """What was done, for people; not with -q."""
    if text and not now.quiet:
        say(text)


def warn(text: str) -> None:
    note(f"mng: warning: {text}")


def detail(text: str, level: int = 1) -> None:
    """With -v (level 2: -vv)."""
    if now.verbose >= level:
        note(text)


def progress(text: str) -> None:
    """What is waited for: on a terminal a line that the next one replaces; lines with -v; else nothing."""
    if now.verbose or not fancy(sys.stderr):
        detail(text)
    elif not now.quiet and now.held is None:
        clear()
        sys.stderr.write(clean(text)[: width_of(sys.stderr) - 1])
        sys.stderr.flush()
        now.progress = True


def terminal(text: str) -> None:
    """Cursor movements and all, for what draws on a terminal."""
    sys.stderr.write(text)
    sys.stderr.flush()


def clear() -> None:
    """Take the progress line away."""
    if now.progress and sys.stderr is not None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
        now.progress = False


def error(text: str) -> None:
    """What somebody typed may be in it: nothing of that steers the terminal or fills it."""
    if text:
        say("\n".join(clean(line if len(line) <= LONGEST else f"{line[:600]}…{line[-300:]}") for line in text.split("\n")))


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Say nothing on the terminal meanwhile, all of it afterwards."""
    clear()
    now.held = []
    try:
        yield
    finally:
        texts, now.held = now.held, None
        for text in texts:
            say(text)


def say(text: str) -> None:
    if now.held is not None:
        now.held.append(text)
    if sys.stderr is None or now.held is not None:
        return
    clear()
    try:
        sys.stderr.write(calm(text) + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = None


def confirm(question: str) -> bool | None:
    """Yes or no on the terminal; None if there is nobody to ask."""
    if not interactive():
        return None
    clear()
    sys.stderr.write(f"{calm(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def password(question: str) -> str | None:
    """Typed unseen on the terminal; None if there is nobody to ask."""
    if not interactive():
        return None
    import getpass

    clear()
    return getpass.getpass(calm(question))


def choose(question: str, answers: Mapping[str, str]) -> str:
    """What stands for the letter that is typed; asked again until it is one of them."""
    clear()
    while True:
        sys.stderr.write(f"{calm(question)} ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line or line.strip().lower() in answers:
            return answers.get(line.strip().lower(), "")


def interactive() -> bool:
    """Whether a person can answer."""
    return bool(now.asks and sys.stdin and sys.stderr and sys.stdin.isatty() and sys.stderr.isatty())


def stdout_is_terminal() -> bool:
    return bool(sys.stdout and sys.stdout.isatty())


def fancy(stream: TextIO | None) -> bool:
    """Whether colour and cursor movements are wanted there."""
    return bool(stream and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb")


def drawn() -> bool:
    """Whether a person looks at the result on a terminal that can be drawn on."""
    return fancy(sys.stdout) and now.shape == "human"


def columns() -> int:
    """Where there is no terminal."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given[:6]) > 0 else 100


def width_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def crash() -> None:
    """The traceback of a bug, and where to read on."""
    import traceback

    text = traceback.format_exc()
    error(text.rstrip())
    if now.log:
        error(f"mng: this is a bug in mng; the log: {now.log.file}")
        logged(traceback=text)


# ── the log ──────────────────────────────────────────────────────────────────────────────────────


def log_to(folder: Path, log_file: str | None, log_commands: bool, log_command_output: bool, log_env_vars: bool) -> None:
    """Where the log goes from now on: the file, else logs/ in the user's folder."""
    from mng import log
    from mng.shell import expanded

    file = expanded(log_file) if log_file else folder / "logs" / "mng.jsonl"
    now.log = log.Log(file.absolute(), log_commands, log_command_output)
    if log_env_vars:
        logged(environment=log.environment())


def log_end(command: str, argv: list[str], code: int, seconds: float, wrong: str) -> None:
    """The line of a command that ended."""
    logged(command=command, argv=argv, exit_code=code, seconds=round(seconds, 3), **({"error": wrong} if wrong else {}))


def ran(shown: str, seconds: float, code: int = 0, printed: bytes = b"") -> None:
    """A command ran on a host: on stderr with -vv, in the log with --log-commands."""
    detail(f"$ {shown}  ({seconds:.3f} s{f', exit code {code}' if code else ''})", 2)
    if now.log and now.log.commands:
        output = {"output": printed.decode(errors="replace")} if now.log.printed and printed else {}
        logged(ran=shown, seconds=round(seconds, 4), exit_code=code, **output)


def hide(*texts: str) -> None:
    """From now on no line of the log has any of these in it. Shorter ones are no secrets, and parts of everything."""
    now.secrets |= {piece for text in texts for piece in text.replace("'", "\n").split("\n") if len(piece.strip()) > 3}


def logged(**entry: object) -> None:
    """Into the log; where it can't be written, that is said once and nothing else is lost."""
    if now.log is None:
        return
    try:
        now.log.write(now.secrets, **entry)
    except OSError as wrong:
        warn(f"cannot write the log {now.log.file}: {wrong.strerror}")
        now.log = None
