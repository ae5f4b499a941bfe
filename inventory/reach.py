"""Asking hosts elsewhere, all at once and each by its deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from mng import output
from mng.errors import MngError
from mng.host import Host, Probe
from mng.ssh.snapshot import Snapshot

FORKS = 64
PATIENCE = 1.0  # seconds after which a person is told what is waited for


def asked(host: Host, timeout: float) -> Probe:
    """Of a host whose answer breaks us, that; the others are asked all the same."""
    try:
        return host.probe(timeout)
    except Exception as error:
        said = error.what if isinstance(error, MngError) else f"unreadable: {type(error).__name__}: {error}"[:200]
        return Probe([], Snapshot(host.runner), time.time(), said, reached=False)


Shown = Callable[[dict[str, Probe], str], None]


def probes(hosts: Sequence[Host], timeout: float, shown: Shown | None = None) -> dict[str, Probe]:
    """By host id. A thread that hangs is left behind: it can't keep the process, or the others.

    When it takes long, `shown` is told what is known so far, and what is waited for.
    """
    waiting: queue.SimpleQueue[Host] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[str, Probe]] = queue.SimpleQueue()
    for host in hosts:
        waiting.put(host)

    def work() -> None:
        while True:
            try:
                host = waiting.get_nowait()
            except queue.Empty:
                return
            answers.put((host.id, asked(host, timeout)))
            if len(hosts) > FORKS:  # so many connections would be too many files
                host.runner.close()

    for _ in range(min(FORKS, len(hosts))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[str, Probe] = {}
    began = time.monotonic()
    end = began + timeout * (1 + (len(hosts) - 1) // FORKS)
    while len(found) < len(hosts) and (left := end - time.monotonic()) > 0:
        try:
            id_, probe = answers.get(timeout=min(left, 0.5))
            found[id_] = probe
        except queue.Empty:
            if time.monotonic() - began > PATIENCE:
                said = f"waiting for {', '.join(host.name for host in hosts if host.id not in found)}"
                shown(dict(found), said) if shown else output.progress(said)
    silent = [host for host in hosts if host.id not in found]
    late = {host.id: Probe([], Snapshot(host.runner), time.time(), f"no answer in {timeout:g} s", False) for host in silent}
    return found | late
