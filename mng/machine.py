"""What a host's machine is, from a few lines of /proc and /sys; on systems without them, nothing is known."""

from __future__ import annotations

import functools
import os
import re
import time
from typing import NamedTuple

FILES = (
    "/proc/uptime", "/proc/1/stat", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
    "/sys/fs/cgroup/cpu.max", "/proc/meminfo", "/sys/fs/cgroup/memory.max",
)  # fmt: skip
TICKS = 100  # a second, in /proc
GB = 1024**3


class Machine(NamedTuple):
    """`boot`: when its first process began, which is a container's own."""

    boot: float | None = None
    cpus: int | None = None
    ghz: float | None = None
    memory_gb: float | None = None
    disk_gb: float | None = None
    gpus: tuple[str, ...] = ()  # their models


@functools.cache
def here() -> Machine:
    """This one."""
    disk = os.statvfs("/")
    lines = [first_line(path) for path in FILES]
    return told("\n".join([*lines, f"/ {disk.f_frsize * disk.f_blocks // 1024}"]), time.time())


def first_line(path: str) -> str:
    try:
        with open(path) as file:  # noqa: PTH123
            return file.readline().rstrip("\n")
    except (OSError, UnicodeDecodeError):
        return ""


@functools.lru_cache(256)
def told(text: str, now: float) -> Machine:
    """Of the first lines of FILES, then a line of df, then one a GPU, as they were at `now`; nothing of what makes no sense."""
    try:
        return understood(text, now)
    except (ValueError, OverflowError):
        return Machine()


def understood(text: str, now: float) -> Machine:
    lines = [*text.split("\n"), *[""] * len(FILES)]
    up, first, online, khz, share, total, most = lines[: len(FILES)]
    began = first.rpartition(")")[2].split()[19:20]
    boot = now - numbers(up)[0] + int(began[0]) / TICKS if numbers(up) and began else None
    memory = [n * unit for text, unit in ((total, 1024), (most, 1)) for n in numbers(text)[:1]]
    size = numbers(lines[len(FILES)].partition(" ")[2])[:1]
    gpus = tuple(line.partition(":")[2].strip() for line in lines[len(FILES) + 1 :] if line.startswith("Model"))
    return Machine(
        boot, processors(online, share), round(numbers(khz)[0] / 1e6, 2) if numbers(khz) else None,
        round(min(memory) / GB, 2) if memory else None, round(size[0] * 1024 / GB, 1) if size else None, gpus,
    )  # fmt: skip


def processors(online: str, share: str) -> int | None:
    """`0-3,6`, of which a container may have but a share: `200000 100000`."""
    ranges = [one.partition("-") for one in online.split(",") if one.strip()]
    count = sum(int(last or first) - int(first) + 1 for first, _, last in ranges) if re.fullmatch(r"[\d,-]+", online) else 0
    allowed = numbers(share)
    if len(allowed) == 2 and allowed[1] and not share.startswith("max"):
        count = min(count, max(1, round(allowed[0] / allowed[1])))
    return count or None


def numbers(text: str) -> list[float]:
    return [float(word) for word in re.findall(r"(?<!\S)\d+(?:\.\d+)?(?!\S)", text)]
