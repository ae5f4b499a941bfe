from __future__ import annotations

from invoke.context import Context

from mng.cli.command import command
from mng.cli.options import CommonOptions, option
from mng.cli.targets import TargetOptions
from mng.rows import Results, Row


class Destroyed(Row):
    name: str
    exit_code: int = 0


class DestroyOptions(TargetOptions, CommonOptions):
    """Destroy"""

    force: bool = option(False, "-f", help="do not ask")


@command
def destroy(c: Context, o: DestroyOptions) -> Results[Destroyed]:
    """Destroy agents"""
    return Results(Destroyed(name=name, exit_code=8 if name == "unsaved" else 0) for name in o.agents)
