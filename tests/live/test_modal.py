"""Hosts on Modal, as far as the emulator of its servers (tests/emulator) is one: the real SDK, real sshd's in containers."""

import re

import pytest

from tests.bed.engine import Engine
from tests.bed.modal import Cloud
from tests.bed.world import World
from tests.live.test_docker_faults import gc

pytestmark = [pytest.mark.live, pytest.mark.slow]
SLEEP = ("--agent-cmd", "sleep 99999", "--no-connect")
DEMO = ("demo", "--no-connect", "--await-ready")


def hosts(world: World) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["state"], row["host"]["state"]) for row in world.mng("list", "--json").json}


@pytest.mark.account
def test_work_goes_there_and_comes_home(world: World, cloud: Cloud) -> None:
    world.mng("create", "web", "--in", "modal", "--host-name", "box", "-b", "cpu=2", "-b", "--memory=8", *SLEEP, timeout=180)
    taken = world.mng("create", "two", "--in", "modal", "--host-name", "box", *SLEEP, check=False, timeout=180)
    assert taken.code == 1 and "there is a host box already" in taken.err
    assert hosts(world) == {"web": ("RUNNING", "RUNNING")}
    assert len(cloud.running()) == 1
    assert world.mng("list").err == "" == world.mng("exec", "web", "true").err
    world.mng("exec", "web", "echo precious > kept; git status --porcelain; hostname")
    assert "host box stopped" in world.mng("stop", "web", timeout=120).err
    assert cloud.running() == [] and hosts(world) == {"web": ("STOPPED", "STOPPED")}
    for words in (("exec", "web", "true"), ("connect", "web"), ("message", "web", "-m", "x"), ("pull", "web", "x"),
                  ("provision", "web"), ("limit", "web", "--idle-timeout", "5m")):  # fmt: skip
        failed = world.mng(*words, check=False)
        assert failed.code in (1, 6) and "Traceback" not in failed.err and "host box is STOPPED" in failed.err, failed
    world.mng("start", "web", timeout=120)
    assert world.mng("exec", "web", "cat kept").out == "precious\n" and len(cloud.running()) == 1
    assert "refs/mng/saved/web/" in (done := world.mng("destroy", "-f", "web", timeout=120)).err + done.out
    assert cloud.running() == [] and hosts(world) == {} and world.mng("snapshot", "list", "--json").json == []


@pytest.mark.account
def test_snapshots(world: World, cloud: Cloud) -> None:
    world.mng("create", "doomed", "--in", "modal", *DEMO, timeout=180)
    world.mng("message", "doomed", "-m", "zebra", "--wait")
    world.mng("exec", "doomed", "echo precious > /root/kept")
    id_ = world.mng("snapshot", "doomed", "--name", "before", "--format", "{id}").out.strip()
    assert world.mng("list", "--include", "host.snapshots.size() == 1", "--fields", "host.snapshots[0].id").out.split()[-1] == id_
    world.mng("exec", "doomed", "rm /root/kept")
    world.mng("create", "again", "--in", "modal", "--snapshot", id_, "--no-connect", timeout=180)
    assert world.mng("exec", "again", "cat /root/kept").out == "precious\n"
    world.mng("stop", "doomed", timeout=120)
    world.mng("start", "doomed", "--snapshot", "before", timeout=180)
    assert world.mng("exec", "doomed", "cat /root/kept").out == "precious\n"
    names = [row["name"] for row in world.mng("snapshot", "list", "--json").json]
    assert sorted(names) == ["before", "before-start"]
    world.mng("destroy", "-f", "doomed", "--keep-snapshots", timeout=120)
    assert len(world.mng("snapshot", "list", "--json").json) == 2
    world.mng("destroy", "-f", "again", timeout=120)
    assert "(before)" in world.mng("gc", "--snapshots", timeout=120).out
    assert world.mng("snapshot", "list", "--json").json == [] and cloud.running() == []


def test_a_sandbox_that_ended_by_itself_is_as_it_was_then(world: World, cloud: Cloud) -> None:
    world.mng("create", "web", "--in", "modal", *SLEEP, timeout=180)
    world.mng("list")
    world.mng("exec", "web", "echo precious > kept")
    (one,) = cloud.running()
    cloud.finish(one["id"], "timeout")
    assert hosts(world) == {"web": ("STOPPED", "STOPPED")}
    world.mng("start", "web", timeout=120)
    assert world.mng("exec", "web", "cat kept").out == "precious\n"
    world.mng("destroy", "-f", "web", timeout=120)


