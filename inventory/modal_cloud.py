"""Modal through its SDK, which is imported only here and only when it is used: calls with deadlines, errors as ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from functools import cached_property
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
    try:
        profiles = read_config()
    except ValueError:
        return False
    active = next((name for name, one in profiles.items() if isinstance(one, dict) and one.get("active")), "default")
    one = profiles.get(env.get("MODAL_PROFILE") or active, {})
    return bool(isinstance(one, dict) and one.get("token_id") and one.get("token_secret"))


def read_config() -> dict[str, Any]:
    """Raises ValueError if it is no TOML."""
    try:
        return tomllib.loads(Path(os.environ.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml").read_text())
    except OSError:
        return {}


class Cloud:
    """One app of one account, and the volume that keeps what must outlive its sandboxes."""

    def __init__(self, name: str, app: str) -> None:
        """`name`: of the provider, for messages."""
        self.name, self.app_name = name, app
        self.client: Any = None
        self.app: Any = None
        self.volume: Any = None

    @cached_property
    def sdk(self) -> ModuleType:
        try:
            read_config()  # of one that it can't read, the SDK prints a page
        except ValueError as error:
            raise NotAvailable(f"provider {self.name}: ~/.modal.toml can't be read: {said(error)}", SETUP) from None
        if not configured():
            raise NotAvailable(f"provider {self.name} has no account of Modal", SETUP)
        try:
            import modal
        except Exception as error:
            raise NotAvailable(f"the modal package can't be used: {said(error)}", SETUP) from None
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
        volume = self.sdk.Volume.from_name(f"{self.app_name}-state", create_if_missing=True, version=2, client=client)
        app = self.sdk.App.lookup.aio(self.app_name, create_if_missing=True, client=client)
        self.app, _ = await asyncio.gather(app, volume.hydrate.aio())
        self.client, self.volume = client, volume

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

    async def last(self, record: dict[str, Any]) -> Any:
        """The last sandbox of a host, that runs or ended; None if there was none. One with a GPU is found by its id alone."""
        for ended in (False, True):
            if (sandbox := await self.named(record["id"], ended=ended)) is not None:
                return sandbox
        if not record.get("sandbox"):
            return None
        try:
            sandbox = await self.sdk.Sandbox.from_id.aio(record["sandbox"], client=self.client)
            await sandbox.poll.aio()
            return sandbox
        except (self.sdk.exception.NotFoundError, self.sdk.exception.InvalidError):
            return None

    async def exit_state(self, sandbox: Any) -> str:
        """The image of how it ended; "" if there is none."""
        errors = self.sdk.exception
        try:
            return str((await sandbox._experimental_get_exit_snapshot.aio(timeout=LOOK)).object_id)
        except (errors.NotFoundError, errors.SnapshotCreationError, errors.InvalidError, errors.TimeoutError):
            return ""

    async def has_image(self, id_: str) -> bool:
        try:
            await self.image(id_).build.aio(self.app)
        except self.sdk.exception.NotFoundError:
            return False
        return True

    async def delete_image(self, id_: str) -> None:
        with contextlib.suppress(self.sdk.exception.NotFoundError):
            from modal.experimental import image_delete

            await image_delete.aio(id_, client=self.client)

    def image(self, id_: str) -> Any:
        return self.sdk.Image.from_id(id_, client=self.client)


def said(error: BaseException) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
