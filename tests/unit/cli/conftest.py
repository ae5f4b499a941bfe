"""The program on the fakes."""

import shlex
from collections.abc import Callable
from typing import NamedTuple

import pytest

from mng.cli.program import Mng
from tests.unit.cli.fakes import contents


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def mng(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Ended]:
    """Runs a line to its end, as a terminal would, in this process."""

    def run(line: str) -> Ended:
        with pytest.raises(SystemExit) as end:
            Mng(contents, "1.2.3").run(["mng", *shlex.split(line)])
        return Ended(int(str(end.value.code)), *capsys.readouterr())

    return run
