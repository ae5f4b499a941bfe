"""A play: facts in one trip, a check that predicts, handlers that survive, tags."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mng.errors import MngError, Unreachable
from mng.host import Host
from mng.roles import ops
from mng.roles.play import Play, provision, tasks
from mng.roles.recap import Recap
from mng.roles.role import Role, role
from mng.runner import Done, File, LocalRunner, Tree
from mng.shell import Cmd, cmd, raw


class Counted(LocalRunner):
    """As a host elsewhere: every call is a trip."""

    def __init__(self) -> None:
        self.trips: list[str] = []

    def run(self, command: Cmd, **how: Any) -> Done:
        self.trips.append(command.shown)
        return super().run(command, **how)

    def put(self, files: Mapping[str, File]) -> None:
        self.trips.append(f"put {list(files)}")
        super().put(files)

    def get(self, paths: Sequence[str]) -> dict[str, bytes]:
        self.trips.append(f"get {paths}")
        return {path: Path(path).read_bytes() for path in paths if Path(path).exists()}

    def tree(self) -> Tree:
        raise AssertionError("a tree of a host elsewhere is a trip of unknown size")

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float) -> Iterator[None]:
        self.trips.append(f"lock {path}")
        with super().lock(path, timeout):
            yield


@pytest.fixture(params=[True, False], ids=["local", "elsewhere"])
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    (tmp_path / "h").mkdir()
    runner = LocalRunner() if request.param else Counted()
    return Host("h", "web", "x", runner, str(tmp_path / "h"), str(tmp_path / "h" / "mng"), "mng-", local=request.param)


@pytest.fixture
def far(tmp_path: Path) -> Host:
    (tmp_path / "h").mkdir()
    return Host("h", "web", "x", Counted(), str(tmp_path / "h"), str(tmp_path / "h" / "mng"), "mng-")


def trips(host: Host) -> list[str]:
    assert isinstance(host.runner, Counted)
    return host.runner.trips


def shown(recap: Recap) -> list[tuple[str, str, str]]:
    return [(change.role, change.what, change.status) for change in recap.changes]


def tree(folder: str) -> dict[str, tuple[int, bytes]]:
    paths = [p for p in sorted(Path(folder).rglob("*")) if not p.name.endswith(("lock", ".jsonl"))]
    return {str(p): (p.stat().st_mode, p.read_bytes() if p.is_file() else b"") for p in paths}


FAKES = {  # a package manager and a service manager that keep their state in files
    "apt-get": 'case "$*" in *install*) for p; do touch "$STATE/pkg-$p"; done ;; *update*) ;; esac',
    "dpkg-query": 'for p; do :; done; [ -e "$STATE/pkg-$p" ] && echo installed',
    "systemctl": """last() { for x; do :; done; echo "$x"; }; n=$STATE/svc-$(last "$@")
