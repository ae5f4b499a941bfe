from __future__ import annotations

from invoke.context import Context

from mng.cli.command import command
from mng.cli.options import CommonOptions, option


class SnapshotOptions(CommonOptions):
    """Snapshot"""

    agent: str = option(..., place="word", help="whose host")


@command(name="create")
def create(c: Context, o: SnapshotOptions) -> str:
    """Keep a host's state"""
    return o.agent


class ListOptions(CommonOptions):
    """List"""


@command(name="list")
def list_(c: Context, o: ListOptions) -> list[str]:
    """List kept states"""
    return ["s1"]
