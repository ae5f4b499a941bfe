"""What push and pull share: their options, and which folders are meant."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Literal

from mng import foreign, output
from mng.agents.agent import Agent
from mng.agents.believed import origin_of
from mng.agents.ending import may_stop, stop
from mng.agents.team import Team
from mng.cli.chosen import picked
from mng.cli.options import Exclusive, Options, Placeholder, option
from mng.errors import NotFound, Refused, UsageError
from mng.inventory.inventory import Inventory
from mng.rows import Row
from mng.shell import Cmd, cmd, expanded, here
from mng.sync import commits, files
from mng.sync.commits import Brought
from mng.sync.side import Place, Side
from mng.sync.unsaved import Uncommitted


class FilesOptions(Options):
    """Files"""

    delete: bool = option(False, help="take away what the source does not have")
    include: list[str] = option([], help="bring what fits this rsync pattern, whatever else says no")
    exclude: list[str] = option([], help="leave what fits this rsync pattern")
    include_file: list[str] = option([], help="file with patterns to include, one a line")
    exclude_file: list[str] = option([], help="file with patterns to exclude, one a line")
    include_gitignored: bool = option(False, help="bring files that git ignores, too")
    rsync_arg: list[str] = option([], help="a further word for rsync")
    rsync_args: Annotated[str, Placeholder("WORDS")] | None = option(None, help="several of them in one word")


class GitOptions(Options):
    """Git"""

    exclusive: ClassVar[Exclusive] = (("merge", "rebase", "force_git"),)

    merge: bool = option(False, help="where both have commits of their own: merge")
    rebase: bool = option(False, help="where both have: put the target's commits on top of the source's")
    force_git: bool = option(False, help="where both have: take the source's, after saving the target's")
    all_branches: bool = option(False, help="bring all branches")
    tags: bool = option(False, help="bring tags")
    uncommitted_source: Literal["warn", "error"] = option("warn", help="when the source has changes that no commit has")
    target_branch: str | None = option(None, help="branch to bring the commits to (default: the one checked out)")


class MoveOptions(Options):
    """What and how"""

    sync_mode: Literal["files", "git", "full"] = option("files", help="files as they are, commits, or commits and then changes")
    uncommitted_changes: Uncommitted = option("fail", help="what becomes of work in the target that would be lost")
    stop: bool = option(False, help="stop the agent afterwards")
    dry_run: bool = option(False, help="say what would happen, do nothing")


class Move(FilesOptions, GitOptions, MoveOptions):
    """Move"""


class Sent(Row):
    """What was moved."""

    source: str
    target: str
    mode: str
    files: int = 0
    deleted: int = 0
    bytes: int = 0
    branch: str = ""
    commit: str = ""
    relation: str = ""
    dry_run: bool = False
    saved: str = ""
    changes: list[str] = []

    def human(self) -> str:
        from mng.sync.rsync import human

        verb = "would be" if self.dry_run else "is"
        parts = [f"{self.branch} {verb} at {self.commit[:12]} ({self.relation})"] if self.commit else []
        parts += [f"{self.files} file{'s' * (self.files != 1)} ({human(self.bytes)})"] if self.mode != "git" else []
        parts += [f"{self.deleted} deleted"] if self.deleted else []
        lines = [f"would {change}" for change in self.changes[:1000]] if self.dry_run else []
        return "\n".join([*lines, f"{self.source} → {self.target}: {', '.join(parts)}"])


def at(
    inventory: Inventory, agent: str | None, host: str | None, path: str | None, word: str | None
) -> tuple[Place, Agent | None]:
    """AGENT, AGENT:PATH, or a folder of a host; the selector where nobody is named."""
    if word and agent:
        raise UsageError(f"{word} and --…-agent {agent}: which of them?")
    named, colon, below = (word or agent or "").partition(":")
    if host and not named:
        on = inventory.host(host)
        return Place(on, str(PurePosixPath(on.home, on.expand(path or ""))), on.name), None
    team = Team.of(inventory, (host,) if host else (), words=[named] if named else ())
    found = team.named(named) if named else picked(team)
    if not found.record.work.path:
        raise NotFound(f"nothing is known of where {found.name} works: it was made by hand")
    folder = found.host.expand(below if colon else path or "")
    return Place(found.host, str(PurePosixPath(found.record.work.path, folder)), found.name), found


def local(inventory: Inventory, word: str | None, context: str | None, other: Agent | None, option: str) -> Place:
    """A folder on this machine; without a word the one here that is the other's work dir, in this folder's repository.

    Which that is, no host says. `option` gives the word.
    """
    host, base = inventory.local.host, Path(context or here())
    if word is not None:
        return Place(host, str((base / expanded(word)).absolute()), word)
    if not other:
        return Place(host, str(base.absolute()), ".")
    origin = origin_of(other, inventory.settings.host_dir, base)
    if not origin:
        raise UsageError(
            f"{other.name} was not made from here: which folder of this machine is meant?", f"name it: {option} FOLDER"
        )
    work = origin.record.work
    if not (work.repo or work.home):
        return Place(host, str(base.absolute()), ".")
    done = host.runner.read(cmd("git", "-C", base, "rev-parse", "--show-toplevel"))
    commit = work.base.partition(":")[0]
    if not commit:  # where it works in place
        first = cmd("git", "-C", work.path, "rev-list", "--max-parents=0", "HEAD")
        commit = other.host.runner.read(first).text.partition("\n")[0]
    known = not commit or (foreign.COMMIT.fullmatch(commit) and not host.runner.read(there_is(base, commit)).code)
    if done.code or not known:
        raise Refused(f"{base} is not of the repository that {other.name} works on", "if it is meant, name it: .")
    return Place(host, str(Path(done.out.decode(errors="surrogateescape").rstrip("\n"), foreign.below(work))), ".")


def there_is(repository: Path, commit: str) -> Cmd:
    return cmd("git", "-C", repository, "cat-file", "-e", "--end-of-options", commit)


def patterns(o: FilesOptions) -> tuple[str, ...]:
    """As rsync's rules; the first that fits decides."""

    def of(paths: list[str]) -> list[str]:
        lines = []
        for path in paths:
            try:
                lines += expanded(path).read_text(errors="surrogateescape").splitlines()
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror}") from None
        return [line for line in lines if line.strip() and line[0] not in "#;"]

    included, excluded = [*o.include, *of(o.include_file)], [*o.exclude, *of(o.exclude_file)]
    return (*(f"+ {one}" for one in included), *(f"- {one}" for one in excluded))


