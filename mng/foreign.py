"""The one door where records of agents come in: what is not as mng writes it makes that agent unreadable, and no other."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator
from typing import Any

from mng.errors import MngError
from mng.names import check_name, is_branch
from mng.records import AgentRecord, Work

MOST = 1 << 20  # bytes of a record
LONGEST = 4096  # characters of a path
AGES = 1e10  # seconds
FURTHEST = 1 << 62
ID = re.compile(r"agent-[0-9a-f]{32}")
WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,127}")
COMMIT = re.compile(r"[0-9a-f]{4,64}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
YEARS = range(1970, 9000)


def record(data: bytes, id_: str, *, here: bool = False) -> AgentRecord:
    """The record in the folder `id_` of a host; MngError says what is wrong with it. `here`: it is this machine's own."""
    if len(data) > MOST:
        raise MngError(f"unreadable record: {len(data)} bytes")
    try:
        found = AgentRecord.parse(data)
    except MngError as error:  # which may quote what is there
        raise MngError(CONTROL.sub("?", error.what[:200])) from None
    if found.id != id_:
        raise MngError("unreadable record: id: not that of its folder")
    return checked(found, here=here)


def checked(record: AgentRecord, *, here: bool = False) -> AgentRecord:
    """The record itself, if every part of it is what mng could have written."""
    if problem := next(problems(record, here), ""):
        raise MngError(f"unreadable record: {problem}")
    return record


def problems(record: AgentRecord, here: bool) -> Iterator[str]:
    """What is wrong with it, field by field."""
    if not ID.fullmatch(record.id):
        yield "id: not one of an agent"
    try:
        check_name(record.name)
    except MngError as error:
        yield f"name: {error.what}"
    if record.version < 1:
        yield "version: less than 1"
    for field, word in [("kind", record.kind), *(("activity_sources", one) for one in record.activity_sources)]:
        if not WORD.fullmatch(word):
            yield f"{field}: not a word"
    for field in ("type", "host_id", "user", "idle_mode"):
        if CONTROL.search(getattr(record, field)) or len(getattr(record, field)) > LONGEST:
            yield f"{field}: control characters, or too long"
    if not record.type:
        yield "type: none"
    seconds = record.idle_timeout_seconds
    if seconds is not None and not 0 < seconds <= AGES:
        yield "idle_timeout_seconds: out of range"
    if record.create_time.tzinfo is None or record.create_time.year not in YEARS:
        yield "create_time: out of range"
    if any(CONTROL.search(name) for name in (*record.windows, *record.labels, *record.labels.values())) and not here:
        yield "windows, labels: control characters"
    yield from of_work(record.work, here)
    yield from values(record.model_dump(exclude={"create_time"}), "")


def of_work(work: Work, here: bool) -> Iterator[str]:
    odd = re.compile("\x00") if here else CONTROL
    for field in ("path", "root", "source", "repo", "home", "claim"):
        path = getattr(work, field)
        if path and (not path.startswith("/") or odd.search(path) or len(path) > LONGEST):
            yield f"work.{field}: not an absolute path without control characters"
    if not work.path:
        yield "work.path: none"
    if not inside(work.path, work.root or work.path):
        yield "work.path: not inside of work.root"
    if work.branch and (not is_branch(work.branch) or CONTROL.search(work.branch)):
        yield "work.branch: not the name of a branch"
    commit, colon, below = work.base.partition(":")
    if work.base and not COMMIT.fullmatch(commit):
        yield "work.base: not a commit"
    if colon and (not below or below.startswith(("/", "-")) or ".." in below.split("/") or odd.search(below)):
        yield "work.base: not a folder in a commit"


def inside(path: str, root: str) -> bool:
    """Whether the path is the root or below it, however both are written."""
    top = posixpath.normpath(root)
    return f"{posixpath.normpath(path)}/".startswith(f"{top.rstrip('/')}/")


def below(work: Work) -> str:
    """The work dir's place in what was made: "" or a relative path that leads nowhere else."""
    if not work.root or not inside(work.path, work.root):
        return ""
    found = posixpath.relpath(work.path, work.root)
    return "" if found == "." else found


def values(value: Any, at: str) -> Iterator[str]:
    """What no JSON of ours has, however deep: endless numbers, NUL."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from values(key, at)
            yield from values(one, f"{at}.{key}".lstrip(".") if len(at) < 60 and WORD.fullmatch(key) else at)
    elif isinstance(value, list):
        for one in value:
            yield from values(one, at)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{at}: not a finite number"
    elif isinstance(value, int | float) and abs(value) > FURTHEST:
        yield f"{at}: a number out of range"
    elif isinstance(value, str) and "\0" in value:
        yield f"{at}: a NUL"
