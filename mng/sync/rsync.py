"""rsync between two places: its words, its progress, and what its errors mean."""

from __future__ import annotations

import re
import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mng import output
from mng.errors import MngError, NotAvailable, Unreachable
from mng.host import Host
from mng.runner import Done
from mng.shell import cmd
from mng.sync import dotgit, git
from mng.sync.side import Place

SSH = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
STEP = re.compile(rb"\s*([\d,.]+)\s+(\d+)%\s+(\S+)\s+(\S+)")
AFTER = 1.0  # seconds until progress is worth showing
UNDONE = ".~tmp~"  # where rsync keeps what has arrived until all has: beside its place


class Item(NamedTuple):
    """What rsync did with a path, or would."""

    code: str  # as `rsync --itemize-changes` has it
    path: str

    @property
    def deleted(self) -> bool:
        return self.code.startswith("*deleting")

    @property
    def new(self) -> bool:
        return "+++" in self.code

    @property
    def loses(self) -> bool:
        """Something that was there is gone."""
        return self.deleted or (self.code[0] in "<>ch" and not self.new)

    def __str__(self) -> str:
        return f"{'delete' if self.deleted else 'make' if self.new else 'change'} {self.path}"


@dataclass(frozen=True)
class Asked:
    """What is to be moved. `rules` are rsync's filter rules; `only`: these paths alone, gone where the source has none."""

    rules: tuple[str, ...] = ()
    delete: bool = False
    words: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None


class Moved(NamedTuple):
    """What rsync says of what it did."""

    files: int = 0
    deleted: int = 0
    bytes: int = 0
    items: tuple[Item, ...] = ()


def literal(path: str, sign: str = "-") -> str:
    """A filter rule for exactly this path, which ends with / for a folder."""
    if re.search(r"[*?\[]", path):
        path = re.sub(r"([\\*?\[])", r"\\\1", path)
    return f"{sign} /{path}"


def shell_word(word: str) -> str:
    """As rsync reads the words of its -e."""
    return "'" + word.replace("'", "''") + "'" if re.search(r"[\s'\"]", word) else word


def ssh_words(host: Host) -> tuple[list[str], str]:
    """The system's ssh to the host, and its address."""
    target = getattr(host.runner, "target", None)
    if target is None:
        raise NotAvailable(f"{host.name} is not reached over ssh: rsync can't go there")
    *words, _, address = target.closed()
    return ["ssh", *SSH, *words], address


def run(
    source: Place, target: Place, asked: Asked, *, folder: bool = True, dry: bool = False, whole: bool = False, doing: str = ""
) -> Moved:
    """The target's files are as before until all has arrived, or it is `whole`ly new. `folder`: what is in it, not itself."""
    if not source.host.local and not target.host.local and source.host.id != target.host.id:
        return by_way_of_here(source, target, asked, folder, dry, whole, doing)
    host, far = (source.host, None) if source.host.id == target.host.id else ends(source, target)
    begin, end = source.path.rstrip("/") + "/" * folder or "/", target.path.rstrip("/") + "/"
    words: list[str] = []
    if far:
        ssh, address = ssh_words(far)
        spelled = f"[{address}]" if ":" in address else address
        words = ["-e", " ".join(shell_word(word) for word in ssh)]
        begin, end = (f"{spelled}:{path}" if place.host is far else path for place, path in ((source, begin), (target, end)))
    listing = (
        ["-n", "--out-format=%i %n"] if dry else ["--delay-updates"] * (not whole) + ["--info=progress2", "--stats", "--no-h"]
    )
    delete = ["--delete-missing-args"] if asked.only is not None else ["--delete-delay"] if asked.delete else []
    barred = [f"--exclude={one}" for one in dotgit.for_rsync()]
    given = ["--filter=. -"] if asked.only is None else ["--files-from=-"]
    given = ["-r", *given, *barred] if source.host.local else ["-r", *barred, *given]  # not even who asks for it gets theirs
    names = asked.rules if asked.only is None else [f"./{path}" for path in asked.only]  # or # and ; begin a comment
    line = cmd(
        "env", "LC_ALL=C", "rsync", "-lpt", "--chmod=ug-s", "-8", "-s", "-0", "--modify-window=-1", given, delete, listing, words,
        list(asked.words), "--", begin, end,
    )  # fmt: skip
    stdin = git.ended(names)
    seen = Seen(doing)
    done = host.runner.run(line, stdin=stdin, check=False, timeout=None, live=seen)
    seen.end()
    if done.code not in (0, 24):
        raise explained(done, seen.err, source, target)
    if done.code == 24:
        output.warn(f"{source}: some files vanished while they were read")
    return seen.moved(dry)


