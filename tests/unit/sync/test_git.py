"""What scripts are sent, what git's answers mean, and how the plan of a work dir is decided: without git."""

import pytest

from mng.errors import CommandFailed, MngError, NotAvailable, NotFound, Refused, UsageError
from mng.runner import Done, FakeRunner
from mng.sync import git
from mng.sync.saved import Kept, Saved, Unsaved, unquoted
from mng.sync.source import Placement, Source, new_branch

HEAD = "a" * 40
FOUND = f"/r/src\n/r/.git\nsrc/\n/r/.git\n/r/.git\nfalse\nfalse\n{HEAD} commit\n"
MISSING = "refs/heads/x^{commit} missing\n"
CLEAN = f"# branch.oid {HEAD}\0# branch.head main\0"


def test_words_are_quoted_and_the_script_itself_is_not_shown() -> None:
    line = git.script("look", root="/a b'$(touch x)", claim="/c")
    assert line.shown == "look.sh 'root=/a b'\"'\"'$(touch x)' claim=/c"
    assert git.text("look") in line.line.replace("'\"'\"'", "'")


def test_status_with_odd_names() -> None:
    lines = [
        "# branch.head main",
        "1 .M N... 1 2 3 a b two words",
        "? new\nline",
        "u UU N... 1 2 3 4 a b c x y",
        "? nested/",
    ]
    text = "\0".join([*lines, ""]).encode()
    assert git.entries(text) == [(".M", "two words"), ("??", "new\nline"), ("UU", "x y"), ("??", "nested/")]
    assert git.headers(text) == {"branch.head": "main"}
    assert unquoted('"a\\tb"') == "a\tb"


@pytest.mark.parametrize(
    ("code", "err", "kind", "words"),
    [
        (128, "fatal: detected dubious ownership in repository at '/r'", Refused, "safe.directory"),
        (128, "fatal: 'main' is already checked out at '/r'", UsageError, "--no-new-branch"),
        (128, "fatal: cannot lock ref 'refs/heads/x': reference already exists", UsageError, "--new-branch=NAME"),
        (1, "error: unable to write file a: No space left on device", MngError, "make room"),
        (127, "sh: git: not found", NotAvailable, "install git"),
        (1, "", CommandFailed, ""),
    ],
)
def test_complaints_of_git_say_what_to_do(code: int, err: str, kind: type[MngError], words: str) -> None:
    error = git.explained(Done(code, b"", err.encode()), "cannot do it")
    assert type(error) is kind
    assert error.what.startswith("cannot do it: ")
    assert words in error.hint


def source(answer: Done | str, **names: str) -> Source:
    return Source.of(FakeRunner(answers={"": answer}), "/r/src", **names)


def test_a_source_from_one_answer() -> None:
    found = source(FOUND + MISSING * 4 + "\0" + CLEAN + "? new\0", branch="x")
    assert found == Source("/r/src", "/r", "/r/.git", HEAD, "main", ("new",))
    assert found.prefix == "src"
    remote = source(FOUND + MISSING * 2 + f"{HEAD} commit\n" + MISSING + "\0" + CLEAN, base="pr")
    assert (remote.base, remote.base_branch, remote.base_remote) == (HEAD, "", "origin/pr")
    assert source("/plain\n") == Source("/plain")


def test_what_is_no_source() -> None:
    with pytest.raises(NotFound):
        source(Done(66))
    with pytest.raises(NotAvailable):
        source(Done(69))
    with pytest.raises(CommandFailed, match="not a git repository"):
        source(Done(128, b"/r/src\n", b"fatal: not a git repository: /r/.git"))


REPO = Source("/r", "/r", "/r/.git", HEAD, "main")


def plan(of: Source = REPO, **how: object) -> Placement:
    return Placement.plan(of, **({"path": "/w", "claim": "/c", "branch": "mng/x"} | how))  # type: ignore[arg-type]


def test_the_plan_is_a_value_made_before_anything_else() -> None:
    work = plan().work
    assert (work.kind, work.path, work.branch, work.base, work.made_branch) == ("worktree", "/w", "mng/x", HEAD, True)
    assert plan(Source("/r/a", "/r", "/r/.git", HEAD)).work.path == "/w/a"
    assert plan(Source("/plain")).work.kind == "copy"
    assert plan(Source("/r/a", "/r", "/r/.git", HEAD), kind="copy").work.base == f"{HEAD}:a"
    assert plan(branch="").work.branch == "main"
    assert not plan(branch="").work.made_branch
    assert plan(kind="in-place").work.path == "/r"
    assert plan().project == "r"


def test_the_name_of_a_new_branch() -> None:
    assert (new_branch(True, "mng/", "x"), new_branch("y", "mng/", "x"), new_branch(False, "mng/", "x")) == (
        "mng/x",
        "y",
        "",
    )


def test_the_lines_of_the_way_back() -> None:
    saved = Saved("/d", "/r/.git", (Kept("refs/s", "/w x", True), Kept("refs/s-1", "/w x/in", False)), "mng/x")
    assert saved.way_back.split("\n") == [
        "git -C /r/.git worktree add -b mng/x --end-of-options '/w x' refs/s",
        "git -C '/w x' reset -q 'HEAD^'",
        "git init -q -- '/w x/in'",
        "git -C '/w x/in' fetch -q -- /r/.git refs/s-1",
        "git -C '/w x/in' reset -q --hard FETCH_HEAD",
    ]
    assert not Saved()


def test_unsaved_work_in_words() -> None:
    inner = Unsaved("/w/in", "separate", "", commits=1)
    there = Unsaved("/w", "worktree", "", changes=("a", "b", "c", "d"), commits=2, inner=(inner,))
    assert str(there) == "a, b, c and 1 more not committed; 2 commits on no other branch; /w/in: 1 commit on no other branch"
    assert not Unsaved("/w", "worktree", "")
