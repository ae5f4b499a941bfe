from __future__ import annotations

from typing import Literal

from invoke.context import Context

from mng.cli.command import command
from mng.cli.options import CommonOptions, option
from mng.errors import NotFound


class FailOptions(CommonOptions):
    """Fail"""

    how: Literal["mng", "interrupt", "bug"] = option(..., place="word", help="in which way")


@command
def fail(c: Context, o: FailOptions) -> None:
    """Fail in some way"""
    if o.how == "mng":
        raise NotFound("no agent named 'web'", "see: mng list")
    if o.how == "interrupt":
        raise KeyboardInterrupt
    raise ZeroDivisionError("a bug")
