"""Agents in containers of a real Docker engine."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.bed.engine import Engine
from tests.bed.sshd import Sshd
from tests.bed.world import World

pytestmark = [pytest.mark.live, pytest.mark.slow]
SLEEP = ("--agent-cmd", "sleep 99999", "--no-connect")


@pytest.fixture
def sshd(there: World) -> Iterator[Sshd]:
    bed = Sshd(there)
    yield bed
    bed.end()


def listed(world: World) -> dict[str, dict[str, str]]:
    rows = json.loads(world.mng("list", "--json").out)
    return {row["name"]: {"state": row["state"], "host": row["host"]["name"], "host_state": row["host"]["state"]} for row in rows}


def test_work_goes_there_and_comes_home(there: World) -> None:
    (there.repo / "untracked").write_text("of mine")
    there.mng("create", "web", "--in", "docker", "--host-name", "box", *SLEEP, "--no-ensure-clean", "--tag", "team=red")
    assert listed(there) == {"web": {"state": "RUNNING", "host": "box", "host_state": "RUNNING"}}
    assert there.mng("exec", "web", "cat untracked; echo; git branch --show-current; hostname").out.split() == [
        "of",
        "mine",
        "mng/web",
        "box",
    ]
    there.mng("exec", "web", "echo more > made; git add made; git commit -qm work; echo loose > loose")
    there.mng("exec", "web", "rm -rf --no-preserve-root /opt /srv")
    done = there.mng("destroy", "-f", "web")
    assert "refs/mng/saved/web/" in done.err + done.out and "host box destroyed" in done.err
    assert there.mng("list", "--json").out.strip() == "[]"
    ref = there.git("for-each-ref", "--format=%(refname)", "refs/mng/saved/web").strip()
    assert {"loose", "made", "untracked"} <= set(there.git("ls-tree", "--name-only", ref).split())


def test_a_host_rests_with_its_agents_and_wakes_with_one(there: World) -> None:
    there.mng("create", "one", "--in", "docker", "--host-name", "shared", *SLEEP)
    there.mng("create", "two", "--host", "shared", *SLEEP)
    there.mng("stop", "one")
    assert {name: row["host_state"] for name, row in listed(there).items()} == {"one": "RUNNING", "two": "RUNNING"}
    assert "host shared stopped" in there.mng("stop", "two").err
    assert listed(there)["two"] == {"state": "STOPPED", "host": "shared", "host_state": "STOPPED"}
    there.mng("exec", "one", "true", check=False)
    there.mng("start", "two")
    assert {name: row["state"] for name, row in listed(there).items()} == {"one": "STOPPED", "two": "RUNNING"}
    there.mng("destroy", "-f", "two")
    assert listed(there)["one"]["host_state"] in ("RUNNING", "STOPPED")
    assert "host shared destroyed" in there.mng("destroy", "-f", "one").err


def test_snapshots(there: World) -> None:
    there.mng("create", "doomed", "--in", "docker", *SLEEP)
    there.mng("exec", "doomed", "echo precious > /root/kept")
    words = ["--name", "before", "--description", "of the plunge", "--tag", "a=b", "--no-pause-during"]
    id_ = there.mng("snapshot", "doomed", *words, "--format", "{id}").out.strip()
    assert id_.startswith("snap-")
    assert there.mng("snapshot", "create", "doomed", "--dry-run").out.strip().endswith("would be kept")
    rows = json.loads(
        there.mng("snapshot", "list", "--json", "--limit", "3", "--after", "2020-01-01", "--before", "2100-01-01").out
    )
    assert [(row["id"], row["name"], row["description"], row["tags"]) for row in rows] == [
        (id_, "before", "of the plunge", {"a": "b"})
    ]
    there.mng("exec", "doomed", "rm -rf /root/kept")
    there.mng("create", "again", "--in", "docker", "--snapshot", id_, "--no-connect")
    assert {name: row["state"] for name, row in listed(there).items()} == {"doomed": "RUNNING", "again": "RUNNING"}
    assert there.mng("exec", "again", "cat /root/kept").out == "precious\n"
    assert there.mng("snapshot", "destroy", check=False).code == 2
    assert there.mng("snapshot", "destroy", "--snapshot", "nope", "-f", check=False).code == 3
    assert there.mng("snapshot", "destroy", "--all-snapshots", "doomed", "--dry-run").out.count("would be destroyed") == 1
    assert there.mng("snapshot", "create", "local", check=False).code == 6


def test_a_host_goes_back_to_its_snapshot(there: World, docker: Engine) -> None:
    given = ("-s", "--cpus=0.5", "-s", f"--volume={there.prefix}named:/named", "-s", "--volume=/nameless", "-s", "--env=OF=user")
    there.mng("create", "web", "--in", "docker", "--host-name", "box", *given, *SLEEP)
    there.mng("create", "other", "--host", "box", *SLEEP)
    there.mng("exec", "web", "echo first | tee kept /named/kept /nameless/kept")
    id_ = there.mng("snapshot", "web", "--name", "good", "--format", "{id}").out.strip()
    there.mng("create", "late", "--host", "box", *SLEEP)
    there.mng("exec", "web", "echo second | tee kept /named/kept /nameless/kept")
    refused = there.mng("start", "web", "--snapshot", id_, check=False)
    assert refused.code == 8 and "stop them first" in refused.err
    there.mng("stop", "web", "other", "late")
    assert there.mng("start", "web", "--snapshot", "none", check=False).code == 3
    assert "would start" in there.mng("start", "web", "--snapshot", "good", "--dry-run").out
    done = there.mng("start", "web", "late", "--snapshot", "good")
    assert "as it was is kept as snapshot snap-" in done.err and "has no agent late" in done.err
    shown = there.mng("exec", "web", "cat kept /named/kept /nameless/kept; echo $OF; hostname").out.split()
    assert shown == ["first", "second", "second", "user", "box"], "what is on volumes is as it was"
    assert {name: row["state"] for name, row in listed(there).items()} == {"web": "RUNNING", "other": "STOPPED"}
    (container,) = docker.docker("ps", "-q", "--filter", f"name={there.prefix}").split()
    assert docker.docker("inspect", "-f", "{{.HostConfig.NanoCpus}} {{.Name}}", container) == f"500000000 /{there.prefix}box"
    assert there.mng("create", "late", "--in", "docker", "--snapshot", "before-start", check=False).code == 2
    there.mng("create", "before", "--in", "docker", "--snapshot", "before-start", "--no-connect")
    assert there.mng("exec", "before", "cat kept").out == "second\n", "nothing of what it was is lost"
    there.mng("destroy", "-f", "--all")
    docker.docker("volume", "rm", f"{there.prefix}named")


@pytest.mark.parametrize("how", ["ssh", "tls", "context"])
def test_an_engine_elsewhere(there: World, docker: Engine, sshd: Sshd, how: str) -> None:
    del there.env["DOCKER_HOST"]
    if how == "tls":
        there.env.update(DOCKER_HOST=docker.tls, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(docker.certs))
    else:
        sshd.start("far", env={"DOCKER_HOST": docker.host})
    if how == "context":
        there.run("docker", "context", "create", "far", "--docker", "host=ssh://far")
        there.run("docker", "context", "use", "far")
    provider = "docker"
    if how == "ssh":
        provider = "server"
        there.mng("config", "set", "--scope", "user", "providers.server.backend", "docker")
        there.mng("config", "set", "--scope", "user", "providers.server.host", "ssh://far")
    there.mng("create", "web", "--in", provider, *SLEEP, timeout=180)
    assert docker.docker("ps", "-q", "--filter", f"name={there.prefix}"), "on the engine that was meant"
    (row,) = there.mng("list", "--json").json
    assert row["state"] == "RUNNING" and " exec -i " in row["host"]["ssh"]["command"], "a port there is not one here"
    (there.repo / "brought").write_text("by rsync")
    there.mng("push", "web", ".")
    assert there.mng("exec", "web", "cat brought").out == "by rsync"
    there.mng("stop", "web")
    there.mng("start", "web")
    if how == "tls":
        there.env["DOCKER_CERT_PATH"] = str(there.home)
    else:
        sshd.hosts["far"].drop()
        sshd.hosts["far"].process.kill()
    (row,) = there.mng("list", "--json").json
    assert row["host"]["state"] == "UNREACHABLE"
    assert (done := there.mng("destroy", "-f", "web", check=False)).code and "Traceback" not in done.err
    assert docker.docker("ps", "-q", "--filter", f"name={there.prefix}"), "nothing is removed that can't be seen"


def test_variables_of_the_image_and_of_its_start_are_those_of_sessions(there: World) -> None:
    folder = there.root / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM debian:bookworm-slim\nENV PATH=/opt/tool/bin:$PATH TOOL="a \\"b\\" $HOME"\n')
    odd = 'it\'s "one" \\ of $HOME #'
    words = ("-b", f"context-dir={folder}", "-s", f"--env=ODD={odd}", "--env", "MINE=wins", "-s", "--env=MINE=loses")
    there.mng("create", "web", "--in", "docker", *words, *SLEEP, timeout=180)
    for _ in range(2):
        assert there.mng("exec", "web", 'echo "$ODD"; echo $PATH; echo $MINE').out.splitlines()[::2] == [odd, "wins"]
        assert there.mng("exec", "web", "echo $PATH").out.startswith("/opt/tool/bin:/usr/local/sbin:")
        there.mng("stop", "web")
        there.mng("start", "web")


def test_whatever_else_is_asked_of_a_host(there: World, docker: Engine) -> None:
    there.mng("create", "web", "--in", "docker", "--host-name-style", "painters", *SLEEP)
    host = listed(there)["web"]["host"]
    assert not host.startswith("docker")
    done = there.mng("stop", "web", "--snapshot-mode", "always")
    assert "is kept as snapshot snap-" in done.err and listed(there)["web"]["host_state"] == "STOPPED"
    away = there.mng("create", "more", "--host", host, "--no-auto-start", *SLEEP, check=False)
    assert away.code == 6 and "is STOPPED" in away.err
    assert there.mng("clone", "web", "twin", "--no-auto-start", "--no-connect", check=False).code == 6
    there.mng("create", "more", "--host", host, *SLEEP)
    words = ("--source-agent", "more", "--source-host", host, "--snapshot-source", "--no-copy-work-dir", "--auto-start")
    assert "is kept as snapshot" in there.mng("create", "taken", *words, *SLEEP).err
    (there.repo / "left.tmp").write_text("x")
    (there.repo / "brought").write_text("x")
    words = ("--host", host, "--rsync-args", "--exclude=*.tmp", "--no-ensure-clean")
    there.mng("create", "by-rsync", *words, *SLEEP)
    shown = there.mng("exec", "by-rsync", "ls -A").out.split()
    assert "brought" in shown and "README.md" in shown and not {"left.tmp", ".git"} & set(shown)
    assert there.mng("create", "x", "--rsync", "--clone", *words, *SLEEP, check=False).code == 2
    assert there.mng("stop", "taken", "--snapshot-mode", "always", check=False).code == 6
    there.mng("exec", "more", "mkdir -p /srv/plain && echo of-the-host > /srv/plain/file")
    there.mng("create", "path", "--source-host", host, "--source-path", "/srv/plain", "--host", "local", *SLEEP)
    assert there.mng("exec", "path", "cat file").out == "of-the-host\n"
    assert len(there.mng("snapshot", "list", "--json").json) == 2
    broken = there.mng("provision", "more", "--user-command", "exit 7", "--destroy-on-fail", check=False)
    assert broken.code == 5 and set(listed(there)) == {"taken", "path"} and f"host {host} destroyed" in broken.err


def test_who_is_let_in(there: World, docker: Engine, sshd: Sshd) -> None:
    there.mng("create", "web", "--in", "docker", "--host-name", "box", *SLEEP)
    row = there.mng("list", "--json").json[0]["host"]["ssh"]
    other = sshd.new_key(there.root / "other")

    def enters() -> bool:
        words = ["-F", "/dev/null", "-i", other, "-p", row["port"], "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no"]
        return there.run("ssh", *words, "-oBatchMode=yes", "root@127.0.0.1", "true", check=False).code == 0

    assert not enters()
    assert there.mng("limit", "web", "--add-ssh-key", other, check=False).code == 2, "a private key goes nowhere"
    there.mng("limit", "web", "--add-ssh-key", f"{other}.pub", "--dry-run")
    assert not enters()
    there.mng("limit", "web", "--add-ssh-key", f"{other}.pub")
    assert enters()
    there.mng("exec", "web", "sed -i 1d /etc/mng/authorized_keys")
    assert there.mng("exec", "web", "true", check=False).code != 0
    there.mng("limit", "web", "--refresh-ssh-keys")
    assert there.mng("exec", "web", "true").code == 0 and enters()
    there.mng("limit", "web", "--remove-ssh-key", f"{other}.pub")
    assert not enters() and there.mng("exec", "web", "echo in").out == "in\n"
    there.mng("create", "here", *SLEEP)
    assert there.mng("limit", "here", "--refresh-ssh-keys", check=False).code == 6


def test_walls(there: World) -> None:
    there.mng("create", "in", "--in", "docker", "-b", "offline", *SLEEP)
    gateway = (
        there.mng("exec", "in", "ip route 2>/dev/null | cut -d' ' -f3 | head -1; hostname -i").out.split()[-1].rpartition(".")[0]
        + ".1"
    )
    ping = f"timeout 3 bash -c '</dev/tcp/{gateway}/22' 2>&1; echo $?"
    assert there.mng("exec", "in", ping).out.split()[-1] == "124"  # dropped, where it would be refused at once
    assert there.mng("exec", "in", "iptables -P OUTPUT ACCEPT", check=False).code != 0
    there.mng("create", "near", "--in", "docker", "-b", f"cidr-allowlist={gateway}/32", *SLEEP)
    assert there.mng("exec", "near", ping).out.split()[-1] in ("0", "1")  # reached: open or refused


def test_what_is_wrong_is_said_and_nothing_stays(there: World, docker: Engine) -> None:
    for words, code in (
        (["-b", "cidr-allowlist=nonsense"], 2),
        (["-b", "image=no-such-image:1"], 1),
        (["-s", "--no-such-option"], 1),
        (["--message", " "], 2),
        (["--snapshot", "snap-none"], 3),
        (["--worktree"], 2),
    ):
        done = there.mng("create", "x", "--in", "docker", *SLEEP, *words, check=False)
        assert (done.code, "Traceback" in done.err) == (code, False), done.err
    assert docker.docker("ps", "-aq", "--filter", f"name={there.prefix}") == ""
    assert there.mng("create", "x", "--in", "docker", *SLEEP, "--dry-run").out
    assert docker.docker("ps", "-aq", "--filter", f"name={there.prefix}") == ""


def test_an_engine_that_is_away_is_not_an_empty_one(there: World) -> None:
    there.mng("create", "web", "--in", "docker", "--host-name", "box", *SLEEP)
    there.mng("list")
    there.mng("create", "here", *SLEEP)
    away = {"DOCKER_HOST": "unix:///no/such.sock"}
    done = there.mng("list", "--json", env=away)
    assert {row["name"]: row["host"]["state"] for row in json.loads(done.out)} == {"web": "UNREACHABLE", "here": "RUNNING"}
    assert there.mng("destroy", "-f", "web", env=away, check=False).code != 0
    assert there.mng("gc", env=away, check=False).out.count("removed") == 0
    assert there.mng("exec", "here", "echo fine", env=away).out == "fine\n"
    assert listed(there)["web"]["state"] == "RUNNING"


def test_a_host_whose_create_was_killed_is_found_by_gc(there: World, docker: Engine) -> None:
    there.mng("create", "x", "--in", "docker", *SLEEP, env={"MNG_FAULT": "create.claim"}, check=False)
    assert len(docker.docker("ps", "-q", "--filter", f"name={there.prefix}").split()) == 1
    there.mng("gc")
    assert len(docker.docker("ps", "-q", "--filter", f"name={there.prefix}").split()) == 1  # somebody may be making it
    gc = """if True:
        import sys, mng.commands.gc
        from mng.main import main
        sys.modules["mng.commands.gc"].BEING_MADE = 0.0
        sys.argv = ["mng", "gc", *sys.argv[1:]]
        main()"""
    python = [sys.executable, "-c", gc]
    assert "would be removed" in there.run(*python, "--dry-run", "--machines").out
    assert "which has no agent   removed" in there.run(*python).out.replace(": removed", "   removed")
    assert docker.docker("ps", "-aq", "--filter", f"name={there.prefix}") == ""
