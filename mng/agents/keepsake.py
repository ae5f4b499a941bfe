"""What stays of a destroyed agent whose work was saved: enough to bring it back as it was."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from mng import foreign, output
from mng.agents.types import type_of
from mng.errors import MngError, NotAvailable, NotFound, Unreachable
from mng.host import Host
from mng.names import is_branch, near
from mng.records import AgentRecord, Kind, Work
from mng.roles.env import NAME, assigned
from mng.runner import File, Runner
from mng.shell import cmd
from mng.sync.saved import Kept, Saved
from mng.sync.source import Placement, Source

if TYPE_CHECKING:
    from mng.agents.agent import Agent

WHEN = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")
MODES = ("", "worktree", "separate", "files")


class Keepsake(BaseModel):
    """One save, in HOST_DIR/saved/NAME/TIME.json. No value of the environment is in it: secrets end with their agent."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    at: str
    unsaved: str
    repo: str
    refs: list[Kept]
    record: AgentRecord
    variables: list[str]
    files: dict[str, str]

    @classmethod
    def of(cls, agent: Agent, saved: Saved) -> Keepsake:
        folder, kind = agent.folder, type_of(agent.record)
        paths = [f"{folder}/env", *(f"{folder}/plugin/{agent.record.kind}/{name}" for name in kind.keeps)]
        files = {path.removeprefix(folder): data.decode(errors="replace") for path, data in agent.host.runner.get(paths).items()}
        variables = list(assigned(files.pop("/env", ""), f"{folder}/env"))
        at = saved.ref.rpartition("/")[2]
        return cls(
            at=at, unsaved=saved.unsaved, repo=saved.repo, refs=list(saved.refs), record=agent.record,
            variables=variables, files=files,
        )  # fmt: skip

    def keep(self, host: Host) -> None:
        data = self.model_dump_json(indent=1).encode()
        host.runner.put({f"{host.dir}/saved/{self.record.name}/{self.at}.json": File(data)})

    def placement(self, runner: Runner, claim: str) -> Placement:
        """The work dir at its old place: a worktree or a clone on its branch; a plain folder from what was saved.

        NotFound when what was saved is gone.
        """
        first, old = self.refs[0], self.record.work
        line = cmd("git", f"--git-dir={self.repo}", "rev-parse", "-q", "--verify", "--end-of-options", first.ref)
        saved = runner.run(line, check=False)
        if saved.code:
            raise NotFound(f"what was saved of {self.record.name} at {self.at} is gone: no {first.ref} in {self.repo}")
        worktree, folder = first.mode == "worktree", self.repo.removesuffix("/.git")
        branch, source, made = self.branch(runner, folder) if worktree else (first.branch, Source.of(runner, folder), True)
        base = saved.text if first.mode == "files" else first.head
        kind: Kind = "worktree" if worktree else "copy" if first.mode == "files" else "clone"
        work = Work(
            kind=kind, path=old.path, root=old.root or old.path,
            source=old.source, repo=self.repo, branch=branch, base=base, made_branch=made and bool(branch), claim=claim,
        )  # fmt: skip
        return Placement(work, source)

    def branch(self, runner: Runner, folder: str) -> tuple[str, Source, bool]:
        """Its own if that is free, made anew or still at that commit; else one with a number."""
        own, name = self.refs[0].branch, f"mng/{self.record.name}"
        for branch in (own or name, name, *(f"{name}-{number}" for number in range(2, 1000))):
            source = Source.of(runner, folder, branch)
            if not source.taken:
                return branch, source, True
            line = cmd(
                "git", f"--git-dir={self.repo}", "for-each-ref", "--format=%(objectname) %(worktreepath)", f"refs/heads/{branch}"
            )
            if runner.run(line, check=False).text == self.refs[0].head:  # checked out nowhere
                return branch, source, False
        raise MngError(f"no branch is free for {self.record.name} in {folder}")


class Found(NamedTuple):
    """A keepsake on a host."""

    host: Host
    keepsake: Keepsake


def keepsakes(host: Host, name: str = "") -> Iterator[Found]:
    """The oldest of a name first; unreadable ones are left out, and a host that can't be asked."""
    try:
        found = host.runner.run(cmd("find", f"{host.dir}/saved/{name}".rstrip("/"), "-name", "*.json"), check=False)
        files = host.runner.get(sorted(found.text.splitlines()))
    except (NotAvailable, Unreachable) as error:
        output.warn(f"what is saved on {host.name} is not known: {error.what}")
        return
    for path, data in sorted(files.items()):
        with contextlib.suppress(ValidationError, MngError):
            yield Found(host, checked(Keepsake.model_validate_json(data), path, here=host.local))


def checked(keepsake: Keepsake, path: str, *, here: bool) -> Keepsake:
    """The keepsake, if it is one that mng could have written to that path; MngError says nothing more: it is left out."""
    record = foreign.checked(keepsake.record, here=here)
    refs = re.compile(rf"refs/mng/saved/{record.name}/{re.escape(keepsake.at)}(-[0-9]+)?")
    kept = re.compile(rf"/plugin/{re.escape(record.kind)}/{foreign.WORD.pattern}")
    places = [keepsake.repo, *(one.path for one in keepsake.refs)]
    fine = (
        path.endswith(f"/saved/{record.name}/{keepsake.at}.json")
        and WHEN.fullmatch(keepsake.at)
        and keepsake.refs
        and all(place.startswith("/") and (here or not foreign.CONTROL.search(place)) for place in places)
        and all(foreign.inside(one.path, record.work.root or record.work.path) for one in keepsake.refs)
        and all(refs.fullmatch(one.ref) and (not one.branch or is_branch(one.branch)) for one in keepsake.refs)
        and all(not commit or foreign.COMMIT.fullmatch(commit) for one in keepsake.refs for commit in (one.head, one.staged))
        and all(one.mode in MODES for one in keepsake.refs)
        and all(NAME.fullmatch(name) for name in keepsake.variables)
        and all(kept.fullmatch(file) for file in keepsake.files)
    )
    if not fine:
        raise MngError(f"unreadable keepsake: {path}")
    return keepsake


def newest(hosts: list[Host], name: str, at: str = "") -> Found:
    """The newest save of that name, or the newest whose time begins so; NotFound with near ones."""
    found = [one for host in hosts for one in keepsakes(host, name)]
    if not found:
        close = near(name, {one.keepsake.record.name for host in hosts for one in keepsakes(host)})
        raise NotFound(f"nothing is saved of an agent {name!r}", f"did you mean {' or '.join(close)}?" if close else
                       "see: mng restore --list")  # fmt: skip
    wanted = at.replace("-", "").replace(":", "").replace(" ", "T")
    matching = [one for one in found if one.keepsake.at.startswith(wanted)]
    if not matching:
        raise NotFound(f"nothing was saved of {name} at {at}", f"there is: {', '.join(one.keepsake.at for one in found)}")
    return max(matching, key=lambda one: one.keepsake.at)
