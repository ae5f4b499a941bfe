"""mng provision"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal, NamedTuple

from invoke.context import Context

from mng import output, sudo
from mng.agents.agent import Agent
from mng.agents.ending import may_stop, stop
from mng.agents.grants import granted, grants_known
from mng.agents.hosting import release
from mng.agents.team import Team
from mng.cli.chosen import chosen, side_by_side
from mng.cli.command import command
from mng.cli.lifecycle import GrantOptions
from mng.cli.options import CommonOptions, Exclusive, Options, option
from mng.cli.provisioning import ProvisionOptions, roles_of, steps_of, variables
from mng.cli.targets import TargetOptions
from mng.cli.text import one_reader
from mng.errors import CommandFailed, MngError, NotAvailable, Unreachable, UsageError
from mng.host import Asleep, Host
from mng.inventory.inventory import Inventory
from mng.roles import play
from mng.roles.env import env
from mng.roles.recap import Change, Recap
from mng.roles.role import Role
from mng.roles.steps import Steps, steps
from mng.rows import Results, Row
from mng.settings import did_you_mean
from mng.shell import cmd


class PlayOptions(Options):
    """Provision"""

    exclusive: ClassVar[Exclusive] = (("check", "list_tasks"),)

    check: bool = option(False, "--dry-run", help="say what would be done, do nothing")
    diff: bool = option(False, help="show how files change, but for what only their owner may read")
    tags: list[str] = option([], help="only what has one of these tags (comma-separated); a role's name is a tag of all in it")
    skip_tags: list[str] = option([], help="not what has one of these tags")
    list_tasks: bool = option(False, help="say what the roles consist of, and do nothing")
    restart: bool | None = option(
        None, help="restart running agents afterwards, each with its own conversation (default: if something changed)"
    )
    bootstrap: Literal["yes", "warn", "no"] | None = option(
        None, help="install programs that are missing: yes, yes but say so, or fail (default: ask on a terminal, else fail)"
    )
    destroy_on_fail: bool = option(False, help="destroy a host that mng made if it fails there, after saving its agents' work")
    same_password: bool = option(
        False, help="offer sudo's password, typed for one host, to all others, too: each of them can keep it"
    )
    forks: int = option(20, help="hosts at once")


class Provision(TargetOptions, PlayOptions, ProvisionOptions, GrantOptions, CommonOptions):
    """Provision"""


class Task(Row):
    """What one op of a role found or did on a host."""

    columns: ClassVar[dict[str, str]] = {"HOST": "host", "ROLE": "role", "TASK": "task", "STATUS": "status"}

    host: str
    role: str
    task: str
    status: str
    tags: list[str] = []
    detail: str = ""
    diff: str = ""
    exit_code: int = 0

    @classmethod
    def of(cls, host: str, change: Change) -> Task:
        error = change.error
        return cls(
            host=host, role=change.role, task=change.what, status=change.status, tags=list(change.tags), diff=change.diff,
            detail=f"{error.what}; {error.hint}".rstrip("; ") if error else "", exit_code=code_of(error),
        )  # fmt: skip


class Place(NamedTuple):
    """A host, the agents on it that are provisioned, and the roles for both; `problem` if it does not answer."""

    host: Host
    agents: list[Agent]
    roles: list[Role]
    problem: MngError | None = None


@command(name="provision")
def provision(c: Context, o: Provision) -> Results[Task]:
    """Do roles to hosts, and set agents up again

    Of an agent: what its type needs, --env and the like, then a restart if anything changed. A second run changes nothing.
    """
    places, rows = places_of(o)
    inventory = Inventory(o.settings)
    for agent in [agent for place in places for agent in place.agents]:
        granted(agent.record, o.grant)  # NotAvailable before anything is done
    if o.destroy_on_fail and not all(inventory.provider(place.host.provider).makes_hosts for place in places):
        raise NotAvailable("--destroy-on-fail: this machine and hosts over SSH can't be destroyed")
    warn_of_tags(places, [*tags(o.tags), *tags(o.skip_tags)])
    if o.list_tasks:
        chosen_by = {"tags": tags(o.tags), "skip_tags": tags(o.skip_tags)}
        there = [place for place in places if not place.problem]
        listed = [(place.host.name, play.tasks(place.host, place.roles, **chosen_by)) for place in there]
        return Results([Task.of(host, change).model_copy(update={"status": ""}) for host, every in listed for change in every])
    broken = bool(rows)

    def work(place: Place) -> Recap:
        nonlocal broken
        if broken and o.on_error == "abort":
            return Recap(place.host.name, [Change(one.name, "", "skipped") for one in place.roles])
        away = [Change("", "", "unreachable", error=place.problem)]
        recap = Recap(place.host.name, away) if place.problem else done(place, o)
        place.host.runner.close()
        broken = broken or recap.error is not None
        return recap

    recaps = side_by_side(work, places, 1 if o.on_error == "abort" else o.forks)
    rows += [Task.of(recap.host, change) for recap in recaps for change in recap.changes]
    if o.shape == "human":
        for row in rows:
            output.error(": ".join(filter(None, (row.host, row.role, row.detail))) if row.detail else "")
    for place, recap in zip(places, recaps, strict=True):
        if not o.check:
            settled(inventory, place, recap, o)
    results = Results(rows, "\n".join(map(str, recaps)))
    results.streamed = True
    return results


def places_of(o: Provision) -> tuple[list[Place], list[Task]]:
    """Which roles for which hosts, and a row for every word that names no agent. UsageError here or never."""
    one_reader(o)
    sudo.same = o.same_password
    asked, given, values = roles_of(o), steps_of(o), variables(o)
    team = o.team()
    if o.agents or o.all_ or o.include or o.stdin:
        picked = chosen(team, o)
        failures = [
            Task(host="", role="", task=one.name, status="failed", detail=one.detail, exit_code=one.exit_code)
            for one in picked.failures
        ]
        hosts = {agent.host.id: agent.host for agent in picked.agents}
        groups = [(host, [a for a in picked.agents if a.host.id == id_]) for id_, host in hosts.items()]
        return [
            Place(host, mine, [*asked, *roles_for(mine, values, given)], problem(team, host)) for host, mine in groups
        ], failures
    if not o.hosts:
        raise UsageError("what is to be provisioned?", "name an agent, or give --host PATTERN and --role NAME")
    if values or o.grant:
        raise UsageError("--env, --env-file, --pass-env and --grant are an agent's", "name the agent")
    if not asked and given == Steps():
        raise UsageError("nothing to do", "give --role NAME")
    if o.restart:
        raise UsageError("--restart is for agents", "name them")
    own = [] if given == Steps() else [steps(asked=given, folder="~", within=cmd("true"))]
    return [Place(host, [], [*asked, *own], problem(team, host)) for host in team.hosts], []


def problem(team: Team, host: Host) -> MngError | None:
    """Why nothing can be done there; it costs the others nothing."""
    if isinstance(host, Asleep):
        return host.refusal
    if host.state == "UNREACHABLE" and (said := team.probe(host).problem):
        return Unreachable(f"{host.name} can't be reached: {said}")
    return None


def roles_for(agents: Sequence[Agent], values: dict[str, str], given: Steps) -> list[Role]:
    """What their types need, then what is asked for in each."""
    every: list[Role] = []
    for agent in agents:
        work = agent.record.work.path
        every += agent.kind.roles(agent.record, agent.host)
        every += [env(path=f"{agent.folder}/env", values=values)] if values else []
        if given != Steps():
            every.append(steps(asked=given, folder=work, within=agent.within(cmd("cd", "--", work))))
    return every


def done(place: Place, o: Provision) -> Recap:
    """The roles done to one host, its agents restarted."""
    told: Callable[[Change], None] = partial(tell, place.host.name) if output.now.live else lambda change: None
    recap = play.provision(
        place.host, place.roles, check=o.check, diff=o.diff, bootstrap=o.bootstrap or ("yes" if o.yes else "ask"),
        tags=tags(o.tags), skip_tags=tags(o.skip_tags), failing=False, told=told,
    )  # fmt: skip
    for agent in place.agents:
        if (record := granted(agent.record, o.grant)) != agent.record and not recap.error:
            recap.changes.append(Change("grant", f"agent {agent.name}: {', '.join(o.grant)}", "changed"))
            told(recap.changes[-1])
            if not o.check:
                agent.record = record
                agent.save()
    wanted = recap.count("changed") > 0 if o.restart is None else o.restart
    if not wanted or recap.error or not place.agents:
        return recap
    probe = place.host.probe()
    running = [agent for agent in place.agents if agent.status(probe).state in ("RUNNING", "WAITING")]
    restarts = [Change("restart", f"agent {agent.name}", "changed") for agent in running] if o.check else restarted(running)
    for change in restarts:
        told(change)
    recap.changes += restarts
    return recap


def settled(inventory: Inventory, place: Place, recap: Recap, o: Provision) -> None:
    """What was given to agents elsewhere is kept here, too; a host on which it failed goes, where that was asked for."""
    if recap.error:
        if o.destroy_on_fail and not place.problem:
            removed(inventory, place.host, o)
        return
    values = variables(o)
    for agent in place.agents:
        inventory.origins.learn(agent.host, agent.record.id, values)
        grants_known(inventory.origins, agent, o.grant)


def restarted(running: list[Agent]) -> list[Change]:
    """Each with its own conversation; one that a plugin keeps from being stopped runs on as it is."""
    willing = may_stop(running)
    changes = [Change("restart", f"agent {one.name}", "failed", error=error) for one, error in willing.refused]
    try:
        stop(willing)
        for agent in willing.agents:
            output.progress(f"restarting {agent.name}")
            agent.start(resume=True)
            agent.survives()
    except MngError as error:
        return [*changes, Change("restart", "agents", "failed", error=error)]
    return [*changes, *(Change("restart", f"agent {agent.name}", "changed") for agent in willing.agents)]


def removed(inventory: Inventory, host: Host, o: Provision) -> None:
    """A host on which it failed, after the work of all agents on it is saved."""
    from mng.commands.destroy import Destroy, destroyed

    agents = Team.of(inventory, (host.name,)).agents
    for row in destroyed(inventory, host, agents, Destroy.given({"force": True}).over(o.settings, "destroy")):
        output.note(row.human())
    if not agents and (said := release(inventory, host)):
        output.note(said)


def tell(host: str, change: Change) -> None:
    """A line for each thing as it is done, those of a diff below it; whose they are stands before each."""
    lines = [output.clean(f"{change.status:7} {change.role}: {change.what}"), *change.diff.splitlines()]
    output.write("".join(f"{host} | {line}\n" for line in lines))


def tags(words: list[str]) -> list[str]:
    return [tag for word in words for tag in word.split(",") if tag]


def warn_of_tags(places: Sequence[Place], wanted: Sequence[str]) -> None:
    """A tag that nothing has is a typing error, as far as that can be told beforehand."""
    if wanted:
        there = [place for place in places if not place.problem]
        known = {tag for place in there for one in play.tasks(place.host, place.roles) for tag in (one.role, *one.tags)}
        for tag in wanted:
            if tag not in known:
                output.warn(f"nothing has the tag {tag}; {did_you_mean(tag, sorted(known))}".rstrip("; "))


def code_of(error: MngError | None) -> int:
    """Only what hosts said and silence have codes of their own."""
    return 0 if error is None else error.exit_code if isinstance(error, CommandFailed | Unreachable) else 1
