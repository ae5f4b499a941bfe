"""A repository that comes from a host elsewhere brings its history, and nothing that git here would run."""

from pathlib import Path

import pytest

from mng.sync.adopt import harmless
from tests.bed.sshd import Sshd
from tests.bed.world import World

pytestmark = pytest.mark.live


def trapped(world: World, folder: Path) -> Path:
    """What git in this repository runs, says so; the file that it writes."""
    ran = world.root / "ran"
    trap = world.tool("trap", f'#!/bin/sh\necho "$0 $*" >> {ran}\ncat\n')

    def git(*words: object) -> str:
        return world.git(*words, cwd=folder)

    (folder / "README.md").write_text("# Its own\n")
    git("add", "README.md")
    git("commit", "-q", "-m", "one of its own")
    (folder / "staged.txt").write_text("staged\n")
    git("add", "staged.txt")
    (folder / "README.md").write_text("# Changed\n")
    git("stash", "push", "-q", "README.md")
    (folder / "README.md").write_text("# Changed again\n")
    (folder / "loose.txt").write_text("loose\n")
    (folder / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.evil.command",
                "diff.external", "merge.evil.driver", "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand",
                "gpg.program", "credential.helper", "core.askPass", "core.alternateRefsCommand"):  # fmt: skip
        git("config", key, trap)
    git("config", "commit.gpgSign", "true")
    git("config", "include.path", "../include")
    git("config", "remote.odd.url", f"ext::{trap}")
    git("config", "branch.main.remote", f"ext::{trap}")
    (folder / "include").write_text(f'[filter "evil"]\n    clean = {trap}\n')
    (folder / ".git/info/attributes").write_text("* filter=evil\n")
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        hook = folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec {trap}\n")
        hook.chmod(0o755)
    ran.unlink(missing_ok=True)
    return ran


@pytest.mark.parametrize("how", ["migrate", "clone"])
def test_a_repository_that_comes_here_is_made_anew(bed: Sshd, work: Path, how: str) -> None:
    world = bed.world
    inner = work / "inner"
    inner.mkdir()
    world.git("init", "-q", cwd=inner)
    trapped(world, inner)
    ran = trapped(world, work)
    head = world.git("rev-parse", "HEAD", cwd=work)
    (work / "tool").write_text("#!/bin/sh\n")
    (work / "tool").chmod(0o4755)
    words = ["scout"] if how == "migrate" else ["scout", "second"]
    world.mng(how, *words, "--host", "local", "--no-connect")
    ran.unlink(missing_ok=True)  # git on the host may run what it likes
    (home,) = (world.host_dir / "worktrees").iterdir()
    assert world.git("rev-parse", "HEAD", cwd=home) == head
    assert "loose.txt" in world.git("status", "--porcelain", cwd=home)
    assert (home / "README.md").read_text() == "# Changed again\n" and not (home / "tool").stat().st_mode & 0o6000
    config = world.git("config", "--local", "--list", cwd=home) + world.git("config", "--local", "--list", cwd=home / "inner")
    assert "trap" not in config and "include" not in config and "ext::" not in config and "evil" not in config
    for folder in (home, home / "inner"):
        assert list((folder / ".git").glob("hooks/*")) == [] and not (folder / ".git/info/attributes").exists()
        world.git("add", "-A", cwd=folder)
        world.git("commit", "-q", "-m", "here", cwd=folder)
        world.git("log", "-p", cwd=folder)
        world.git("checkout", "-q", "-b", "other", cwd=folder)
    if how == "migrate":
        assert world.git("stash", "list", cwd=home).count("stash@") == 1
        assert world.git("show", "stash@{0}:README.md", cwd=home) == "# Changed"
    assert not ran.exists(), ran.read_text()
    assert world.git("fsck", "--strict", "--no-dangling", cwd=home) == ""


def test_the_config_that_comes_along_is_a_list() -> None:
    fine = ["remote.origin.url=https://example.org/x.git", "remote.up.url=git@example.org:x/y.git",
            "remote.up.pushurl=ssh://git@h/x", "branch.main.remote=origin", "branch.main.merge=refs/heads/main",
            "branch.a/b.remote=.",
            "core.autocrlf=input"]  # fmt: skip
    assert [f"{key}={value}" for key, value in harmless(fine) if not key.endswith("fetch")] == fine
    bad = ["remote.x.url=ext::sh -c id", "remote.x.url=/etc", "remote.x.url=file:///etc", "remote.x.url=-oProxyCommand=x:y",
           "remote.x.url=ssh://-oProxyCommand=x/y", "remote.x.uploadpack=id", "remote.x.vcs=ext", "branch.main.remote=ext::id",
           "branch.main.merge=--upload-pack=id", "branch.--x.remote=.", "core.worktree=/", "core.fsmonitor=id", "include.path=x",
           "core.hookspath=x", "filter.x.clean=id", "alias.status=!id", "core.pager=id",
           "submodule.x.update=!id", "url.ext::id.insteadof=https:", "core.bare=true", "extensions.worktreeconfig=true",
           "uploadpack.packobjectshook=id"]  # fmt: skip
    assert list(harmless(bad)) == []
