"""The journal of unfinished work: what a create or destroy is about to touch, so that a killed one can be finished."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from mng.errors import MngError
from mng.fault import fault as fault
from mng.records import AgentRecord


@dataclass
class Journal:
    """One file per agent under way, locked by the mng at work for as long as it lives."""

    path: Path
    operation: Literal["create", "destroy"]
    record: AgentRecord
    host: str
    steps: list[str] = field(default_factory=list)
    discard: bool = False
    after: str = ""  # HOST ID of an agent: until that one is there nothing is destroyed (migrate)
    held: int = -1

    @classmethod
    def begin(
        cls,
        folder: Path,
        operation: Literal["create", "destroy"],
        record: AgentRecord,
        host: str,
        discard: bool = False,
        after: str = "",
    ) -> Self:
        """Written and locked before anything is made or removed."""
        journal = cls(folder / f"{record.id}.jsonl", operation, record, host, discard=discard, after=after)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal.held = os.open(journal.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            journal.cannot(error)
            return journal
        try:
            fcntl.flock(journal.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(journal.held)
            raise MngError(f"another mng is working on {record.name} right now") from None
        if not journal.path.exists():  # another one finished and removed it between our open and our lock
            os.close(journal.held)
            return cls.begin(folder, operation, record, host, discard, after)
        head = {
            "operation": operation,
            "host": host,
            "discard": discard,
            "after": after,
            "record": record.model_dump(mode="json"),
        }
        journal.write(head)
        return journal

    def write(self, entry: dict[str, object]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        try:
            if self.held >= 0 and os.write(self.held, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.cannot(error)

    def cannot(self, error: OSError) -> None:
        """A create needs its journal; a destroy does without, or a full disk could never be emptied."""
        if self.operation == "create":
            raise MngError(f"cannot write {self.path}: {error.strerror}") from None

    def step(self, name: str) -> None:
        """Say what comes next, before it is done."""
        self.steps.append(name)
        self.write({"step": name})
        fault(f"{self.operation}.{name}")

    def done(self) -> None:
        """Nothing is left to finish."""
        if self.held >= 0:
            self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Leave it for gc."""
        if self.held >= 0:
            os.close(self.held)
            self.held = -1


def unfinished(folder: Path) -> Iterator[Journal]:
    """Journals whose mng is no more, each locked for the caller, who calls done() or release()."""
    for path in sorted(folder.glob("*.jsonl")):
        held = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            head = entries[0]
            record = AgentRecord.model_validate(head["record"])
        except BlockingIOError:
            os.close(held)
            continue
        except (ValueError, IndexError, KeyError, FileNotFoundError):
            path.unlink(missing_ok=True)  # killed in its first write: nothing was made yet
            os.close(held)
            continue
        steps = [entry["step"] for entry in entries[1:]]
        yield Journal(path, head["operation"], record, head["host"], steps, head["discard"], head.get("after", ""), held)


def under_way(folder: Path) -> set[str]:
    """Ids of the agents that a living mng is creating or destroying."""
    ids = set()
    for path in folder.glob("*.jsonl"):
        try:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            ids.add(path.stem)
        finally:
            os.close(held)
    return ids
