"""mng logs"""

from __future__ import annotations

from typing import ClassVar

from invoke.context import Context

from mng import lenient, output
from mng.agents import tmux
from mng.agents.agent import Agent
from mng.agents.team import Team
from mng.cli.command import command
from mng.cli.options import CommonOptions, Count, Exclusive, Options, option
from mng.errors import NotFound, UsageError
from mng.host import Asleep
from mng.inventory.inventory import Inventory
from mng.names import near
from mng.rows import Results, Row
from mng.shell import Cmd, cmd, raw

SIZES = raw('for one; do if [ -f "$one" ]; then wc -c <"$one"; else echo 0; fi; done')


class LogsOptions(Options):
    """Logs"""

    exclusive: ClassVar[Exclusive] = (("tail", "head"), ("follow", "head"))

    target: str = option(..., place="word", help="agent")
    file: str | None = option(None, place="word", help="which log; screen and transcript always work (default: list them)")
    follow: bool = option(False, help="go on with what is added, until Ctrl-C")
    tail: Count | None = option(None, help="only the last lines")
    head: Count | None = option(None, help="only the first lines")


class Logs(LogsOptions, CommonOptions):
    """Logs"""


class LogFile(Row):
    """A log of an agent."""

    columns: ClassVar[dict[str, str]] = {"FILE": "file", "BYTES": "size", "PATH": "path"}

    file: str
    size: int
    path: str


@command
def logs(c: Context, o: Logs) -> Results[LogFile] | str | None:
    """Show the logs of an agent

    Without FILE, what there is. `screen` is what its terminal shows, `transcript` its conversation.
    """
    agent = Team.of(Inventory(o.settings), words=[o.target]).with_hand_made().named(o.target)
    if o.file == "screen":
        return screen(agent, o)
    files = {log.file: log for log in known(agent)}
    if o.file is None:
        return Results(files.values(), "" if files else f"no logs; what its terminal shows: mng logs {agent.name} screen")
    if o.file not in files:
        close = near(o.file, [*files, "screen"])
        raise NotFound(f"{agent.name} has no log {o.file!r}", f"there is: {', '.join(close or [*files, 'screen'])}")
    line = shown(files[o.file].path, o)
    if o.shape == "human":
        agent.host.runner.run(line, timeout=None if o.follow else 60, live=output.Streamed())
        return None
    if o.follow:
        raise UsageError("--follow shows what is added as it is", "leave out --json or --format")
    return agent.host.runner.run(line).out.decode(errors="replace")


def screen(agent: Agent, o: Logs) -> str:
    view = agent.view()
    if not view.pane:
        raise NotFound(f"{agent.name} has no screen: it is stopped")
    lines = agent.host.runner.run(tmux.capture(view.pane.id, 2000)).out.decode(errors="replace").rstrip().splitlines()
    lines = lines[: o.head] if o.head is not None else lines[-o.tail :] if o.tail else lines
    return "\n".join(lines)


def known(agent: Agent) -> list[LogFile]:
    """Files in its log folder, and the transcript where its type has one."""
    view = agent.view()
    paths = {name: f"{agent.folder}/logs/{name}" for name in view.probe.files.names(f"{agent.folder}/logs")}
    if agent.record.id and (transcript := agent.kind.transcript(view)):
        paths["transcript"] = transcript
    if isinstance(agent.host, Asleep):
        return [LogFile(file=name, size=len(view.read(path)), path=path) for name, path in paths.items()]
    sizes = agent.host.runner.run(cmd("sh", "-c", SIZES, "sh", [*paths.values()]), check=False).out.split() if paths else []
    found = zip(paths.items(), sizes, strict=False)
    return [LogFile(file=name, size=int(lenient.number(size)), path=path) for (name, path), size in found]


def shown(path: str, o: Logs) -> Cmd:
    if o.head is not None:
        return cmd("head", "-n", o.head, "--", path)
    if o.follow:
        return cmd("tail", "-n", o.tail if o.tail is not None else 10, "-F", "--", path)
    return cmd("cat", "--", path) if o.tail is None else cmd("tail", "-n", o.tail, "--", path)
