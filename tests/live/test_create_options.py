"""Every option of create, checked by what it does."""

import stat
from pathlib import Path
from typing import Any

import pytest

from mng.names import STYLES
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]


def create(world: World, *words: object, name: str = "x", **how: Any) -> Ran:
    return world.mng("create", name, *SLEEP, *words, **how)


def work(world: World, name: str = "x") -> Path:
    return Path(world.record(name)["work"]["path"])


def dirty(world: World) -> None:
    (world.repo / "README.md").write_text("# Changed\n")
    (world.repo / "new file").write_text("new")
    (world.repo / "src" / "app.py").unlink()


def agents(world: World) -> list[dict[str, Any]]:
    return list(world.mng("list", "--json").json)


# --- where the work dir comes from


def test_a_worktree_on_a_branch_of_its_own(world: World) -> None:
    create(world)
    assert world.git("branch", "--show-current", cwd=work(world)) == "mng/x"
    assert world.git("worktree", "list").count("\n") == 1
    assert work(world).parent == world.host_dir / "worktrees"
    assert world.git("status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["--copy", "--clone", "--in-place", "--worktree"])
def test_kinds(world: World, kind: str) -> None:
    create(world, kind)
    folder = work(world)
    assert (folder / "README.md").read_text() == "# Sample\n"
    assert (folder == world.repo) == (kind == "--in-place")
    assert (folder / ".git").exists() == (kind != "--copy")
    (folder / "made").write_text("by the agent")
    destroyed = world.mng("destroy", "-f", "x")
    assert (world.repo / "made").exists() == (kind == "--in-place") and world.repo.is_dir()
    assert ("saved" in destroyed.out) == (kind != "--in-place")
    assert folder.exists() == (kind == "--in-place")


def test_exclusive_kinds(world: World) -> None:
    assert create(world, "--copy", "--clone", check=False).code == 2


def test_a_copy_by_rsync(world: World) -> None:
    (world.repo / ".gitignore").write_text("*.log\n")
    (world.repo / "of two words.log").write_text("ignored")
    world.git("add", "-A")
    world.git("commit", "-qm", "Ignore")
    create(world, "--rsync", name="a")
    create(world, "--rsync-args", "--exclude=README.md", "--include-git", "--include-gitignored", name="b")
    create(world, "--rsync-args", "--exclude=README.md", "--no-rsync", name="c")
    assert sorted(path.name for path in work(world, "a").iterdir()) == [".gitignore", "README.md", "src"]
    assert sorted(path.name for path in work(world, "b").iterdir()) == [".git", ".gitignore", "of two words.log", "src"]
    assert world.record("c")["work"]["kind"] == "worktree"
    failed = create(world, "--rsync-args", "--no-such-option", name="d", check=False)
    assert failed.code == 1 and "Traceback" not in failed.err
    assert len(list((world.host_dir / "worktrees").iterdir())) == 3, "nothing stays of one that failed"


def test_outside_of_a_repository_the_folder_is_copied(world: World) -> None:
    folder = world.root / "plain"
    folder.mkdir()
    (folder / "file").write_text("x")
    create(world, cwd=folder)
    assert world.record("x")["work"]["kind"] == "copy" and (work(world) / "file").read_text() == "x"


def test_a_folder_is_not_copied_into_itself(world: World) -> None:
    for folder in ("/", world.root):  # where the host's folder lies inside
        refused = create(world, cwd=folder, check=False)
        assert refused.code == 2 and "--in-place" in refused.err, refused
    assert agents(world) == [] and list((world.host_dir / "worktrees").glob("*")) == []


def test_terminated_in_the_middle_it_is_taken_back(world: World) -> None:
    folder = world.root / "plain"
    folder.mkdir()
    (folder / "file").write_text("x")
    process = world.start("mng", "create", "x", *SLEEP, "--user-command", "sleep 4815", cwd=folder)
    world.wait(lambda: "\nsleep 4815\n" in world.run("ps", "-A", "-o", "args=").out, what="the step")
    process.terminate()
    assert process.wait(20) == 130, process.stderr.read()
    assert agents(world) == [] and list((world.host_dir / "worktrees").glob("*")) == []
    assert "\nsleep 4815\n" not in world.run("ps", "-A", "-o", "args=").out


def test_a_subfolder_stays_a_subfolder(world: World) -> None:
    create(world, cwd=world.repo / "src")
    assert work(world).name == "src" and (work(world).parent / "README.md").exists()


def test_from_a_folder_an_agent_and_a_host(world: World) -> None:
    other = world.make_repo(world.root / "other", {"only-there": "1"})
    create(world, "--from", other, name="a")
    assert (work(world, "a") / "only-there").exists()
    (work(world, "a") / "of-a").write_text("1")
    create(world, "--from", "a", "--no-ensure-clean", name="b")
    create(world, "--source-agent", "a@local", "--no-ensure-clean", name="c")
    create(world, "--from", f"local:{other}", name="d")
    create(world, "--source-path", other, name="e")
    assert [(work(world, name) / "of-a").exists() for name in "bcde"] == [True, True, False, False]
    assert create(world, "--from", "nobody", name="f", check=False).code == 3
    assert create(world, "--from", "/no/such", name="f", check=False).code == 3


def test_branches(world: World) -> None:
    world.git("branch", "other")
    create(world, "--base-branch", "other", name="a")
    create(world, "--new-branch=mine", name="b")
    create(world, "--new-branch-prefix", "agents/", name="c")
    create(world, "--base-branch", "other", "--no-new-branch", name="d")
    names = [world.git("branch", "--show-current", cwd=work(world, name)) for name in "abcd"]
    assert names == ["mng/a", "mine", "agents/c", "other"]
    world.mng("destroy", "-f", "--all")
    assert world.git("branch", "--format", "%(refname:short)").split() == ["main", "other"]
    assert create(world, "--base-branch", "nope", check=False).code == 2


def test_a_branch_that_is_there_already(world: World) -> None:
    world.git("branch", "mng/x")
    refused = create(world, check=False)
    assert refused.code == 2 and "--new-branch=" in refused.err and "--no-new-branch" in refused.err
    create(world, "--base-branch", "mng/x", "--no-new-branch")


def test_a_dirty_tree_is_refused_with_two_ways_on(world: World) -> None:
    dirty(world)
    refused = create(world, check=False)
    assert refused.code == 8
    assert all(word in refused.err for word in ("README.md", "new file", "--no-ensure-clean", "--exclude-unclean"))


@pytest.mark.parametrize(
    "option, comes", [("--no-ensure-clean", True), ("--include-unclean", True), ("--exclude-unclean", False)]
)
def test_a_dirty_tree(world: World, option: str, comes: bool) -> None:
    dirty(world)
    create(world, option)
    assert world.git("status", "--porcelain", cwd=work(world)) == (world.git("status", "--porcelain") if comes else "")


def test_ignored_files(world: World) -> None:
    for name, text in ((".gitignore", ".env\ncache/\n"), (".worktreeinclude", ".env\n")):
        (world.repo / name).write_text(text)
    world.git("add", "-A")
    world.git("commit", "-qm", "ignore")
    (world.repo / ".env").write_text("SECRET=1")
    (world.repo / "cache").mkdir()
    (world.repo / "cache" / "big").write_text("1")
    create(world, name="a")
    create(world, "--copy", "--include-gitignored", name="b")
    create(world, "--copy", "--include-git", name="c")
    assert [(work(world, name) / ".env").exists() for name in "abc"] == [True, True, True]
    assert [(work(world, name) / "cache").exists() for name in "abc"] == [False, True, False]
    assert world.git("log", "--format=%s", "-1", cwd=work(world, "c")) == "ignore"


def test_submodules_come_without_a_network(world: World) -> None:
    library = world.make_repo(world.root / "library", {"lib.py": "1"})
    world.git("submodule", "add", "-q", library, "vendor/lib")
    world.git("commit", "-qm", "with a library")
    library.rename(world.root / "away")
    create(world)
    assert (work(world) / "vendor" / "lib" / "lib.py").read_text() == "1"


def test_depth_and_target_path(world: World) -> None:
    for n in range(3):
        world.git("commit", "-q", "--allow-empty", "-m", f"c{n}")
    create(world, "--clone", "--depth", "2", "--target-path", world.root / "there", name="a")
    assert work(world, "a") == world.root / "there"
    assert world.git("rev-list", "--count", "HEAD", cwd=work(world, "a")) == "2"
    create(world, "--clone", "--shallow-since", "2001-01-01", name="b")
    assert world.git("rev-list", "--count", "HEAD", cwd=work(world, "b")) == "4"
    (world.root / "full").mkdir()
    (world.root / "full" / "file").write_text("mine")
    assert create(world, "--target", world.root / "full", name="c", check=False).code == 2
    assert (world.root / "full" / "file").read_text() == "mine"


# --- what is in it


def test_the_environment(world: World) -> None:
    (world.root / "vars").write_text("# mine\nFROM_FILE='a b'\nexport BOTH=file\n")
    create(
        world, "--env", "TYPED=$HOME `id`", "--env", "BOTH=typed", "--env-file", world.root / "vars", "--pass-env", "HANDED",
        "-c", "IN_CAPS=yes", env={"HANDED": "on"},
    )  # fmt: skip
    shown = world.mng("exec", "x", 'printf "%s|" "$TYPED" "$BOTH" "$FROM_FILE" "$HANDED" "$IN_CAPS"').out
    assert shown == "$HOME `id`|typed|a b|on|yes|"
    assert stat.S_IMODE((world.folder("x") / "env").stat().st_mode) == 0o600


def test_an_environment_for_all_agents_of_the_host(world: World) -> None:
    (world.root / "vars").write_text("FILE=f\nBOTH=file\n")
    words = ["--host-env", "BOTH=it's", "--host-env-file", world.root / "vars", "--pass-host-env", "HOME"]
    create(world, *words, "--known-host", "h.example ssh-ed25519 AAAA==", "--env", "OWN=1")
    create(world, name="y")
    for name in ("x", "y"):
        assert world.mng("exec", name, 'echo "$FILE $BOTH $OWN"').out.split("\n")[0] == ("f it's 1" if name == "x" else "f it's ")
    assert stat.S_IMODE((world.host_dir / "env").stat().st_mode) == 0o600
    assert (world.home / ".ssh/known_hosts").read_text() == "h.example ssh-ed25519 AAAA==\n"
    more = world.mng("provision", "--host", "local", "--host-env", "BOTH=canary", "--diff")
    assert "canary" not in more.out + more.err and "changed=1" in more.err, more
    assert world.mng("provision", "--host", "local", "--host-env", "BOTH=canary", "--json").json[0]["status"] == "ok"
    assert create(world, "--pass-host-env", "NO_SUCH_VARIABLE", name="z", check=False).code == 2
    assert create(world, "--user", "root", name="z", check=False).code == 2


def test_nobody_is_asked_without_interactive(world: World) -> None:
    terminal = world.pty("mng", "create", "x", "--agent-cmd", "sleep 999", "--no-interactive")
    assert terminal.wait(30) == 0 and [one["name"] for one in agents(world)] == ["x"], "nothing was attached"


def test_bad_environments(world: World) -> None:
    (world.root / "vars").write_text("GOOD=1\nnot a line\n")
    bad = create(world, "--env-file", world.root / "vars", check=False)
    assert bad.code == 2 and f"{world.root / 'vars'}:2" in bad.err
    assert create(world, "--env-file", "/no/such", check=False).code == 2
    assert create(world, "--pass-env", "NOT_THERE", check=False).code == 2
    assert create(world, "--env", "novalue", check=False).code == 2
    assert create(world, "--env", "A B=1", check=False).code == 2
    assert agents(world) == [] and world.git("branch", "--list", "mng/*") == ""


def test_values_of_any_kind_arrive(world: World) -> None:
    values = {"LINES": "a\nb\n", "QUOTES": "'\"`$(x)\\", "EMPTY": "", "UNICODE": "größe", "EQUALS": "a=b"}
    create(world, *(word for name, value in values.items() for word in ("--env", f"{name}={value}")))
    for name, value in values.items():
        assert world.mng("exec", "x", f'printf %s "${name}"').out == value
    session = world.mng("exec", "x", "tr '\\0' '\\n' < /proc/$(cat $MNG_AGENT_STATE_DIR/pid)/environ")
    assert "MNG_AGENT_NAME=x" in session.out and "s3cr3t" not in session.out


def test_secrets_are_on_no_command_line_while_it_is_made(world: World) -> None:
    shown = create(world, "--env", "TOKEN=s3cr3t", "--user-command", "ps -A -o pid=,args= > seen; echo $TOKEN > had", "-vv")
    seen = [line for line in (work(world) / "seen").read_text().splitlines() if "s3cr3t" in line]
    assert (work(world) / "had").read_text() == "s3cr3t\n" and "s3cr3t" not in shown.err + shown.out
    assert all("mng create x" in line for line in seen), "only where it was typed"


def test_secrets_are_nowhere(world: World) -> None:
    create(
        world,
        "--env",
        "TOKEN=s3cr3t",
        "-vv",
        "--log-commands",
        "--log-command-output",
        "--log-env-vars",
        "--message",
        "s3cr3t text",
    )
    failed = create(world, "--env", "TOKEN=s3cr3t", "--user-command", "exit 3", "-vv", "--log-commands", name="y", check=False)
    assert failed.code == 5 and "s3cr3t" not in failed.err
    logs = list((world.home / ".mng" / "logs").iterdir())
    assert logs and not any("s3cr3t" in log.read_text() for log in logs)
    assert "s3cr3t" not in world.run("ps", "-A", "-o", "args=").out
    assert "s3cr3t" not in (world.folder("x") / "data.json").read_text()
    assert "s3cr3t" not in world.tmux("show-environment", "-g") + world.tmux("show-environment", "-t", f"={world.prefix}x")


def test_the_users_own_steps(world: World) -> None:
    (world.root / "up").write_bytes(b"\x00data")
    (world.root / "up").chmod(0o750)
    create(
        world, "--create-directory", "a/b", "--upload-file", f"{world.root / 'up'}:a/up", "--append-to-file", "README.md:last",
        "--prepend-to-file", "README.md:first", "--user-command", "pwd > a/pwd; echo $MNG_AGENT_NAME$V >> a/pwd", "--env", "V=1",
    )  # fmt: skip
    folder = work(world)
    assert (folder / "a" / "b").is_dir() and (folder / "a" / "up").read_bytes() == b"\x00data"
    assert stat.S_IMODE((folder / "a" / "up").stat().st_mode) == 0o750
    assert (folder / "README.md").read_text() == "first\n# Sample\nlast\n"
    assert (folder / "a" / "pwd").read_text().startswith(f"{folder}\n") and (folder / "a" / "pwd").read_text().endswith("1\n")


def test_steps_that_can_not_be(world: World) -> None:
    for words in (["--upload-file", "/no/such:x"], ["--upload-file", "x"], ["--append-to-file", "x"], ["-c", "=x"]):
        assert create(world, *words, check=False).code == 2
    assert create(world, "--user-command", "false", check=False).code == 5
    assert agents(world) == []


def test_sudo(world: World) -> None:
    world.sudo()
    create(world, "--sudo-command", "echo $SUDO_AS > as-root")
    assert (work(world) / "as-root").read_text() == "root\n"


def test_further_windows(world: World) -> None:
    create(world, "-c", "server=sleep 4321", "--add-command", "watch=sleep 4322")
    names = world.tmux("list-windows", "-t", f"={world.prefix}x", "-F", "#{window_index} #{window_name}").splitlines()
    assert names == ["0 agent", "1 server", "2 watch"]
    assert {agent["name"] for agent in agents(world)} == {"x"}


# --- names, labels, types


@pytest.mark.parametrize("style", STYLES)
def test_made_up_names(world: World, style: str) -> None:
    row = world.mng("create", *SLEEP, "--name-style", style, "--json").json
    assert world.sessions() == [row["name"]]


def test_labels_and_project(world: World) -> None:
    create(world, "--label", "a=1", "--label", "b=2=3", name="p")
    create(world, "--project", "other", name="q")
    labels = {agent["name"]: agent["labels"] for agent in agents(world)}
    assert labels == {"p": {"project": "repo", "a": "1", "b": "2=3"}, "q": {"project": "other"}}
    assert world.mng("list", "--label", "a=1", "--format", "{name}").out == "p\n"
    assert world.mng("list", "--project", "other", "--format", "{name}").out == "q\n"


def test_any_program_with_arguments_byte_for_byte(world: World) -> None:
    world.tool("prog", '#!/bin/sh\nprintf "%s\\n" "$@" > args\nexec sleep 99999\n')
    words = ["--flag", "a b", "$HOME", "'\"", "--", "é", ""]
    world.mng("create", "x", "prog", "--no-connect", "--", *words)
    world.wait(lambda: (work(world) / "args").read_text().split("\n")[:-1] == words, what="its arguments")
    assert agents(world)[0]["type"] == "prog"


def test_custom_types_and_templates(world: World) -> None:
    (world.repo / ".mng").mkdir()
    (world.repo / ".mng" / "settings.local.toml").write_text(
        """
        [agent_types.base]
        parent_type = "demo"
        cli_args = ["one"]
        env = {TYPE = "base", LEVEL = "1"}
        [agent_types.mine]
        parent_type = "base"
        cli_args = ["two"]
        env = {LEVEL = "2"}
        [agent_types.round]
        parent_type = "circle"
        [agent_types.circle]
        parent_type = "round"
        [create_templates.fast]
        type = "mine"
        connect = false
        label = ["speed=fast"]
        [create_templates.slow]
        label = ["speed=slow"]
        [commands.create]
        project = "from-settings"
        """
    )
    world.git("add", "-A")
    world.git("commit", "-qm", "settings")
    world.mng("create", "x", "-t", "fast", "-t", "slow", "--env", "LEVEL=3")
    row = agents(world)[0]
    assert (row["type"], row["labels"]) == ("mine", {"project": "from-settings", "speed": "slow"})
    assert world.record("x")["args"] == ["one", "two"] and world.record("x")["kind"] == "demo"
    assert world.mng("exec", "x", "echo $TYPE$LEVEL").out == "base3\n"
    circle = world.mng("create", "y", "round", "--no-connect", check=False)
    assert circle.code == 2 and "circle" in circle.err
    assert world.mng("create", "y", "-t", "fats", check=False).code == 2
    env = {"MNG_COMMANDS_CREATE_PROJECT": "from-env", "MNG_COMMANDS_CREATE_CONNECT": "false"}
    world.mng("create", "z", "--agent-cmd", "sleep 9999", env=env)
    assert world.mng("list", "--project", "from-env", "--format", "{name}").out == "z\n"


def test_what_a_local_host_can_not_do(world: World) -> None:
    for words in (["-b", "gpu=1"], ["-s", "--cpus=2"], ["--tag", "a=b"], ["--host-name", "h"]):
        assert create(world, *words, check=False).code == 2
    assert create(world, "--snapshot", "s", check=False).code == 3  # nobody has it
    assert create(world, "--in", "local", "--snapshot", "s", check=False).code == 6
    assert create(world, "--host", "nowhere", check=False).code == 3
    assert create(world, "--in", "mars", check=False).code == 6
    assert create(world, "--in", "local", "--host", "local", check=False).code == 2
    create(world, "--in", "local")
    create(world, "--host", "@local", name="y")
