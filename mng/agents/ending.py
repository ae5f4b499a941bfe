"""How agents end: stopped with all their processes, or removed with their work saved first."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from mng import hooks, output
from mng.agents import boot, tmux
from mng.agents.agent import Agent
from mng.agents.believed import origin_of
from mng.agents.journal import Journal
from mng.agents.keepsake import Keepsake
from mng.agents.state import look
from mng.agents.types import View
from mng.errors import MngError, Refused
from mng.host import Host, Pane
from mng.inventory.origins import Origins
from mng.runner import File
from mng.shell import Cmd, cmd, joined
from mng.sync.saved import Saved, save
from mng.sync.source import unplace

GRACE = 10.0  # seconds between TERM and KILL


@dataclass(frozen=True)
class Willing:
    """Agents of which no plugin refuses what is to be done, and what was said of the others."""

    agents: list[Agent]
    refused: list[tuple[Agent, MngError]]

    @classmethod
    def asked(cls, agents: Iterable[Agent], ask: Callable[[Agent], None]) -> Self:
        fine, refused = list[Agent](), list[tuple[Agent, MngError]]()
        for agent in agents:
            try:
                ask(agent)
                fine.append(agent)
            except MngError as error:
                refused.append((agent, error))
        return cls(fine, refused)

    def all(self) -> Self:
        """Raises the first refusal."""
        for _, error in self.refused:
            raise error
        return self


class ToStop(Willing):
    """Agents that may be stopped."""


class ToDestroy(Willing):
    """Agents that may be destroyed."""


def may_stop(agents: Iterable[Agent]) -> ToStop:
    """Asked before anything is done; then `stop`."""
    return ToStop.asked(agents, lambda agent: hooks.before("stop", agent=agent))


def may_destroy(agents: Iterable[Agent]) -> ToDestroy:
    """Asked before anything is done; then `end`, and `destroy` of each."""
    return ToDestroy.asked(agents, lambda agent: hooks.before("destroy", agent=agent))


def stop(willing: ToStop, grace: float = GRACE) -> list[str]:
    """Stop agents of one host, in one trip; the names of those that ran."""
    ran = end(willing.agents[0].host, willing.agents, grace) if willing.agents else []
    for agent in willing.agents:
        hooks.after("stop", agent=agent)
    return ran


def destroy(agent: Agent, journal: Journal | None, *, keep_work: bool = False, keep_logs: bool = False) -> Removed:
    """Of one that may be, and that has ended. Without a journal nothing is known of its work, which stays."""
    if journal:
        removed = remove(agent, journal, keep_work=keep_work, keep_logs=keep_logs)
    else:
        removed = Removed(agent.name, None)
        if agent.record.id:
            agent.host.runner.run(forget(agent))
    hooks.after("destroy", agent=agent, removed=removed)
    return removed


def end(host: Host, agents: Sequence[Agent], grace: float = GRACE) -> list[str]:
    """End all processes of these agents of one host, in one trip; the names of those that ran. Part of stop and destroy."""
    probe = host.probe()
    views = [look(agent.record, host, probe) for agent in agents]
    pids = [[pane.pid for pane in probe.panes if belongs(pane, view)] for view in views]
    running = [view for view, found in zip(views, pids, strict=True) if found]
    try:
        host.runner.put({f"{v.folder}/stopped": File(v.read(f"{v.folder}/activity/start")) for v in running if v.record.id})
    except MngError as error:  # a full disk does not keep an agent running
        output.warn(f"{error.what}: that it was stopped on purpose is not noted")
    words = [f"{v.record.id or 'hand-made'}={','.join(map(str, found))}" for v, found in zip(views, pids, strict=True)]
    script = (Path(__file__).parent / "stop.sh").read_bytes()
    done = host.runner.run(cmd("sh", "-s", "--", int(grace), words), stdin=script, check=False, timeout=grace + 60)
    there = {pane.session for pane in probe.panes}
    sessions = [name for view in running if (name := host.session(view.record.name)) in there]
    if sessions:
        host.runner.run(tmux.kill_sessions(sessions), check=False)
    if done.code:
        raise MngError(f"could not stop all of {', '.join(agent.name for agent in agents)}: {done.complaint}")
    return [view.record.name for view in running]


def belongs(pane: Pane, view: View) -> bool:
    """Marked as the agent's own, or in the session that is exactly its."""
    mine = bool(pane.agent) and pane.agent == view.record.id
    return mine or pane.session == view.host.session(view.record.name)


