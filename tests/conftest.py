"""Fixtures for all tests; `tests/bed/` has what they are made of."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bed import agents, modal
from tests.bed.engine import Engine, engine
from tests.bed.model_server import ModelServer
from tests.bed.need import need
from tests.bed.sshd import Host, Sshd
from tests.bed.world import World


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in a shell's background would hand on that it is ignored
    account = "account: also runs against a real account of Modal (inv modal-check)"
    for marker in ("live: uses real tmux and git", "agents: runs real coding agents", "slow: takes over ten seconds", account):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def world() -> Iterator[World]:
    need("tmux", "git")
    world = World()
    try:
        yield world
    finally:
        world.end()


@pytest.fixture
def bed(world: World) -> Iterator[Sshd]:
    """Hosts over SSH, on loopback; those that a test starts end with it."""
    made = Sshd(world)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def box(bed: Sshd) -> Host:
    """One of them, with what the test puts into `box-bin` of the world before all other programs there."""
    programs = bed.world.root / "box-bin"
    programs.mkdir()
    return bed.start("box", env={"PATH": f"{programs}:{os.environ['PATH']}"})


@pytest.fixture
def work(bed: Sshd, box: Host) -> Path:
    """The work dir on `box` of the agent `scout`, which is a clone of the repository here."""
    bed.world.mng("create", "scout", "--agent-cmd", "cat", "--host", "box", "--clone", "--no-connect")
    (found,) = (box.dir / "worktrees").iterdir()
    return found


@pytest.fixture(scope="session")
def one_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(one_model: ModelServer) -> ModelServer:
    """That has seen nothing yet."""
    one_model.seen.clear()
    return one_model


@pytest.fixture
def claude(world: World, model: ModelServer) -> str:
    """The real Claude Code, logged in, in `world`."""
    agents.set_up(world, model, "claude")
    return "claude"


@pytest.fixture
def codex(world: World, model: ModelServer) -> str:
    """The real Codex, logged in, in `world`."""
    agents.set_up(world, model, "codex")
    return "codex"


@pytest.fixture
def opencode(world: World, model: ModelServer) -> str:
    """The real OpenCode, logged in, in `world`."""
    agents.set_up(world, model, "opencode")
    return "opencode"


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.agents) for name in agents.NPM])
def real(request: pytest.FixtureRequest, world: World, model: ModelServer) -> str:
    """Each of the real agents in turn; the value is its type."""
    agents.set_up(world, model, request.param)
    return str(request.param)


@pytest.fixture
def fake(world: World) -> Callable[..., agents.Fake]:
    """`fake(swallow=0.2, …)` puts the hostile `claude` into `world`; without mischief it behaves."""
    return lambda **mischief: agents.Fake(world, **mischief)


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with engine(os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())) as one:
        yield one


@pytest.fixture
def there(world: World, docker: Engine) -> Iterator[World]:
    """A world with a Docker engine; its containers are gone afterwards."""
    world.env["DOCKER_HOST"] = docker.host
    yield world
    for container in docker.docker("ps", "-aq", "--filter", f"name={world.prefix}").split():
        docker.docker("rm", "-f", container)


@pytest.fixture(scope="session")
def one_cloud(request: pytest.FixtureRequest) -> Iterator[modal.Cloud | modal.Account]:
    """The emulator; with MNG_MODAL_CHECK the account of who runs the tests."""
    cloud = modal.Account() if os.environ.get("MNG_MODAL_CHECK") else modal.start(request.getfixturevalue("docker"))
    try:
        yield cloud
    finally:
        cloud.end()


@pytest.fixture
def cloud(world: World, one_cloud: modal.Cloud | modal.Account) -> Iterator[modal.Cloud | modal.Account]:
    world.env.update(one_cloud.env)
    if isinstance(one_cloud, modal.Account):
        one_cloud.folder = world.host_dir
        yield one_cloud
        world.mng("destroy", "-f", "--all", check=False, timeout=600)
        one_cloud.clear(one_cloud.app)
        return
    one_cloud.forget()
    yield one_cloud
    one_cloud.mend()
    for one in one_cloud.running():
        one_cloud.finish(one["id"], "terminated")