@pytest.mark.account
def test_an_idle_host_ends_and_comes_back_with_its_agents(world: World, cloud: Cloud) -> None:
    size = ("-b", "cpu=2", "-b", "memory=4")
    world.mng("create", "a", "--in", "modal", "--host-name", "box", *size, *DEMO, "--idle-timeout", "12", timeout=180)
    world.mng("create", "b", *DEMO, "--host", "box", "--idle-timeout", "10")
    row = world.mng("list", "--json").json[0]["host"]
    assert row["estimated_cost_per_hour"] == pytest.approx(2 * 0.142 + 4 * 0.0242) and row["estimated_cost"] > 0
    assert "(~$0.38/h)" in world.mng("list").out
    world.mng("exec", "a", "kill -9 $(cat ~/.mng/watcher)")
    world.wait(lambda: not cloud.running(), 90, "the host to end, whoever ends its watcher")
    assert hosts(world) == {"a": ("STOPPED", "PAUSED"), "b": ("STOPPED", "PAUSED")}
    started = world.mng("start", "a", "--json", timeout=180).json
    assert {row["name"]: row["result"] for row in started} == {"a": "started", "b": "started"}
    world.mng("destroy", "-f", "--all", timeout=120)


def test_walls_secrets_and_volumes(world: World, cloud: Cloud) -> None:
    world.env["NPM_TOKEN"] = "s3cret"
    (world.root / "Dockerfile").write_text("FROM debian:bookworm-slim\nRUN echo of-the-user > /etc/mine\n")
    words = ("-b", "offline", "-b", f"dockerfile={world.root}/Dockerfile", "-b", f"context-dir={world.root}",
             "-b", "secret=NPM_TOKEN", "-b", "volume=cache:/cache", "-b", "gpu=h100", "-b", "region=us-east",
             "-b", "cpu=2", "-b", "--memory=8")  # fmt: skip
    world.mng("create", "web", "--in", "modal", *words, *SLEEP, timeout=180)
    (one,) = cloud.running()
    assert (one["cpu"][0], one["memory"][0], one["gpu"], one["v2"]) == (2000, 8192, "H100", False)
    assert world.mng("exec", "web", "cat /etc/mine; echo $NPM_TOKEN; ls -d /cache").out.split() == [
        "of-the-user",
        "s3cret",
        "/cache",
    ]
    assert "as-emulator" not in world.mng("exec", "web", "env; cat /proc/*/environ; grep -rs as-emulator /root /etc || true").out
    blocked = "timeout 3 bash -c '</dev/tcp/198.51.100.1/80' 2>/dev/null; echo $?"
    assert world.mng("exec", "web", blocked).out.strip() != "0"
    wrong = ("gpus=1", "cpu=many", "cpu=", "gpu", "timeout=90000", "volume=cache", "cidr-allowlist=x", "offline=no",
             "dockerfile=none", "context-dir=none")  # fmt: skip
    for word in wrong:
        assert world.mng("create", "x", "--in", "modal", "-b", word, *SLEEP, check=False).code == 2, word
    assert world.mng("create", "x", "--in", "modal", "-s", "--cpus=1", *SLEEP, check=False).code == 6
    assert len(cloud.running()) == 1
    world.mng("destroy", "-f", "web", timeout=120)


@pytest.mark.parametrize("step", ["host.made", "host.started", "create.claim", "create.session"])
def test_killed_create(world: World, cloud: Cloud, step: str) -> None:
    killed = world.mng("create", "x", "--in", "modal", *SLEEP, env={"MNG_FAULT": step}, check=False, timeout=180)
    assert killed.code == -9 and len(cloud.running()) == (step != "host.made")
    gc(world)
    assert cloud.running() == [] and hosts(world) == {}


@pytest.mark.parametrize("step", ["host.stop", "host.stopped"])
def test_killed_stop(world: World, cloud: Cloud, step: str) -> None:
    world.mng("create", "x", "--in", "modal", *SLEEP, timeout=180)
    world.mng("exec", "x", "echo precious > kept")
    assert world.mng("stop", "x", env={"MNG_FAULT": step}, check=False, timeout=120).code == -9
    assert hosts(world)["x"][0] == "STOPPED"
    world.mng("start", "x", timeout=120)
    assert world.mng("exec", "x", "cat kept").out == "precious\n" and len(cloud.running()) == 1
    world.mng("destroy", "-f", "x", timeout=120)


@pytest.mark.parametrize("gpu", [(), ("-b", "gpu=t4")])
def test_killed_start(world: World, cloud: Cloud, gpu: tuple[str, ...]) -> None:
    """What it has begun is gone on with: there are never two of a host."""
    world.mng("create", "x", "--in", "modal", *gpu, *SLEEP, timeout=180)
    world.mng("exec", "x", "echo precious > kept")
    world.mng("stop", "x", timeout=120)
    assert world.mng("start", "x", env={"MNG_FAULT": "host.started"}, check=False, timeout=120).code == -9
    assert len(cloud.running()) == 1 and hosts(world) == {"x": ("STOPPED", "RUNNING")}
    world.mng("start", "x", timeout=120)
    assert world.mng("exec", "x", "cat kept").out == "precious\n" and len(cloud.running()) == 1
    world.mng("destroy", "-f", "x", timeout=120)
    assert cloud.running() == []


