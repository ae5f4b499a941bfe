"""The small state files of a host elsewhere, as one probe brought them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mng.disk import TooMuch, too_much
from mng.runner import Runner
from mng.shell import cmd
from mng.ssh.archive import MEMBERS, Stream, inflated, members

ANSWER, STATE = 16 << 20, 32 << 20  # bytes of an answer to a probe, and of what is in its archive
EACH, SHARE, COUNT = 4 << 20, 4 << 20, 500  # bytes of a file, bytes and files of one agent: what has more costs only its own row
CACHED = 8 << 20  # bytes of files that were asked for one by one


class Entry(NamedTuple):
    data: bytes
    mtime: float
    link: str | None = None


class Snapshot:
    """What it lacks of a file that is there (too big, a log, elsewhere on the host) is read from the host when asked for."""

    def __init__(self, runner: Runner | None, dir: str = "", names: bytes = b"", tar: bytes = b"") -> None:
        """Without a runner there is nothing more to read. Raises TooMuch."""
        self.runner, self.dir = runner, dir
        if names.count(b"\n") > MEMBERS:
            raise TooMuch(f"unreadable: {dir} has more than {MEMBERS} files")
        self.listed = {f"{dir}/{name}" for name in names.decode(errors="surrogateescape").split("\n") if name}
        self.entries: dict[str, Entry] = {}
        self.fetched: dict[str, bytes | None] = {}
        self.cached = 0
        self.take(Stream(inflated(tar), f"what {dir} keeps", STATE))

    def take(self, tar: Stream, below: str = "") -> None:
        """What the archive has, its paths below `below` in `dir`."""
        bytes_of, files_of = dict[str, int](), dict[str, int]()
        for one in members(tar, EACH):
            name = below + one.name
            path, key = f"{self.dir}/{name}", "".join(name.split("/")[1:2])
            files_of[key] = files_of.get(key, 0) + 1
            bytes_of[key] = bytes_of.get(key, 0) + len(one.data or b"")
            if not one.big and bytes_of[key] <= SHARE and files_of[key] <= COUNT:
                self.entries[path] = Entry(one.data or b"", one.mtime, one.link)
            elif self.runner is None:
                self.listed.add(path)

    def add(self, tar: Iterable[bytes], what: str, most: int = STATE, seconds: float = 60.0, below: str = "") -> None:
        """An archive that is all there is, without a list of names. Raises TooMuch; what came before is kept."""
        try:
            self.take(Stream(tar, what, most, seconds), f"{below}/" if below else "")
        finally:
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
        if path in self.fetched:
            return self.fetched[path]
        if self.runner is None:
            if path in self.listed:
                raise too_much(path, EACH)
            return None
        data = self.runner.get([path], EACH).get(path)
        if self.cached + len(data or b"") <= CACHED:
            self.fetched[path], self.cached = data, self.cached + len(data or b"")
        return data

    def end(self, path: str, size: int) -> bytes:
        """The last bytes of a file; nothing where there is none."""
        if (entry := self.entries.get(path)) or self.runner is None:
            return entry.data[-size:] if entry else b""
        return self.runner.run(cmd("tail", "-c", size, path), check=False).out if path and not self.absent(path) else b""

    def mtime(self, path: str) -> float | None:
        entry = self.entries.get(path)
        return entry.mtime if entry else None

    def names(self, folder: str) -> list[str]:
        start = len(folder) + 1
        return sorted({path[start:] for path in self.listed if path.startswith(f"{folder}/") and "/" not in path[start:]})

    def link(self, path: str) -> str | None:
        entry = self.entries.get(path)
        return entry.link if entry else None
