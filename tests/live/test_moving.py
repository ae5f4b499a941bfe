"""push and pull: files, commits and both, on this machine and over ssh; whatever goes wrong, nothing is lost."""

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bed.need import need
from tests.bed.sshd import Sshd
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live


@dataclass
class Pair:
    """A repository here and an agent's clone of it, here or on a host; both are folders of this machine."""

    world: World
    work: Path
    bed: Sshd | None = None

    @property
    def here(self) -> Path:
        return self.world.repo

    def mng(self, *words: object, code: int = 0, env: dict[str, str | None] | None = None) -> Ran:
        ran = self.world.mng(*words, check=False, env=env)
        assert ran.code == code, str(ran)
        return ran

    def git(self, *words: object, at: Path | None = None) -> str:
        return self.world.git(*words, cwd=at or self.here)

    def commit(self, at: Path, name: str, text: str) -> str:
        (at / name).write_text(text)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", name, at=at)
        return self.git("rev-parse", "HEAD", at=at)


def agent(world: World, bed: Sshd | None) -> Pair:
    need("rsync")
    (world.repo / ".gitignore").write_text("*.log\nbuild/\n")
    (world.repo / "lines").write_text("".join(f"{n}\n" for n in range(30)))
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "More")
    how = ["web", "--agent-cmd", "sleep 9999", "--no-connect"]
    if not bed:
        world.mng("create", *how, "--clone")
        return Pair(world, Path(world.record("web")["work"]["path"]))
    host = bed.start("box")
    world.git("clone", "-q", world.repo, host.home / "work")
    world.mng("create", *how, "--host", "box", "--from", f"box:{host.home}/work", "--in-place")
    return Pair(world, host.home / "work", bed)


@pytest.fixture(params=["local", "ssh"])
def pair(request: pytest.FixtureRequest, world: World) -> Iterator[Pair]:
    bed = Sshd(world) if request.param == "ssh" else None
    try:
        yield agent(world, bed)
    finally:
        if bed:
            bed.end()


@pytest.fixture
def local(world: World) -> Pair:
    return agent(world, None)


def tree(folder: Path, skip: tuple[str, ...] = (".git",)) -> dict[str, tuple[str, object]]:
    """Every path below, with its kind, mode and content."""
    found: dict[str, tuple[str, object]] = {}
    for place, folders, names in os.walk(os.fsencode(folder)):
        folders[:] = [name for name in folders if os.fsdecode(name) not in skip]
        for name in [*folders, *names]:
            if os.fsdecode(name) in skip:
                continue
            path = Path(os.fsdecode(place), os.fsdecode(name))
            mode = oct(stat.S_IMODE(path.lstat().st_mode))
            if path.is_symlink():
                found[str(path.relative_to(folder))] = ("link", str(path.readlink()))
            elif path.is_dir():
                found[str(path.relative_to(folder))] = (f"folder {mode}", "")
            else:
                found[str(path.relative_to(folder))] = (f"file {mode}", path.read_bytes())
    return found


def test_files_come_and_go_as_they_are(pair: Pair) -> None:
    odd = [
        "two words",
        "new\nline",
        'it\'s "q"',
        "-rf",
        "ünï→code",
        "*?[a]",
        "back\\slash",
        " lead",
        "a:b",
        "\\#012",
        "~.~",
        "%n",
    ]
    for name in odd:
        (pair.work / name).write_text(name)
    (pair.work / "src" / "run").write_text("#!/bin/sh\n")
    (pair.work / "src" / "run").chmod(0o755)
    (pair.work / "link").symlink_to("nowhere at all")
    (pair.work / "empty").mkdir()
    (pair.work / "x.log").write_text("ignored there")
    (pair.here / "y.log").write_text("ignored here")
    before, whole = tree(pair.here), tree(pair.work)
    dry = pair.mng("pull", "web", "--dry-run", "--delete").out
    assert "would make two words" in dry and tree(pair.here) == before
    pair.mng("pull", "web")
    want = {path: what for path, what in whole.items() if path != "x.log"} | {"y.log": before["y.log"]}
    assert tree(pair.here) == want
    assert tree(pair.work) == whole
    (pair.here / "-rf").write_text("changed here")
    (pair.here / "two words").unlink()
    pair.mng("push", "web", "--delete", "--uncommitted-changes", "clobber")
    assert tree(pair.work) == {path: what for path, what in tree(pair.here).items() if path != "y.log"} | {
        "x.log": whole["x.log"]
    }


