"""Answering gRPC calls: counted, replayed when they are sent again, and failing where a test asks for it."""

import asyncio
import base64
import inspect
import json
import secrets
import string
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

Metadata = Mapping[str, str]
Guard = Callable[[str, Metadata], None]


def new_id(prefix: str, length: int = 22) -> str:
    return f"{prefix}-" + "".join(secrets.choice(string.digits + string.ascii_letters) for _ in range(length))


def refuse(status: Status, why: str) -> NoReturn:
    raise GRPCError(status, why)


def not_found(what: str, name: str) -> NoReturn:
    refuse(Status.NOT_FOUND, f"{what} '{name}' not found")


@dataclass
class Fault:
    """What goes wrong with the next `times` calls (0: all) of `rpc` whose request's text holds `holds`."""

    rpc: str
    status: str = ""
    message: str = "as the test asked"
    times: int = 1
    delay: float = 0
    after: bool = False  # the work is done, then it fails
    hang: bool = False
    retry_after: float = 0  # throttled: the SDK is told when to try again
    holds: str = ""

    def of(self, name: str, request: str) -> bool:
        return self.rpc in ("*", name, name.removesuffix("V2")) and self.holds in request

    async def happen(self) -> None:
        if self.hang:
            await asyncio.Event().wait()
        if self.status:
            details = [api.RPCRetryPolicy(retry_after_secs=self.retry_after)] if self.retry_after else None
            raise GRPCError(Status[self.status], self.message, details)


class Tokens:
    """Short-lived ones: the SDK takes them for JWTs and reads when they end."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}

    def new(self) -> str:
        end = time.time() + 1200
        parts = ({"alg": "none"}, {"exp": end, "jti": new_id("j")})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".sig"
        self.ends[token] = end
        return token

    def check(self, token: str | None) -> None:
        if self.ends.get(token or "", 0) < time.time():
            refuse(Status.UNAUTHENTICATED, "the token is missing, unknown or too old")


class Desk:
    """What all calls go through."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.done: dict[tuple[str, str], asyncio.Future[Any]] = {}

    def fault(self, name: str, request: str) -> Fault | None:
        found = next((fault for fault in self.faults if fault.of(name, request)), None)
        if found and found.times:
            found.times -= 1
            if not found.times:
                self.faults.remove(found)
        return found

    async def answer(self, name: str, work: Callable[..., Any], request: Any, metadata: Metadata) -> Any:
        """Done once for each idempotency key, and to the end even if the client has left."""
        key = (name, metadata.get("x-idempotency-key") or new_id("once"))
        if key not in self.done:
            self.done[key] = asyncio.ensure_future(work(request, metadata))
        task = self.done[key]
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and (task.cancelled() or task.exception()):
                self.done.pop(key, None)  # what failed may be tried again

    def handler(self, name: str, work: Callable[..., Any] | None, guard: Guard) -> Callable[..., Any]:
        async def serve(_: Any, stream: Any) -> None:
            request, metadata = await stream.recv_message(), stream.metadata
            text = str(request)
            self.calls.append({"rpc": name, "retry": metadata.get("x-retry-attempt", "0"), "request": text[:2000]})
            fault = self.fault(name, text)
            if fault:
                await asyncio.sleep(fault.delay)
                if not fault.after:
                    await fault.happen()
            guard(name, metadata)
            if work is None:
                refuse(Status.UNIMPLEMENTED, f"{name} is not emulated")
            try:
                if inspect.isasyncgenfunction(work):
                    async for message in work(request, metadata):
                        await stream.send_message(message)
                    return
                reply = await self.answer(name, work, request, metadata)
            except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
                traceback.print_exc()
                refuse(Status.INTERNAL, f"{type(error).__name__}: {error}")
            if fault and fault.after:
                await fault.happen()
            await stream.send_message(reply)

        return serve

    def service(self, base: type, parts: list[object], guard: Guard) -> Any:
        """`base` of grpclib with the methods of `parts` that take (request, metadata); all others are UNIMPLEMENTED."""
        names = [name for name in base.__abstractmethods__ if not name.startswith("__")]  # type: ignore[attr-defined]
        works = {name: next((getattr(part, name) for part in parts if hasattr(part, name)), None) for name in names}
        return type(base.__name__, (base,), {name: self.handler(name, work, guard) for name, work in works.items()})()
