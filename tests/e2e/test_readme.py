"""What the README and docs/ say, typed as it stands."""

import re
import shlex
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from mng.commands import contents
from mng.inventory.ssh import Ssh
from mng.settings import Settings
from tests.bed.sshd import Sshd
from tests.bed.venv import own_mng
from tests.bed.world import Ran, World

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/**/*.md"))]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


BLOCKS = [
    pytest.param(page, block, id=f"{page.name}:{number}")
    for page in PAGES
    for number, block in enumerate(fenced(page, "bash"), 1)
]


@pytest.mark.live
@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_a_block_of_bash_works(world: World, page: Path, block: str, request: pytest.FixtureRequest) -> None:
    """In a project with the page's blocks of Python in its tasks.py, or the file that their docstring names."""
    with_tasks(world, page)
    if "plugin add" in block:
        own_mng(world)
    if page.name == "docker.md":
        request.getfixturevalue("there")
    if page.name == "modal.md":
        request.getfixturevalue("cloud")
    bed = Sshd(world) if page.name in ("hosts.md", "inventory.md") else None
    try:
        if bed and page.name == "inventory.md":
            with_inventory(world, bed, page)
        elif bed:
            bed.start("gpu-box")
        ran = world.run("bash", "-e", "-c", block, timeout=120)
    finally:
        if bed:
            bed.end()
    assert "Traceback" not in ran.err and "warning" not in ran.err, str(ran)
    if page == README and "mng create scout" in block:
        the_tour_does_what_its_comments_say(world, ran)
    if page.name == "inventory.md":
        the_hosts_are_those_of_the_pattern(block, ran)
    if page.name == "plugins.md":
        the_plugin_keeps_the_budget(ran)


def with_tasks(world: World, page: Path) -> None:
    files: dict[str, list[str]] = {}
    name = "tasks.py"
    for code in fenced(page, "python"):
        name = named[1] if (named := re.match(r'"""([\w/]+\.py): ', code)) else name
        files.setdefault(name, []).append(code)
    for name, codes in files.items():
        (world.repo / name).parent.mkdir(exist_ok=True)
        (world.repo / name).write_text("\n\n".join(codes))
    if files:
        world.git("add", "-A")
        world.git("commit", "-q", "-m", "Tasks")


def the_hosts_are_those_of_the_pattern(block: str, ran: Ran) -> None:
    lines = ran.out.splitlines()
    if "mng list --hosts" in block:
        assert [line.split()[0] for line in lines[1:5]] == ["local", "web1", "web2", "db1"]
        assert sorted(line for line in lines if line.endswith("| Linux")) == ["db1 | Linux", "web1 | Linux"]
    elif "mng ready" in block:
        assert lines[0].startswith("web1: ok=0 changed=1") and lines[1].startswith("web1: ok=1 changed=0")
        assert lines[2].startswith("web1: ok=") and lines[3:] == ["Linux", "Linux"]
    else:
        assert "no host failed the last time" in ran.err and "3 ok, 0 failed" in ran.err


def with_inventory(world: World, bed: Sshd, page: Path) -> None:
    """Its hosts, each at the address that the page gives it."""
    (world.repo / "inventory").mkdir()
    (world.repo / "inventory" / "hosts.toml").write_text(fenced(page, "toml")[0])
    (world.repo / "fabric.yaml").write_text(fenced(page, "yaml")[0])
    for number, name in enumerate(("web1", "web2", "db1"), 11):
        bed.alias(f"192.0.2.{number}", f"Port {bed.start(name, alias=False).port}")
        world.mng("exec", "--host", name, "rm -f done")


def test_the_settings_of_the_page_about_hosts_are_ones() -> None:
    data = tomllib.loads(fenced(ROOT / "docs" / "hosts.md", "toml")[0])
    hosts = Ssh("lab", Settings(**data)).hosts()
    assert [(host.name, host.tags) for host in hosts] == [("gpu-box", {"gpu": "yes"}), ("build", {})]


@pytest.mark.live
def test_the_role_of_the_page_does_what_it_says(world: World) -> None:
    page = ROOT / "docs" / "roles.md"
    with_tasks(world, page)
    lines = [line.partition("#")[0] for line in fenced(page, "bash")[0].splitlines()]
    check, done, again, index, tagged, *_ = [world.run("bash", "-e", "-c", line) for line in lines]
    assert "+You work for blue." in check.out and "changed=5" in check.err
    assert "changed=5" in done.err and "ok=5 changed=0" in again.err and index.out == "RULES.md\n"
    assert "ok=1 changed=0 unreachable=0 failed=0 skipped=4" in tagged.err
    assert (world.home / ".gitconfig").read_text().endswith("# BEGIN house\n[pull]\n    rebase = true\n# END house\n")
    prepared = world.mng("prepare", "--team", "green").out
    assert "changed=2" in prepared and "  changed: file ~/.house/RULES.md\n" in prepared


def the_plugin_keeps_the_budget(ran: Ran) -> None:
    lines = [line.rstrip() for line in ran.out.splitlines()]
    assert "1 of 1" in lines and "mng: 1 of 1 agents are there\n     destroy one, or give a --reason\n" in ran.err
    assert [line.split() for line in lines if line.startswith(("one  ", "two  ")) and len(line.split()) == 2] == [
        ["one", "false"], ["two", "true"],
    ]  # fmt: skip
    assert any(line.startswith("three: demo ") for line in lines)
    assert lines[-1] == "budget is removed" and ran.err.endswith("no plugin is enabled\n")


def the_tour_does_what_its_comments_say(world: World, ran: Ran) -> None:
    lines = ran.out.splitlines()
    assert "Wrote notes.txt." in lines and "?? notes.txt" in lines
    assert [line for line in lines if re.match(r"helper (RUNNING|WAITING)$", line)]
    saved = re.findall(r"refs/mng/saved/scout/\S+$", ran.out, re.M)
    assert world.git("show", f"{saved[-1]}:notes.txt") == "the first note"
    assert world.mng("list", "--json").json == [] and world.git("branch", "--list", "mng/*") == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_line_with_mng_in_a_page_is_one_that_it_takes(page: Path) -> None:
    """Also where a block is not run, `sh` say: its commands and options exist."""
    for block in fenced(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["mng"]:
                options = contents.load(contents.find(words[1:])[0] or "create").get_arguments()
                known = {flag for option in options for flag in (*option.flags, *option.off)}
                ours = takewhile(lambda word: word != "--", words)
                given = {word.partition("=")[0] for word in ours if word.startswith("-")}
                assert given <= known, line


def test_the_two_commands_of_the_readme_come_first() -> None:
    first, second = fenced(README, "sh")[:2]
    for command in (first, second):
        assert (README.parent / command.strip()).stat().st_mode & 0o111
    assert "scripts/test.sh" in (README.parent / ".ci" / "run").read_text()
