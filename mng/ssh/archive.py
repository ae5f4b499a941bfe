"""Reading a tar that a host made, as it comes: whatever is in it, no more is taken than was said.

Python's own module keeps a list of all members, believes their sizes and takes hours for some headers of a few kilobytes.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mng import lenient
from mng.disk import MOST, TooMuch, too_much

BLOCK = 512
MEMBERS = 50_000
HEADER = 1 << 16  # bytes of a long name, or of what else is told of a member
FILE, LINK, LONG_NAME, LONG_LINK, MORE = (b"0", b"\0", b"7"), b"2", b"L", b"K", b"x"


class Member(NamedTuple):
    """`data` is None of what is no file, and of one that is too big."""

    name: str
    mtime: float
    link: str | None = None
    data: bytes | None = None
    big: bool = False


class Stream:
    """Chunks as one text to read; TooMuch after so many bytes or seconds."""

    def __init__(self, chunks: Iterable[bytes], what: str, most: int = MOST, seconds: float = 60.0) -> None:
        self.chunks, self.what, self.left, self.most = iter(chunks), what, most, most
        self.end = time.monotonic() + seconds
        self.rest = memoryview(b"")

    def more(self) -> bool:
        """The next chunk instead of the one that was used up."""
        chunk = next(self.chunks, b"")
        self.rest, self.left = memoryview(chunk), self.left - len(chunk)
        if self.left < 0:
            raise too_much(self.what, self.most)
        if time.monotonic() > self.end:
            raise TooMuch(f"unreadable: {self.what} does not end")
        return bool(chunk)

    def read(self, size: int) -> bytes:
        """Fewer at the end."""
        parts = []
        while size and (self.rest or self.more()):
            parts.append(bytes(self.rest[:size]))
            self.rest = self.rest[len(parts[-1]) :]
            size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> None:
        while size > 0 and (self.rest or self.more()):
            some = min(size, len(self.rest))
            self.rest, size = self.rest[some:], size - some


def inflated(data: bytes) -> Iterator[bytes]:
    """The chunks of what is packed by gzip, or is not."""
    if data[:2] != b"\x1f\x8b":
        yield data
        return
    unpack = zlib.decompressobj(31)
    try:
        while data and not unpack.eof:
            yield unpack.decompress(data, 1 << 18)
            data = unpack.unconsumed_tail
    except zlib.error:
        return  # what came before is as good as that of a tar that was cut off


def members(stream: Stream, largest: int = MOST) -> Iterator[Member]:
    """What is in the archive, and in all that follow it; content only of files up to that size."""
    name, link, mtime, length, count = b"", b"", 0.0, -1.0, 0
    while len(block := stream.read(BLOCK)) == BLOCK:
        if not sound(block):
            continue
        count += 1
        if count > MEMBERS:
            raise TooMuch(f"unreadable: {stream.what} has more than {MEMBERS} files")
        kind, size = block[156:157], number(block[124:136])
        if kind in (LONG_NAME, LONG_LINK, MORE) and size <= HEADER:
            text = content(stream, size)
            if kind == MORE:
                told = facts(text)
                name, link = told.get(b"path", name), told.get(b"linkpath", link)
                mtime, length = lenient.number(told.get(b"mtime"), mtime), lenient.number(told.get(b"size"), length)
            else:
                name, link = (text.rstrip(b"\0"), link) if kind == LONG_NAME else (name, text.rstrip(b"\0"))
            continue
        size = int(length) if length >= 0 else size
        path = spelled(name or whole_name(block))
        at = mtime or lenient.number(number(block[136:148]))
        if kind in FILE:
            data = content(stream, size) if size <= largest else None
            if data is None:
                stream.skip(size + -size % BLOCK)
            yield Member(path, at, None, data, data is None)
        else:
            stream.skip(size + -size % BLOCK if kind not in (LINK, b"1", b"5") else 0)
            yield Member(path, at, spelled(link or block[157:257].rstrip(b"\0")) if kind == LINK else None)
        name, link, mtime, length = b"", b"", 0.0, -1.0


def content(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    stream.skip(-size % BLOCK)
    return data


def sound(block: bytes) -> bool:
    """Whether a block is the header of a member: not so the empty ones at an archive's end."""
    said = block[148:156].strip(b"\0 ")
    return said.isdigit() and not said.strip(b"01234567") and sum(block) - sum(block[148:156]) + 256 == int(said, 8)


def number(field: bytes) -> int:
    """As a header has it: octal, or in base 256; 0 for what is none."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    return int(digits, 8) if digits and not digits.strip(b"01234567") else 0


def whole_name(block: bytes) -> bytes:
    name, prefix = block[:100].partition(b"\0")[0], block[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def spelled(name: bytes) -> str:
    return name.partition(b"\0")[0].decode(errors="surrogateescape").removeprefix("./").rstrip("/")


def facts(text: bytes) -> dict[bytes, bytes]:
    """The `LENGTH KEY=VALUE` lines that POSIX writes before a member."""
    found, at = {}, 0
    while (blank := text.find(b" ", at, at + 8)) > at and text[at:blank].isdigit():
        end = at + int(text[at:blank])
        if end <= blank:
            break
        key, _, value = text[blank + 1 : end - 1].partition(b"=")
        found[key], at = value, end
    return found