class Removed(NamedTuple):
    """A removed agent, and where its unsaved work is now."""

    name: str
    saved: Saved | None


def remove(agent: Agent, journal: Journal, *, keep_work: bool = False, keep_logs: bool = False) -> Removed:
    """Take away all that was made for an agent that has ended, each step fit to be done again; its work is saved first."""
    host, record = agent.host, agent.record
    saved, origins = None, Origins(journal.path.parent.parent)
    if not keep_work:
        journal.step("save")
        saved = None if journal.discard else save(host.runner, record.work, record.name, host.dir)
        keepsake = Keepsake.of(agent, saved) if saved else None  # restore is done where the agent was
        if saved and not host.local:
            saved = home(agent, saved, origins.host_dir)
        if saved and keepsake:
            back, there = "\n     ".join(["", *saved.way_back.splitlines()]), "" if host.local else f" on {host.name}"
            output.note(f"{record.name}: unsaved work ({saved.unsaved}) is kept as {saved.ref}{there}; mng restore, or:{back}")
            keepsake.keep(host)
        journal.step("work")
        for note in unplace(host.runner, record.work, saved):
            output.note(f"{record.name}: {note}")
    if record.start_on_boot:
        boot.disable(agent)
    journal.step("state")
    host.runner.run(forget(agent, keep_logs))
    if journal.operation == "destroy" and not saved:  # else restore may come
        origins.drop(host, record.id)
    journal.step("gone")
    journal.done()
    return Removed(record.name, saved or None)


def home(agent: Agent, saved: Saved, folder: Path) -> Saved:
    """What was saved on a host elsewhere, now on this machine: the host may go. Raises Refused.

    In the repository that it came from, as far as this machine itself knows that.
    """
    from mng.sync.carry import bring_home

    origin = origin_of(agent, folder)
    try:
        return bring_home(agent.host.runner, saved, origin.record.work.home if origin else "", folder, agent.name)
    except MngError as error:
        raise Refused(f"the work of {agent.name} can't be brought home: {error.what}", "nothing was removed") from None


def forget(agent: Agent, keep_logs: bool = False) -> Cmd:
    """Remove the agent's folder and free its name; with `keep_logs`, its logs stay below logs/agents."""
    host, record = agent.host, agent.record
    line = forget_folder(host, record.id, record.name)
    if not keep_logs:
        return line
    kept = f"{host.dir}/logs/agents/{record.name}-{record.id[6:14]}"
    keep = cmd("mkdir", "-p", "--", kept).then(cmd("cp", "-Rp", "--", f"{agent.folder}/logs/.", kept))
    return joined(keep, "; ", line)


def forget_folder(host: Host, id_: str, name: str) -> Cmd:
    """Free the name if it is this agent's, then remove its folder: aside first, so that it goes as a whole."""
    claim, folder, gone = host.claim(name), host.agent_dir(id_), f"{host.dir}/agents/.gone-{id_}"
    held = Cmd(f"$(readlink {cmd(claim).line})", f"$(readlink {claim})")
    mine = Cmd(f'[ "{held.line}" != {cmd(f"../agents/{id_}").line} ]', f'[ "{held.shown}" != ../agents/{id_} ]')
    free = mine.either(cmd("rm", "-f", "--", claim))
    aside = cmd("test", "!", "-e", folder).either(cmd("mv", "--", folder, gone))
    return joined(joined(free, "; ", aside), " && ", cmd("rm", "-rf", "--", gone))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C, or TERM, does not stop what cleans up after the first."""
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
