"""Making an agent: every step journaled before it is done, all of them undone when one fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mng import foreign, hooks, output
from mng.agents import boot
from mng.agents.agent import Agent
from mng.agents.ending import destroy, end, remove, uninterrupted
from mng.agents.journal import Journal, fault, unfinished
from mng.agents.state import look
from mng.errors import MngError, NotAvailable, NotFound, Unreachable, UsageError
from mng.host import Host, Probe
from mng.inventory.inventory import Inventory
from mng.inventory.origins import Origins
from mng.records import AgentRecord
from mng.roles.env import env
from mng.roles.play import perform, provision
from mng.roles.role import Role
from mng.roles.steps import Steps, steps
from mng.roles.workdir import workdir
from mng.runner import File
from mng.shell import cmd
from mng.sync.source import Placement


class Plan(NamedTuple):
    """An agent as it will be; nothing of it is made yet."""

    record: AgentRecord
    host: Host
    placement: Placement
    env: dict[str, str]
    steps: Steps = Steps()
    roles: Sequence[Role] = ()
    yes: bool = False  # programs may be installed without asking
    state: Sequence[Role] = ()  # what it had when it was destroyed: done to its work dir and its folder before it starts
    resume: bool = False
    start: bool = True
    known: bool = True  # what it is was said here; else only its host says so


def fit(record: AgentRecord, host: Host) -> AgentRecord:
    """The record, if it can be read again there; UsageError says what is wrong with it, wherever it came from."""
    if host.state == "PLANNED":  # whose home nobody knows yet, and where nothing will be made
        return record
    if problem := next(foreign.problems(record, host.local), ""):
        raise UsageError(f"{record.name} can't be made: {problem}")
    if len(record.dump()) > foreign.MOST:
        raise UsageError(f"{record.name} can't be made: its words are more than {foreign.MOST >> 10} KB", "put them into a file")
    return record


def build(plan: Plan, journals: Path) -> Agent:
    """The agent, its session running. On any failure nothing of it is left."""
    agent = Agent(plan.record, plan.host)
    hooks.before("create", plan=plan)
    roles = [*agent.kind.roles(plan.record, plan.host), *plan.roles]
    provision(plan.host, roles, bootstrap="yes" if plan.yes else "ask", earlier=False)
    probe = free(agent)
    journal = Journal.begin(journals, "create", plan.record, plan.host.name)
    origins = Origins(journals.parent)
    try:
        if plan.known:
            origins.keep(plan.host, plan.record, plan.env)
        made(agent, plan, journal, probe)
    except BaseException:
        with uninterrupted():
            undo(agent, journal)
            origins.drop(plan.host, plan.record.id) if plan.known else None
        raise
    complete(agent, journal)
    return agent


def complete(agent: Agent, journal: Journal) -> None:
    """It is there, and runs."""
    journal.done()
    fault("create.done")
    hooks.after("create", agent=agent)


def made(agent: Agent, plan: Plan, journal: Journal, probe: Probe) -> None:
    journal.step("claim")
    claim(agent)
    journal.step("work")
    roles = [workdir(placement=plan.placement), env(path=f"{agent.folder}/env", values=plan.env), *plan.state]
    if plan.steps != Steps():
        journal.step("steps")
        roles.append(
            steps(
                asked=plan.steps,
                folder=plan.record.work.path,
                within=agent.within(
                    cmd("export", f"MNG_AGENT_ID={agent.record.id}").then(cmd("cd", "--", plan.record.work.path))
                ),
            )
        )
    perform(plan.host, roles, earlier=False)
    if plan.record.start_on_boot:
        journal.step("boot")
        boot.enable(agent)
    journal.step("session")
    if plan.start:
        agent.start(resume=plan.resume, view=look(agent.record, agent.host, probe))
    journal.step("ready")
    agent.record.phase = "ready"
    agent.save()
    journal.step("end")


def free(agent: Agent) -> Probe:
    """What the host shows, unless somebody's session has the name already."""
    probe = agent.host.probe()
    if probe.problem:
        raise NotAvailable(f"{agent.host.name}: {probe.problem}", "apt-get install tmux, or: brew install tmux")
    if probe.files.link(agent.host.claim(agent.name)):
        raise NameTaken(agent.name)
    if any(pane.session == agent.session for pane in probe.panes):
        raise MngError(f"a tmux session {agent.session} is there already", f"take another name, or: mng connect {agent.name}")
    return probe


