"""Modal's sandboxes, on the emulator: what mng adds to what the SDK takes alone."""

import sys
from contextlib import suppress

from tests.bed import modal
from tests.bed.engine import BASE, Engine
from tests.bench.containers import Containers
from tests.bench.sides import Side, Took

ALONE = """
import modal
app = modal.App.lookup("alone", create_if_missing=True)
image = modal.Image.from_registry({base!r}).build(app)
sandbox = modal.Sandbox.create("sleep", "999", app=app, image=image, timeout=3600)
sandbox.exec("true").wait()
print(sandbox.object_id)
"""


class Clouds:
    """The emulator, started when the first scenario asks for it."""

    one: modal.Cloud | None = None

    @classmethod
    def world(cls, side: Side, agents: int = 0) -> str:
        """The name of a world with so many agents, each in a sandbox of its own."""
        if not Containers.host:
            Containers.begin()
        if not cls.one:
            cls.one = modal.start(Engine(Containers.place))
        name = f"modal{agents}"
        if name not in side.worlds:
            side.world(name).env.update(cls.one.env)
            for number in range(agents):
                side.run(cls.create(f"a{number}"), name)
        return name

    @classmethod
    def create(cls, name: str) -> list[str]:
        return ["create", name, "--in", "modal", "--agent-cmd", "cat", "--no-connect"]

    @classmethod
    def end(cls) -> None:
        if cls.one:
            with suppress(OSError):
                cls.one.end()


def create(side: Side, took: Took, turn: int) -> None:
    if side.label == "mng":
        world = Clouds.world(side, 1)  # the image is there
        side.time(took, Clouds.create(f"new{turn}"), world)
        side.run(["destroy", "-f", f"new{turn}"], world)


def twenty(side: Side, took: Took, turn: int) -> None:
    if side.label == "mng":
        side.time(took, ["list"], Clouds.world(side, 20))


class Sdk(Side):
    """The SDK alone: an image that is there, a sandbox of it, a command in it."""

    label = "sdk"

    def plain(self, took: Took, turn: int, scenario: str) -> None:
        self.measure(took, [sys.executable, "-c", ALONE.format(base=BASE)], Clouds.world(self))
        assert Clouds.one
        for sandbox in Clouds.one.running():
            if sandbox["app"] == "alone":
                Clouds.one.finish(sandbox["id"], "terminated")
