"""push and pull of any tree: names, kinds, modes and deletions as they come; both sides equal what the mode promises."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mng.cli.moving import move
from mng.commands.push import Push
from mng.errors import MngError
from mng.host import Host
from mng.inventory.local import Local
from mng.inventory.ssh import Ssh
from mng.settings import Settings
from mng.sync import files
from mng.sync.side import Place
from tests.bed.need import need
from tests.bed.sshd import Sshd
from tests.bed.world import World
from tests.live.test_moving import tree

pytestmark = pytest.mark.live
Tree = dict[str, Any]  # a name and a file's (content, mode), a link's target, or a folder's (Tree, mode)
names = st.text(" ab\n\t'\"\\é☃*?[]#-~.$`!:%;&|", min_size=1, max_size=5).filter(lambda name: name not in (".", ".."))
contents = st.tuples(st.binary(max_size=20), st.sampled_from([0o600, 0o644, 0o755, 0o400]))
links = st.sampled_from(["nowhere", "../up", "a", "/etc/hostname", "with space\n'"])
trees = st.recursive(
    st.dictionaries(names, contents | links, max_size=4),
    lambda inner: st.dictionaries(
        names, contents | links | st.tuples(inner, st.sampled_from([0o700, 0o755])), max_size=4
    ),
    max_leaves=12,
)  # fmt: skip
some = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def write(folder: Path, what: Tree) -> None:
    folder.mkdir(exist_ok=True)
    for name, one in what.items():
        path = folder / name
        if isinstance(one, str):
            path.symlink_to(one)
        elif isinstance(one[0], dict):
            write(path, one[0])
            path.chmod(one[1])
        else:
            path.write_bytes(one[0])
            path.chmod(one[1])


@dataclass
class Places:
    """Folders of this machine, one of them on a host that may be elsewhere."""

    root: Path
    local: Host
    far: Host
    turn: int = 0

    def anew(self, *trees: Tree) -> list[Path]:
        self.turn += 1
        made = []
        for number, one in enumerate(trees):
            made.append(self.root / f"{self.turn}-{number}")
            write(made[-1], one)
        return made


@pytest.fixture(params=["local", "ssh"])
def places(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    need("rsync")
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)
    local = Local(str(world.host_dir), "mng-").host
    bed = Sshd(world) if request.param == "ssh" else None
    try:
        far = local
        if bed:
            bed.start("box")
            far = Ssh("ssh", Settings(prefix="mng-", host_dir=world.host_dir)).host("box")
        (world.root / "trees").mkdir()
        yield Places(world.root / "trees", local, far)
        far.runner.close()
    finally:
        if bed:
            bed.end()


@some
@given(here=trees, there=trees)
def test_a_tree_arrives_and_comes_back(places: Places, here: Tree, there: Tree) -> None:
    source, target, back = places.anew(here, there, {})
    near, far = (Place(host, str(path), "x") for host, path in ((places.local, source), (places.far, target)))
    everything = files.Wanted(delete=True, uncommitted="clobber")
    whole = tree(source)
    would = {item.path.rstrip("/") for item in files.sync(near, far, everything, "", dry=True).items}
    before = tree(target)
    files.sync(near, far, everything, "")
    assert tree(target) == whole == tree(source)
    differing = {path for path in before.keys() | whole.keys() if before.get(path) != whole.get(path)}
    assert differing <= would | {"."}, "a dry run says all that is done"
    assert files.sync(near, far, everything, "").moved.files == 0, "a second time there is nothing to do"
    files.sync(far, Place(places.local, str(back), "y"), files.Wanted(), "")
    assert tree(back) == whole


@some
@given(here=trees, there=trees)
def test_without_delete_what_only_the_target_has_stays(places: Places, here: Tree, there: Tree) -> None:
    source, target = places.anew(here, there)
    whole, before = tree(source), tree(target)
    try:
        far = Place(places.far, str(target), "x")
        files.sync(Place(places.local, str(source), "x"), far, files.Wanted(uncommitted="clobber"), "")
    except MngError:  # a full folder in the way of a file
        kinds = {path: one[0][:6] for path, one in before.items()}
        assert any(path in whole and kind == "folder" and not whole[path][0].startswith("folder") for path, kind in kinds.items())
        return
    after = tree(target)
    assert {path: after.get(path) for path in whole} == whole
    covered = {path for path in before if path in whole or any(str(parent) in whole for parent in Path(path).parents)}
    assert {path: after.get(path) for path in before.keys() - covered} == {path: before[path] for path in before.keys() - covered}


@some
@given(first=trees, then=trees, now=trees)
def test_commits_and_changes_arrive(places: Places, first: Tree, then: Tree, now: Tree) -> None:
    """full: the target is at the source's commit, and what git sees in its folder is what it sees in the source's."""
    (source,) = places.anew({})
    target = source.with_name(f"{source.name} agent")

    def git(*words: object, at: Path = source) -> str:
        line = ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", "-C", str(at), *map(str, words)]
        return subprocess.run(line, check=True, capture_output=True, text=True, errors="surrogateescape").stdout

    def replaced(what: Tree) -> None:
        for path in source.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write(source, what)

    git("init", "-q", "-b", "main")
    for what in (first, then):
        replaced(what)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "x")
        if what is first:
            subprocess.run(["git", "clone", "-q", str(source), str(target)], check=True, capture_output=True)
    replaced(now)
    near, far = Place(places.local, str(source), "x"), Place(places.far, str(target), "x")
    move(Push(sync_mode="full"), near, far, None, "")
    assert git("rev-parse", "HEAD") == git("rev-parse", "HEAD", at=target)
    status = ("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    assert set(git(*status).split("\0")) ^ set(git(*status, at=target).split("\0")) == set()
    for line in git(*status).split("\0"):
        one, other = (Path(os.fsdecode(os.fsencode(f"{top}/{line[3:]}"))) for top in (source, target))
        if line and one.is_symlink():
            assert one.readlink() == other.readlink()
        elif line and one.exists():
            assert one.read_bytes() == other.read_bytes() and one.stat().st_mode == other.stat().st_mode
        elif line:
            assert not other.exists()
