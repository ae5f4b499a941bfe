"""A plugin that is installed for real, and has every hook: what each does to agents of a real tmux."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed.venv import own_mng
from tests.bed.world import Ran, World
from tests.live.test_schemas import checked

PACKAGE = Path(__file__).parent.parent / "plugins" / "mng_example"
pytestmark = pytest.mark.live
Mng = Callable[..., Ran]


@pytest.fixture
def mng(world: World) -> Mng:
    """The world's own mng, without any plugin yet."""
    own_mng(world)
    shutil.copytree(PACKAGE, world.root / "package", ignore=shutil.ignore_patterns("__pycache__"))
    world.env["EXAMPLE_LOG"] = str(world.root / "log")
    return lambda *words, **how: world.run("mng", *words, **how)


@pytest.fixture
def example(world: World, mng: Mng) -> Mng:
    """With the example."""
    mng("plugin", "add", "--path", world.root / "package")
    return mng


def happened(world: World) -> list[str]:
    """Since the last time."""
    log = world.root / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def written(world: World, name: str, text: str) -> None:
    """A plugin that is a module on Python's path, enabled."""
    (world.home / f"{name}.py").write_text(f"from mng.errors import MngError\nfrom mng.plugins import hookimpl\n{text}\n")
    world.env["PYTHONPATH"] = str(world.home)
    settings = world.home / ".mng/profiles/default/settings.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    with settings.open("a") as file:
        file.write(f'[plugins.{name}]\nmodule = "{name}"\n')


def test_added_listed_switched_and_removed(world: World, mng: Mng) -> None:
    assert mng("plugin", "list", "--json").json == []
    added = checked("plugin add", mng("plugin", "add", "--path", "../package", "--json").out)
    assert [(row["name"], row["result"]) for row in added] == [("example", "1.2.3 is enabled")]
    (row,) = mng("plugin", "list", "--active", "--json").json
    assert (row["module"], row["package"], row["version"]) == ("mng_example.plugin", "mng-example", "1.2.3")
    assert mng("report").out == "all is well\n"
    mng("plugin", "disable", "example")
    assert mng("report", "--dry-run", "--json").json["name"] == "report"  # an agent's name, as any other word
    assert mng("plugin", "list", "--fields", "name,state").out.split()[2:] == ["example", "disabled"]
    mng("plugin", "enable", "example")
    assert mng("rep", "--loud").out == "ALL IS WELL\n"
    mng("plugin", "remove", "example")
    assert mng("plugin", "list", "--json").json == []
    assert world.run("python", "-c", "import mng_example", check=False).code == 1


def test_added_from_git_and_once_more(world: World, mng: Mng) -> None:
    folder = world.root / "package"
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        world.git(*words, cwd=folder)
    assert "1.2.3 is enabled" in mng("plugin", "add", "--git", folder).out
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("1.2.3", "1.3.0"))
    world.git("commit", "-q", "-a", "-m", "y", cwd=folder)
    assert "1.3.0 is enabled" in mng("plugin", "add", "--git", f"file://{folder}").out
    assert "1.3.0 is enabled" in mng("plugin", "add", "example").out  # there already: nothing is fetched
    assert mng("ticket", "list", "--jsonl").rows == [{"name": "T-1"}, {"name": "T-2"}]


def test_what_can_not_be_added(world: World, mng: Mng) -> None:
    unknown = mng("plugin", "add", "mng-nothing-like-it", check=False)
    assert unknown.code == 1 and "mng-nothing-like-it can't be installed: No matching distribution" in unknown.err
    project = world.root / "package" / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace("entry-points.mng", "entry-points.others"))
    other = mng("plugin", "add", "--path", world.root / "package", check=False)
    assert other.code == 1 and "is no plugin of mng: its package has no entry point in the group mng" in other.err
    assert world.run("python", "-c", "import mng_example", check=False).code == 1  # it does not stay
    project.write_text(text)
    (world.root / "package/mng_example/plugin.py").write_text("import nothing_like_it")
    broken = mng("plugin", "add", "--path", world.root / "package", check=False)
    assert (broken.code, "plugin example is not enabled: ModuleNotFoundError" in broken.err) == (1, True)
    assert mng("plugin", "list", "--fields", "state").out.split()[1:] == ["installed"]
    assert mng("list").err == "no agents yet; mng create makes one\n"
    (world.root / "package/setup.py").write_text("raise SystemExit('no')")
    assert mng("plugin", "add", "--path", world.root / "package", check=False).code == 1