def test_killed_destroy(world: World, cloud: Cloud) -> None:
    world.mng("create", "x", "--in", "modal", *SLEEP, timeout=180)
    killed = world.mng("destroy", "-f", "x", env={"MNG_FAULT": "host.ended"}, check=False, timeout=120)
    assert killed.code == -9 and cloud.running() == []
    world.mng("destroy", "-f", "x", check=False, timeout=120)
    gc(world)
    assert hosts(world) == {} and "@modal" not in world.mng("list", "--hosts").out and cloud.running() == []


def test_what_is_wrong_is_said_and_nothing_stays(world: World, cloud: Cloud) -> None:
    create = ("create", "x", "--in", "modal", *SLEEP)
    for fault, code, words in (
        ({"rpc": "SandboxCreate", "status": "RESOURCE_EXHAUSTED", "times": 0}, 1, "no capacity"),
        ({"rpc": "AppGetOrCreate", "status": "UNAUTHENTICATED", "times": 0}, 6, "refuses the token"),
        ({"rpc": "SandboxCreate", "status": "PERMISSION_DENIED", "times": 0}, 6, "Modal (modal)"),
        ({"rpc": "AppGetOrCreate", "hang": True, "times": 0}, 4, "within 5 s"),
    ):
        cloud.fault(**fault)
        done = world.mng(*create, check=False, timeout=120)
        assert (done.code, "Traceback" in done.err) == (code, False) and words in done.err, done
        cloud.mend()
    (world.root / "Dockerfile").write_text("FROM debian:bookworm-slim\nRUN exit 3\n")
    failed = world.mng(*create, "-b", f"dockerfile={world.root}/Dockerfile", check=False, timeout=120)
    assert failed.code == 1 and "Traceback" not in failed.err
    assert cloud.running() == [] and hosts(world) == {}


def test_an_account_that_can_not_be_reached_keeps_nobody(world: World, cloud: Cloud) -> None:
    world.mng("create", "web", "--in", "modal", *SLEEP, timeout=180)
    world.mng("create", "here", *SLEEP)
    world.mng("list")
    cloud.fault("*", hang=True, times=0)
    rows = {row["name"]: row["host"]["state"] for row in world.mng("list", "--json").json}
    assert rows == {"web": "UNREACHABLE", "here": "RUNNING"}
    assert world.mng("destroy", "-f", "web", check=False).code != 0
    cloud.mend()
    assert hosts(world)["web"] == ("RUNNING", "RUNNING")
    away = {"MODAL_TOKEN_ID": None, "MODAL_TOKEN_SECRET": None}
    done = world.mng("create", "x", "--in", "modal", *SLEEP, env=away, check=False)
    assert done.code == 6 and "modal setup" in done.err
    assert {row["name"]: row["host"]["state"] for row in world.mng("list", "--json", env=away).json}["here"] == "RUNNING"
    world.mng("destroy", "-f", "--all", timeout=120)


@pytest.mark.parametrize("providers", [("modal", "modal"), ("modal", "docker")])
def test_two_creates_at_once_can_not_share_a_hosts_name(
    world: World, cloud: Cloud, docker: Engine, providers: tuple[str, str]
) -> None:
    """Also those of different providers, neither of which has made a host here before."""
    world.env["DOCKER_HOST"] = docker.host
    each = zip(("one", "two"), providers, strict=True)
    both = [world.start("mng", "create", name, "--in", where, "--host-name", "box", *SLEEP) for name, where in each]
    said = [one.communicate()[1] for one in both]
    assert sorted(one.returncode for one in both) == [0, 1], said
    assert sum("there is a host box already" in one for one in said) == 1 and len(hosts(world)) == 1
    world.mng("destroy", "-f", "--all", timeout=120)


def test_modal_is_imported_only_where_it_is_used(world: World) -> None:
    """Nothing answers at the address: what counts is who tries."""

    def imports(*words: str) -> bool:
        server = {"MODAL_SERVER_URL": "http://127.0.0.1:9", "MODAL_TOKEN_ID": "ak-none", "MODAL_TOKEN_SECRET": "as-none"}
        done = world.mng(*words, env={**server, "PYTHONPROFILEIMPORTTIME": "1"}, check=False)
        assert "import time" in done.err
        return re.search(r"\| +modal$", done.err, re.MULTILINE) is not None

    assert imports("create", "x", "--in", "modal", *SLEEP)
    assert not imports("list") and not imports("create", "x", *SLEEP) and not imports("destroy", "-f", "x")


def test_settings_of_modal_that_can_not_be_read(world: World) -> None:
    (world.home / ".modal.toml").write_text("[default\nbroken")
    world.mng("list")
    done = world.mng("create", "x", "--in", "modal", *SLEEP, env={"MODAL_CONFIG_PATH": None}, check=False)
    assert "~/.modal.toml can't be read" in done.err and len(done.err.splitlines()) <= 2
    assert done.code == 6 and done.out == ""
