"""Work dirs from real repositories: every mode, and the odd states that a source can be in."""

from pathlib import Path

import pytest

from mng.errors import NotFound, Refused, UsageError
from mng.sync.source import place, unplace
from tests.live.git_ground import NOTHING, Ground, bare_ground, ground

__all__ = ["bare_ground", "ground"]


def test_a_worktree_on_a_branch_of_its_own_in_two_trips(ground: Ground) -> None:
    work = ground.place()
    assert len(ground.runner.trips) == 2
    assert work.model_dump(include={"kind", "branch", "made_branch", "path"}) == {
        "kind": "worktree", "branch": "mng/web", "made_branch": True, "path": str(ground.root / "work/web"),
    }  # fmt: skip
    assert ground.git("rev-parse", "--abbrev-ref", "HEAD", at=Path(work.path)) == "mng/web"
    assert ground.git("rev-parse", "HEAD", at=Path(work.path)) == work.base == ground.git("rev-parse", "HEAD")
    assert ground.status(work.path) == ""
    saved = ground.destroy(work)
    assert not saved
    assert ground.leftovers() == NOTHING
    assert ground.git("status", "--porcelain") == ""


def test_a_clean_worktree_goes_in_two_trips(ground: Ground) -> None:
    work = ground.place()
    ground.runner.trips.clear()
    ground.destroy(work)
    assert len(ground.runner.trips) == 2


def test_a_folder_of_a_repository_is_the_same_folder_in_the_worktree(ground: Ground) -> None:
    (ground.repo / "link").symlink_to("src")
    ground.commit()
    work = ground.place(source=ground.repo / "link")
    assert work.path == str(ground.root / "work/web/src")
    assert Path(work.path, "app").read_text() == "app\n"
    ground.write(ground.repo / "src/new/here", "x")
    inside = ground.place("other", ground.repo / "src/new", ensure_clean=False)
    assert Path(inside.path, "here").read_text() == "x"
    empty = ground.place("third", ground.repo / "src/new", include_unclean=False)
    assert list(Path(empty.path).iterdir()) == []


@pytest.mark.parametrize("kind", ["worktree", "clone", "copy"])
def test_uncommitted_changes_are_refused_with_the_ways_on(ground: Ground, kind: str) -> None:
    for number in range(7):
        ground.write(ground.repo / f"new {number}")
    with pytest.raises(Refused) as caught:
        ground.plan(kind=kind)
    assert "new 0, new 1, new 2, new 3, new 4 and 2 more" in caught.value.what
    assert "--no-ensure-clean" in caught.value.hint
    assert "--exclude-unclean" in caught.value.hint
    left = ground.place(kind=kind, include_unclean=False)
    assert not Path(left.path, "new 0").exists()
    brought = ground.place("two", kind=kind, ensure_clean=False)
    assert Path(brought.path, "new 6").read_text() == "text\n"


def make_dirty(ground: Ground) -> None:
    """Staged, unstaged, deleted, renamed, untracked, of all types."""
    repo = ground.repo
    ground.commit("Many", **{f"f{n}": f"{n}\n" for n in range(9)}, dir__x__y="y", was__file="f", plain="p")
    ground.write(repo / "f1", "staged\n")
    ground.git("add", "f1")
    ground.write(repo / "f2", "staged\n")
    ground.git("add", "f2")
    ground.write(repo / "f2", "and unstaged\n")
    ground.write(repo / "f3", "unstaged\n")
    (repo / "f4").unlink()
    ground.git("rm", "-q", "f5")
    ground.git("rm", "-q", "--cached", "f6")
    ground.git("mv", "f7", "moved")
    (repo / "f8").chmod(0o755)
    (repo / "dir/x/y").unlink()
    (repo / "dir/x").rmdir()
    (repo / "dir").rmdir()
    (repo / "dir").symlink_to("nowhere")
    (repo / "plain").unlink()
    ground.write(repo / "plain/now a folder", "x")
    ground.write(repo / "intent")
    ground.git("add", "-N", "intent")
    ground.write(repo / "staged then gone")
    ground.git("add", "staged then gone")
    (repo / "staged then gone").unlink()
    for name in ("-rf", "new\nline", "quo\"te's", "bäck\\slash", "*", ":(top)x", " ", "x" * 200):
        ground.write(repo / "odd" / name, name)
        ground.write(repo / name, name)
    (repo / "script").write_text("#!/bin/sh\n")
    (repo / "script").chmod(0o755)


