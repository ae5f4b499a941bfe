"""What `inv` and `fab` see: every mng command, and this project's chores."""

import sys
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from mng.cli import docs as pages
from mng.commands import contents
from mng.inventory.modal_cloud import configured
from mng.shell import cmd

PYTHON = [sys.executable, "-m"]


@task(optional=["args"], help={"args": "for pytest, as one word"})
def test(c: Context, args: str = "") -> None:
    """Run the tests"""
    c.run(cmd(*PYTHON, "pytest", args.split()).line)


@task
def lint(c: Context) -> None:
    """Check style and types"""
    c.run(cmd(*PYTHON, "ruff", "check").line)
    c.run(cmd(*PYTHON, "ruff", "format", "--check").line)
    c.run(cmd(*PYTHON, "mypy").line)


@task
def docs(c: Context) -> None:
    """Write docs/commands/ from the options models, and docs/schemas/ from the rows"""
    folder = Path(__file__).parent / "docs"
    pages.write(pages.pages(contents), folder / "commands")
    pages.write(pages.schemas(contents), folder / "schemas")


@task(optional=["args"], help={"args": "for tests.bench, as one word"})
def bench(c: Context, args: str = "") -> None:
    """Measure mng against the original"""
    c.run(cmd(*PYTHON, "tests.bench", args.split()).line)


@task(optional=["versions"], help={"versions": "only these, as one word: 'claude=latest codex=0.171.0'"})
def compat(c: Context, versions: str = "") -> None:
    """Run the agents' live tests with their oldest, middle and newest versions, and write docs/compatibility.md"""
    c.run(cmd(*PYTHON, "tests.compat", versions.split()).line)


@task(optional=["args"], help={"args": "for pytest, as one word"})
def modal_check(c: Context, args: str = "") -> None:
    """Run those tests of Modal that need no emulator against your account: some cents, and all is removed afterwards"""
    if not configured():
        raise Exit("no account of Modal: modal setup, or MODAL_TOKEN_ID and MODAL_TOKEN_SECRET", 1)
    line = cmd(*PYTHON, "pytest", "-v", "-m", "account", args.split(), "tests/live")
    c.run(line.env(MNG_MODAL_CHECK=1).line)


ns = contents.collection()
chores: list[Any] = [test, lint, docs, bench, compat, modal_check]
for chore in chores:
    ns.add_task(chore)
