"""Fixtures for all tests; `tests/bed/` has what they are made of."""

from collections.abc import Iterator

import pytest

from tests.bed.need import need
from tests.bed.world import World


def pytest_configure(config: pytest.Config) -> None:
    for marker in ("live: uses real tmux and git", "agents: runs real coding agents", "slow: takes over ten seconds"):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def world() -> Iterator[World]:
    need("tmux", "git")
    world = World()
    try:
        yield world
    finally:
        world.end()
