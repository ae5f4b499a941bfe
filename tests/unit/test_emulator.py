"""What all calls to the emulator of Modal (tests/emulator) go through."""

import asyncio

import pytest
from grpclib import GRPCError, Status

from tests.emulator.control import tags
from tests.emulator.rpc import Desk, Fault, Tokens


def test_a_call_sent_again_is_done_once() -> None:
    done: list[str] = []

    async def work(request: str, metadata: object) -> str:
        await asyncio.sleep(0.01)
        done.append(request)
        if request == "bad":
            raise GRPCError(Status.ABORTED)
        return f"{request} {len(done)}"

    async def ask() -> None:
        desk, key = Desk(), {"x-idempotency-key": "k"}
        first = asyncio.create_task(desk.answer("Make", work, "one", key))
        await asyncio.sleep(0)
        first.cancel()  # the client leaves, and asks again: the work goes on
        assert [await desk.answer("Make", work, "one", key) for _ in range(2)] == ["one 1", "one 1"]
        assert await desk.answer("Other", work, "two", key) == "two 2"
        assert await desk.answer("Make", work, "three", {}) == "three 3"
        for _ in range(2):  # what failed is tried again
            with pytest.raises(GRPCError):
                await desk.answer("Make", work, "bad", {"x-idempotency-key": "b"})
        assert done.count("bad") == 2

    asyncio.run(ask())


def test_faults_happen_to_whom_they_are_meant_for() -> None:
    desk = Desk()
    desk.faults = [Fault("Make", times=2, holds="gpu"), Fault("Take", times=0)]
    assert desk.fault("MakeV2", "cpu") is None
    assert [bool(desk.fault(name, "a gpu")) for name in ("MakeV2", "Make", "Make")] == [True, True, False]
    assert all(desk.fault("Take", "") for _ in range(5))
    assert [bool(Fault("*").of(name, "")) for name in ("Make", "Take")] == [True, True]
    with pytest.raises(GRPCError) as told:
        asyncio.run(Fault("x", status="RESOURCE_EXHAUSTED", retry_after=2).happen())
    assert told.value.details[0].retry_after_secs == 2  # type: ignore[index]


def test_tokens_and_tags_are_looked_at() -> None:
    tokens = Tokens()
    tokens.check(tokens.new())
    for wrong in (None, "", "a.b.c"):
        with pytest.raises(GRPCError):
            tokens.check(wrong)
    from modal_proto import api_pb2 as api

    assert tags([api.SandboxTag(tag_name="a", tag_value="b")]) == {"a": "b"}
    for name, value in (("a b", "c"), ("a", "c d"), ("a" * 64, "c"), ("", "c")):
        with pytest.raises(GRPCError):
            tags([api.SandboxTag(tag_name=name, tag_value=value)])
