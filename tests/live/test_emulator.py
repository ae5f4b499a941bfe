"""The emulator of Modal's servers (tests/emulator), with the real SDK: what mng's provider relies on."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed.engine import Engine
from tests.bed.modal import Cloud, start

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.filterwarnings("default")]
SSHD = ("sh", "-c", "mkdir -p /run/sshd; ssh-keygen -A >/dev/null; exec /usr/sbin/sshd -D -e")


@pytest.fixture(scope="module")
def one_cloud(docker: Engine) -> Iterator[Cloud]:
    cloud = start(docker, faster=20, page=2)
    label = f"label={cloud.state()['label']}"  # there may be others on the engine
    try:
        yield cloud
    finally:
        cloud.end()
    assert not docker.docker("ps", "-aq", "--filter", label)
    assert not docker.docker("images", "-aq", "--filter", label)


class Sdk:
    """An app, an image and short words for what the tests do all the time."""

    def __init__(self, cloud: Cloud) -> None:
        import modal

        self.cloud, self.modal = cloud, modal
        self.client = modal.Client.from_credentials("ak-emulator", "as-emulator")
        self.app = modal.App.lookup("mng-test", create_if_missing=True, client=self.client)
        self.image = modal.Image.from_registry("debian:bookworm-slim")

    def create(self, *words: str, image: Any = None, **how: Any) -> Any:
        how = {"timeout": 3600, **how}
        return self.modal.Sandbox.create(
            *(words or ("sleep", "999")), app=self.app, image=image or self.image, client=self.client, **how
        )

    def named(self, name: str, **how: Any) -> Any:
        return self.modal.Sandbox.from_name("mng-test", name, client=self.client, **how)

    def volume(self, name: str, **how: Any) -> Any:
        return self.modal.Volume.from_name(name, create_if_missing=True, version=2, client=self.client, **how)


@pytest.fixture(scope="module")
def one_sdk(one_cloud: Cloud) -> Iterator[Sdk]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in one_cloud.env.items():
            patch.setenv(name, value)
        yield Sdk(one_cloud)


@pytest.fixture
def sdk(one_sdk: Sdk) -> Iterator[Sdk]:
    one_sdk.cloud.forget()
    yield one_sdk
    one_sdk.cloud.mend()
    for one in one_sdk.cloud.running():
        one_sdk.cloud.finish(one["id"], "terminated")


def say(sandbox: Any, *words: str) -> str:
    done = sandbox.exec(*words)
    out = done.stdout.read()
    assert done.wait() == 0, done.stderr.read()
    return str(out).strip()


def test_a_life(sdk: Sdk) -> None:
    secret = sdk.modal.Secret.from_dict({"KEY": "it's secret"})
    sandbox = sdk.create(
        *SSHD, name="box", tags={"mng": "1", "host": "box"}, secrets=[secret], unencrypted_ports=[22],
        readiness_probe=sdk.modal.Probe.with_tcp(22), cpu=(0.5, 1), memory=(256, 1024), region="us-east",
    )  # fmt: skip
    sandbox.wait_until_ready(timeout=60)
    host, port = sandbox.tunnels()[22].tcp_socket
    import socket

    with socket.create_connection((host, port), 10) as connection:
        assert connection.recv(7) == b"SSH-2.0"
    assert say(sandbox, "sh", "-c", 'echo "$KEY"; ls /run/modal') == "it's secret\ngo\nstart"
    done = sandbox.exec("sh", "-c", "read x; echo got $x; echo oops >&2; exit 3")
    done.stdin.write(b"hello\n")
    done.stdin.write_eof()
    done.stdin.drain()
    assert (done.stdout.read(), done.stderr.read(), done.wait()) == ("got hello\n", "oops\n", 3)
    with pytest.raises(sdk.modal.exception.AlreadyExistsError):
        sdk.create(name="box")
    sandbox.set_tags({"mng": "2"})
    others = [sdk.create(tags={"mng": "2"}) for _ in range(2)]
    listed = list(sdk.modal.Sandbox.list(app_id=sdk.app.app_id, tags={"mng": "2"}, client=sdk.client))
    assert {one.object_id for one in listed} == {sandbox.object_id, *(other.object_id for other in others)}
    assert sdk.named("box").get_tags() == {"mng": "2"}
    assert sdk.cloud.counts()["SandboxCreateV2"] == 4
    [row] = [one for one in sdk.cloud.running() if one["name"] == "box"]
    assert (row["cpu"], row["memory"], row["regions"], row["v2"]) == ([500, 1000], [256, 1024], ["us-east"], True)
    assert sandbox.terminate(wait=True) == 137
    with pytest.raises(sdk.modal.exception.NotFoundError):
        sdk.named("box")
    assert sdk.named("box", include_terminated=True).object_id == sandbox.object_id
    with pytest.raises(OSError):
        socket.create_connection((host, port), 10)


def test_file_systems_are_kept(sdk: Sdk) -> None:
    keep = {"experimental_options": {"enable_exit_snapshot": True}}
    sandbox = sdk.create(name="kept", env={"CANARY": "4711"}, **keep)
    say(sandbox, "sh", "-c", "echo one > /root/note")
    image = sandbox.snapshot_filesystem(ttl=None)
    say(sandbox, "sh", "-c", "echo two > /root/note")
    sandbox.terminate(wait=True)
    last = sdk.named("kept", include_terminated=True)._experimental_get_exit_snapshot(timeout=60)
    again = sdk.create(image=sdk.modal.Image.from_id(image.object_id, client=sdk.client))
    assert say(again, "sh", "-c", "cat /root/note; echo $CANARY") == "one"
    assert say(sdk.create(image=sdk.modal.Image.from_id(last.object_id, client=sdk.client)), "cat", "/root/note") == "two"
    sdk.modal.experimental.image_delete(image.object_id, client=sdk.client)
    with pytest.raises(sdk.modal.exception.NotFoundError):
        sdk.create(image=sdk.modal.Image.from_id(image.object_id, client=sdk.client))
    ends = {"SandboxTimeoutError": {"timeout": 60}, "idle": {"idle_timeout": 40}}
    for how, limit in ends.items():  # 20 times as fast
        sandbox = sdk.create("sh", "-c", f"echo {how} > /root/note; sleep 999", **limit, **keep)
        if how == "idle":
            sandbox.wait(raise_on_termination=False)
        else:
            with pytest.raises(sdk.modal.exception.SandboxTimeoutError):
                sandbox.wait()
        image = sandbox._experimental_get_exit_snapshot(timeout=60)
        assert say(sdk.create(image=image), "cat", "/root/note") == how


def test_volumes(sdk: Sdk) -> None:
    volume = sdk.volume("state")
    with volume.batch_upload(force=True) as batch:
        batch.put_file(io.BytesIO(b'{"id": 1}'), "/hosts/1.json")
    assert [entry.path for entry in volume.listdir("/hosts")] == ["hosts/1.json"]
    sandbox = sdk.create(volumes={"/state": volume})
    assert say(sandbox, "sh", "-c", "cat /state/hosts/1.json; echo 2 > /state/hosts/2.json") == '{"id": 1}'
    assert b"".join(volume.read_file("hosts/2.json")) == b"2\n"
    volume.remove_file("/hosts/1.json")
    assert [entry.path for entry in volume.listdir("/hosts")] == ["hosts/2.json"]
    with pytest.raises(FileNotFoundError):
        b"".join(volume.read_file("hosts/1.json"))
    sdk.cloud.lose_volume("state")
    with pytest.raises(sdk.modal.exception.NotFoundError):
        volume.listdir("/hosts")


def test_images(sdk: Sdk, tmp_path: Path) -> None:
    secret = sdk.modal.Secret.from_dict({"TOKEN": "s3cret"})
    look = 'test "$TOKEN" = s3cret && echo built > /etc/built'
    image = sdk.image.run_commands("apt-get update && apt-get install -y git tmux", look, secrets=[secret]).env({"A": "b"})
    image.build(sdk.app)
    assert say(sdk.create(image=image), "sh", "-c", "cat /etc/built; echo $A$TOKEN") == "built\nb"
    Path(tmp_path, "hello").write_text("from the context")
    recipe = ["FROM debian:12 AS one", "ARG WHO", "RUN echo $WHO >/who", "FROM ubuntu", "COPY --from=one /who /who",
              "COPY hello /hello", "RUN --mount=type=secret,id=TOKEN wc -c </run/secrets/TOKEN >/length"]  # fmt: skip
    Path(tmp_path, "Dockerfile").write_text("\n".join(recipe))
    given = {"context_dir": tmp_path, "build_args": {"WHO": "me"}, "secrets": [secret]}
    image = sdk.modal.Image.from_dockerfile(tmp_path / "Dockerfile", **given)
    found = say(sdk.create(image=image), "sh", "-c", "cat /who /length /hello; test ! -e /run/secrets").split("\n")
    assert found == ["me", "6", "from the context"]
    with pytest.raises(sdk.modal.exception.ImageBuildError):
        sdk.image.run_commands("echo before; exit 7").build(sdk.app)
    with pytest.raises(sdk.modal.exception.ImageBuildError):
        sdk.modal.Image.from_registry("nobody/nothing:1").build(sdk.app)


def test_walls(sdk: Sdk, docker: Engine) -> None:
    import socket

    with socket.create_server((docker.gateway, 0)) as listener:
        address = listener.getsockname()
        knock = ("sh", "-c", f"timeout 5 bash -c '</dev/tcp/{address[0]}/{address[1]}' 2>/dev/null && echo in || echo out")
        net = f"{docker.gateway.rpartition('.')[0]}.0/24"
        for ranges, seen in ((None, "in"), ([], "out"), ([net], "in"), (["203.0.113.0/24"], "out")):
            sandbox = sdk.create(*SSHD, unencrypted_ports=[22], readiness_probe=sdk.modal.Probe.with_tcp(22),
                                 outbound_cidr_allowlist=ranges)  # fmt: skip
            sandbox.wait_until_ready(timeout=60)
            assert say(sandbox, *knock) == seen, ranges
            with socket.create_connection(sandbox.tunnels()[22].tcp_socket, 10) as connection:
                assert connection.recv(7) == b"SSH-2.0"
            assert say(sandbox, "sh", "-c", "iptables -F OUTPUT 2>/dev/null || echo refused") == "refused"


def test_gpus_are_v1(sdk: Sdk) -> None:
    sandbox = sdk.create(gpu="H100:2", name="gpu", tags={"a": "b"})
    assert (sdk.cloud.counts()["SandboxCreate"], sdk.cloud.counts()["SandboxCreateV2"]) == (1, 0)
    assert [(one["gpu"], one["gpus"]) for one in sdk.cloud.running()] == [("H100", 2)]
    assert say(sandbox, "echo", "hello") == "hello"
    assert sdk.named("gpu").object_id == sandbox.object_id
    image = sandbox.snapshot_filesystem(ttl=None)
    assert sandbox.get_tags() == {"a": "b"}
    sandbox.terminate(wait=True)
    assert say(sdk.create(image=image), "echo", "again") == "again"


def test_faults(sdk: Sdk) -> None:
    error = sdk.modal.exception
    sdk.cloud.fault("SandboxCreate", status="UNAVAILABLE", after=True)  # done, but its answer is lost: sent again
    sdk.create(name="once")
    assert sdk.cloud.counts()["SandboxCreateV2"] == 2
    assert len(sdk.cloud.running()) == 1
    sdk.cloud.fault("SandboxCreate", status="RESOURCE_EXHAUSTED", message="no GPU is free", times=0, holds="gpu_type")
    with pytest.raises(error.ResourceExhaustedError, match="no GPU is free"):
        sdk.create(gpu="H100")
    sdk.cloud.mend()
    sdk.cloud.forget()
    sdk.cloud.fault("SandboxList", status="RESOURCE_EXHAUSTED", times=3, retry_after=0.1)
    assert len(list(sdk.modal.Sandbox.list(app_id=sdk.app.app_id, client=sdk.client))) == 1
    assert sdk.cloud.counts()["SandboxListV2"] >= 4
    sdk.cloud.fault("SandboxTerminate", status="PERMISSION_DENIED")
    with pytest.raises(error.PermissionDeniedError):
        sdk.named("once").terminate()
    sdk.cloud.fault("SandboxGetFromName", hang=True)
    import asyncio

    async def look() -> None:
        await asyncio.wait_for(sdk.modal.Sandbox.from_name.aio("mng-test", "once", client=sdk.client), 0.5)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(look())
    sdk.cloud.fault("SandboxTagsGet", delay=1)
    begun = time.monotonic()
    sandbox = sdk.named("once")
    sandbox.get_tags()
    assert time.monotonic() - begun >= 1
    sdk.cloud.finish("once", "timeout")
    with pytest.raises(error.SandboxTimeoutError):
        sandbox.wait()
    with pytest.raises(error.AuthError):
        sdk.modal.Client.from_credentials("ak-no", "as-no").hello()
