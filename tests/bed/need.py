"""Tools that a test needs: missing ones fail in CI and skip elsewhere, and the skip says so."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{what}; scripts/test.sh installs it", pytrace=False)
    pytest.skip(f"{what}; scripts/test.sh installs it")


def need(*programs: str) -> None:
    """Each must be on the PATH."""
    for program in programs:
        if not shutil.which(program):
            missing(f"{program} is not installed")
