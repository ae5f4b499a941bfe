from __future__ import annotations

from invoke.context import Context

from mng.cli.command import command
from mng.cli.options import CommonOptions, option
from mng.cli.targets import TargetOptions


class ExecOptions(TargetOptions, CommonOptions):
    """Command"""

    command: str = option(..., place="word", help="shell command")


@command
def exec_(c: Context, o: ExecOptions) -> str:
    """Run a shell command"""
    return f"{o.command} on {', '.join(o.agents)}"