@pytest.mark.parametrize("kind", ["worktree", "clone"])
def test_uncommitted_changes_come_along_as_they_are(ground: Ground, kind: str) -> None:
    make_dirty(ground)
    before = ground.status(ground.repo)
    work = ground.place(kind=kind, ensure_clean=False)
    assert ground.status(work.path) == before == ground.status(ground.repo)
    assert ground.git("diff", "HEAD", at=Path(work.path)) == ground.git("diff", "HEAD")
    assert ground.git("diff", "--cached", at=Path(work.path)) == ground.git("diff", "--cached")
    assert str(Path(work.path, "dir").readlink()) == "nowhere"
    assert Path(work.path, "new\nline").read_text() == "new\nline"


def test_a_merge_under_way_is_not_brought_along(ground: Ground) -> None:
    ground.git("checkout", "-q", "-b", "other")
    ground.commit(a="other\n")
    ground.git("checkout", "-q", "main")
    ground.commit(a="main\n")
    ground.git("merge", "-q", "other", check=False)
    plan = ground.plan(ensure_clean=False)
    with pytest.raises(Refused, match="in the middle of a merge"):
        place(ground.runner, plan)
    unplace(ground.runner, plan.work)
    assert ground.leftovers() == NOTHING


def test_ignored_files_that_worktreeinclude_names_come_along(ground: Ground) -> None:
    ground.commit(**{".worktreeinclude": "# kept\n.env\nbuild/*\n!build/no\nuntracked\n"})
    for name in (".env", "sub/.env", "build/yes", "build/no", "x.log", "untracked"):
        ground.write(ground.repo / name)
    work = ground.place(include_unclean=False)
    there = {str(p.relative_to(work.path)) for p in Path(work.path).rglob("*") if p.is_file()}
    assert {".env", "sub/.env", "build/yes"} <= there
    assert not {"build/no", "x.log", "untracked"} & there
    everything = ground.place("all", include_unclean=False, include_gitignored=True)
    assert (Path(everything.path) / "x.log").exists()
    assert (Path(everything.path) / "build/no").exists()


def test_a_base_and_a_branch_of_choice(ground: Ground) -> None:
    first = ground.git("rev-parse", "HEAD")
    ground.git("branch", "old")
    ground.git("tag", "v1")
    ground.commit(a="2\n")
    ground.write(ground.repo / "dirty")
    for number, base in enumerate(("old", "v1", "HEAD~1", first[:10])):
        work = ground.place(f"w{number}", base=base)
        assert ground.git("rev-parse", "HEAD", at=Path(work.path)) == first
        assert not Path(work.path, "dirty").exists()
    named = ground.place("named", branch="feature/x", base="old")
    assert ground.git("branch", "--show-current", at=Path(named.path)) == "feature/x"
    itself = ground.place("itself", branch="", base="old")
    assert (itself.branch, itself.made_branch) == ("old", False)
    ground.destroy(itself)
    assert ground.git("rev-parse", "old") == first
    tag = ground.place("tag", branch="", base="v1")
    assert ground.git("branch", "--show-current", at=Path(tag.path)) == ""
    with pytest.raises(UsageError, match="no branch, tag or commit nope"):
        ground.plan("no", base="nope")
    with pytest.raises(UsageError, match="another commit than the base"):
        ground.plan("no", base="old", include_unclean=True)
    with pytest.raises(UsageError, match="already checked out") as caught:
        ground.place("same", branch="", base="main", include_unclean=False)
    assert "--no-new-branch" in caught.value.hint


def test_a_branch_of_origin_becomes_a_local_one_that_tracks_it(ground: Ground) -> None:
    ground.git("branch", "pr")
    ground.git("clone", "-q", ground.repo, ground.root / "mine", at=ground.root)
    work = ground.place(source=ground.root / "mine", branch="", base="pr")
    assert ground.git("rev-parse", "--abbrev-ref", "pr@{upstream}", at=Path(work.path)) == "origin/pr"
    ground.destroy(work)
    assert ground.git("branch", "--list", "pr", at=ground.root / "mine") == ""
    assert "pr" not in (ground.root / "mine/.git/config").read_text()