def test_a_second_time_there_is_nothing_to_do(pair: Pair) -> None:
    (pair.work / "new").write_text("new")
    assert pair.mng("pull", "web", "--json").json["files"] >= 1
    assert pair.mng("pull", "web", "--json").json["files"] == 0
    assert pair.mng("push", "web", "--json").json["files"] == 0


def test_uncommitted_changes_are_never_lost(pair: Pair) -> None:
    (pair.work / "lines").write_text("theirs\n")
    (pair.work / "new").write_text("theirs")
    (pair.here / "lines").write_text("mine\n")
    (pair.here / "new").write_text("mine")
    before = tree(pair.here)
    ran = pair.mng("pull", "web", code=8)
    assert "lines, new" in ran.err and "nothing was changed" in ran.err and tree(pair.here) == before
    saved = pair.mng("pull", "web", "--uncommitted-changes", "clobber", "--json").json["saved"]
    assert pair.git("show", f"{saved}:lines") == "mine" and pair.git("show", f"{saved}:new") == "mine"
    assert (pair.here / "new").read_text() == "theirs"
    (pair.here / "new").write_text("mine again")
    pair.mng("pull", "web", "--uncommitted-changes", "stash")
    assert (pair.here / "new").read_text() == "theirs" and pair.git("stash", "list")
    assert pair.git("show", "stash@{0}^3:new") == "mine again"


def test_changes_of_both_are_merged(pair: Pair) -> None:
    lines = (pair.here / "lines").read_text()
    (pair.work / "lines").write_text(lines.replace("3\n", "theirs\n", 1))
    (pair.here / "lines").write_text(lines.replace("27\n", "mine\n"))
    pair.mng("pull", "web", "--uncommitted-changes", "merge")
    assert (pair.here / "lines").read_text() == lines.replace("3\n", "theirs\n", 1).replace("27\n", "mine\n")
    (pair.work / "lines").write_text(lines.replace("27\n", "theirs\n"))
    before = tree(pair.here)
    assert "conflict" in pair.mng("pull", "web", "--uncommitted-changes", "merge", code=8).err
    assert tree(pair.here) == before


def test_deletions_only_when_asked_and_what_is_only_here_is_kept(pair: Pair) -> None:
    (pair.work / "lines").unlink()
    (pair.here / "only mine").write_text("x")
    pair.mng("pull", "web")
    assert (pair.here / "lines").exists()
    assert "only mine" in pair.mng("pull", "web", "--delete", code=8).err
    done = pair.mng("pull", "web", "--delete", "--uncommitted-changes", "clobber", "--json").json
    assert done["deleted"] == 2 and not (pair.here / "only mine").exists()
    assert pair.git("show", f"{done['saved']}:only mine") == "x"


def test_a_plain_folder_keeps_what_is_replaced_in_saved_git(pair: Pair) -> None:
    out = pair.world.root / "out"
    pair.mng("pull", "web", out)
    assert tree(out) == tree(pair.work)
    (out / "lines").write_text("edited")
    ran = pair.mng("pull", "web", out)
    line = ran.err.splitlines()[-1].strip()
    subprocess.run(["sh", "-ec", line], check=True, env=pair.world.env, capture_output=True)
    assert (out / "lines").read_text() == "edited"


def test_one_file_a_path_and_patterns(pair: Pair) -> None:
    out = pair.world.root / "out"
    pair.mng("pull", "web:src/app.py", out)
    assert sorted(tree(out)) == ["app.py"]
    (pair.work / "build").mkdir()
    (pair.work / "build" / "a.bin").write_text("bin")
    (pair.work / "x.log").write_text("log")
    (pair.world.repo / "ex").write_text("# note\nlines\n")
    (pair.world.repo / "in").write_text("x.log\n")
    pair.mng("pull", "web", out, "--source-path", ".", "--exclude-file", "ex", "--exclude", "*.md", "--include-file", "in")
    assert "x.log" in tree(out) and not {"lines", "README.md", "build/a.bin"} & set(tree(out))
    more = pair.world.root / "more"
    pair.mng(
        "pull",
        "--source-agent",
        "web",
        "--dest",
        more,
        "--include-gitignored",
        "--rsync-arg=--exclude=src",
        "--rsync-args=-z --checksum",
    )
    assert "build/a.bin" in tree(more) and "src" not in tree(more)
    pair.mng("pull", "web", out, "--include", "*.bin", "--exclude", "*.txt")
    assert "build/a.bin" in tree(out)


