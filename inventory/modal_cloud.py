"""Modal through its SDK, which is imported only here and only when it is used: calls with deadlines, errors as ours."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from mng.errors import MngError, NotAvailable, NotFound, Unreachable

T = TypeVar("T")
CONNECT = 5.0  # seconds to know that it can't be reached
LOOK = 15.0  # seconds for a question
LONG = 3600.0  # seconds that an image may take
SETUP = "modal setup, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"


def configured() -> bool:
    """Whether there is a credential at all, without the SDK: a broken settings file would keep it from being imported."""
    env = os.environ
    if env.get("MODAL_TOKEN_ID") and env.get("MODAL_TOKEN_SECRET"):
        return True
    if env.get("MODAL_OAUTH_REFRESH_TOKEN") and env.get("MODAL_OAUTH_CLIENT_ID"):
        return True
    path = Path(env.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    try:
        profiles = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    active = next((name for name, one in profiles.items() if isinstance(one, dict) and one.get("active")), "default")
    one = profiles.get(env.get("MODAL_PROFILE") or active, {})
    return bool(isinstance(one, dict) and one.get("token_id") and one.get("token_secret"))


class Cloud:
    """One app of one account, and the volume that keeps what must outlive its sandboxes."""

    def __init__(self, name: str, app: str) -> None:
        """`name`: of the provider, for messages."""
        self.name, self.app_name = name, app
        self.client: Any = None
        self.app: Any = None

    @property
    def sdk(self) -> ModuleType:
        if not configured():
            raise NotAvailable(f"provider {self.name} has no account of Modal", SETUP)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                import modal
                import modal.experimental
            except Exception as error:
                raise NotAvailable(f"the modal package can't be used: {str(error).splitlines()[0][:200]}", SETUP) from None
        return modal

    def run(self, work: Callable[[], Awaitable[T]], seconds: float = LOOK, doing: str = "answer") -> T:
        """The result of something asynchronous, or Unreachable after so many seconds; its RPCs have no deadlines of their own."""

        async def whole() -> T:
            if self.client is None:
                await asyncio.wait_for(self.connect(), CONNECT)
            return await asyncio.wait_for(work(), seconds)

        with self.translated(seconds, doing):
            return asyncio.run(whole())

    async def connect(self) -> None:
        client = await self.sdk.Client.from_env.aio()
        self.app = await self.sdk.App.lookup.aio(self.app_name, create_if_missing=True, client=client)
        self.client = client

    @contextlib.contextmanager
    def translated(self, seconds: float, doing: str) -> Iterator[None]:
        """What the SDK raises: silence is never "no such sandbox"."""
        errors = self.sdk.exception
        try:
            yield
        except MngError:
            raise
        except (TimeoutError, errors.TimeoutError):
            within = CONNECT if self.client is None else seconds
            raise Unreachable(f"Modal ({self.name}) did not {doing} within {within:g} s", "see: status.modal.com") from None
        except errors.AuthError as error:
            raise NotAvailable(f"Modal ({self.name}) refuses the token: {said(error)}", SETUP) from None
        except errors.PermissionDeniedError as error:
            raise NotAvailable(f"Modal ({self.name}): {said(error)}", "may this account do that?") from None
        except errors.ResourceExhaustedError as error:
            raise MngError(f"Modal ({self.name}) has no capacity: {said(error)}", "try again later, or ask for less") from None
        except errors.ConnectionError as error:
            raise Unreachable(f"Modal ({self.name}) can't be reached: {said(error)}") from None
        except (errors.NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"Modal ({self.name}): {said(error)}", "see: mng list --hosts") from None
        except errors.Error as error:
            raise MngError(f"Modal ({self.name}): {said(error)}") from None
        except OSError as error:
            raise Unreachable(f"Modal ({self.name}) can't be reached: {said(error)}") from None

    # --- what is kept

    @property
    def volume(self) -> Any:
        return self.sdk.Volume.from_name(f"{self.app_name}-state", create_if_missing=True, version=2, client=self.client)

    async def write(self, id_: str, record: dict[str, Any]) -> None:
        async with self.volume.batch_upload(force=True) as upload:
            upload.put_file(io.BytesIO(json.dumps(record).encode()), f"/hosts/{id_}.json")

    async def read(self, id_: str) -> dict[str, Any] | None:
        try:
            parts = [part async for part in self.volume.read_file.aio(f"hosts/{id_}.json")]
        except FileNotFoundError:
            return None
        return dict(json.loads(b"".join(parts)))

    async def records(self) -> list[dict[str, Any]]:
        try:
            names = [entry.path for entry in await self.volume.listdir.aio("/hosts")]
        except (self.sdk.exception.NotFoundError, FileNotFoundError):
            return []
        found = await asyncio.gather(*(self.read(Path(name).stem) for name in names))
        return [record for record in found if record]

    async def forget(self, id_: str) -> None:
        with contextlib.suppress(FileNotFoundError, self.sdk.exception.NotFoundError):
            await self.volume.remove_file.aio(f"/hosts/{id_}.json")

    # --- what runs

    async def running(self) -> dict[str, Any]:
        """Sandboxes by their id."""
        listed = self.sdk.Sandbox.list.aio(app_id=self.app.app_id, client=self.client)
        return {one.object_id: one async for one in listed}

    async def named(self, name: str, *, ended: bool = False) -> Any:
        """The sandbox of this name; None if there is none that runs (or ever ran: `ended`)."""
        try:
            return await self.sdk.Sandbox.from_name.aio(self.app_name, name, include_terminated=ended, client=self.client)
        except self.sdk.exception.NotFoundError:
            return None

    async def delete_image(self, id_: str) -> None:
        with contextlib.suppress(self.sdk.exception.NotFoundError):
            await self.sdk.experimental.image_delete.aio(id_, client=self.client)

    def image(self, id_: str) -> Any:
        return self.sdk.Image.from_id(id_, client=self.client)


def said(error: BaseException) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