def test_a_branch_that_exists_is_neither_taken_nor_removed(ground: Ground) -> None:
    ground.git("branch", "mng/web")
    with pytest.raises(UsageError, match="branch mng/web exists already") as caught:
        ground.plan()
    assert "--new-branch=NAME" in caught.value.hint
    assert "--base-branch mng/web --no-new-branch" in caught.value.hint
    late = ground.plan("late")
    ground.git("branch", "mng/late")
    with pytest.raises(UsageError):
        place(ground.runner, late)
    unplace(ground.runner, late.work)
    assert ground.leftovers() == NOTHING | {"branches": "refs/heads/mng/late\nrefs/heads/mng/web"}
    ground.git("branch", "flat")
    with pytest.raises(UsageError):
        ground.place("below", branch="flat/below")


@pytest.mark.parametrize("kind", ["worktree", "copy", "clone"])
def test_a_path_that_is_taken_is_left_alone(ground: Ground, kind: str) -> None:
    mine = ground.write(ground.root / "work/web/mine")
    plan = ground.plan(kind=kind)
    with pytest.raises(UsageError, match="exists already and is not empty"):
        place(ground.runner, plan)
    unplace(ground.runner, plan.work)
    assert mine.read_text() == "text\n"
    assert ground.leftovers() == NOTHING | {"work": ["web"]}
    (ground.root / "work/empty").mkdir()
    assert Path(ground.place("empty", kind=kind).path, "a").exists()


def test_a_detached_source_and_one_that_is_a_worktree_itself(ground: Ground) -> None:
    ground.git("checkout", "-q", "--detach")
    at = ground.commit(a="detached\n")
    first = ground.place("first")
    assert first.base == at
    inner = ground.commit(at=Path(first.path), a="agent\n")
    second = ground.place("second", first.path)
    assert (second.base, second.repo) == (inner, str(ground.repo / ".git"))
    ground.destroy(first, "first")
    assert ground.git("rev-parse", "HEAD", at=Path(second.path)) == inner


def test_a_bare_repository(ground: Ground) -> None:
    bare = ground.root / "bare.git"
    ground.git("clone", "-q", "--bare", ground.repo, bare, at=ground.root)
    work = ground.place(source=bare)
    assert Path(work.path, "a").read_text() == "a\n"
    ground.destroy(work)
    assert ground.git("for-each-ref", "refs/heads", "--format=%(refname)", at=bare) == "refs/heads/main"
    assert Path(ground.place("c", bare, kind="clone").path, "a").exists()
    with pytest.raises(UsageError, match="bare"):
        ground.plan("no", bare, kind="copy")


@pytest.mark.parametrize("kind", ["worktree", "clone", "copy"])
def test_a_repository_without_a_commit(bare_ground: Ground, kind: str) -> None:
    ground = bare_ground
    ground.git("init", "-q")
    ground.write(ground.repo / "first thing")
    work = ground.place(kind=kind, ensure_clean=False)
    assert Path(work.path, "first thing").exists()
    if kind != "copy":
        assert ground.git("symbolic-ref", "HEAD", at=Path(work.path)) == "refs/heads/mng/web"
        assert ground.status(work.path) == '?? "first thing"'
    saved = ground.destroy(work)
    assert saved
    assert ground.git("show", f"{saved.ref}:first thing") == "text"
    assert ground.leftovers() == NOTHING
    ground.back(saved)
    assert Path(work.path, "first thing").read_text() == "text\n"


def test_a_shallow_source(ground: Ground) -> None:
    ground.commit(a="2\n")
    ground.git("clone", "-q", "--depth", "1", f"file://{ground.repo}", ground.root / "shallow", at=ground.root)
    for kind in ("worktree", "clone"):
        work = ground.place(kind, ground.root / "shallow", kind=kind)
        assert Path(work.path, "a").read_text() == "2\n"
        ground.commit(at=Path(work.path), new=kind)
        saved = ground.destroy(work, kind)
        assert ground.git("show", f"{saved.ref}:new", at=ground.root / "shallow") == kind


def test_a_clone_of_its_own(ground: Ground) -> None:
    ground.commit(a="2\n")
    work = ground.place(kind="clone")
    assert ground.git("rev-parse", "--absolute-git-dir", at=Path(work.path)) == f"{work.path}/.git"
    assert ground.git("branch", "--show-current", at=Path(work.path)) == "mng/web"
    short = ground.place("short", kind="clone", depth=1)
    assert ground.git("rev-list", "--count", "HEAD", at=Path(short.path)) == "1"
    ground.commit(at=Path(short.path), new="x")
    saved = ground.destroy(short, "short")
    assert ground.git("show", f"{saved.ref}:new") == "x"
    assert ground.git("rev-parse", "--is-shallow-repository") == "false"
    assert ground.git("rev-list", "--count", saved.ref) == "3"