def test_commits_come_and_go(pair: Pair) -> None:
    first = pair.commit(pair.work, "theirs", "1")
    assert pair.mng("pull", "web", "--sync-mode", "git", "--dry-run", "--json").json["commit"] == first
    assert pair.git("rev-parse", "HEAD") != first
    done = pair.mng("pull", "web", "--sync-mode", "git", "--json").json
    assert (done["relation"], done["commit"], pair.git("status", "--porcelain")) == ("ahead", first, "")
    second = pair.commit(pair.here, "mine", "1")
    pair.mng("push", "web", "--sync-mode", "git")
    assert pair.git("rev-parse", "HEAD", at=pair.work) == second and (pair.work / "mine").exists()
    assert pair.git("status", "--porcelain", at=pair.work) == ""


def test_branches_that_have_parted(pair: Pair) -> None:
    theirs, mine = pair.commit(pair.work, "theirs", "1"), pair.commit(pair.here, "mine", "1")
    ran = pair.mng("pull", "web", "--sync-mode", "git", code=8)
    assert "commits of their own" in ran.err and pair.git("rev-parse", "HEAD") == mine
    assert pair.mng("pull", "web", "--sync-mode", "git", "--merge", "--json").json["relation"] == "merge"
    assert (pair.here / "theirs").exists() and pair.git("log", "-1", "--format=%an") == "Test"
    pair.git("reset", "-q", "--hard", mine)
    pair.mng("pull", "web", "--sync-mode", "git", "--rebase")
    assert pair.git("rev-parse", "HEAD^") == theirs and (pair.here / "mine").exists()
    pair.git("reset", "-q", "--hard", mine)
    saved = pair.mng("pull", "web", "--sync-mode", "git", "--force-git", "--json").json["saved"]
    assert pair.git("rev-parse", "HEAD", saved).split() == [theirs, mine]
    assert pair.git("worktree", "list").count("\n") == 0 and pair.git("status", "--porcelain") == ""


def test_a_conflict_leaves_all_as_it_was(pair: Pair) -> None:
    pair.commit(pair.work, "lines", "theirs")
    mine = pair.commit(pair.here, "lines", "mine")
    for how in ("--merge", "--rebase"):
        ran = pair.mng("pull", "web", "--sync-mode", "git", how, code=1)
        assert "conflicts with" in ran.err and "in lines" in ran.err
        assert pair.git("rev-parse", "HEAD") == mine and pair.git("status", "--porcelain") == ""
        assert pair.git("worktree", "list").count("\n") == 0


def test_git_over_uncommitted_changes(pair: Pair) -> None:
    lines = (pair.here / "lines").read_text()
    pair.commit(pair.work, "lines", lines.replace("3\n", "theirs\n", 1))
    (pair.work / "loose").write_text("x")
    (pair.here / "lines").write_text(lines.replace("27\n", "mine\n"))
    (pair.here / "other").write_text("stays")
    assert "lines" in pair.mng("pull", "web", "--sync-mode", "git", code=8).err
    assert "loose" in pair.mng("pull", "web", "--sync-mode", "git", "--uncommitted-source", "error", code=8).err
    pair.mng("pull", "web", "--sync-mode", "git", "--uncommitted-changes", "merge")
    assert (
        pair.git("status", "--porcelain").split() == ["M", "lines", "??", "other"]
        and (pair.here / "other").read_text() == "stays"
    )
    assert (pair.here / "lines").read_text() == lines.replace("3\n", "theirs\n", 1).replace("27\n", "mine\n")
    pair.commit(pair.work, "lines", "all new\n")
    saved = pair.mng("pull", "web", "--sync-mode", "git", "--uncommitted-changes", "clobber", "--json").json["saved"]
    assert (pair.here / "lines").read_text() == "all new\n" and "mine" in pair.git("show", f"{saved}:lines")
    assert (pair.here / "other").read_text() == "stays"


def test_full_brings_commits_and_then_changes(pair: Pair) -> None:
    pair.commit(pair.work, "theirs", "1")
    (pair.work / "theirs").write_text("2")
    (pair.work / "lines").unlink()
    (pair.work / "un\ntracked").write_text("x")
    pair.mng("pull", "web", "--sync-mode", "full")
    assert tree(pair.here) == tree(pair.work)
    assert pair.git("rev-parse", "HEAD") == pair.git("rev-parse", "HEAD", at=pair.work)
    pair.mng("push", "web", "--sync-mode", "full")
    assert tree(pair.here) == tree(pair.work)
    assert pair.mng("pull", "web", "--sync-mode", "full", "--branch", "x", code=2)


