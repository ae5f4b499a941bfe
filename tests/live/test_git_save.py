"""What exists nowhere else survives destroy, and the way back that is printed brings it back."""

import shutil
from pathlib import Path

import pytest

from mng.errors import MngError, Refused
from mng.sync.saved import unsaved
from mng.sync.source import unplace
from tests.live.git_ground import NOTHING, Ground, bare_ground, ground
from tests.live.test_git_place import make_dirty, make_submodules

__all__ = ["bare_ground", "ground"]
KINDS = ["worktree", "clone", "copy"]


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    """All files of a folder but git's: name -> type or mode, content."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file() and ".git" not in path.relative_to(folder).parts:
            found[name] = (
                "x" if path.stat().st_mode & 0o100 else "-",
                path.read_bytes().decode(errors="surrogateescape"),
            )
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_comes_back(ground: Ground, kind: str) -> None:
    make_dirty(ground)
    before, dirty = tree(ground.repo), ground.status(ground.repo)
    work = ground.place(kind=kind, ensure_clean=False)
    saved = ground.destroy(work)
    assert saved.ref.startswith("refs/mng/saved/web/2")
    assert ground.leftovers() == NOTHING
    assert ground.status(ground.repo) == dirty
    ground.back(saved)
    assert tree(Path(work.path)) == before


@pytest.mark.parametrize("kind", ["worktree", "clone"])
def test_commits_on_no_other_branch_come_back(ground: Ground, kind: str) -> None:
    work = ground.place(kind=kind)
    ground.commit("One", at=Path(work.path), one="1")
    last = ground.commit("Two", at=Path(work.path), two="2")
    assert str(unsaved(ground.runner, work)) == "2 commits on no other branch"
    saved = ground.destroy(work)
    assert ground.git("rev-parse", saved.ref) == last
    ground.back(saved)
    assert ground.git("log", "-2", "--format=%s", at=Path(work.path)) == "Two\nOne"
    assert ground.git("branch", "--show-current", at=Path(work.path)) == "mng/web"
    assert ground.status(work.path) == ""


def test_commits_and_changes_come_back_apart(ground: Ground) -> None:
    work = ground.place()
    last = ground.commit(at=Path(work.path), one="1")
    ground.write(Path(work.path, "a"), "changed\n")
    saved = ground.destroy(work)
    ground.back(saved)
    assert ground.git("rev-parse", "HEAD", at=Path(work.path)) == last
    assert ground.status(work.path) == " M a"


@pytest.mark.parametrize("kind", ["worktree", "clone"])
def test_a_merged_branch_needs_no_saving(ground: Ground, kind: str) -> None:
    work = ground.place(kind=kind)
    ground.commit(at=Path(work.path), one="1")
    ground.git("pull", "-q", work.path, "mng/web")
    assert not ground.destroy(work)
    assert ground.git("for-each-ref", "refs/mng") == ""


def test_commits_that_the_agent_threw_away_are_kept_too(ground: Ground) -> None:
    work = ground.place()
    lost = ground.commit(at=Path(work.path), lost="1")
    ground.git("reset", "-q", "--hard", "HEAD~1", at=Path(work.path))
    detached = ground.place("detached")
    ground.git("checkout", "-q", "--detach", at=Path(detached.path))
    loose = ground.commit(at=Path(detached.path), loose="1")
    ground.git("checkout", "-q", "mng/detached", at=Path(detached.path))
    for work_, name, oid in ((work, "web", lost), (detached, "detached", loose)):
        saved = ground.destroy(work_, name)
        ground.git("merge-base", "--is-ancestor", oid, saved.ref)
        ground.back(saved)
        assert ground.status(work_.path) == ""


def test_what_is_only_in_the_index_is_kept(ground: Ground) -> None:
    work = ground.place()
    ground.write(Path(work.path, "b"), "only staged\n")
    ground.git("add", "b", at=Path(work.path))
    ground.write(Path(work.path, "b"), "b\n")
    saved = ground.destroy(work)
    assert ground.git("show", f"{saved.ref}^2:b") == "only staged"


def test_other_branches_stashes_and_tags_of_a_clone_are_kept(ground: Ground) -> None:
    work = ground.place(kind="clone")
    at = Path(work.path)
    ground.git("checkout", "-q", "-b", "side", at=at)
    side = ground.commit(at=at, side="1")
    ground.git("checkout", "-q", "mng/web", at=at)
    ground.write(at / "a", "first stash")
    ground.git("stash", at=at)
    ground.write(at / "a", "second stash")
    ground.git("stash", at=at)
    stashes = ground.git("reflog", "show", "--format=%H", "refs/stash", at=at).split()
    saved = ground.destroy(work)
    for oid in (side, *stashes):
        ground.git("merge-base", "--is-ancestor", oid, saved.ref)


def test_a_merge_with_conflicts_is_kept_as_it_is(ground: Ground) -> None:
    work = ground.place()
    ground.commit(a="theirs\n")
    ground.commit(at=Path(work.path), a="ours\n")
    ground.git("merge", "main", at=Path(work.path), check=False)
    text = Path(work.path, "a").read_text()
    assert "<<<<<<<" in text
    saved = ground.destroy(work)
    assert ground.git("show", f"{saved.ref}:a") + "\n" == text


def test_submodules_and_repositories_inside_are_kept(ground: Ground) -> None:
    make_submodules(ground)
    work = ground.place()
    lib, deep, own, fresh = (Path(work.path, name) for name in ("libs/my lib", "libs/my lib/deep", "own repo", "fresh"))
    committed = ground.commit(at=lib, more="lib\n")
    ground.write(deep / "code", "changed\n")
    ground.git("commit", "-q", "-am", "Lib", at=Path(work.path))
    for folder in (own, fresh):
        folder.mkdir()
        ground.git("init", "-q", at=folder)
        ground.write(folder / "x", "x\n")
    ground.commit(at=own)
    saved = ground.destroy(work)
    assert {kept.path for kept in saved.refs} == {work.root, *map(str, (lib, deep, own, fresh))}
    assert ground.leftovers() == NOTHING
    ground.back(saved)
    assert ground.git("rev-parse", "HEAD", at=lib) == committed
    assert (deep / "code").read_text() == "changed\n"
    assert (own / "x").read_text() == (fresh / "x").read_text() == "x\n"


def test_ignored_files_are_not_kept(ground: Ground) -> None:
    work = ground.place()
    ground.write(Path(work.path, ".env"), "SECRET=1")
    assert not ground.destroy(work)
    assert ground.leftovers() == NOTHING


def test_a_plain_folder_is_kept_in_a_repository_of_ours_if_it_changed(bare_ground: Ground) -> None:
    ground = bare_ground
    folder = ground.write(ground.root / "plain/.gitignore", "x\n").parent
    ground.write(folder / "x")
    same = ground.place("same", folder)
    assert not ground.destroy(same, "same")
    work = ground.place("web", folder)
    ground.write(Path(work.path, "x"), "changed\n")
    saved = ground.destroy(work)
    assert saved.repo == str(ground.host_dir / "saved.git")
    ground.back(saved)
    assert tree(Path(work.path)) == tree(folder) | {"x": ("-", "changed\n")}


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_kept_although_the_source_is_gone(ground: Ground, kind: str) -> None:
    work = ground.place(kind=kind)
    ground.write(Path(work.path, "new"), "new\n")
    ground.repo.rename(ground.root / "away")
    saved = ground.destroy(work)
    assert saved.repo == str(ground.host_dir / "saved.git")
    assert not Path(work.path).exists()
    ground.back(saved)
    assert Path(work.path, "new").read_text() == "new\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_work_dir_that_vanished(ground: Ground, kind: str) -> None:
    work = ground.place(kind=kind)
    if kind == "worktree":
        ground.commit(at=Path(work.path), one="1")
    shutil.rmtree(work.path)
    saved = ground.destroy(work)
    assert bool(saved) == (kind == "worktree")
    assert ground.leftovers() == NOTHING


def test_a_worktree_whose_git_file_is_gone(ground: Ground) -> None:
    work = ground.place()
    ground.commit(at=Path(work.path), one="1")
    ground.write(Path(work.path, "new"), "new\n")
    Path(work.path, ".git").unlink()
    pruned = ground.place("pruned")
    ground.write(Path(pruned.path, "new"), "pruned\n")
    Path(pruned.path, ".git").unlink()
    shutil.rmtree(ground.repo / ".git/worktrees/pruned")
    saved, other = ground.destroy(work), ground.destroy(pruned, "pruned")
    assert ground.git("show", f"{saved.ref}:one") == "1"
    assert ground.git("show", f"{saved.ref}:new") == "new"
    assert ground.git("show", f"{other.ref}:new") == "pruned"
    assert ground.leftovers() == NOTHING


@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_after_saving_stops_the_removal(ground: Ground, kind: str) -> None:
    for name, first, later in (("clean", "", "new"), ("dirty", "a", "a"), ("again", "a", "other")):
        work = ground.place(name, kind=kind)
        if first:
            ground.write(Path(work.path, first), "saved\n")
        saved = ground.save(work, name)
        ground.write(Path(work.path, later), "not yet saved\n")
        before = ground.git("for-each-ref"), sorted(Path(work.path).iterdir())
        with pytest.raises(Refused, match="has changed"):
            unplace(ground.runner, work, saved)
        assert before == (ground.git("for-each-ref"), sorted(Path(work.path).iterdir()))
        assert Path(work.path, later).read_text() == "not yet saved\n"
        ground.destroy(work, name)
    assert ground.leftovers() == NOTHING


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_saved_is_not_removed(ground: Ground, kind: str) -> None:
    work = ground.place(kind=kind)
    ground.write(Path(work.path, "a"), "changed\n")
    ground.write(ground.repo / ".git/refs/mng/saved/web", "in the way")
    with pytest.raises(Refused, match="can't be saved"):
        ground.destroy(work)
    assert Path(work.path, "a").read_text() == "changed\n"
    unplace(ground.runner, work)
    assert not Path(work.path).exists()


def test_two_agents_that_keep_each_others_commits_do_not_lose_them(ground: Ground) -> None:
    first = ground.place("first")
    ground.commit(at=Path(first.path), one="1")
    second = ground.place("second", first.path)
    both = [(work, ground.save(work, name)) for work, name in ((first, "first"), (second, "second"))]
    assert not any(saved for _, saved in both)
    unplace(ground.runner, *both[0])
    with pytest.raises(Refused):
        unplace(ground.runner, *both[1])
    assert ground.destroy(second, "second")
    assert ground.leftovers() == NOTHING


def test_a_branch_that_is_in_use_elsewhere_stays(ground: Ground) -> None:
    work = ground.place()
    ground.git("checkout", "-q", "--detach", at=Path(work.path))
    ground.git("checkout", "-q", "mng/web")
    ground.destroy(work)
    assert "stays" in ground.notes[0]
    assert ground.git("branch", "--show-current") == "mng/web"


def test_names_and_times_never_overwrite(ground: Ground) -> None:
    refs = set()
    for text in ("one", "two", "three", "three"):  # the same work of the same agent is saved once
        work = ground.place()
        ground.write(Path(work.path, "a"), f"{text}\n")
        refs.add(ground.destroy(work).ref)
    assert len(refs) == 3
    assert sorted(refs) == ground.git("for-each-ref", "--format=%(refname)", "refs/mng").split()


def test_folders_that_are_not_writable_go_too(ground: Ground) -> None:
    work = ground.place()
    ground.write(Path(work.path, "build/x"))
    Path(work.path, "build").chmod(0o555)
    ground.destroy(work)
    assert ground.leftovers() == NOTHING


def test_a_folder_with_the_name_that_we_rename_to_is_left_alone(ground: Ground) -> None:
    work = ground.place()
    theirs = ground.write(Path(f"{work.root}.mng-removed/mine"))
    with pytest.raises(MngError, match="is in the way"):
        ground.destroy(work)
    assert theirs.exists()
    assert Path(work.path, "a").exists()
