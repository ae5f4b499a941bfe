"""The deadline of mng doctor's checks."""

import threading
import time

from mng.commands.doctor import by_deadline
from mng.errors import NotAvailable
from mng.inventory.provider import Check


def test_who_fails_or_never_answers_is_told() -> None:
    gate = threading.Event()
    began = time.monotonic()

    def fails() -> list[Check]:
        raise NotAvailable("no account", "log in")

    def hangs() -> list[Check]:
        gate.wait(30)
        return []

    found = by_deadline({"a": lambda: [Check("a", "ok", "1")], "b": fails, "c": hangs}, -1.9)
    gate.set()
    assert found == [
        Check("a", "ok", "1"),
        Check("b", "warning", "no account", "log in"),
        Check("c", "warning", "no answer within -1.9 s"),
    ]
    assert time.monotonic() - began < 10
