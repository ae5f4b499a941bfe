"""An agent: its record and its host, and what can be done with it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from mng import foreign, hooks
from mng.agents import tmux
from mng.agents.row import AgentRow, row
from mng.agents.state import look, status
from mng.agents.types import AgentType, Status, View, type_of
from mng.errors import MngError, NotAvailable, NotFound
from mng.host import Host, Probe
from mng.records import AgentRecord
from mng.runner import File
from mng.shell import Cmd, cmd, joined

MISSING = 94  # exit code of our own for a work dir that is not there


@dataclass
class Agent:
    """A record on a host. Facts are taken anew with each `view()`."""

    record: AgentRecord
    host: Host

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def kind(self) -> AgentType:
        return type_of(self.record)

    @property
    def folder(self) -> str:
        return self.host.agent_dir(self.record.id or f".{self.name}")  # a hand-made session has no id

    @property
    def session(self) -> str:
        return self.host.session(self.name)

    def view(self, probe: Probe | None = None) -> View:
        return look(self.record, self.host, probe or self.host.probe())

    def status(self, probe: Probe | None = None) -> Status:
        return status(self.view(probe))

    def row(self) -> AgentRow:
        """As list shows it."""
        view = self.view()
        return row(self.record, self.host, status(view), view.probe)

    def save(self) -> None:
        """Write the record, whole; MngError for one that could not be read again."""
        foreign.checked(self.record, here=self.host.local)
        self.host.runner.put({f"{self.folder}/data.json": File(self.record.dump())})

    def env(self) -> dict[str, str]:
        """What the session and every command run for the agent know of it."""
        here = {name: os.environ[name] for name in ("PATH", "MNG_PREFIX", "MNG_ROOT_NAME") if name in os.environ}
        return {
            **(here if self.host.local else {}),
            "MNG_HOST_DIR": self.host.dir,
            "MNG_AGENT_ID": self.record.id,
            "MNG_AGENT_NAME": self.name,
            "MNG_AGENT_STATE_DIR": self.folder,
            "MNG_AGENT_WORK_DIR": self.record.work.path,
        }

    def within(self, line: Cmd) -> Cmd:
        """The line with the environment files of the host and the agent read first."""
        read = joined(source(f"{self.host.dir}/env"), "; ", source(f"{self.folder}/env"))
        return joined(joined(joined(cmd("set", "-a"), "; ", read), "; ", cmd("set", "+a")), "\n", line)

    def script(self, run: str, *, resume: bool) -> bytes:
        """What window 0 runs: the program, and then how it ended."""
        launch = joined(
            cmd("cd", "--", self.record.work.path),
            " || exit\n",
            self.kind.launch(self.record, self.host, resume=resume),
        )
        after = cmd("printf", "%s %s\\n", run).line + ' "$code" > ' + cmd(f"{self.folder}/exit").line
        pid = 'echo "$$" > ' + cmd(f"{self.folder}/pid").line
        forget = [tmux.FORGET.line] if self.host.local else []
        return "\n".join(["#!/bin/sh", pid, *forget, self.within(launch).line, "code=$?", after, 'exit "$code"', ""]).encode()

    def start(self, *, resume: bool, view: View | None = None) -> None:
        """Run the program in window 0 of the session, making whichever of session and window is missing.

        Of several that start it at once one does; `view` is for who has the agent to itself.
        """
        if view is None:
            with self.host.runner.lock(f"{self.folder}/start.lock", timeout=30):
                view = self.view()
                if status(view).state not in ("RUNNING", "WAITING"):
                    self.start(resume=resume, view=view)
            return
        if view.probe.problem:
            raise NotAvailable(f"{self.host.name}: {view.probe.problem}", "apt-get install tmux, or: brew install tmux")
        hooks.before("start", agent=self)
        run, work = os.urandom(4).hex(), self.record.work.path
        self.host.runner.put({
            f"{self.folder}/run": File(self.script(run, resume=resume), 0o700),
            f"{self.folder}/activity/start": File(run.encode()),
            f"{self.folder}/pid": File(b""),  # that of an earlier run would say that this one is another program
        })  # fmt: skip
        line = where(work).then(self.start_line(view))
        done = self.host.runner.run(line, check=False)
        if b"server exited" in done.err:  # the last session there has just ended, and tmux's server with it
            time.sleep(0.5)
            done = self.host.runner.run(line, check=False)
        if done.code == MISSING:
            raise NotFound(f"the work dir of {self.name} is gone: {work}", f"remove the agent: mng destroy {self.name}")
        if done.code:
            raise MngError(f"{self.name} can't be started: {done.complaint}")
        if self.record.idle_timeout_seconds or self.host.ours:
            from mng.agents.limits import watch

            watch(self)
        hooks.after("start", agent=self)

    def start_line(self, view: View) -> Cmd:
        folder, line = self.record.work.path, cmd("exec", "sh", f"{self.folder}/run")
        if view.pane:
            return tmux.respawn(view.pane.id, folder, line, self.record.id)
        if any(pane.session == self.session for pane in view.probe.panes):
            return tmux.first_window(self.session, folder, line, self.record.id)
        return tmux.new_session(self.session, folder, self.env(), line, self.record.id, self.record.windows,
                                local=self.host.local)  # fmt: skip

    def survives(self, seconds: float = 0.03) -> None:
        """MngError if the program just started has ended already: most that fail do so at once."""
        time.sleep(seconds)
        if self.host.runner.get([f"{self.folder}/exit"]) and (now := status(view := self.view())).state == "FAILED":
            words = f"{self.last_words(view)}\n     the agent stays: mng start {self.name}, or: mng destroy {self.name}"
            raise MngError(f"{self.name} ended at once: {now.reason}", words)

    def wait(self, what: str, timeout: float, *states: str) -> Status:
        """Until it is in one of the states, or takes messages; MngError when it ended or after `timeout` seconds."""
        end = time.monotonic() + timeout
        pause = 0.05
        while True:
            view = self.view()
            now = status(view)
            if now.state in states or (not states and view.pane and not view.pane.dead and self.kind.ready(view)):
                return now
            if now.state in ("STOPPED", "DONE", "FAILED", "REPLACED"):
                raise MngError(f"{self.name} ended before {what}: {now.reason}", self.last_words(view))
            if time.monotonic() > end:
                raise MngError(
                    f"{self.name}: not {what} after {timeout:g} s (it is {now.state})", f"see: mng connect {self.name}"
                )
            time.sleep(pause)
            pause = min(pause * 1.3, 0.3)

    def rest(self, timeout: float = 3600.0) -> AgentRow:
        """Its row once no message is on its way to it and its turn is over, or it asks a person, or it has ended."""
        if not self.host.runner.get([f"{self.folder}/data.json"]):
            raise NotFound(f"{self.name} is gone")
        end = time.monotonic() + timeout
        with self.host.runner.lock(f"{self.folder}/send.lock", timeout):
            """Nobody is sending."""
        self.wait("at rest", end - time.monotonic(), "WAITING", "STOPPED", "DONE", "FAILED", "REPLACED")
        return self.row()

    def diff(self) -> str:
        """What it has done so far, as a patch: commits, changes and new files."""
        from mng.sync.diff import diff

        return diff(self.host.runner, self.record.work)

    def last_words(self, view: View) -> str:
        """What its screen shows last, for an error message."""
        for _ in range(20 if view.pane else 0):  # tmux may not have read all of it yet
            screen = self.host.runner.run(tmux.capture(view.pane.id if view.pane else "", 50), check=False).text
            lines = [line for line in screen.splitlines() if line.strip() and not line.startswith("Pane is dead")]
            if lines:
                return "it said: " + lines[-1].strip()
            time.sleep(0.05)
        return f"see: mng logs {self.name}"


def source(path: str) -> Cmd:
    return joined(cmd("test", "!", "-r", path), " || ", cmd(".", path))


def where(folder: str) -> Cmd:
    """Ends the shell with MISSING unless the folder is there."""
    line = cmd("test", "-d", folder).either(cmd("exit", MISSING))
    return Cmd(f"{{ {line.line}; }}", cmd("test", "-d", folder).shown)
