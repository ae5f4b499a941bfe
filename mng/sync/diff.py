"""What an agent has done, as a patch."""

from __future__ import annotations

from mng.errors import CommandFailed, NotFound
from mng.records import Work
from mng.runner import Runner
from mng.sync import git


def diff(runner: Runner, work: Work) -> str:
    """Its commits, uncommitted changes and new files on top of what it started from; "" when there are none.

    Of work in place: on top of HEAD. What .gitignore names is left out.
    """
    try:
        done = git.run(
            runner, "diff", f"cannot compare {work.path}",
            root=work.path, kind=work.kind, repo=work.repo, base=work.base, source=work.source,
        )  # fmt: skip
    except CommandFailed as error:
        if error.command_code == 66:
            raise NotFound(f"the work dir is gone: {work.path}") from None
        raise
    return done.out.decode(errors="replace")
