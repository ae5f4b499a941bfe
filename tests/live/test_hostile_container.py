"""Containers behind walls: what root in one tries, what comes in from others, and what is there whoever starts it."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.engine import BASE, Engine
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
SLEEP = ("--agent-cmd", "sleep 99999", "--no-connect", "--in", "docker")
REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print("reached")
except ConnectionRefusedError:
    print("reached")
except OSError:
    print("walled")
"""
OFFER = """
import socket, sys
one = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    one.accept()[0].close()
"""
PORT = 8099


@pytest.fixture(params=["unix", "tcp"])
def engines(request: pytest.FixtureRequest, there: World, docker: Engine) -> World:
    """The engine of this machine, and the same as one elsewhere: SSH goes through `docker exec` there."""
    if request.param == "tcp":
        there.env |= {"DOCKER_HOST": docker.tls, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(docker.certs)}
    return there


@pytest.fixture
def service() -> Iterator[int]:
    """The port of something on this machine that listens on all its addresses."""
    with socket.create_server(("0.0.0.0", 0)) as one:
        threading.Thread(target=lambda: [one.accept() for _ in range(20)], daemon=True).start()
        yield one.getsockname()[1]


def reach(world: World, name: str, address: str, port: int) -> str:
    return world.mng("exec", name, f"python3 -c '{REACH}' {address} {port}").out.strip()


def offer(world: World, name: str) -> str:
    """What the agent's container offers to all others; its address."""
    world.mng("exec", name, f"nohup python3 -c '{OFFER}' {PORT} >/dev/null 2>&1 </dev/null & sleep 1")
    return world.mng("exec", name, "hostname -i").out.split()[0]


def container(world: World, docker: Engine, name: str) -> str:
    return docker.docker("ps", "-aq", "--filter", f"name={world.prefix}{name}")


def capabilities(world: World, name: str) -> int:
    return int(world.mng("exec", name, "grep CapBnd /proc/self/status").out.split()[1], 16)


def test_root_can_not_take_them_away_by_any_door(engines: World, docker: Engine, service: int) -> None:
    engines.mng("create", "in", *SLEEP, "--host-name", "in", "-b", "offline")
    for line in (
        "iptables -F OUTPUT", "iptables -P OUTPUT ACCEPT", "ip6tables -P OUTPUT ACCEPT", "nft flush ruleset",
        "setpriv --bounding-set +all --inh-caps +net_admin iptables -F", "ip link add x type dummy", "unshare -n true",
    ):  # fmt: skip
        assert engines.mng("exec", "in", line, check=False).code != 0, line
    assert not capabilities(engines, "in") & 1 << 12
    docker.docker("exec", container(engines, docker, "in"), "sh", "-c", "! iptables -F OUTPUT")
    config = json.loads(docker.docker("inspect", container(engines, docker, "in")))[0]["HostConfig"]
    assert "NET_ADMIN" not in (config["CapAdd"] or [])
    assert reach(engines, "in", docker.gateway, service) == "walled"


def test_nothing_comes_in_from_others_nor_goes_out_by_name(engines: World) -> None:
    engines.mng("create", "in", *SLEEP, "--host-name", "in", "-b", "offline")
    engines.mng("create", "out", *SLEEP, "--host-name", "out")
    assert reach(engines, "out", offer(engines, "in"), PORT) == "walled"
    assert reach(engines, "in", offer(engines, "out"), PORT) == "walled"
    assert reach(engines, "in", "127.0.0.1", PORT) == "reached"
    engines.mng("create", "some", *SLEEP, "--host-name", "some", "-b", f"cidr-allowlist={offer(engines, 'out')}/32")
    assert reach(engines, "some", offer(engines, "out"), PORT) == "reached"
    assert reach(engines, "some", offer(engines, "in"), PORT) == "walled"
    assert engines.mng("exec", "some", "timeout 3 getent hosts out example.org", check=False).code != 0