def ends(source: Place, target: Place) -> tuple[Host, Host]:
    """The one that is here, and the other."""
    return (source.host, target.host) if source.host.local else (target.host, source.host)


def by_way_of_here(source: Place, target: Place, asked: Asked, folder: bool, dry: bool, whole: bool, doing: str) -> Moved:
    """Between two hosts that need not know each other."""
    from mng.inventory.local import Local

    here = Local("", "").host
    with tempfile.TemporaryDirectory(prefix="mng-") as between:
        stage = Place(here, between, "here")
        first = asked.rules if asked.only is None else ()
        run(source, stage, Asked(first, words=asked.words, only=asked.only), folder=folder, whole=True, doing=doing)
        name = source.path.rpartition("/")[2]
        stage = stage if folder else stage._replace(path=f"{between}/{name}")
        return run(stage, target, asked, folder=folder, dry=dry, whole=whole, doing=doing)


class Seen:
    """rsync's output as it comes: progress on the terminal, the rest kept."""

    def __init__(self, doing: str) -> None:
        self.doing, self.began = doing, time.monotonic()
        self.out = b""
        self.err = b""
        self.last = b""

    def __call__(self, stream: str, data: bytes) -> None:
        if stream == "err":
            self.err += data
            return
        *steps, self.last = re.split(rb"[\r]", self.last + data)
        self.out += b"".join(step for step in steps if not STEP.match(step))
        found = next((found for step in (self.last, *reversed(steps)) if (found := STEP.match(step))), None)
        if found and self.doing and time.monotonic() - self.began > AFTER:
            show(self.doing, *(part.decode() for part in found.groups()))

    def end(self) -> None:
        self.out += self.last
        output.clear()

    def moved(self, dry: bool) -> Moved:
        text = self.out.decode(errors="surrogateescape")
        if dry:
            found = [re.match(r"([<>ch.*].{10}) (.*)", line) for line in text.split("\n")]  # a name may begin with spaces
            items = tuple(Item(one[1].rstrip(), plain(one[2])) for one in found if one)
            files = sum(not one.deleted and one.code[0] in "<>ch" and one.code[1] != "d" for one in items)
            return Moved(files, sum(one.deleted for one in items), 0, items)

        def number(of: str) -> int:
            line = re.search(rf"^{of}: ([\d,]+)", text, re.MULTILINE)
            return int(line[1].replace(",", "")) if line else 0

        links = re.search(r"^Number of created files: .*link: (\d+)", text, re.MULTILINE)
        files = number("Number of regular files transferred") + int(links[1] if links else 0)
        return Moved(files, number("Number of deleted files"), number("Total transferred file size"))


def show(doing: str, size: str, percent: str, speed: str, left: str) -> None:
    bar = ("#" * (int(percent) // 5)).ljust(20)
    output.progress(f"{doing} [{bar}] {percent}%  {human(int(re.sub(r'[,.]', '', size)))}  {speed}  {left}")


def human(size: int) -> str:
    """`1.2 MB`"""
    number, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while number >= 1000 and units[1:]:
        number, units = number / 1000, units[1:]
    return f"{number:.0f} {units[0]}" if units[0] == "bytes" else f"{number:.1f} {units[0]}"


def plain(name: str) -> str:
    r"""A name that rsync printed: \#012 is a newline."""
    return re.sub(r"\\#(\d{3})", lambda found: chr(int(found[1], 8)), name)


def explained(done: Done, err: bytes, source: Place, target: Place) -> MngError:
    """What went wrong where, and that the target is as before."""
    said = err.decode(errors="replace").strip()
    lines = [line for line in said.splitlines() if not line.startswith(("rsync error:", "Connection to"))] or said.splitlines()
    why = re.sub(r"^rsync: (\[\w+\] )?", "", lines[0]) if lines else f"rsync ended with exit code {done.code}"
    what = f"{source} → {target}: {why}"
    if "rsync: command not found" in said or "rsync: not found" in said or (done.code == 127 and "rsync" in said):
        far = source if target.host.local else target
        return NotAvailable(f"rsync is not installed on {far.host.name}", "mng provision --host HOST --role rsync")
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return MngError(what, f"make room on {target.host.name}; {target} is as before; then run it again")
    if "shell clean" in said or "protocol version mismatch" in said:
        return MngError(
            f"{what}: something else than rsync answered", "does a start-up file of the login shell there print something?"
        )
    if done.code == 255 or "Connection reset" in said or "closed by remote host" in said or done.code in (12, 30):
        return Unreachable(what, f"{target} is as before; run it again to go on")
    return MngError(what, f"{target}: what had not arrived is as before; run it again to go on")


def split(words: Sequence[str], line: str | None) -> tuple[str, ...]:
    return (*words, *shlex.split(line or ""))
