"""What counts as .git, in every spelling."""

import subprocess
from pathlib import Path

import pytest

from mng.sync.dotgit import IGNORED, for_rsync, is_dotgit
from tests.bed.need import need

SAME = [
    ".git", ".GIT", ".Git", ".gIt", "git~1", "GIT~1", "git~2", ".git ", ".git.", ".git. .", ".git...", ".git::$INDEX_ALLOCATION",
    ".git:x", "git~1 ", "git~1::$DATA", *(f".g{one}it" for one in IGNORED), "\u200c.git",
    ".git\ufeff", ".\u202egIt", ".g\u206ait\u200d",
]  # fmt: skip
FOLDED = [".\uff47it", "\uff0egit", ".g\u2071t"]  # where names are compared by compatibility, too
OTHERS = [".gitignore", ".github", ".gitmodules", "git", "x.git", ".git-x", ".gi", "gitt", ".git.bak", "git~", "git~x",
          ".gitlab-ci.yml",
          "\u200d", "a\u200db.git.txt", "..git", "新文件夹", ""]  # fmt: skip


@pytest.mark.parametrize("name", [*SAME, *FOLDED])
def test_a_name_that_is_dotgit_somewhere(name: str) -> None:
    for path in (name, f"{name}/config", f"a/{name}", f"a/{name}/hooks/x", f"a\\{name}\\config"):
        assert is_dotgit(path), path


@pytest.mark.parametrize("name", OTHERS)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_dotgit(f"a/{name}/b")


def test_rsync_leaves_the_same_names(tmp_path: Path) -> None:
    need("rsync")
    for name in (*SAME, *filter(None, OTHERS)):
        (tmp_path / "a" / "b" / name).mkdir(parents=True)
        (tmp_path / "a" / "b" / name / "config").write_text("x")
    words = ["rsync", "-r", *(f"--exclude={one}" for one in for_rsync()), f"{tmp_path}/a/", f"{tmp_path}/c/"]
    subprocess.run(words, check=True)
    assert {one.name for one in (tmp_path / "c/b").iterdir()} == set(filter(None, OTHERS))
