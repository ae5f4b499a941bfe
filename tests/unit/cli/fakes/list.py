from __future__ import annotations

from typing import ClassVar

from invoke.context import Context
from pydantic import Field

from mng.cli.command import command
from mng.cli.options import CommonOptions, option
from mng.rows import Results, Row


class Host(Row):
    name: str
    state: str | None = None


class AgentRow(Row):
    columns: ClassVar[dict[str, str]] = {"NAME": "name", "STATE": "state", "HOST": "host.name", "LABELS": "labels"}

    name: str
    state: str
    host: Host
    labels: dict[str, str] = Field(default_factory=dict)
    exit_code: int = 0


class ListOptions(CommonOptions):
    limit: int | None = option(None, help="that many at most")


@command
def list_(c: Context, o: ListOptions) -> Results:
    """List agents"""
    rows = [
        AgentRow(name="web", state="RUNNING", host=Host(name="local", state="RUNNING"), labels={"project": "mng"}),
        AgentRow(name="a-longer-name", state="WAITING", host=Host(name="größe")),
    ]
    return Results(rows[: o.limit], footer="2 agents")