def test_a_copy_of_a_plain_folder(bare_ground: Ground) -> None:
    folder = bare_ground.root / "plain"
    bare_ground.write(folder / "-x/y z")
    (folder / "link").symlink_to("-x")
    work = bare_ground.place(source=folder)
    assert work.kind == "copy"
    assert Path(work.path, "link/y z").read_text() == "text\n"
    with pytest.raises(UsageError, match="not in a git repository"):
        bare_ground.plan("two", folder, kind="worktree")
    with pytest.raises(UsageError, match="inside of"):
        bare_ground.plan("two", folder, path=str(folder / "within"))
    with pytest.raises(NotFound):
        bare_ground.plan("two", folder / "gone")


def test_a_copy_of_a_repository(ground: Ground) -> None:
    ground.write(ground.repo / "x.log")
    ground.write(ground.repo / "a", "changed\n")
    (ground.repo / "b").unlink()
    ground.place("worktree", include_unclean=False)
    plain = Path(ground.place("plain", kind="copy", ensure_clean=False).path)
    assert not (plain / ".git").exists()
    assert not (plain / "x.log").exists()
    assert not (plain / "b").exists()
    assert (plain / "a").read_text() == "changed\n"
    clean = Path(ground.place("clean", kind="copy", include_unclean=False).path)
    assert (clean / "a").read_text() == "a\n"
    folder = Path(ground.place("folder", ground.repo / "src", kind="copy").path)
    assert sorted(p.name for p in folder.iterdir()) == ["app"]
    whole = ground.place("whole", kind="copy", ensure_clean=False, include_git=True, include_gitignored=True)
    assert (Path(whole.path) / "x.log").exists()
    assert ground.status(whole.path) == ground.status(ground.repo)
    assert ground.git("worktree", "list", "--porcelain", at=Path(whole.path)).count("worktree ") == 1
    some = ground.place("some", kind="copy", include_unclean=False, include_git=True)
    assert ground.status(some.path) == ""


def test_in_place_makes_and_removes_nothing(ground: Ground) -> None:
    ground.write(ground.repo / "dirty")
    work = ground.place(kind="in-place")
    assert (work.path, work.branch, work.made_branch) == (str(ground.repo), "main", False)
    assert not ground.destroy(work)
    assert (ground.repo / "dirty").exists()


def test_submodules_come_from_here_and_not_from_the_network(ground: Ground) -> None:
    make_submodules(ground)
    ground.write(ground.repo / "libs/my lib/new", "uncommitted\n")
    work = ground.place(ensure_clean=False)
    lib = Path(work.path, "libs/my lib")
    assert (lib / "code").read_text() == "lib\n"
    assert (lib / "deep/code").read_text() == "deep\n"
    assert (lib / "new").read_text() == "uncommitted\n"
    assert ground.git("remote", "get-url", "origin", at=lib) == "https://nowhere.invalid/lib.git"
    assert ground.status(work.path) == ground.status(ground.repo)
    assert ground.notes == []
    saved = ground.destroy(work)
    assert [kept.path for kept in saved.refs] == [work.root, str(lib)]
    assert ground.leftovers() == NOTHING


def make_submodules(ground: Ground) -> None:
    """`libs/my lib` with `deep` in it; the address of the first leads nowhere."""
    for name in ("deep", "lib"):
        (ground.root / name).mkdir()
        ground.git("init", "-q", at=ground.root / name)
        ground.commit(at=ground.root / name, code=f"{name}\n")
    allowed = ("-c", "protocol.file.allow=always")
    ground.git(*allowed, "submodule", "--quiet", "add", ground.root / "deep", "deep", at=ground.root / "lib")
    ground.commit(at=ground.root / "lib")
    ground.git(*allowed, "submodule", "--quiet", "add", ground.root / "lib", "libs/my lib")
    ground.git(*allowed, "submodule", "--quiet", "update", "--init", "--recursive")
    for at in (ground.repo, ground.repo / "libs/my lib"):
        ground.git("config", "submodule.libs/my lib.url", "https://nowhere.invalid/lib.git", at=at)
        ground.git("config", "submodule.deep.url", "https://nowhere.invalid/deep.git", at=at)
    ground.git("remote", "set-url", "origin", "https://nowhere.invalid/lib.git", at=ground.repo / "libs/my lib")
    (ground.root / "lib").rename(ground.root / "lib away")
    (ground.root / "deep").rename(ground.root / "deep away")
    ground.commit("With a submodule")
