"""mng start"""

from __future__ import annotations

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.attaching import go_to
from mng.agents.hosting import awake, back
from mng.agents.team import Team
from mng.agents.types import Receipt
from mng.cli.chosen import Outcome, chosen, side_by_side
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError, UsageError
from mng.inventory.inventory import on_host
from mng.rows import Results


class StartOptions(Options):
    """Start"""

    connect: bool = option(False, help="attach to it afterwards (one agent)")
    connect_command: str | None = option(
        None, secret=True, help="shell line to run instead of attaching (MNG_AGENT_NAME, MNG_SESSION_NAME)"
    )
    forward_agent: bool = option(False, help="let its host use the keys of your ssh-agent while you are connected")
    snapshot: str | None = option(None, help="first put their host back to this snapshot; what it is now is kept as another")
    dry_run: bool = option(False, help="say what would be started, start nothing")


class Start(TargetOptions, StartOptions, CommonOptions):
    """Start"""


@command
def start(c: Context, o: Start) -> Results[Outcome]:
    """Start stopped agents

    Each goes on with its own conversation, where its program keeps one. A host that was paused because its agents were idle
    comes back with all of them.
    """
    team = o.team().with_hand_made()
    agents = chosen(team, o)
    named = len(agents.agents)
    if o.snapshot and not o.dry_run:
        agents.agents = put_back(agents.agents, team, o.snapshot)
    agents.agents = with_paused(agents.agents, team, dry=o.dry_run)
    results = agents.each(lambda agent: started(agent, team, o))
    if (o.connect or o.connect_command) and not results.exit_code and not o.dry_run:
        if named != 1:
            raise MngError(f"can't connect to {named} agents at once")
        go_to(agents.agents[0], connect_command=o.connect_command, keys=o.forward_agent)
    return results


def put_back(agents: list[Agent], team: Team, snapshot: str) -> list[Agent]:
    """As the snapshot has them, on their host, which runs."""
    hosts = {agent.host.id: agent.host for agent in agents}
    if len(hosts) != 1:
        raise UsageError(f"--snapshot {snapshot} is of one host, and these agents are on {len(hosts)}")
    (host,) = (back(team.inventory, host, snapshot) for host in hosts.values())
    team.probes[host.id] = probe = host.probe()
    there = {found.id: found.record for found in on_host(host, probe.files)}
    if missing := [agent.name for agent in agents if not there.get(agent.record.id)]:
        output.warn(f"snapshot {snapshot} has no agent {', '.join(missing)}")
    return [Agent(record, host) for agent in agents if (record := there.get(agent.record.id))]


def with_paused(agents: list[Agent], team: Team, *, dry: bool) -> list[Agent]:
    """With the others that were running when the hosts of these were paused: that can be seen where the host runs."""
    rested = {agent.host.id: agent.host for agent in agents if agent.host.state == "PAUSED"}
    hosts = [] if dry else side_by_side(lambda host: awake(team.inventory, host), list(rested.values()))
    runs = {host.id: host for host in hosts}
    team.probes |= {host.id: host.probe() for host in hosts}
    names = [agent.name for agent in agents]
    others = [agent for agent in team.agents if agent.host.id in rested and agent.record.id and agent.name not in names]

    def paused(agent: Agent) -> bool:
        read = team.probe(agent.host).files.read
        return (run := read(f"{agent.folder}/paused")) is not None and run == read(f"{agent.folder}/activity/start")

    there = [Agent(agent.record, runs.get(agent.host.id, agent.host)) for agent in [*agents, *others]]
    return there[: len(agents)] + [agent for agent in there[len(agents) :] if paused(agent)]


def started(agent: Agent, team: Team, o: Start) -> Outcome:
    state = agent.status(team.probe(agent.host))
    told = Outcome(name=agent.name, host=agent.host.name, result="runs already", detail=state.state)
    if state.state in ("RUNNING", "WAITING", "CREATING") or not agent.record.id:
        return told
    if state.state in ("REPLACED", "UNKNOWN"):
        raise MngError(f"{agent.name} can't be started: {state.reason}", f"see: mng connect {agent.name}")
    if o.dry_run:
        return told.model_copy(update={"result": "would start"})
    agent = Agent(agent.record, awake(team.inventory, agent.host))
    agent.start(resume=True)
    agent.survives()
    if agent.record.resume_message:
        from mng.agents.send import deliver

        try:
            receipt = deliver(agent, agent.record.resume_message, timeout=30)
        except UsageError as error:  # kept by an mng that did not know that the program would not read it
            receipt = Receipt("blocked", error.what)
        if receipt.outcome != "delivered":
            output.warn(f"{agent.name}: the resume message is {receipt.outcome}: {receipt.evidence}")
    return told.model_copy(update={"result": "started", "detail": ""})
