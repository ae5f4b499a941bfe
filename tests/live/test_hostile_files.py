"""What the files of an agent elsewhere can't do here when they come, or to others when they go."""

import signal
import stat
from pathlib import Path

import pytest

from tests.bed.need import need
from tests.bed.sshd import Sshd
from tests.bed.world import World

pytestmark = pytest.mark.live
NAMES = [".GIT", ".git.", ".git ", "git~1", ".git::$INDEX_ALLOCATION", ".g\u200cit", "\ufeff.git"]


def planted(folder: Path) -> None:
    for name in NAMES:
        (folder / name / "hooks").mkdir(parents=True)
        (folder / name / "config").write_text("[core]\n    fsmonitor = touch pwned; false\n")


def there(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.name in NAMES)


@pytest.mark.parametrize("mode", ["files", "full"])
def test_nothing_moves_that_is_git_s_own_folder_somewhere(bed: Sshd, work: Path, mode: str) -> None:
    need("rsync")
    world, config = bed.world, (bed.world.repo / ".git/config").read_text()
    (work / "deep").mkdir()
    planted(work / "deep")
    (work / "deep/new.txt").write_text("new")
    ran = world.mng("pull", "scout", "--sync-mode", mode, check=False)
    assert there(world.repo) == []
    if mode == "files":  # a folder that is new is not looked into before; rsync leaves them
        assert (world.repo / "deep/new.txt").read_text() == "new"
    else:
        assert ran.code == 8 and "another name" in ran.err
    (work / ".git/hooks/post-checkout").write_text("#!/bin/sh\n")
    for words in (["--include", ".git"], ["--include", ".git/***"], ["--include", "*", "--include-gitignored"]):
        world.mng("pull", "scout", *words, "--uncommitted-changes", "clobber", check=False)
        assert (world.repo / ".git/config").read_text() == config and not (world.repo / ".git/hooks/post-checkout").exists()
    assert there(world.repo) == []
    planted(work)
    refused = world.mng("pull", "scout", "--sync-mode", mode, check=False)
    assert refused.code == 8 and "another name" in refused.err and there(world.repo) == []


def test_pair_leaves_git_s_own_folder_of_either_side(bed: Sshd, work: Path) -> None:
    need("unison")
    planted(work)
    (work / "new.txt").write_text("new")
    pair = bed.world.start("mng", "pair", "scout", "--include", ".git", "--include", "Name .GIT", "--no-require-git")
    bed.world.wait((bed.world.repo / "new.txt").exists, 30, "the first sync")
    pair.send_signal(signal.SIGINT)
    pair.wait(20)
    assert there(bed.world.repo) == []


def test_no_set_uid_bit_and_no_link_leads_out(bed: Sshd, work: Path) -> None:
    """Pulled as files and moved home whole: bits are gone, and a link that became a folder is replaced, not gone through."""
    world, out = bed.world, bed.world.root / "out"
    out.mkdir()
    (work / "tool").write_text("#!/bin/sh\n")
    (work / "tool").chmod(0o6755)
    (work / "bits").mkdir()
    (work / "bits").chmod(0o2755)
    (work / "link").symlink_to(out)
    world.mng("pull", "scout")
    assert stat.S_IMODE((world.repo / "tool").stat().st_mode) == 0o755
    assert not (world.repo / "bits").stat().st_mode & stat.S_ISGID
    assert (world.repo / "link").readlink() == out
    (work / "link").unlink()
    (work / "link").mkdir()
    (work / "link/authorized_keys").write_text("theirs")
    for words in (["--sync-mode", "full"], []):
        world.mng("pull", "scout", *words, "--uncommitted-changes", "clobber", check=False)
        assert list(out.iterdir()) == []
    assert (world.repo / "link/authorized_keys").read_text() == "theirs" and not (world.repo / "link").is_symlink()


def test_a_copy_has_no_set_uid_bit(world: World) -> None:
    tool = world.repo / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o6755)
    world.mng("create", "scout", "--agent-cmd", "cat", "--copy", "--no-connect", "--no-ensure-clean", "--include-gitignored")
    (work,) = (world.host_dir / "worktrees").iterdir()
    assert stat.S_IMODE((work / "tool").stat().st_mode) == 0o755