def test_branches_tags_and_a_mirror(pair: Pair) -> None:
    for name in ("one", "two"):
        pair.git("branch", name, at=pair.work)
    pair.git("tag", "v1", at=pair.work)
    pair.git("tag", "-a", "-m", "x", "v2", at=pair.work)
    pair.mng("pull", "web", "--sync-mode", "git", "--all-branches", "--tags")
    assert {"one", "two"} <= set(pair.git("branch", "--format=%(refname:short)").split()) and pair.git("tag") == "v1\nv2"
    pair.git("checkout", "-q", "one")
    tip = pair.commit(pair.here, "more", "1")
    pair.mng("push", "web", "--sync-mode", "git", "--source-branch", "one", "--target-branch", "three")
    assert pair.git("rev-parse", "three", at=pair.work) == tip and not (pair.work / "more").exists()
    pair.git("branch", "-D", "two")
    pair.git("branch", "lonely", at=pair.work)
    kept = pair.git("rev-parse", "lonely", at=pair.work)
    pair.mng("push", "web", "--mirror", "--sync-mode", "git", "--source-branch", "main")
    left = pair.git("branch", "--format=%(refname:short)", at=pair.work).split()
    assert "two" not in left and "lonely" not in left and pair.git("rev-parse", "one", at=pair.work) == tip
    assert kept in pair.git("for-each-ref", "refs/mng/saved", "--format=%(objectname)", at=pair.work)


def test_what_is_not_there_or_not_related(pair: Pair) -> None:
    assert "no such folder" in pair.mng("push", "web", "nowhere", code=3).err
    assert "no such folder" in pair.mng("pull", "web:nowhere", code=3).err
    assert "no agent" in pair.mng("pull", "nobody", code=3).err
    other = pair.world.make_repo(pair.world.root / "other", {"x": "x"})
    assert "not of the repository" in pair.world.mng("pull", "web", cwd=other, check=False).err
    before = tree(other)
    assert "no commit in common" in pair.mng("pull", "web", other, "--sync-mode", "git", code=8).err
    assert "no work tree" in pair.mng("pull", "web", pair.world.home, "--sync-mode", "git", code=2).err
    assert "no branch nix" in pair.mng("pull", "web", "--branch", "nix", "--sync-mode", "git", code=2).err
    assert tree(other) == before


def test_agent_to_agent_and_a_plain_folder_of_a_host(pair: Pair) -> None:
    pair.world.mng("create", "two", "--agent-cmd", "sleep 9999", "--no-connect", "--clone")
    two = Path(pair.world.record("two")["work"]["path"])
    (pair.work / "new").write_text("new")
    pair.mng("pull", "web", "--target-agent", "two")
    assert (two / "new").read_text() == "new"
    (two / "back").write_text("back")
    pair.mng("push", "--target-agent", "web", "--source-agent", "two")
    assert (pair.work / "back").read_text() == "back"
    if pair.bed:
        host = pair.bed.hosts["box"]
        (host.home / "plain").mkdir()
        (host.home / "plain" / "f").write_text("f")
        out = pair.world.root / "out"
        pair.mng("pull", "--source-host", "box", "--source-path", "plain", "--destination", out)
        assert (out / "f").read_text() == "f"
        other = pair.bed.start("other")
        pair.mng("pull", "--source-host", "box", "--source-path", "plain", "--target-host", "other", "--dest", "there")
        assert (other.home / "there" / "f").read_text() == "f"
        pair.mng(
            "push",
            "--target-host",
            "box",
            "--target-path",
            "~/last",
            "--source-host",
            "other",
            "--source",
            "there",
            "--rsync-only",
        )
        assert (host.home / "last" / "f").read_text() == "f"


def test_stop_stops_it_afterwards(local: Pair) -> None:
    local.mng("pull", "web", "--stop")
    assert local.world.mng("list", "--json").json[0]["state"] == "STOPPED"


def test_the_agent_is_chosen_on_a_terminal(local: Pair) -> None:
    (local.work / "new").write_text("x")
    terminal = local.world.pty("mng", "pull")
    local.world.wait(lambda: "web" in terminal.text, what="the list")
    terminal.send("\r")
    local.world.wait(lambda: (local.here / "new").exists(), what="the file")


def test_a_worktree_of_the_same_repository(world: World) -> None:
    need("rsync")
    world.mng("create", "web", "--agent-cmd", "sleep 9999", "--no-connect")
    pair = Pair(world, Path(world.record("web")["work"]["path"]))
    tip = pair.commit(pair.work, "new", "1")
    pair.mng("pull", "web", "--sync-mode", "git")
    assert pair.git("rev-parse", "main") == tip
    ran = pair.mng("pull", "web", "--sync-mode", "git", "--target-branch", "mng/web")
    assert pair.git("rev-parse", "mng/web") == tip, ran
