"""What a host's machine is said to be."""

import os
import subprocess
import time
from pathlib import Path

from mng import machine
from mng.host import PROBE

STAT = "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 500 9 9"
LINES = ["1000.50 9.0", STAT, "0-3,6", "3200000", "max 100000", "MemTotal:       16777216 kB", "max", "/dev/x 104857600 1 2 3% /"]


def test_what_lines_say() -> None:
    text = "\n".join([*LINES, "Model: \t\t NVIDIA L4", "Model:  NVIDIA L4"])
    assert machine.told(text, 2000.0) == machine.Machine(2000 - 1000.5 + 5, 5, 3.2, 16.0, 100.0, ("NVIDIA L4", "NVIDIA L4"))
    part = [*LINES[:4], "250000 100000", LINES[5], "1073741824", LINES[7]]
    assert machine.told("\n".join(part), 0.0)[1:4] == (2, 3.2, 1.0), "a container's share"
    for nothing in ("", "\n" * 7, "rubbish\n" * 9, "\n".join(LINES[:3])):
        assert machine.told(nothing, 0.0).memory_gb is None


def test_a_probe_says_the_same_as_this_machine(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", PROBE.read_text(), "probe", str(tmp_path), "", "mng"], capture_output=True, check=True,
        env={"HOME": "/", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stderr == b""
    there = machine.told(done.stdout.split(b"\0")[3].decode(), time.time())
    here = machine.here()
    assert there[1:] == here[1:] and (there.boot is None or abs(there.boot - (here.boot or 0)) < 5)
