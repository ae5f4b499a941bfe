"""The small state files of a host elsewhere, as one probe brought them."""

from __future__ import annotations

import contextlib
import io
import tarfile
import zlib
from typing import NamedTuple

from mng.runner import Runner


class Entry(NamedTuple):
    data: bytes
    mtime: float
    link: str | None = None


class Snapshot:
    """What it lacks of a file that is there (too big, a log, elsewhere on the host) is read from the host when asked for."""

    def __init__(self, runner: Runner, dir: str = "", names: bytes = b"", tar: bytes = b"") -> None:
        self.runner, self.dir = runner, dir
        self.listed = {f"{dir}/{name}" for name in names.decode(errors="surrogateescape").split("\n") if name}
        self.entries: dict[str, Entry] = {}
        self.fetched: dict[str, bytes | None] = {}
        self.take(tar)

    def take(self, tar: bytes) -> None:
        """What the archive has, its paths below `dir`."""
        if tar[:2] == b"\x1f\x8b":
            tar = zlib.decompressobj(31).decompress(tar)
        with contextlib.suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(tar), ignore_zeros=True) as files:
            for one in files:
                at = one.offset_data
                data = tar[at : at + one.size] if one.isfile() else b""
                self.entries[f"{self.dir}/{one.name}"] = Entry(data, float(one.mtime), one.linkname if one.issym() else None)

    def add(self, tar: bytes) -> None:
        """An archive that is all there is, without a list of names."""
        self.take(tar)
        self.listed |= self.entries.keys()

    def absent(self, path: str) -> bool:
        """State that the probe would have seen."""
        ours = not self.dir or path.startswith((f"{self.dir}/agents/", f"{self.dir}/names/"))
        return ours and path not in self.listed and "/messages/" not in path

    def read(self, path: str) -> bytes | None:
        if entry := self.entries.get(path):
            return entry.data
        if not path or self.absent(path):
            return None
        if path not in self.fetched:
            self.fetched[path] = self.runner.get([path]).get(path)
        return self.fetched[path]

    def mtime(self, path: str) -> float | None:
        entry = self.entries.get(path)
        return entry.mtime if entry else None

    def names(self, folder: str) -> list[str]:
        start = len(folder) + 1
        return sorted({path[start:] for path in self.listed if path.startswith(f"{folder}/") and "/" not in path[start:]})

    def link(self, path: str) -> str | None:
        entry = self.entries.get(path)
        return entry.link if entry else None