def rsync_words(o: FilesOptions) -> tuple[str, ...]:
    try:
        return (*o.rsync_arg, *shlex.split(o.rsync_args or ""))
    except ValueError as error:
        raise UsageError(f"--rsync-args {o.rsync_args}: {str(error).lower()}") from None


def move(o: Move, source: Place, target: Place, agent: Agent | None, doing: str, *, branch: str | None = None) -> Sent:
    """As the options say; then the agent is stopped, if that was asked for."""
    mode = "files" if getattr(o, "rsync_only", False) else o.sync_mode
    ends = may_stop([agent]).all() if o.stop and agent and not o.dry_run else None
    sent = Sent(source=str(source), target=str(target), mode=mode, dry_run=o.dry_run)
    only: tuple[str, ...] | None = None
    if mode != "files":
        one, other = Side.both(source, target, refs=True, each=True)
        other.there()
        brought = with_commits(o, one, other, doing, branch or "", whole=mode == "full")
        known = {"branch": brought.branch, "commit": brought.commit, "saved": brought.saved, "relation": brought.relation}
        sent = sent.model_copy(update={**known, "changes": [f"change {path}" for path in brought.changed]})
        only = one.changes
    if mode == "files" or (mode == "full" and only):
        wanted = files.Wanted(patterns(o), o.delete, o.include_gitignored, rsync_words(o), o.uncommitted_changes, only)
        done = files.sync(source, target, wanted, doing, dry=o.dry_run)
        moved = {"files": done.moved.files, "deleted": done.moved.deleted, "bytes": done.moved.bytes}
        changes = [*sent.changes, *map(str, done.items)]
        sent = sent.model_copy(update={**moved, "saved": done.saved or sent.saved, "changes": changes})
    if ends:
        stop(ends)
        output.note(f"{ends.agents[0].name} is stopped")
    return sent


def with_commits(o: Move, source: Side, target: Side, doing: str, branch: str, *, whole: bool) -> Brought:
    """Bring commits; `whole`: changes that no commit has come after them."""
    given = (("branch", branch, source.branch), ("target-branch", o.target_branch, target.branch))
    if whole and (wrong := [f"--{name} {value}" for name, value, there in given if value and value != there]):
        raise UsageError(f"{wrong[0]} is not what is checked out: changes don't belong to it", "--sync-mode git")
    if source.changes and not whole:
        shown = ", ".join(source.changes[:5]) + (f" and {len(source.changes) - 5} more" if len(source.changes) > 5 else "")
        what = f"{source.place} has changes that no commit has: {shown}"
        if o.uncommitted_source == "error":
            raise Refused(what, "nothing was changed; --sync-mode full brings them, too")
        output.note(f"{what}; they stay there (--sync-mode full brings them)")
    how: commits.How = "merge" if o.merge else "rebase" if o.rebase else "force" if o.force_git else "ff"
    mirror = getattr(o, "mirror", False)
    asked = commits.Asked(branch, o.target_branch or "", how, o.all_branches, o.tags, mirror, o.uncommitted_changes)
    brought = commits.bring(source, target, asked, doing, dry=o.dry_run)
    if whole and source.changes and brought.commit != source.head and not o.dry_run:
        line = cmd("git", "-C", target.top, "diff", "--name-only", "-z", "--end-of-options", source.head, brought.commit, "--")
        theirs = set(target.host.runner.run(line).out.decode(errors="surrogateescape").split("\0"))
        if both := [path for path in source.changes if source.prefix + path in theirs]:
            raise Refused(
                f"{target.place} has the commits of {source.place}, but not its changes of {', '.join(both[:5])}: both have some",
                "commit them in the source, and bring them with --sync-mode git --merge",
            )
    return brought
