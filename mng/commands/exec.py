"""mng exec"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import PurePosixPath
from typing import IO, ClassVar

from invoke.context import Context

from mng import output, sudo
from mng.agents.agent import MISSING, Agent, where
from mng.cli.chosen import Chosen, Outcome, chosen
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import CommandFailed, NotFound
from mng.host import Host
from mng.records import AgentRecord, Work
from mng.rows import Results, Row
from mng.runner import Done
from mng.shell import Cmd, raw

HOST = "host"  # the kind of what is no agent, but a host


class ExecOptions(Options):
    """Exec"""

    command: str = option(..., place="word", secret=True, help="shell line to run")
    cwd: str | None = option(None, help="folder to run in, from the agent's work dir (default: that itself)")
    timeout: Duration | None = option(None, help="end it, with all that it started, after this long")
    start: bool = option(False, help="start the agent first if it is stopped")
    user: str | None = option(None, help="run it as this user of the host (by sudo, where mng is not root)")
    same_password: bool = option(
        False, help="offer sudo's password, typed for one host, to all others, too: each of them can keep it"
    )
    dry_run: bool = option(False, help="say where it would run, run nothing")


class Exec(ExecOptions, TargetOptions, CommonOptions):
    """Exec"""

    kept: ClassVar[tuple[str, ...]] = ("command",)  # by the log with --log-commands


class Ran(Row):
    """How the line ended on one agent's host."""

    columns: ClassVar[dict[str, str]] = {"NAME": "agent", "EXIT CODE": "exit_code"}

    agent: str
    host: str
    stdout: str = ""
    stderr: str = ""
    success: bool
    exit_code: int


class Ended(Results[Ran | Outcome]):
    """The exit code is the line's own for a single agent, else 5 if it failed anywhere."""

    def __init__(self, rows: Results[Ran | Outcome], alone: bool, streamed: bool) -> None:
        failures = sum(bool(getattr(row, "exit_code", 0)) for row in rows)
        super().__init__(rows, "" if alone else f"{len(rows) - failures} ok, {failures} failed")
        self.alone, self.streamed = alone, streamed

    @property
    def exit_code(self) -> int:
        worst = super().exit_code
        return worst if self.alone or not any(isinstance(row, Ran) and row.exit_code for row in self) else 5


@command
def exec_(c: Context, o: Exec) -> Results[Ran | Outcome]:
    """Run a shell command where agents work, or on hosts

    In the agent's work dir, with its environment. Of a single agent, stdin, output and exit code are the command's own.
    Several words after -- are the command, each passed on as it is: mng exec web -- git log --oneline
    With --host and no agent it runs once on each of these hosts, in the home there.
    """
    sudo.same = o.same_password
    if o.hosts and not (o.agents or o.all_ or o.include or o.exclude or o.stdin):
        places = Chosen([host_itself(host) for host in o.inventory().hosts(o.hosts, o.limit or "")], abort=o.on_error == "abort")
    else:
        places = chosen(o.team().with_hand_made(), o)
    if o.dry_run:
        for agent in places.agents:
            where = f" for {agent.name}" if agent.name != agent.host.name else ""
            output.note(f"would run on {agent.host.name}{where}: {o.command}")
        return Results()
    results = places.each(lambda agent: ran(agent, o, places.alone))
    for row in results:
        if isinstance(row, Outcome) and o.shape == "human":  # its output went out already, this did not
            output.error(row.human())
    return Ended(results, places.alone, streamed=o.shape == "human")


def host_itself(host: Host) -> Agent:
    """Something to run a command on that is no agent."""
    return Agent(AgentRecord(id="", name=host.name, type="", kind=HOST, work=Work(kind="in-place", path="")), host)


def ran(agent: Agent, o: Exec, alone: bool) -> Ran:
    """Its output goes out as it comes in human shape, and into the result in any other."""
    if o.start and agent.record.id and agent.status().state in ("STOPPED", "DONE", "FAILED"):
        agent.start(resume=True)
    kept: dict[str, list[bytes]] = {"out": [], "err": []}
    human = o.shape == "human"
    shown = output.Streamed("" if alone else agent.name)
    live = shown if human else lambda stream, data: kept[stream].append(data)
    stdin: IO[bytes] | None = getattr(sys.stdin, "buffer", None) if alone else None
    try:
        done = agent.host.run(
            raw(o.command), user=o.user or "", stdin=stdin, check=False, timeout=o.timeout, live=live,
            around=partial(whole, agent, o) if agent.record.kind != HOST or folder(agent, o) else None,
        )  # fmt: skip
    except CommandFailed as error:
        output.warn(f"{agent.name}: {error.what}")
        done = Done(error.command_code)
    finally:
        shown.end()
        if agent.record.kind == HOST:
            agent.host.runner.close()
    if done.code == MISSING:
        raise NotFound(f"{agent.name} has no folder {folder(agent, o)}")
    out, err = (b"".join(kept[name]).decode(errors="replace") for name in ("out", "err"))
    return Ran(agent=agent.name, host=agent.host.name, stdout=out, stderr=err, success=done.code == 0, exit_code=done.code)


def folder(agent: Agent, o: Exec) -> str:
    """Where to run it; "" for the home of a host elsewhere, which a session on it begins in."""
    host = agent.host
    if agent.record.kind == HOST and not host.local and not o.cwd:
        return ""
    return str(PurePosixPath(agent.record.work.path or host.home, host.expand(o.cwd or "")))


def whole(agent: Agent, o: Exec, line: Cmd) -> Cmd:
    """The line in its folder, and with the environment of an agent."""
    there = folder(agent, o)
    if agent.record.kind == HOST:
        return where(there).then(line.within(there))
    return where(there).then(agent.within(line).within(there)).env(**agent.env())
