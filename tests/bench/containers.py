"""What both do with containers, on one engine and one image."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bed.engine import BASE, engine
from tests.bench.sides import Original, Side, Took

DOCKERFILE = "FROM {image}\n"
FOR_THE_ORIGINAL = "RUN for each in jq xxd; do printf '#!/bin/sh\\n' > /usr/bin/$each; chmod +x /usr/bin/$each; done\n"


class Containers:
    """The engine, started when the first scenario asks for it; it has all that the original would install at each create."""

    host, folder, place = "", Path(), Path()
    open = ExitStack()

    @classmethod
    def begin(cls) -> None:
        one = cls.open.enter_context(engine("bench"))
        cls.folder = Path(cls.open.enter_context(tempfile.TemporaryDirectory()))
        (cls.folder / "Dockerfile").write_text(DOCKERFILE.format(image=BASE) + FOR_THE_ORIGINAL)
        one.docker("build", "--tag", "mng-bench", cls.folder)
        one.docker("tag", BASE, "alpine:latest")  # what the original keeps its state in
        (cls.folder / "Dockerfile").write_text(DOCKERFILE.format(image="mng-bench"))
        cls.host, cls.place = one.host, one.folder

    @classmethod
    def world(cls, side: Side, agents: int = 0) -> str:
        """The name of a world with so many agents, each in a container of its own: a1, a2, …"""
        if not cls.host:
            cls.begin()
        name = f"docker{agents}"
        if name not in side.worlds:
            side.world(name).env["DOCKER_HOST"] = cls.host
            for number in range(1, agents + 1):
                side.run(cls.create(side, f"a{number}"), name)
        return name

    @classmethod
    def create(cls, side: Side, name: str) -> list[str]:
        if isinstance(side, Original):
            image = ["-b", f"--file={cls.folder}/Dockerfile", "-b", str(cls.folder)]
            return ["create", f"{name}@.docker", "--new-host", "--command", "cat", "--no-connect", *image]
        return ["create", name, "--in", "docker", "--agent-cmd", "cat", "--no-connect"]


def create(side: Side, took: Took, turn: int) -> None:
    world = Containers.world(side)
    side.time(took, Containers.create(side, f"new{turn}"), world)
    side.run(["destroy", "-f", f"new{turn}"], world, check=False)


def destroy(count: int) -> Callable[[Side, Took, int], None]:
    def work(side: Side, took: Took, turn: int) -> None:
        world, names = Containers.world(side), [f"old{turn}-{number}" for number in range(count)]
        for name in names:
            side.run(Containers.create(side, name), world)
        side.time(took, ["destroy", "-f", *names], world)

    return work


def with_hosts(count: int, *words: str) -> Callable[[Side, Took, int], None]:
    return lambda side, took, turn: side.time(took, words, Containers.world(side, count))


def stop(side: Side, took: Took, turn: int) -> None:
    world = Containers.world(side, 1)
    side.run(["start", "a1"], world, check=False)
    side.time(took, ["stop", "a1"], world)
    side.run(["start", "a1"], world)


def start(side: Side, took: Took, turn: int) -> None:
    world = Containers.world(side, 1)
    side.run(["stop", "a1"], world)
    side.time(took, ["start", "a1"], world)
