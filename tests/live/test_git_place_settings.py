"""Work dirs where git is set up in a way of its own, or can't be used."""

import os
from pathlib import Path

import pytest

from mng.errors import CommandFailed, MngError
from mng.sync.source import Source
from tests.live.git_ground import NOTHING, Ground
from tests.live.git_ground import bare_ground as bare_ground
from tests.live.git_ground import ground as ground


def test_a_sparse_checkout_stays_sparse(ground: Ground) -> None:
    ground.git("sparse-checkout", "set", "src")
    work = ground.place()
    ground.git("ls-files", "-t", at=Path(work.path))
    assert not Path(work.path, "other").exists()
    assert ground.git("sparse-checkout", "list", at=Path(work.path)) == "src"
    ground.write(Path(work.path, "elsewhere/new"))
    saved = ground.destroy(work)
    assert ground.git("show", f"{saved.ref}:elsewhere/new") == "text"
    assert "src/app" in ground.git("ls-tree", "-r", "--name-only", saved.ref)


def test_filters_run_and_hooks_do_not(ground: Ground) -> None:
    ground.git("config", "filter.up.smudge", "tr a-z A-Z")
    ground.git("config", "filter.up.clean", "tr A-Z a-z")
    hook = ground.write(ground.repo / ".git/hooks/post-checkout", f"#!/bin/sh\ntouch {ground.root}/ran\n")
    hook.chmod(0o755)
    ground.commit(**{".gitattributes": "*.up filter=up\n", "x.up": "text\n"})
    work = ground.place()
    assert Path(work.path, "x.up").read_text() == "TEXT\n"
    assert not (ground.root / "ran").exists()
    Path(work.path, "x.up").write_text("NEW\n")
    saved = ground.destroy(work)
    assert ground.git("show", f"{saved.ref}:x.up") == "new"


def test_settings_of_the_user_do_not_matter(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground.root / "home/.gitconfig").write_text("""\
[user]
    useConfigOnly = true
[commit]
    gpgsign = true
[status]
    showUntrackedFiles = no
    short = true
    branch = true
[core]
    autocrlf = true
    safecrlf = true
    fsmonitor = /nowhere/fsmonitor
    quotePath = true
[checkout]
    defaultRemote = nope
[worktree]
    guessRemote = true
[branch]
    autoSetupMerge = always
    autoSetupRebase = always
[push]
    default = nothing
[diff]
    noprefix = true
    external = /nowhere/diff
    relative = true
[color]
    ui = always
[advice]
    detachedHead = true
[add]
    ignoreErrors = true
[submodule]
    recurse = true
""")
    for name, value in (
        ("GIT_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere"),
        ("LC_ALL", "de_DE.UTF-8"),
    ):
        monkeypatch.setenv(name, value)
    ground.repo.joinpath("untracked").write_bytes(b"unix\nand\r\ndos\r\n")
    work = ground.place(ensure_clean=False)
    assert Path(work.path, "untracked").read_bytes() == b"unix\nand\r\ndos\r\n"
    saved = ground.destroy(work)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert "untracked" in ground.git("ls-tree", "-r", "--name-only", saved.ref)
    assert ground.leftovers() == NOTHING


def test_a_repository_that_git_does_not_read_is_an_error_and_not_a_plain_folder(ground: Ground) -> None:
    (ground.repo / ".git/HEAD").unlink()
    with pytest.raises(MngError):
        Source.of(ground.runner, str(ground.repo))


def test_no_git_on_the_path(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = ground.root / "bin"
    tools.mkdir()
    for name in ("sh", "cp", "find", "mkdir", "rm", "rmdir", "mv", "sed", "grep", "env"):
        found = next(Path(folder, name) for folder in os.environ["PATH"].split(":") if Path(folder, name).exists())
        (tools / name).symlink_to(found)
    plain = ground.write(ground.root / "plain/file").parent
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(MngError, match="git is not on the PATH"):
        Source.of(ground.runner, str(ground.repo / "src"))
    assert Path(ground.place(source=plain).path, "file").exists()


def test_an_error_of_git_is_one_clear_line(ground: Ground) -> None:
    (ground.repo / ".git/objects").rename(ground.root / "objects")
    with pytest.raises(MngError) as caught:
        ground.place()
    assert "\n" not in caught.value.what
    assert isinstance(caught.value, CommandFailed | MngError)