def test_a_package_can_not_replace_what_mng_is_made_of(world: World, mng: Mng) -> None:
    import importlib.metadata

    project = world.root / "package" / "pyproject.toml"
    text = project.read_text()
    there = importlib.metadata.version("invoke")
    for version in ("99.0", there):  # another version, and one that says it is the same
        project.write_text(text.replace('name = "mng-example"', 'name = "invoke"').replace("1.2.3", version))
        refused = mng("plugin", "add", "--path", world.root / "package", check=False)
        assert refused.code == 1 and "can't be installed" in refused.err, str(refused)
        why = "it would replace invoke" if version == there else "it needs other versions of what mng is made of"
        assert why in refused.err, str(refused)
    project.write_text(text.replace("[project]", '[project]\ndependencies = ["pydantic<2"]'))
    refused = mng("plugin", "add", "--path", world.root / "package", check=False, env={"PIP_NO_DEPS": "0"})
    assert refused.code == 1 and "it needs other versions of what mng is made of" in refused.err, str(refused)
    assert mng("plugin", "list", "--json").json == []
    assert importlib.metadata.version("invoke") == there
    project.write_text(text)
    mng("plugin", "add", "--path", world.root / "package")


def test_an_agent_from_create_to_destroy(world: World, example: Mng) -> None:
    """Its type, its option, its field, and all hooks on the way."""
    example("create", "web", "clock", "--ticket", "T-1", "--no-connect")
    assert happened(world) == ["before_create web T-1", "before_start web", "after_start web", "after_create web"]
    world.wait(lambda: ":" in world.screen("web"))
    fields = "name,type,plugin.example.ticket,plugin.example.panes,host.plugin.example.home"
    assert example("list", "--fields", fields).out.split()[5:] == ["web", "clock", "T-1", "1", str(world.home)]
    assert [row["name"] for row in example("list", "--include", 'plugin.example.ticket == "T-1"', "--json").json] == ["web"]
    assert example("exec", "web", 'echo "$TICKET"').out == "T-1\n"
    example("stop", "web")
    example("start", "web")
    assert happened(world) == ["before_stop web", "after_stop web", "before_start web", "after_start web"]
    example("destroy", "-f", "web")
    assert happened(world) == ["before_destroy web", "after_destroy web None"]


def test_messages(world: World, example: Mng) -> None:
    example("create", "bot", "demo", "--no-connect", "--message", "hello")
    world.wait(lambda: "after_message bot delivered" in (world.root / "log").read_text(), what="of the background")
    happened(world)
    example("message", "bot", "-m", "good day")
    assert happened(world) == ["before_message bot good day", "after_message bot delivered"]
    refused = example("message", "bot", "-m", "my password", check=False)
    assert (refused.code, refused.err) == (1, "mng: no passwords in messages\n")
    assert happened(world) == ["on_error message no passwords in messages"]
    assert "password" not in world.screen("bot")


def test_provisioning_by_its_role(world: World, example: Mng) -> None:
    role = f"greeting:path={world.root}/hi,text=good day"
    first, second = (example("provision", "--host", "local", "--role", role, "--json") for _ in range(2))
    assert [row["status"] for row in first.json + second.json] == ["changed", "ok"]
    assert (world.root / "hi").read_text() == "good day\n"
    assert [line.partition(":")[0] for line in happened(world)] == ["before_provision local 1", "after_provision local"] * 2
    example("provision", "--host", "local", "--role", role, "--check")
    assert happened(world) == []


