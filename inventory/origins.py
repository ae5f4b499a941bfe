"""What this machine itself knows of agents elsewhere: a file for each that was made from here. No host has a say in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mng import foreign
from mng.errors import MngError
from mng.host import Host
from mng.records import AgentRecord, Work


@dataclass(frozen=True)
class Origin:
    """An agent as it was asked for, on the host with the id `host`; `variables`: digests of its values, by name."""

    host: str
    record: AgentRecord
    salt: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    whole: bool = True  # what it runs is known here, too: program, windows, arguments

    def same(self, name: str, value: str) -> bool:
        """Whether that is what was given for the variable here."""
        return self.variables.get(name) == digest(self.salt, value)


def digest(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt}\0{value}".encode(errors="surrogateescape")).hexdigest()


def moved(origin: Origin, record: AgentRecord) -> Work:
    return origin.record.work.model_copy(update={"claim": record.work.claim})


@dataclass(frozen=True)
class Origins:
    """Those of one MNG_HOST_DIR. The host's id counts: another host may show an agent by the same id."""

    host_dir: Path

    def place(self, id_: str) -> Path:
        return self.host_dir / "origins" / f"{id_}.json"

    def of(self, host: str, id_: str) -> Origin | None:
        """None for an agent that was not made from here."""
        if not foreign.ID.fullmatch(id_):
            return None
        try:
            kept = json.loads(self.place(id_).read_bytes())
            origin = Origin(**{**kept, "record": foreign.checked(AgentRecord.model_validate(kept["record"]))})
        except (OSError, ValueError, TypeError, KeyError, MngError):
            return None
        return origin if origin.host == host else None

    def keep(self, host: Host, record: AgentRecord, values: Mapping[str, str], *, whole: bool = True) -> None:
        """Of an agent that is about to be made there with this environment. MngError if it can't be written."""
        if host.local:
            return
        salt = os.urandom(16).hex()
        variables = {name: digest(salt, value) for name, value in values.items()}
        self.write(Origin(host.id, record, salt, variables, whole))

    def learn(self, host: Host, id_: str, values: Mapping[str, str] | None = None, **update: Any) -> None:
        """What was changed from here: values of its environment, fields of its record. Of one that is not known, nothing."""
        if host.local or not (origin := self.of(host.id, id_)):
            return
        fresh = {name: digest(origin.salt, value) for name, value in (values or {}).items()}
        record = origin.record.model_copy(update=update)
        self.write(replace(origin, record=record, variables={**origin.variables, **fresh}))

    def copy(self, was: str, old: str, host: Host, record: AgentRecord) -> None:
        """Of one on a host made from a snapshot of the host `was`, where it was `old`."""
        if origin := self.of(was, old):
            mine = origin.record.model_copy(update={"id": record.id, "name": record.name, "work": moved(origin, record)})
            self.write(replace(origin, host=host.id, record=mine))

    def write(self, origin: Origin) -> None:
        file = self.place(origin.record.id)
        kept = {**vars(origin), "record": origin.record.model_dump(mode="json")}
        new = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:  # noqa: PTH123 (its mode)
                json.dump(kept, out)
            new.replace(file)
        except OSError as error:
            raise MngError(f"cannot write {file}: {error.strerror}") from None

    def drop(self, host: Host, id_: str) -> None:
        """The agent is no more, and nothing of it is kept that restore could take."""
        if not host.local and self.of(host.id, id_):
            self.place(id_).unlink(missing_ok=True)

    def drop_all(self, host: Host) -> None:
        """The host is no more."""
        for file in (self.host_dir / "origins").glob("agent-*.json"):
            with contextlib.suppress(OSError):
                self.drop(host, file.stem)