def claim(agent: Agent) -> None:
    """The name, for one alone, and the record: in this order, so that who loses leaves nothing."""
    host = agent.host
    made = cmd("umask", "077").then(cmd("mkdir", "-p", "--", agent.folder, f"{host.dir}/names", f"{host.dir}/worktrees"))
    link = made.then(cmd("ln", "-sn", "--", f"../agents/{agent.record.id}", host.claim(agent.name)))
    done = host.runner.run(link, check=False)
    if done.code and b"exist" in done.err:
        raise NameTaken(agent.name)
    if done.code:
        raise MngError(f"cannot keep agents in {host.dir}: {done.complaint}")
    host.runner.put({f"{agent.folder}/data.json": File(agent.record.dump()), f"{agent.folder}/activity/create": File(b"")})


class NameTaken(MngError):
    """Another agent has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an agent {name} already", f"mng connect {name}, or: mng create {name} --reuse")


def undo(agent: Agent, journal: Journal) -> None:
    """Take back what a create made; what can't be undone now stays in the journal for gc."""
    try:
        take_back(agent, journal)
    except MngError as error:
        journal.release()
        output.warn(f"{agent.name} could not be cleaned up: {error.what}; mng gc tries again")


def take_back(agent: Agent, journal: Journal) -> None:
    end(agent.host, [agent], grace=1)  # what makes the work dir may have outlived the mng that began it
    if "session" not in journal.steps:
        journal.discard = True  # nothing ran yet, so no work is there to save
    remove(agent, journal, keep_work="work" not in journal.steps)


def discard(agent: Agent, journals: Path) -> None:
    """One that was made only to see whether its program lives: nobody has worked with it."""
    end(agent.host, [agent], grace=1)
    remove(agent, Journal.begin(journals, "destroy", agent.record, agent.host.name, discard=True))


def available(inventory: Inventory, host: Host, name: str) -> None:
    """NameTaken if an agent has the name; what a killed create or destroy of that name left is finished first."""
    if host.tree().link(host.claim(name)):
        finish(inventory, only=name)
    if host.tree().link(host.claim(name)):
        raise NameTaken(name)


def finish(inventory: Inventory, only: str = "", dry_run: bool = False) -> list[str]:
    """Finish what killed creates and destroys left (of one name, with `only`); what was done, in words."""
    finished = []
    for journal in sorted(unfinished(inventory.settings.host_dir / "journal"), key=lambda one: one.operation):  # creates first
        if dry_run or (only and journal.record.name != only):
            journal.release()
            finished += [] if only else [f"unfinished {journal.operation} of {journal.record.name}"]
            continue
        try:
            if given_up(inventory, journal):
                journal.done()
                finished.append(f"gave up the migrate of {journal.record.name}, which is where it was")
                continue
            agent = Agent(journal.record, inventory.host(journal.host))
            finished.append(f"{conclude(agent, journal)} {agent.name}")
        except Unreachable as error:
            journal.release()
            if only:
                raise
            output.warn(f"unfinished {journal.operation} of {journal.record.name}: {error.what}; it is kept for later")
    return finished


def given_up(inventory: Inventory, journal: Journal) -> bool:
    """Whether it is of a migrate whose agent did not come to be on the other host: then the source stays."""
    if not journal.after or journal.steps:
        return False
    host, id_ = journal.after.split(" ")
    try:
        there = inventory.host(host)
    except NotFound:
        return True
    data = there.tree().read(f"{there.agent_dir(id_)}/data.json")
    try:
        return data is None or foreign.record(data, id_, here=there.local).phase != "ready"
    except MngError:  # nobody knows what that is: the source stays
        return True


def conclude(agent: Agent, journal: Journal) -> str:
    """An agent that was running when its create was killed is complete; all else goes."""
    view = agent.view()
    if view.probe.problem:
        raise Unreachable(f"{agent.host.name}: {view.probe.problem}")
    pane = view.pane
    if journal.operation == "create" and pane and not pane.dead:
        agent.record.phase = "ready"
        agent.save()
        complete(agent, journal)
        return "completed the create of"
    if journal.operation == "create":
        take_back(agent, journal)
        return "took back the create of"
    end(agent.host, [agent])
    destroy(agent, journal)  # that it may be was asked by the one that was killed
    return "finished the destroy of"
