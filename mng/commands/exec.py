"""mng exec"""

from __future__ import annotations

import sys
from pathlib import PurePosixPath
from typing import IO, ClassVar

from invoke.context import Context

from mng import output
from mng.agents.agent import MISSING, Agent, where
from mng.agents.team import Team
from mng.cli.chosen import Outcome, chosen
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import CommandFailed, NotFound
from mng.inventory.inventory import Inventory
from mng.rows import Results, Row
from mng.runner import Done
from mng.shell import Cmd, cmd, raw

AS_USER = raw(
    'id -u "$0" >/dev/null || exit; '
    'if [ "$(id -u)" = 0 ] && command -v runuser >/dev/null; then exec runuser -u "$0" -- sh -c "$1"; fi; '
    'exec sudo -n -E -u "$0" -- sh -c "$1"'
)


class ExecOptions(Options):
    """Exec"""

    command: str = option(..., place="word", help="shell line to run")
    cwd: str | None = option(None, help="folder to run in, from the agent's work dir (default: that itself)")
    timeout: Duration | None = option(None, help="end it, with all that it started, after this long")
    start: bool = option(False, help="start the agent first if it is stopped")
    user: str | None = option(None, help="run it as this user of the host (by sudo, where mng is not root)")
    dry_run: bool = option(False, help="say where it would run, run nothing")


class Exec(ExecOptions, TargetOptions, CommonOptions):
    """Exec"""


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
    """Run a shell command where agents work

    In the agent's work dir, with its environment. Of a single agent, stdin, output and exit code are the command's own.
    Several words after -- are the command, each passed on as it is: mng exec web -- git log --oneline
    """
    agents = chosen(Team.of(Inventory(o.settings), o.hosts, o.words).with_hand_made(), o)
    if o.dry_run:
        for agent in agents.agents:
            output.note(f"would run on {agent.host.name} for {agent.name}: {o.command}")
        return Results()
    results = agents.each(lambda agent: ran(agent, o, agents.alone))
    for row in results:
        if isinstance(row, Outcome) and o.shape == "human":  # its output went out already, this did not
            output.error(row.human())
    return Ended(results, agents.alone, streamed=o.shape == "human")


def ran(agent: Agent, o: Exec, alone: bool) -> Ran:
    """Its output goes out as it comes in human shape, and into the result in any other."""
    if o.start and agent.record.id and agent.status().state in ("STOPPED", "DONE", "FAILED"):
        agent.start(resume=True)
    folder = str(PurePosixPath(agent.record.work.path or agent.host.home, agent.host.expand(o.cwd or "")))
    kept: dict[str, list[bytes]] = {"out": [], "err": []}
    human = o.shape == "human"
    shown = output.Streamed("" if alone else agent.name)
    live = shown if human else lambda stream, data: kept[stream].append(data)
    stdin: IO[bytes] | None = getattr(sys.stdin, "buffer", None) if alone else None
    try:
        done = agent.host.runner.run(line(agent, o, folder), stdin=stdin, check=False, timeout=o.timeout, live=live)
    except CommandFailed as error:
        output.warn(f"{agent.name}: {error.what}")
        done = Done(error.command_code)
    finally:
        shown.end()
    if done.code == MISSING:
        raise NotFound(f"{agent.name} has no folder {folder}")
    out, err = (b"".join(kept[name]).decode(errors="replace") for name in ("out", "err"))
    return Ran(agent=agent.name, host=agent.host.name, stdout=out, stderr=err, success=done.code == 0, exit_code=done.code)


def line(agent: Agent, o: Exec, folder: str) -> Cmd:
    asked = raw(o.command)
    if o.user:
        asked = cmd("sh", "-c", AS_USER, o.user, asked)
    whole = where(folder).then(agent.within(asked).within(folder))
    return Cmd(whole.env(**agent.env()).line, o.command)
