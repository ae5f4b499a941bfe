"""What is kept of an agent and of a host: one JSON file each, on the host itself, read and written whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mng.errors import MngError


class Record(BaseModel):
    """Unknown keys are kept, so that an older mng does not drop what a newer one wrote."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    version: int = 1
    id: str
    name: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises MngError with the first thing that is wrong."""
        try:
            record = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(str(part) for part in first["loc"])
            raise MngError(f"unreadable record: {at + ': ' if at else ''}{first['msg']}") from None
        if record.version > 1:
            raise MngError(f"record version {record.version} is newer than this mng understands")
        return record

    def dump(self) -> bytes:
        return self.model_dump_json(indent=1).encode() + b"\n"


Kind = Literal["worktree", "copy", "clone", "in-place"]


class Work(BaseModel):
    """Where an agent works and what was made for it; decided before anything is made, so that it can be undone."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    kind: Kind
    path: str  # the agent's work dir
    root: str = ""  # the top of what was made, where `path` is a folder inside it
    source: str = ""  # the folder it was made from
    repo: str = ""  # the source's git directory (the common one); "" without a repository
    home: str = ""  # on the machine that made it, where that is another: the repository that it came from
    branch: str = ""
    base: str = ""  # commit the branch starts from
    made_branch: bool = False
    claim: str = ""  # file on the host that says what of this was really made by us


class AgentRecord(Record):
    """An agent: what runs, where, and since when."""

    type: str  # as asked for: a type, a custom type of the settings, a program
    kind: str = "generic"  # the built-in type behind it
    phase: Literal["creating", "ready", "destroying"] = "creating"
    program: list[str] = Field(default_factory=list)  # how the type's program is called, where settings change it
    command: str = ""  # the shell line of a `generic` agent
    args: list[str] = Field(default_factory=list)
    work: Work
    host_id: str = ""
    create_time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    labels: dict[str, str] = Field(default_factory=dict)
    windows: dict[str, str] = Field(default_factory=dict)  # further tmux windows: name -> shell line
    user: str = ""
    resume_message: str = ""
    idle_mode: str = "disabled"  # a name for the sources, or custom
    idle_timeout_seconds: float | None = None
    activity_sources: list[str] = Field(default_factory=list)  # what keeps it from being idle
    start_on_boot: bool = False
    grants: list[str] = Field(default_factory=list)  # what it may do without asking, in its program's words
    plugin: dict[str, Any] = Field(default_factory=dict)  # what the agent type keeps: session ids, ports

    @property
    def created(self) -> float:
        """Since when it is there; 0 for what is no time."""
        try:
            return self.create_time.timestamp()
        except (ValueError, OverflowError):
            return 0.0
