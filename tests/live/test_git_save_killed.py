"""Saving work that is killed half-way, done by many at once, and of any tree."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mng.records import Work
from mng.sync.saved import save
from mng.sync.source import place, unplace
from tests.live.git_ground import NOTHING, Ground, alone
from tests.live.git_ground import bare_ground as bare_ground
from tests.live.git_ground import ground as ground
from tests.live.test_git_save import KINDS, tree

# --- killed half-way


def half_made(ground: Ground, work: Work, state: str) -> None:
    root, claim, admin = Path(work.root), Path(work.claim), ground.repo / ".git/worktrees" / Path(work.root).name
    if state == "folder":
        claim.unlink()
        shutil.rmtree(root)
        root.mkdir()
        shutil.rmtree(admin)
        ground.git("branch", "-D", work.branch)
    elif state == "branch made but not claimed":
        claim.write_text("root\n")
        shutil.rmtree(admin)
        shutil.rmtree(root)
        root.mkdir()
    elif state == "locked":
        for file in admin.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        (admin / "locked").write_text("initializing")
        shutil.rmtree(root)
        root.mkdir()
    elif state == "half a checkout":
        (admin / "index").rename(admin / "index.lock")
        (root / "a").unlink()
    elif state == "renamed":
        ground.git("update-ref", "-d", "refs/heads/mng/web")
        claim.write_text(f"root\nbranch\nremoving {admin}\n")
        root.rename(f"{root}.mng-removed")
    elif state == "admin half gone":
        ground.git("update-ref", "-d", "refs/heads/mng/web")
        claim.write_text(f"root\nbranch\nremoving {admin}\n")
        (admin / "gitdir").unlink()
        root.rename(f"{root}.mng-removed")
    elif state == "only the claim is left":
        ground.git("worktree", "remove", "--force", root)
        ground.git("branch", "-D", work.branch)


STATES = [
    "folder",
    "branch made but not claimed",
    "locked",
    "half a checkout",
    "renamed",
    "admin half gone",
    "only the claim is left",
]


@pytest.mark.parametrize("state", STATES)
def test_every_half_done_state_can_be_undone_and_undone_again(ground: Ground, state: str) -> None:
    ground.place("webber")
    kept = ground.leftovers()
    work = ground.place()
    half_made(ground, work, state)
    unplace(ground.runner, work)
    unplace(ground.runner, work)
    assert ground.leftovers() == kept
    again = ground.place()
    assert Path(again.path, "a").exists()


def test_undoing_what_was_never_begun(ground: Ground) -> None:
    plan = ground.plan()
    ground.git("branch", "mng/web")
    unplace(ground.runner, plan.work)
    assert ground.git("branch", "--list", "mng/web") != ""


# --- many at once


def test_twenty_at_once_of_one_repository(ground: Ground) -> None:
    def life(number: int) -> bool:
        name = f"n{number}"
        plan = ground.plan(name)
        place(ground.runner, plan)
        ground.write(Path(plan.work.path, "a"), name)
        saved = save(ground.runner, plan.work, name, str(ground.host_dir))
        unplace(ground.runner, plan.work, saved)
        return ground.git("show", f"{saved.ref}:a") == name

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(life, range(40)))
    assert ground.leftovers() == NOTHING


# --- any tree

NAMES = st.one_of(
    st.sampled_from(["a", "b", "c", "-n", "new\nline", "q\"'", "ü", "*", "~", "\\t", " lead", "trail ", "#x", "!y", ":(top)"]),
    st.text("ab \t\n'\"\\é-", min_size=1, max_size=4),
)
ENTRY = st.one_of(st.binary(max_size=6), st.sampled_from(["link:a", "link:/nowhere", "exec:run"]))
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), ENTRY, max_size=6)


def write_tree(folder: Path, files: dict[tuple[str, ...], bytes | str]) -> None:
    """Make the folder hold these files and no others; one that is in the way of another is left out."""
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for parts, content in sorted(files.items()):
        path = folder.joinpath(*parts)
        if any(p.is_symlink() or p.is_file() for p in path.parents if folder in p.parents) or os.path.lexists(path):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content.startswith("link:"):
            path.symlink_to(content[5:])
        else:
            path.write_text(content)
            path.chmod(0o755)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=TREES, index=TREES, files=TREES, data=st.data())
def test_any_state_is_carried_over_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, first: dict, index: dict, files: dict, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    with pytest.MonkeyPatch.context() as patch:
        ground = alone(patch, tmp_path_factory.mktemp("any"))
        ground.git("init", "-q")
        for content, commit in ((first, True), (index, False)):
            write_tree(ground.repo, content)
            ground.git("add", "-A")
            if commit:
                ground.git("commit", "-q", "--allow-empty", "-m", "First")
        write_tree(ground.repo, files)
        before, dirty = tree(ground.repo), ground.status(ground.repo)
        work = ground.place(kind=kind, ensure_clean=False)
        assert tree(Path(work.path)) == before
        if kind != "copy":
            assert ground.status(work.path) == dirty
        saved = ground.destroy(work)
        assert ground.leftovers() == NOTHING
        if saved:
            ground.back(saved)
            assert tree(Path(work.path)) == before
        else:
            assert not dirty or kind == "copy"
        shutil.rmtree(ground.root)