case $1 in is-system-running) echo running ;;
is-enabled) if [ -e "$n-enabled" ]; then echo enabled; else echo disabled; exit 1; fi ;;
is-active) if [ -e "$n" ]; then echo active; else echo inactive; exit 3; fi ;;
enable) touch "$n-enabled" ;; disable) rm "$n-enabled" ;; start|restart|reload) touch "$n" ;; stop) rm "$n" ;; esac""",
}


@pytest.fixture
def managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fakes"
    (folder / "state").mkdir(parents=True)
    for name, text in FAKES.items():
        (folder / name).write_text(f"#!/bin/sh\nSTATE={folder}/state\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "state"


@role()
def reload(on: Play) -> None:
    ops.command(on, raw(f"echo reloaded >> {cmd(on.path('~/reloaded')).line}"))


def everything(source: Path) -> Role:
    """A role with every op, several of them on the same file."""

    @role(tags=["all"])
    def every(on: Play) -> None:
        ops.directory(on, "~/a/b", mode=0o750)
        ops.directory(on, "~/a")
        with on.notify(reload):
            ops.file(on, "~/a/f", b"\0any\xff\nbytes", mode=0o640)
        ops.file(on, "~/text", b"one\ntwo\n")
        ops.line(on, "~/text", "two")
        ops.line(on, "~/text", "TWO", match="^t")
        ops.line(on, "~/text", "one", present=False)
        ops.block(on, "~/text", "in\nblock")
        ops.text_at(on, "~/text", "end", end=True)
        ops.text_at(on, "~/text", "begin", end=False)
        ops.template(on, "~/t", "$a ${b}c $$\n", a=1, b="x")
        ops.copy(on, source, "~/copied")
        ops.copy(on, source / "one", "~/one")
        ops.json_keys(on, "~/s.json", {"a": {"b": 1}})
        ops.command(on, cmd("touch", on.path("~/made")), creates="~/made")
        ops.command(on, cmd("touch", on.path("~/made")), creates="~/made")
        ops.package(on, "one", "two", apk="other")
        ops.package(on, "two")
        ops.service(on, "web", enabled=True)
        ops.service(on, "web")
        ops.program(on, "sh", None)
        ops.program(on, "made-program", cmd("touch", on.path("~/x")))

    return every


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src" / "deep" / "empty").mkdir(parents=True)
    (tmp_path / "src" / "one").write_text("1")
    (tmp_path / "src" / "deep" / "two three").write_bytes(b"\0")
    (tmp_path / "src" / "one").chmod(0o755)
    return tmp_path / "src"


def test_a_check_changes_nothing_and_predicts_what_is_done(host: Host, managers: Path, source: Path) -> None:
    before = tree(host.home)
    predicted = provision(host, [everything(source)], check=True, bootstrap="yes", failing=False)
    assert tree(host.home) == before and not list(managers.iterdir())
    assert not Path(host.dir).exists()
    done = provision(host, [everything(source)], bootstrap="yes")
    assert shown(predicted) == shown(done) and done.count("changed") == 17
    home = Path(host.home)
    assert (home / "text").read_text() == "begin\nTWO\n# BEGIN mng\nin\nblock\n# END mng\nend\n"
    assert (home / "a/f").read_bytes() == b"\0any\xff\nbytes" and (home / "a/f").stat().st_mode & 0o777 == 0o640
    assert (home / "t").read_text() == "1 xc $\n" and (home / "reloaded").read_text() == "reloaded\n"
    assert (home / "copied/deep/empty").is_dir() and (home / "copied/deep/two three").read_bytes() == b"\0"
    assert (home / "one").stat().st_mode & 0o111 and (home / "a/b").stat().st_mode & 0o777 == 0o750


def settled(source: Path) -> Role:
    """What is right after it was done once."""

    @role()
    def calm(on: Play) -> None:
        with on.notify(reload):
            for number in range(20):
                ops.file(on, f"~/d/{number}", b"\0%d\n" % number, 0o600)
        ops.directory(on, "~/d")
        ops.line(on, "~/text", "x")
        ops.block(on, "~/text", "in\nblock")
        ops.copy(on, source, "~/copied")
        ops.json_keys(on, "~/s.json", {"a": {"b": 1}})
        ops.command(on, cmd("touch", on.path("~/made")), creates="~/made")
        ops.package(on, "one", "two")
        ops.service(on, "web", enabled=True)
        ops.program(on, "sh", None)

    return calm


def test_a_host_that_is_right_costs_one_trip_whatever_the_number_of_roles(far: Host, managers: Path, source: Path) -> None:
    many = [role()(settled(source).body) for _ in range(10)]
    provision(far, many)
    trips(far).clear()
    recap = provision(far, many)
    assert len(trips(far)) == 1, trips(far)
    assert recap.count("ok") == len(recap.changes) == 10 * 29
    trips(far).clear()
    provision(far, many, check=True, diff=True)
    assert len(trips(far)) == 1


def test_what_is_not_foreseen_costs_its_own_trip(far: Host) -> None:
    Path(far.home, "which").write_text("~/b")
    Path(far.home, "b").write_text("right")

    @role()
    def nosy(on: Play) -> None:
        name = ops.read(on, "~/which")
        ops.file(on, (name or b"").decode(), b"right")

    assert provision(far, [nosy]).count("ok") == 1
    assert len(trips(far)) == 2


def test_after_a_command_only_what_is_still_wanted_is_asked_again(far: Host) -> None:
    @role()
    def long(on: Play) -> None:
        for number in range(5):
            ops.file(on, f"~/{number}", b"", 0o600)
        for _ in range(3):
            ops.command(on, cmd("true"))
        ops.file(on, "~/5", b"", 0o600)
        ops.file(on, "~/6", b"", 0o600)

    provision(far, [long])
    trips(far).clear()
    provision(far, [long])
    assert trips(far) == ["sh", "true", "true", "true", "sh"]


def test_a_command_makes_facts_stale(host: Host) -> None:
    Path(host.home, "f").write_text("old\n")

    @role()
    def rewrite(on: Play) -> None:
        ops.command(on, raw(f"echo new > {cmd(on.path('~/f')).line}"))
        ops.line(on, "~/f", "more")

    provision(host, [rewrite])
    assert Path(host.home, "f").read_text() == "new\nmore\n"


@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n", b"no newline", b"\0\xff" * 999, b"x\n" * 3])
def test_any_content_comes_through(host: Host, data: bytes) -> None:
    path = Path(host.home, "a 'b\n$c")
    path.write_bytes(data)
    path.chmod(0o2751)
    seen = Play(host).look(str(path))
    assert (seen.kind, seen.data, seen.mode, seen.path) == ("file", data, 0o2751, str(path))
    assert (seen.owner, seen.group) == (path.owner(), path.group())


def test_a_shell_that_greets_is_not_taken_for_an_answer(far: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    run = far.runner.run
    monkeypatch.setattr(far.runner, "run", lambda *a, **how: (d := run(*a, **how))._replace(out=b"Welcome!\n" + d.out))
    assert Play(far).ask(cmd("echo", "hi")) == Done(0, b"hi\n")
    monkeypatch.setattr(far.runner, "run", lambda *a, **how: Done(1, b"", b"sh: not found\n"))
    with pytest.raises(MngError, match="did not answer all that it was asked: sh: not found"):
        Play(far).ask(cmd("true"))


def test_links_are_followed_and_owners_kept(host: Host) -> None:
    home = Path(host.home)
    (home / "real").write_text("x\n")
    (home / "real").chmod(0o604)
    (home / "link").symlink_to("real")
    provision(host, [role()(lambda_role("~/link"))])
    assert (home / "link").is_symlink() and (home / "real").read_text() == "x\nmore\n"
    assert (home / "real").stat().st_mode & 0o777 == 0o604
    if os.getuid() == 0:
        os.chown(home / "real", 12345, 54321)
        provision(host, [role()(lambda_role("~/link", "again"))])
        assert ((home / "real").stat().st_uid, (home / "real").stat().st_gid) == (12345, 54321)
        assert ops.file(Play(host), "~/owned", b"x", owner="nobody") and (home / "owned").owner() == "nobody"
        assert not ops.file(Play(host), "~/owned", b"x", owner="nobody")


def lambda_role(path: str, text: str = "more") -> Any:
    def edit(on: Play) -> None:
        ops.line(on, path, text)

    return edit


def test_what_stands_in_the_way_fails_in_a_check_too(host: Host) -> None:
    Path(host.home, "folder").mkdir()
    Path(host.home, "file").write_text("")

    def blocked(op: Any) -> Role:
        return Role("blocked", op)

    for op in (
        lambda on: ops.file(on, "~/folder", b""),
        lambda on: ops.directory(on, "~/file"),
        lambda on: ops.line(on, "~/folder", "x"),
        lambda on: ops.line(on, "~/file", "x\ny"),
        lambda on: ops.file(on, "relative", b""),
        lambda on: ops.template(on, "~/t", "$missing"),
        lambda on: ops.template(on, "~/t", "$ 5"),
        lambda on: ops.program(on, "no-such-program", None),
    ):
        ends = [provision(host, [blocked(op)], check=check, failing=False) for check in (True, False)]
        assert shown(ends[0]) == shown(ends[1]) and ends[0].count("failed") == 1, shown(ends[0])


def test_tags(host: Host) -> None:
    @role(tags=["net"])
    def one(on: Play) -> None:
        ops.file(on, "~/1", b"1")
        with on.tagged("rc"):
            ops.file(on, "~/2", b"2")

    @role()
    def two(on: Play) -> None:
        ops.file(on, "~/3", b"3")

    def done(**how: Any) -> list[str]:
        return [change.status for change in provision(host, [one, two], check=True, **how).changes]

    assert done(tags=["rc"]) == ["skipped", "changed", "skipped"]
    assert done(tags=["net"]) == ["changed", "changed", "skipped"]
    assert done(tags=["two", "rc"]) == ["skipped", "changed", "changed"]
    assert done(skip_tags=["rc"]) == ["changed", "skipped", "changed"]
    assert done(tags=["one"], skip_tags=["rc"]) == ["changed", "skipped", "skipped"]
    assert [(c.role, c.what, c.tags) for c in tasks(host, [one, two])] == [
        ("one", "file ~/1", ("net",)), ("one", "file ~/2", ("net", "rc")), ("two", "file ~/3", ()),
    ]  # fmt: skip
    assert [c.what for c in tasks(host, [one, two], tags=["rc", "two"])] == ["file ~/2", "file ~/3"]


def test_a_bug_in_a_role_is_told_with_its_line(host: Host) -> None:
    @role()
    def buggy(on: Play) -> None:
        ops.file(on, "~/1", b"1")
        {}["x"]

    with pytest.raises(MngError, match="role buggy: KeyError: 'x'") as error:
        provision(host, [buggy])
    assert "test_play.py:" in error.value.hint and Path(host.home, "1").exists()

    @role()
    def leaving(on: Play) -> None:
        sys.exit(3)

    recap = provision(host, [leaving, buggy], failing=False)
    assert [(c.what, c.status) for c in recap.changes] == [("role leaving: SystemExit: 3", "failed"), ("", "skipped")]


def test_what_cannot_be_written_says_so(host: Host) -> None:
    @role()
    def proc(on: Play) -> None:
        ops.line(on, "/proc/version", "x")

    with pytest.raises(MngError, match=r"cannot write /proc/version: cp: ") as error:
        provision(host, [proc])
    assert "new=" not in error.value.what


def test_a_host_that_does_not_answer(far: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any, **how: Any) -> Done:
        raise Unreachable("web does not answer")

    monkeypatch.setattr(far.runner, "run", silent)
    recap = provision(far, [reload(), role()(lambda_role("~/x"))], failing=False)
    assert [c.status for c in recap.changes] == ["unreachable", "skipped", "skipped"]
    assert str(recap) == "web: ok=0 changed=0 unreachable=1 failed=0 skipped=2"


def test_diffs_show_no_secret(host: Host) -> None:
    from mng.roles.env import env

    Path(host.home, "env").write_text("A=1\nB='two words'\n")
    Path(host.home, "env").chmod(0o600)

    @role()
    def private(on: Play) -> None:
        ops.file(on, "~/key", b"SECRET", 0o600)
        ops.file(on, "~/open", b"hello\n")
        ops.file(on, "~/binary", b"\xff")

    recap = provision(host, [private, env(path="~/env", values={"A": "SECRET", "C": "SECRET"})], diff=True)
    text = "\n".join(change.diff for change in recap.changes)
    assert "SECRET" not in text and "not shown" in text and "+C=***" in text and "+hello" in text and "(binary)" in text
    assert Path(host.home, "env").read_text() == "A=SECRET\nB='two words'\nC=SECRET\n"
    again = provision(host, [env(path="~/env", values={"A": "OTHER"})], diff=True)
    assert "OTHER" not in again.changes[0].diff and "values change" in again.changes[0].diff


@pytest.mark.parametrize(
    "old, new",
    [
        ("", "A='x y'\n"),
        ("A=1\n", "A='x y'\n"),
        ("B='it'\"'\"'s\ntwo'\n", "A='x y'\nB='it'\"'\"'s\ntwo'\n"),
        ("# mine\nexport B=$HOME/x", "# mine\nexport B=$HOME/x\nA='x y'\n"),
        ("# mine\nexport A='x y'\n", "# mine\nexport A='x y'\n"),
    ],
)
def test_an_environment_is_kept_and_given_keys_win(host: Host, old: str, new: str) -> None:
    from mng.roles.env import env

    Path(host.home, "env").write_text(old)
    for _ in range(2):
        provision(host, [env(path="~/env", values={"A": "x y"})])
        assert Path(host.home, "env").read_text() == new
    Path(host.home, "env").write_text("A='unclosed\n")
    with pytest.raises(MngError, match="can't be read: no closing quotation"):
        provision(host, [env(path="~/env", values={"A": "x"})])
