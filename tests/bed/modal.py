"""A Modal of the tests' own: tests/emulator as a process, on the tests' Docker engine. Its use: tests/emulator/__init__.py."""

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.bed.engine import BASE, Engine

if TYPE_CHECKING:  # the tests' collection must not need what mng needs
    from mng.inventory import modal_cloud

ROOT = Path(__file__).parent.parent.parent


class Cloud:
    def __init__(self, engine: Engine, **options: object) -> None:
        """`faster=10`, `page=2`, …: as `python -m tests.emulator --help` says."""
        words = [word for name, value in {"base": BASE, **options}.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.emulator", "--engine", engine.host, "--until-eof", *words],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True,
        )  # fmt: skip
        assert self.process.stdout
        told = self.process.stdout.readline()
        assert told, "the emulator does not start"
        self.url, self.admin = json.loads(told)["url"], json.loads(told)["admin"]

    @property
    def env(self) -> dict[str, str]:
        """All that the SDK needs."""
        return {
            "MODAL_SERVER_URL": self.url, "MODAL_TOKEN_ID": "ak-emulator", "MODAL_TOKEN_SECRET": "as-emulator",
            "MODAL_CONFIG_PATH": os.devnull, "MODAL_ENVIRONMENT": "main",
        }  # fmt: skip

    def ask(self, method: str, path: str, **given: object) -> Any:
        body = json.dumps(given).encode() if given else None
        asked = urllib.request.Request(self.admin + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return json.load(answer)

    def counts(self) -> Counter[str]:
        return Counter(call["rpc"] for call in self.calls())

    def calls(self) -> list[dict[str, str]]:
        """Each with `rpc`, `retry` (its number) and the beginning of `request`."""
        return list(self.ask("GET", "/calls"))

    def forget(self) -> None:
        """The calls until now."""
        self.ask("DELETE", "/calls")

    def fault(self, rpc: str, **how: object) -> None:
        """As `Fault` in tests/emulator/rpc.py: status, message, times, delay, after, hang, retry_after, holds."""
        self.ask("POST", "/faults", rpc=rpc, **how)

    def mend(self) -> None:
        """No faults from now on."""
        self.ask("DELETE", "/faults")

    def state(self) -> dict[str, Any]:
        return dict(self.ask("GET", "/state"))

    def running(self) -> list[dict[str, Any]]:
        """What would be billed."""
        return [one for one in self.state()["sandboxes"] if not one["status"]]

    def finish(self, sandbox: str, how: str = "timeout") -> None:
        """That of this id or name ends, as by `timeout`, `idle`, `terminated` or `crash`; its exit snapshot is made."""
        self.ask("POST", "/finish", sandbox=sandbox, how=how)

    def move(self, sandbox: str) -> None:
        """Its tunnels have other addresses from now on."""
        self.ask("POST", "/move", sandbox=sandbox)

    def lose_volume(self, name: str) -> None:
        self.ask("POST", "/lose", volume=name)

    def clear(self, app: "modal_cloud.Cloud") -> None:
        """What an app leaves: here it is gone with the emulator."""

    def end(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(120)
        self.process.stdout.close()


class Account:
    """A real account in its place, for tests that are marked so: `inv modal-check`."""

    env: ClassVar[dict[str, str]] = {
        name: os.environ[name] for name in os.environ if name.startswith("MODAL_") and name != "MODAL_CONFIG_PATH"
    } | {"MODAL_CONFIG_PATH": os.environ.get("MODAL_CONFIG_PATH") or str(Path.home() / ".modal.toml")}
    folder: Path  # MNG_HOST_DIR of the world that it is used in

    @property
    def app(self) -> "modal_cloud.Cloud":
        from mng.inventory.local import Local
        from mng.inventory.modal import Modal

        return Modal("modal", Local(str(self.folder), "mng-").host.id, self.folder, "mng-").cloud

    def running(self) -> list[dict[str, str]]:
        app = self.app
        return [{"id": id_, "app": app.app_name} for id_ in app.run(app.running)]

    def clear(self, app: "modal_cloud.Cloud") -> None:
        """Whatever runs of it, and then all of it."""

        async def gone() -> None:
            for sandbox in (await app.running()).values():
                await sandbox.terminate.aio(wait=True)
            await app.sdk.Volume.objects.delete.aio(f"{app.app_name}-state", allow_missing=True, client=app.client)

        app.run(gone, 120)
        subprocess.run([sys.executable, "-m", "modal", "app", "stop", "--yes", app.app_name], check=False, capture_output=True)

    def forget(self) -> None:
        """Its calls are not counted."""

    mend = end = forget


def start(engine: Engine, **options: object) -> Cloud:
    return Cloud(engine, **options)
