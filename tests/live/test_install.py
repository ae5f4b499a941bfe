"""scripts/install.sh: what it says, does and leaves alone; with a pip, an apt-get and a brew that only write down."""

import shutil
from pathlib import Path

import pytest

from tests.bed.need import need
from tests.bed.world import World

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
VENV = """#!/bin/sh
[ "$1" != -c ] || exit 0
rm -rf "$5" && mkdir -p "$5/bin" && touch "$5/bin/pip"
printf '#!/bin/sh\\necho "python $*" >> {log}\\n' > "$5/bin/python"
printf '#!/bin/sh\\ncase $1 in --version) echo mng 9;; *) echo "# TAB for $2";; esac\\n' > "$5/bin/mng"
chmod +x "$5"/bin/*
"""


@pytest.fixture
def clone(world: World) -> Path:
    """A clone, in a world whose python3 only makes what looks like a venv, and whose package managers write down."""
    folder = world.root / "clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copy(ROOT / "requirements.lock", folder)
    world.tool("python3", VENV.format(log=world.root / "log"))
    return folder


def asked(world: World) -> str:
    log = world.root / "log"
    return log.read_text() if log.exists() else ""


def test_shellcheck_likes_the_scripts() -> None:
    need("shellcheck")
    world = World()
    try:
        world.run("shellcheck", "-x", *sorted((ROOT / "scripts").glob("*.sh")), cwd=ROOT)
    finally:
        world.end()


def test_it_says_what_it_will_do_then_does_it_and_again(world: World, clone: Path) -> None:
    (world.home / ".bashrc").write_text("mine=1")
    said = world.run(clone / "scripts" / "install.sh", "-n").out
    place, bashrc = world.home / ".local" / "share" / "mng", world.home / ".bashrc"
    for line in (f"in {place}/venv", f"link {world.home}/.local/bin/mng", f"add to {bashrc}:", "~/.mng are left alone"):
        assert line in said
    assert asked(world) == "" and not place.exists() and bashrc.read_text() == "mine=1"
    refused = world.run(clone / "scripts" / "install.sh", check=False)
    assert (refused.code, refused.err) == (2, "There is no terminal to ask on: give -y\n") and not place.exists()

    done = world.run(clone / "scripts" / "install.sh", "-y").out
    assert "==> mng 9 is installed" in done and f"rm -r {place}" in done and "To undo it:" in done
    assert "--require-hashes -r requirements.lock" in asked(world) and "--no-build-isolation --force-reinstall ." in asked(world)
    assert world.run(world.home / ".local" / "bin" / "mng", "--version").out == "mng 9\n"
    assert (place / "complete.sh").read_text() == "# TAB for bash\n"
    once = bashrc.read_text()
    assert once.startswith("mine=1\n") and once.endswith("# mng: put there by its install.sh\n")

    again = world.run(clone / "scripts" / "install.sh", "-y").out
    assert bashrc.read_text() == once and f"add to {bashrc}" not in again
    assert asked(world).count("--require-hashes") == 1, "the locked packages are there already"
    path = world.run("bash", "--rcfile", bashrc, "-ic", "echo $PATH", env={"PATH": "/usr/bin:/bin"}).out
    assert path.startswith(f"{world.home}/.local/bin:")


def test_it_mends_what_broke_and_goes_to_no_other_folder(world: World, clone: Path) -> None:
    place = world.home / ".local" / "share" / "mng" / "venv" / "bin" / "python"
    world.run(clone / "scripts" / "install.sh", "-y")
    place.unlink()
    place.symlink_to("/nowhere/python3.10")  # what a new release of the system leaves
    other = world.root / "other" / "scripts"
    other.mkdir(parents=True)
    (other / "system.sh").write_text(f"touch {world.root}/read")
    for script, words in (("install.sh", ["-y"]), ("quickstart.sh", []), ("test.sh", [])):
        world.run(f"scripts/{script}", *words, cwd=clone, env={"CDPATH": str(other.parent)}, check=script == "install.sh")
    assert place.is_file() and not (world.root / "read").exists()
    assert asked(world).count("--require-hashes") >= 2, "a new venv has no packages yet"


def test_it_asks_on_a_terminal(world: World, clone: Path) -> None:
    terminal = world.pty(str(clone / "scripts" / "install.sh"))
    terminal.expect(r"Go on\? \[Y/n\] ")
    terminal.line("n")
    assert terminal.wait() == 1 and "Nothing done." in terminal.text
    assert not (world.home / ".local").exists()
    terminal = world.pty("bash", "-c", f"true | {clone}/scripts/install.sh")
    terminal.expect(r"Go on\? \[Y/n\] ")
    terminal.line("")
    assert terminal.wait() == 0 and "is installed" in terminal.text


@pytest.mark.parametrize(
    ("manager", "lines"),
    [
        ("apt-get", ["update -qq", "install -y -qq --no-install-recommends tmux git"]),
        ("brew", ["install --quiet tmux git"]),
    ],
)
def test_what_is_missing_comes_from_the_system(world: World, clone: Path, manager: str, lines: list[str]) -> None:
    path = world.without("tmux", "git", "apt-get", "brew", "sudo")
    for name in (manager, *(["sudo"] if manager == "apt-get" else [])):
        body = f'echo "{name} $*" >> {world.root}/log' if name == manager else 'exec "$@"'
        tool = Path(path["PATH"]) / name
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    said = world.run(clone / "scripts" / "install.sh", "-n", env=path).out
    assert f"install with {manager}: " in said and "tmux git" in said.replace("  ", " ")
    world.run(clone / "scripts" / "install.sh", "-y", env=path)
    assert [line for line in asked(world).splitlines() if line.startswith(manager)] == [f"{manager} {line}" for line in lines]


def test_nobody_to_install_it(world: World, clone: Path) -> None:
    path = world.without("tmux", "apt-get", "brew")
    ran = world.run(clone / "scripts" / "install.sh", "-y", env=path, check=False)
    assert (ran.code, ran.err) == (1, "Please install these first: tmux\n")
    assert world.run(clone / "scripts" / "install.sh", "--nonsense", check=False).code == 2
    piped = world.run("sh", "-s", input=(clone / "scripts" / "install.sh").read_text(), check=False)
    assert piped.code == 1 and "git clone it" in piped.err
