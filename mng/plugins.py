"""All that a plugin may do: every function here is a hook, and a plugin has those it wants, with the arguments it wants.

What a plugin raises costs only its own part: mng says so and goes on. An MngError of a `before_` hook refuses: nothing is
done, and the command ends with it. `o` is what the command at work was given, the plugin's own options too; None from
Python without a command. See docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mng.agents.agent import Agent
    from mng.agents.creation import Plan
    from mng.agents.ending import Removed
    from mng.agents.types import AgentType, Receipt
    from mng.cli.command import Command
    from mng.cli.options import Options
    from mng.host import Host, Probe
    from mng.inventory.provider import Provider
    from mng.records import AgentRecord
    from mng.roles.recap import Recap
    from mng.roles.role import Role
    from mng.settings import Settings

hookimpl = pluggy.HookimplMarker("mng")
hookspec = pluggy.HookspecMarker("mng")


# ── what there is ────────────────────────────────────────────────────────────────────────────────


@hookspec
def agent_types() -> Mapping[str, type[AgentType]]:  # type: ignore[empty-body]
    """Kinds of programs, by the name that `mng create NAME TYPE` takes."""


@hookspec
def providers(settings: Settings) -> Iterable[Provider]:  # type: ignore[empty-body]
    """Where hosts come from: `mng create --in NAME`."""


@hookspec
def commands() -> Mapping[str, Command[Any]]:  # type: ignore[empty-body]
    """Commands, by one word or two: `{"report": report, "ticket list": list_}`."""


@hookspec
def roles() -> Iterable[Role]:  # type: ignore[empty-body]
    """Pieces of provisioning: `mng provision --role NAME`."""


@hookspec
def options(command: str) -> type[Options] | None:
    """Further options of that command; its docstring is their title in --help."""


@hookspec
def fields(record: AgentRecord, host: Host, probe: Probe) -> Mapping[str, Any]:  # type: ignore[empty-body]
    """What `list` shows of an agent as plugin.NAME.*; asked for every agent, so read only what the probe has."""


@hookspec
def host_fields(host: Host, probe: Probe) -> Mapping[str, Any]:  # type: ignore[empty-body]
    """What `list` shows of an agent's host as host.plugin.NAME.*; as for `fields`."""


# ── what happens: before it, which may refuse, and after it, with what became of it ──────────────


@hookspec
def before_create(plan: Plan, o: Any) -> None:
    """Nothing is made yet. plan.env and plan.record.labels may be added to."""


@hookspec
def after_create(agent: Agent, o: Any) -> None: ...
@hookspec
def before_provision(host: Host, roles: list[Role], o: Any) -> None: ...
@hookspec
def after_provision(host: Host, recap: Recap, o: Any) -> None: ...
@hookspec
def before_start(agent: Agent, o: Any) -> None:
    """Every start of its program: of a new agent, after a stop, by a message to a stopped one."""


@hookspec
def after_start(agent: Agent, o: Any) -> None: ...
@hookspec
def before_stop(agent: Agent, o: Any) -> None:
    """Asked before anything is done: also by push --stop, migrate, a restart of provision, an idle timeout on this machine."""


@hookspec
def after_stop(agent: Agent, o: Any) -> None: ...
@hookspec
def before_destroy(agent: Agent, o: Any) -> None:
    """Asked before anything is done; by migrate of the agent where it was."""


@hookspec
def after_destroy(agent: Agent, removed: Removed, o: Any) -> None:
    """Its folder is gone; removed.saved says where its unsaved work is kept."""


@hookspec
def before_message(agent: Agent, text: str, o: Any) -> None: ...
@hookspec
def after_message(agent: Agent, text: str, receipt: Receipt, o: Any) -> None: ...
@hookspec
def on_error(command: str, error: Exception, o: Any) -> None:
    """A command ended with this error."""
