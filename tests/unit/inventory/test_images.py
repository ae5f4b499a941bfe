"""What `-b` words mean for a Docker host, and the key pairs of an installation."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mng.errors import UsageError
from mng.inventory.docker import start_words
from mng.inventory.images import Build
from mng.inventory.keys import known, new_pair, own_pair


@pytest.mark.parametrize(
    ("args", "build"),
    [
        ((), Build()),
        (("offline",), Build(offline=True)),
        (("cidr-allowlist=203.0.113.0/24",), Build(ranges=("203.0.113.0/24",))),
        (("--cidr-allowlist=10.0.0.1, fd00::/8",), Build(ranges=("10.0.0.1/32", "fd00::/8"))),
        (("image=alpine:3",), Build(image="alpine:3")),
        (("--dockerfile", "/x/Dockerfile"), Build(words=("--file", "/x/Dockerfile"), dockerfile=True)),
        (("--dockerfile /x/D",), Build(words=("--file", "/x/D"), dockerfile=True)),
        (("context-dir=/x",), Build(context="/x")),
        (("--build-arg=A=b c", "--no-cache"), Build(words=("--build-arg=A=b c", "--no-cache"))),
        (("build-arg=A=1",), Build(words=("--build-arg=A=1",))),
        (("--file=/x/D", "--target", "dev"), Build(words=("--file=/x/D", "--target", "dev"), dockerfile=True)),
    ],
)
def test_build_words(args: tuple[str, ...], build: Build) -> None:
    assert Build.of(args) == build


@pytest.mark.parametrize(
    "args", [("cidr-allowlist=300.1.1.1/8",), ("--image",), ("image=x", "--no-cache"), ("image=x", "dockerfile=y")]
)
def test_build_words_that_make_no_sense(args: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        Build.of(args)


def test_start_words_go_through_as_they_are() -> None:
    assert start_words("--cpus=2") == ["--cpus=2"]
    assert start_words("cpus=2") == ["--cpus=2"]
    assert start_words("--gpus all -e 'A=b c'") == ["--gpus", "all", "-e", "A=b c"]
    assert start_words("env=A=b c") == ["--env=A=b c"]


def test_one_key_pair_an_installation_also_when_many_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        pairs = set(pool.map(lambda _: own_pair(tmp_path), range(16)))
    assert len(pairs) == 1
    path, public = pairs.pop()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and public.startswith("ssh-ed25519 ")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_host_is_known_by_its_id(tmp_path: Path) -> None:
    pair = new_pair("x")
    assert known(tmp_path, "host-1", pair.public).read_text() == f"host-1 {' '.join(pair.public.split()[:2])}\n"
