"""`inv modal-check`, with the emulator for an account."""

import sys
from pathlib import Path

import pytest

from tests.bed.modal import Cloud
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
ROOT = Path(__file__).parent.parent.parent
INV = [sys.executable, "-m", "invoke", "modal-check"]


def test_it_runs_and_removes_what_it_made(world: World, cloud: Cloud) -> None:
    before = set(cloud.state()["volumes"])
    checked = world.run(*INV, "--args=-k its_life", cwd=ROOT, timeout=280)
    assert "1 passed" in checked.out and "skipped" not in checked.out, checked
    assert cloud.running() == [] and set(cloud.state()["volumes"]) == before


def test_without_an_account(world: World) -> None:
    refused = world.run(*INV, cwd=ROOT, check=False)
    assert refused.code == 1 and refused.err.startswith("no account of Modal: modal setup")
