"""A secret given by every way in is seen nowhere but where it was put."""

import json

import pytest

from tests.bed.engine import Engine
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
CANARY = "c4n4ry-0f-a-c0al-m1ne"
SEEN = 'for one in /proc/[0-9]*/cmdline; do tr "\\0" " " <"$one" 2>/dev/null; echo; done'


@pytest.mark.parametrize("where", [[], ["--in", "docker"]], ids=["local", "docker"])
def test_a_canary_is_nowhere(world: World, request: pytest.FixtureRequest, where: list[str]) -> None:
    docker: Engine | None = None
    if where:
        request.getfixturevalue("there")
        docker = request.getfixturevalue("docker")
    log = world.root / "all.log"
    (world.root / "vars").write_text(f"FROM_FILE={CANARY}-b\n")
    (world.root / "letter").write_text(f"a letter: {CANARY}-d")
    (world.repo / ".mng").mkdir()
    (world.repo / ".mng/settings.local.toml").write_text(
        f'[agent_types.mine]\nparent_type = "demo"\nenv = {{FROM_SETTINGS = "{CANARY}-e"}}\n'
    )
    words = [
        "create", "x", "mine", *where, "--no-connect", "--await-ready", "--no-ensure-clean", "-vv", "--log-file", log,
        "--log-commands",
        "--log-command-output", "--env", f"GIVEN={CANARY}-a", "--env-file", world.root / "vars", "--pass-env", "PASSED",
        "--host-env", f"OF_HOST={CANARY}-f", "--host-env-file", world.root / "vars", "--pass-host-env", "PASSED",
        "--upload-file", f"{world.root}/letter:{world.root}/uploaded", "-m", f"say nothing of {CANARY}-g",
        "--resume-message", f"nor of {CANARY}-h",
    ]  # fmt: skip
    env = {"PASSED": f"{CANARY}-c"}
    said = []

    def ran(*line: object, check: bool = True) -> str:
        done = world.mng(*line, env=env, check=check, timeout=180)
        said.append(f"{line[0]}: {done.out}\n{done.err}")
        return done.out

    ran(*words, "--dry-run")
    ran(*words, "--in-place", "--worktree", check=False)
    ran(*words, "--user-command", "exit 7", check=False)
    ran(*words)
    ran("message", "x", "-m", f"and {CANARY}-i", "-vv", "--log-file", log)
    seen = ran("exec", "x", SEEN)
    ran("list", "--json", "-vv")
    ran("gc", "-vv")
    ran("stop", "x", "-vv", "--log-file", log)
    ran("start", "x", "-vv", "--log-file", log)
    told = "\n".join(one for one in said if CANARY in one)
    assert not told, told[:3000]
    assert CANARY not in seen
    logs = [path for path in [log, *(world.home / ".mng/logs").rglob("*")] if path.is_file()]
    assert logs and not [path for path in logs if CANARY in path.read_text(errors="replace")]
    assert ran("exec", "x", 'printf %s "$GIVEN$FROM_FILE$PASSED$FROM_SETTINGS$OF_HOST" | wc -c').split() == [str(23 * 5)]
    if docker:
        assert CANARY not in json.dumps(json.loads(docker.docker("inspect", *docker.docker("ps", "-aq").split())))