def test_ipv6(there: World, docker: Engine) -> None:
    network = f"{there.prefix}six"
    docker.docker("network", "create", "--ipv6", "--subnet", "fd00:77::/64", network)
    try:
        there.mng("create", "out", *SLEEP, "--host-name", "out", "-s", f"--network={network}")
        offer(there, "out")
        four, six = sorted(there.mng("exec", "out", "hostname -I").out.split(), key=lambda one: ":" in one)
        for name, ranges, reached in (("a", f"{four}/32", "reached walled"), ("b", f"{six}/128", "walled reached")):
            there.mng("create", name, *SLEEP, "--host-name", name, "-s", f"--network={network}", "-b", f"cidr-allowlist={ranges}")
            assert " ".join(reach(there, name, address, PORT) for address in (four, six)) == reached
            assert there.mng("exec", name, "timeout 3 getent hosts out", check=False).code != 0  # the engine's resolver
    finally:
        for name in docker.docker("ps", "-aq", "--filter", f"name={there.prefix}").split():
            docker.docker("rm", "-f", name)
        docker.docker("network", "rm", network)


def test_they_are_there_after_every_start(there: World, docker: Engine, service: int) -> None:
    there.mng("create", "in", *SLEEP, "--host-name", "in", "-b", "offline")
    there.mng("exec", "in", "echo 'exec sleep 1000' > /etc/mng/container.sh")  # what would wait for them
    there.mng("stop", "in")
    there.mng("start", "in")
    assert reach(there, "in", docker.gateway, service) == "walled"
    id_ = container(there, docker, "in")
    docker.docker("restart", "-t", "1", id_)  # behind mng's back
    assert docker.docker("top", id_, "-o", "pid,args").count("sshd") == 0
    (row,) = there.mng("list", "--json").json
    assert row["host"]["state"] == "STOPPED"
    there.mng("start", "in")
    assert reach(there, "in", docker.gateway, service) == "walled"


def test_one_that_is_put_back_to_its_snapshot_or_made_of_it(there: World, docker: Engine, service: int) -> None:
    there.mng("create", "in", *SLEEP, "--host-name", "in", "-b", "offline")
    there.mng("exec", "in", "printf '#!/bin/sh\\nexit 0\\n' > /usr/sbin/iptables")  # the tools of walls are not an agent's
    snapshot = there.mng("snapshot", "in", "--format", "{id}").out.strip()
    there.mng("stop", "in")
    there.mng("start", "in", "--snapshot", snapshot)
    assert reach(there, "in", docker.gateway, service) == "walled"
    there.mng("create", "next", "--in", "docker", "--snapshot", snapshot, "--no-connect")
    assert reach(there, "next", docker.gateway, service) == "walled"


def test_an_image_whose_setpriv_knows_nothing(there: World, docker: Engine, service: int, tmp_path: Path) -> None:
    (tmp_path / "setpriv").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "setpriv").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY setpriv /usr/bin/setpriv\n")
    image = f"{there.prefix}busy"
    docker.docker("build", "-q", "-t", image, tmp_path)
    there.mng("create", "in", *SLEEP, "-b", "offline", "-b", f"image={image}")
    assert reach(there, "in", docker.gateway, service) == "walled"


def test_no_host(engines: World, docker: Engine, service: int) -> None:
    engines.mng("create", "out", *SLEEP, "--host-name", "out")
    engines.mng("create", "in", *SLEEP, "--host-name", "in", "-b", "no-host")
    assert reach(engines, "out", docker.gateway, service) == "reached"
    every = {docker.gateway, *socket.gethostbyname_ex(socket.gethostname())[2]} - {"127.0.0.1", "127.0.1.1"}
    for address in (*every, "169.254.169.254"):
        assert reach(engines, "in", address, service) == "walled", address
    assert reach(engines, "in", offer(engines, "out"), PORT) == "reached"


def test_words_that_would_undo_them_are_refused(there: World, docker: Engine) -> None:
    for word in ("--network=host", "--privileged", "--cap-add=NET_ADMIN", "--cap-add=ALL"):
        refused = there.mng("create", "in", *SLEEP, "-b", "offline", f"--start-arg={word}", check=False)
        assert refused.code == 6 and f"can't hold with -s {word}" in refused.err, str(refused)
        assert container(there, docker, "") == ""
