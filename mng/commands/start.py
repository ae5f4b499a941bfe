"""mng start"""

from __future__ import annotations

from invoke.context import Context

from mng import output
from mng.agents.agent import Agent
from mng.agents.attaching import go_to
from mng.agents.hosting import awake, back
from mng.agents.team import Team
from mng.cli.chosen import Outcome, chosen
from mng.cli.command import command
from mng.cli.options import CommonOptions, Options, option
from mng.cli.targets import TargetOptions
from mng.errors import MngError, UsageError
from mng.inventory.inventory import on_host
from mng.rows import Results


class StartOptions(Options):
    """Start"""

    connect: bool = option(False, help="attach to it afterwards (one agent)")
    connect_command: str | None = option(None, help="shell line to run instead of attaching (MNG_AGENT_NAME, MNG_SESSION_NAME)")
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
    agents.agents += paused_with(agents.agents, team)
    results = agents.each(lambda agent: started(agent, team, o))
    if (o.connect or o.connect_command) and not results.exit_code and not o.dry_run:
        if named != 1:
            raise MngError(f"can't connect to {named} agents at once")
        go_to(agents.agents[0], connect_command=o.connect_command)
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


def paused_with(agents: list[Agent], team: Team) -> list[Agent]:
    """The others that were running when the hosts of these were paused."""
    hosts = {agent.host.id for agent in agents if agent.host.state == "PAUSED"}
    others = [agent for agent in team.agents if agent.host.id in hosts and agent.name not in [one.name for one in agents]]

    def paused(agent: Agent) -> bool:
        read = team.probe(agent.host).files.read
        return (run := read(f"{agent.folder}/paused")) is not None and run == read(f"{agent.folder}/activity/start")

    return [agent for agent in others if agent.record.id and paused(agent)]


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

        receipt = deliver(agent, agent.record.resume_message, timeout=30)
        if receipt.outcome != "delivered":
            output.warn(f"{agent.name}: the resume message is {receipt.outcome}: {receipt.evidence}")
    return told.model_copy(update={"result": "started", "detail": ""})
