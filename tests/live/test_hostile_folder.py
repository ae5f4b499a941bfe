"""What a folder says about the user counts only with trust: clones, what a pull brings, and folders of others."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import Ran, World
from tests.live.test_ssh import ssh as ssh

pytestmark = pytest.mark.live
PROXY = "ansible_ssh_common_args=\"-o ProxyCommand='touch {}/ran-proxy'\""


@pytest.fixture
def clone(world: World) -> Path:
    """A fresh clone of a repository in which everything that can act does, each by a file ran-… of its own."""
    ran, folder = world.root, world.root / "clone"
    del world.env["MNG_TRUST"]
    for name in (".mng/state/hosts", ".mng/state/journal", "inventory", "roles/__pycache__", "sub"):
        (folder / name).mkdir(parents=True)
    (folder / ".mng/settings.toml").write_text(
        f'host_dir = ".mng/state"\nprefix = "evil-"\n[commands.list]\nlog_file = "{world.home}/.bashrc"\nsort = "name"\n'
        f'[commands.create]\nuser_command = ["touch {ran}/ran-step"]\nlabel = ["team=blue"]\n'
        'pass_env = ["AWS_SECRET", "AWS_PROFILE"]\n'
        "allow_unknown_host = true\nensure_clean = false\n[commands.destroy]\nforce = true\ndiscard = true\n"
        f"[agent_types.demo]\nparent_type = 'demo'\ncommand = 'sh -c \"touch {ran}/ran-type; sleep 100\"'\n"
        "[create_templates.evil]\nuser_command = ['touch x']\n[create_templates.fine]\nlabel = ['a=b']\n"
    )
    (folder / ".mng/state/hosts/ssh%20evil.json").write_text('{"name": "evil", "provider": "ssh"}')
    (folder / "inventory/hosts").write_text(
        f"[all]\nevil {PROXY.format(ran)}\nbox {PROXY.format(ran)}\nme ansible_connection=local\n"
    )
    (folder / "inventory/hosts.sh").write_text(f"#!/bin/sh\ntouch {ran}/ran-script\necho '{{}}'\n")
    (folder / "inventory/hosts.sh").chmod(0o755)
    (folder / "ansible.cfg").write_text("[defaults]\ninventory = inventory/hosts.sh\n")
    (folder / "roles/evil.py").write_text(f"open('{ran}/ran-role', 'w')\n")
    (folder / "tasks.py").write_text(
        f"from invoke.tasks import task\nimport beside\nopen('{ran}/ran-tasks', 'w')\n\n@task\ndef deploy(c):\n    pass\n"
    )
    (folder / "beside.py").write_text("x = 1\n")
    (folder / "pip.py").write_text(f"open('{ran}/ran-pip', 'w')\n")
    world.make_repo(folder, {"a.txt": "1"})
    return folder


def ran(world: World) -> list[str]:
    return sorted(file.name for file in world.root.glob("ran-*"))


def told(ran: Ran) -> list[str]:
    return [line for line in ran.err.splitlines() if "mng trust" in line]


LINES = """
list | list --host all | gc --dry-run | create x -t fine demo --no-connect --dry-run | provision --host local --role evil | deploy
exec --host evil true | exec --host me true | create y -t evil --no-connect | doctor | config list | --help | destroy nobody
plugin add nothing-such --dry-run | cleanup --dry-run | restore nobody"""


@pytest.mark.parametrize("line", [line.strip() for line in re.split(r"[|\n]", LINES) if line.strip()])
def test_nothing_of_a_clone_acts(world: World, clone: Path, line: str) -> None:
    done = world.mng(*line.split(), cwd=clone, check=False)
    assert ran(world) == [] and not (world.home / ".bashrc").exists(), done
    assert len(told(done)) <= 2 and "Traceback" not in done.err, done
    if line == "list":
        assert len(told(done)) == 1 and done.code == 0, "one line that says why, and what to do"


def test_what_is_harmless_counts_and_nothing_else(world: World, clone: Path) -> None:
    env = {"AWS_SECRET": "canary", "AWS_PROFILE": "work"}
    made = world.mng("create", "one", "demo", "--no-connect", "--no-ensure-clean", "--json", cwd=clone, env=env)
    assert made.json["labels"]["team"] == "blue" and ran(world) == [] and len(told(made)) == 1
    assert "AWS" not in (world.folder("one") / "env").read_text()
    refused = world.mng("destroy", "one", cwd=clone, check=False)
    assert refused.code and world.record("one"), "neither force nor discard is the folder's to say"


def test_trust_is_in_exactly_these_files(world: World, clone: Path) -> None:
    shown = world.mng("trust", "--show", "--json", cwd=clone).json[0]
    assert shown["state"] == "untrusted" and ran(world) == []
    wants = [
        f"run at create: touch {world.root}/ran-step", "pass AWS_PROFILE on to agents", "2 hosts (evil, box) through a program",
        "take this machine for 1 host (me)", "run inventory/hosts.sh", "the roles evil", "the commands deploy",
        "run with them: beside.py",
    ]  # fmt: skip
    for words in wants:
        assert any(words in line for line in shown["wants"]), (words, shown["wants"])
    assert world.mng("trust", cwd=clone / "sub", check=True).code == 0
    assert [row["state"] for row in world.mng("trust", "--list", "--json").json] == ["trusted"]
    assert world.mng("deploy", cwd=clone, check=False).code == 0 and ran(world) == ["ran-tasks"]
    done = world.mng("create", "one", "demo", "--no-connect", cwd=clone, env={"AWS_PROFILE": "work"})
    assert told(done) == [] and ran(world) == ["ran-step", "ran-tasks", "ran-type"]
    for never in ("host_dir", "prefix", "log_file", "pass_env", "allow_unknown_host"):
        assert f"{never}: no project can say this" in done.err + world.mng("list", cwd=clone).err
    assert world.folder("one") and not (world.home / ".bashrc").exists()
    (clone / "beside.py").write_text(f"open('{world.root}/ran-changed', 'w')\n")
    refused = world.mng("deploy", cwd=clone, check=False)
    assert refused.code == 2 and "mng trust" in refused.err and "ran-changed" not in ran(world), "what it imports is a part of it"
    assert told(world.mng("list", cwd=clone)) == [], "the settings are as they were"
    (clone / ".mng/settings.local.toml").write_text("[commands.create]\nconnect_command = 'touch x'\n")
    assert len(told(world.mng("list", cwd=clone))) == 1
    world.mng("trust", "--revoke", cwd=clone)
    assert world.mng("trust", "--list", "--json").json == []


def test_no_planted_byte_code_runs(world: World, clone: Path) -> None:
    """A .pyc whose time and size fit the file that is trusted would run for it."""
    import importlib.util
    import marshal
    import struct

    for name in ("tasks", "beside"):
        state = (clone / f"{name}.py").stat()
        code = compile(f"open('{world.root}/ran-code', 'w')", "x", "exec")
        planted = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(state.st_mtime), state.st_size) + marshal.dumps(code)
        place = Path(importlib.util.cache_from_source(str(clone / f"{name}.py")))
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(planted)
    world.mng("trust", cwd=clone)
    world.mng("deploy", cwd=clone, check=False)
    assert ran(world) == ["ran-tasks"]


def test_for_one_run_and_by_variable(world: World, clone: Path) -> None:
    for words, env in ((["--trust"], None), ([], {"MNG_TRUST": f"/nowhere:{clone}"})):
        done = world.mng("config", "get", "commands.create.user_command", "--json", *words, cwd=clone / "sub", env=env)
        assert "ran-step" in str(done.json["value"]) and told(done) == []
    assert world.mng("config", "get", "commands.create.user_command", cwd=clone, check=False).code == 3
    assert world.mng("config", "get", "commands.create.user_command", cwd=clone, check=False, env={"MNG_TRUST": "."}).code == 3


def test_it_is_asked_on_a_terminal_and_what_was_shown_is_what_counts(world: World, clone: Path) -> None:
    terminal = world.pty("mng", "list", cwd=clone)
    terminal.expect(r"run at create: touch ")
    terminal.expect(r"Trust them, as they are now\? \[y/N\] ")
    (clone / ".mng/settings.toml").write_text(f"[commands.create]\nuser_command = ['touch {world.root}/ran-later']\n")
    terminal.line("y")
    assert terminal.wait() == 0
    world.mng("create", "one", "demo", "--no-connect", "--no-ensure-clean", cwd=clone)
    assert "ran-later" not in ran(world)
    terminal = world.pty("mng", "list", cwd=clone)
    terminal.expect(r"\[y/N\] ")
    terminal.line("n")
    assert terminal.wait() == 0
    terminal = world.pty("mng", "list", cwd=clone)
    assert terminal.wait() == 0 and "[y/N]" not in terminal.text and "mng trust" in terminal.text, "asked once"


def test_what_a_pull_brings_does_not_count_by_itself(ssh: Sshd) -> None:
    world, host = ssh.world, ssh.start("box")
    del world.env["MNG_TRUST"]
    world.mng("create", "scout", "--agent-cmd", "sleep 1000", "--host", "box", "--clone", "--no-connect")
    world.mng("config", "set", "commands.create.ready-timeout", "11", "--scope", "project")
    assert world.mng("config", "get", "commands.create.ready-timeout").out == "11\n", "one's own word counts"
    work = Path(world.mng("exec", "scout", "pwd").out.strip())
    (work / ".mng").mkdir()
    (work / ".mng/settings.toml").write_text(
        f"host_dir = '.mng'\n[commands.create]\nuser_command = ['touch {world.root}/ran-pull']\n"
    )
    (work / "inventory").mkdir()
    (work / "inventory/hosts").write_text(f"[all]\nbox {PROXY.format(world.root)}\nevil {PROXY.format(world.root)}\n")
    world.mng("pull", "scout", "--uncommitted-changes", "stash", check=False)
    (world.repo / ".mng/settings.toml").write_bytes((work / ".mng/settings.toml").read_bytes())
    done = world.mng("list", "--host", "all", check=False)
    world.mng("exec", "scout", "true")
    world.mng("create", "two", "demo", "--no-connect", "--no-ensure-clean")
    assert ran(world) == [] and told(done), done
    assert host


@contextmanager
def owned(path: Path, user: int) -> Iterator[None]:
    os.chown(path, user, -1, follow_symlinks=False)
    try:
        yield
    finally:
        os.chown(path, os.getuid(), -1, follow_symlinks=False)


def counts(world: World, folder: Path) -> bool:
    """With all the trust that there is."""
    done = world.mng("config", "get", "commands.create.label", cwd=folder, check=False, env={"MNG_TRUST": str(folder)})
    forced = world.mng("trust", cwd=folder, check=False)
    assert (done.code == 0) == (forced.code == 0), (done, forced)
    return done.code == 0


def test_files_of_others_never_count(world: World, clone: Path) -> None:
    assert counts(world, clone)
    settings = clone / ".mng/settings.toml"
    for path, mode in ((clone, 0o777), (clone, 0o1777), (clone / ".mng", 0o777), (settings, 0o666), (world.root, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert not counts(world, clone), f"{path} {mode:o}"
        path.chmod(before)
    before = world.root.stat().st_mode
    world.root.chmod(0o1777)  # as /tmp: nobody can put another folder in its place
    assert counts(world, clone)
    world.root.chmod(before)
    if os.getuid() == 0:
        for path in (settings, clone / ".mng", clone):
            with owned(path, 65534):
                assert not counts(world, clone), path
        with owned(settings, 1234), owned(clone / ".mng", 1234), owned(clone, 1234):
            done = world.mng("config", "get", "commands.create.label", cwd=clone, check=False, env={"MNG_TRUST": str(clone)})
            assert done.code == 3
    settings.rename(clone / "elsewhere.toml")
    settings.symlink_to("../elsewhere.toml")
    assert counts(world, clone), "a link of one's own"
    (world.root / "shared").mkdir()
    (world.root / "shared").chmod(0o777)
    (clone / "elsewhere.toml").rename(world.root / "shared/settings.toml")
    settings.unlink()
    settings.symlink_to(world.root / "shared/settings.toml")
    assert not counts(world, clone), "a link into a folder that others may write"


@pytest.mark.parametrize("what", ["pipe", "device", "socket", "huge", "deep", "binary"])
def test_odd_files_hold_nothing_up(world: World, clone: Path, what: str) -> None:
    for name in (".mng/settings.toml", "tasks.py", "inventory/hosts", "ansible.cfg", "roles/evil.py"):
        file = clone / name
        file.unlink()
        if what == "pipe":
            os.mkfifo(file)
        elif what == "device":
            file.symlink_to("/dev/zero")
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as one, os.scandir(file.parent):
                one.bind(os.path.relpath(file))
        elif what == "huge":
            file.write_bytes(b"")
            os.truncate(file, 3 << 30)
        else:
            file.write_bytes(b"x = " + b"[" * 100_000 if what == "deep" else os.urandom(3000))
    for line in ("list", "--help", "create x demo --no-connect --dry-run --no-ensure-clean", "trust --show"):
        done = world.mng(*line.split(), cwd=clone, check=False, timeout=30)
        assert "Traceback" not in done.err, done
    assert ran(world) == []


@pytest.mark.parametrize("kind", ["claude", "codex"])
def test_agents_are_asked_for_in_no_folder_that_is_not_trusted(world: World, kind: str) -> None:
    """Whether mng answers the program's own question: a stand-in for it writes down how it was started."""
    del world.env["MNG_TRUST"]
    world.tool(kind, f'#!/bin/sh\nprintf "%s\\n" "$@" > {world.root}/args-$MNG_AGENT_NAME\nexec sleep 1000\n')

    def answered(name: str, folder: Path) -> bool:
        world.mng("create", name, kind, "--no-connect", "--no-ensure-clean", "--from", folder, cwd=folder, check=False)
        args = world.wait(lambda: (world.root / f"args-{name}").read_text())
        account = world.home / ".claude.json"
        noted = account.exists() and f'"{folder}"' in account.read_text()
        return noted if kind == "claude" else 'trust_level="trusted"' in args

    plain, acting, others = (world.make_repo(world.root / name) for name in ("plain", "acting", "others"))
    assert answered("one", plain), "typing it in one's own repository is the answer"
    (acting / ".claude").mkdir()
    (acting / ".claude/settings.json").write_text('{"hooks": {}}')
    assert not answered("two", acting)
    world.mng("trust", cwd=acting)
    assert answered("three", acting)
    (acting / ".mng").mkdir()
    (acting / ".mng/settings.toml").write_text("[commands.create]\nuser_command = ['true']\n")
    world.git("init", "-q", world.root / "again")
    (world.root / "again/tasks.py").write_text("")
    world.make_repo(world.root / "again", {"x": "1"})
    assert not answered("four", world.root / "again")
    others.chmod(0o777)
    assert not answered("five", others)