def test_a_host_of_its_provider(world: World, example: Mng) -> None:
    example("create", "far", "clock", "--in", "sheds", "--host-name", "garden", "--from", f"garden:{world.repo}", "--no-connect")
    example("create", "near", "clock", "--no-connect")
    rows = {row["name"]: row["host"] for row in example("list", "--json").json}
    assert (rows["far"]["name"], rows["far"]["provider"], rows["near"]["name"]) == ("garden", "sheds", "local")
    assert example("exec", "far@garden", "pwd").out.startswith(f"{world.host_dir}/sheds/garden/worktrees/far-")
    assert [row["name"] for row in example("list", "--provider", "sheds", "--json").json] == ["far"]
    example("destroy", "-f", "far")
    assert example("create", "x", "clock", "--in", "sheds", "-b", "x=1", check=False).code == 6


def test_what_it_refuses(world: World, example: Mng) -> None:
    closed = example("create", "web", "clock", "--ticket", "closed", "--no-connect", check=False)
    assert (closed.code, closed.err) == (1, "mng: ticket closed is closed\n     take another one\n")
    assert example("list", "--json").json == [] and not list(world.host_dir.glob("agents/*"))
    example("create", "kept", "clock", "--label", "keep=1", "--no-connect")
    example("create", "free", "clock", "--no-connect")
    for words, done in ((["stop"], "stopped"), (["destroy", "-f"], "destroyed")):
        ended = example(*words, "kept", "free", "--json", check=False)
        assert ended.code == 1 and sorted(row["result"] for row in ended.json) == sorted(["failed", done])
        alone = example(*words, "kept", check=False)
        assert alone.code == 1 and alone.err.startswith("mng: kept is to be kept")
    assert [row["state"] for row in example("list", "--json").json] == ["RUNNING"]


def test_a_start_that_is_refused_takes_the_create_back(world: World, mng: Mng) -> None:
    written(world, "strict", '@hookimpl\ndef before_start(agent):\n    raise MngError("not on a Sunday")')
    ended = mng("create", "web", "demo", "--no-connect", check=False)
    assert (ended.code, "mng: not on a Sunday" in ended.err) == (1, True)
    assert mng("list", "--json").json == [] and world.git("branch", "--list", "mng/*") == ""


def test_a_type_that_fails_costs_only_its_agents_state(world: World, mng: Mng) -> None:
    written(world, "odd", KIND)
    mng("create", "good", "demo", "--no-connect")
    mng("create", "bad", "odd", "--no-connect")
    ended = mng("list", "--json")
    assert {row["name"]: row["state"] for row in ended.json}["bad"] == "UNKNOWN"
    assert {row["name"]: row["state"] for row in ended.json}["good"] in ("RUNNING", "WAITING")
    assert "mng: warning: plugin odd: status of bad: ZeroDivisionError" in ended.err and "Traceback" not in ended.err
    without = mng("list", "--json", "--disable-plugin", "odd")
    assert {row["state"] for row in without.json} <= {"RUNNING", "WAITING"} and without.err == ""
    mng("destroy", "-f", "bad", "good")


KIND = """
from mng.agents.types import AgentType
from mng.shell import cmd
class Odd(AgentType):
    def launch(self, record, host, *, resume):
        return cmd("sleep", 9999)
    def status(self, view):
        return 1 / 0
@hookimpl
def agent_types():
    return {"odd": Odd}
"""


def test_a_hook_that_hangs_is_named_and_ctrl_c_ends_it(world: World, mng: Mng) -> None:
    written(world, "slow", "import time\n@hookimpl\ndef before_create(plan):\n    time.sleep(600)")
    terminal = world.pty("mng", "create", "web", "demo", "--no-connect")
    terminal.expect("plugin slow: before_create")
    terminal.send("\x03")
    assert terminal.wait(10) == 130
    assert mng("list", "--json", "--disable-plugin", "slow").json == []
