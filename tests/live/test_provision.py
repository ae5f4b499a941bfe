"""provision, by what it does to this machine, to agents and to several hosts."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import Ran, World

pytestmark = pytest.mark.live
SLEEP = ["--agent-cmd", "sleep 99999", "--no-connect"]
ROLE = """
from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role
from mng.shell import cmd, raw

@role()
def reload(on: Play) -> None:
    ops.command(on, raw('echo reloaded >> "$HOME/reloaded"'))

@role(tags=["net"])
def web(on: Play, port: int = 80, breaks: bool = False, slow: bool = False) -> None:
    ops.directory(on, "~/www")
    with on.notify(reload):
        ops.template(on, "~/www/conf", "listen $port\\n", port=port)
    if slow:
        ops.command(on, cmd("sleep", "60"))
    if breaks:
        ops.command(on, cmd("sh", "-c", "echo no luck >&2; exit 9"))
    with on.tagged("rc"):
        ops.line(on, "~/.profile", "export PORT")
"""


@pytest.fixture
def project(world: World) -> World:
    (world.repo / "roles").mkdir()
    (world.repo / "roles" / "web.py").write_text(ROLE)
    (world.repo / "roles" / "astray.py").write_text(
        ROLE.replace("def web", "def astray").replace("(tags", "(needs=['nowhere'], tags")
    )
    (world.repo / "tasks.py").write_text("")
    world.git("add", "-A")
    world.git("commit", "-qm", "roles")
    return world


def provision(world: World, *words: object, check: bool = True, host: bool = True) -> Ran:
    return world.mng("provision", *(["--host", "local"] if host else []), *words, check=check)


def rows(ran: Ran) -> list[tuple[str, str]]:
    return [(row["task"], row["status"]) for row in ran.json]


def test_check_then_do_then_all_ok(project: World) -> None:
    words = ["--role", "web:port=81", "--json"]
    predicted = provision(project, *words, "--check", "--diff")
    assert not (project.home / "www").exists() and not project.host_dir.exists()
    assert predicted.json[1]["diff"].endswith("+listen 81\n") and predicted.json[1]["tags"] == ["net"]
    assert rows(predicted) == [
        ("directory ~/www", "changed"), ("file ~/www/conf", "changed"), ("line in ~/.profile: export PORT", "changed"),
        ('echo reloaded >> "$HOME/reloaded"', "changed"),
    ]  # fmt: skip
    assert rows(provision(project, *words)) == rows(predicted)
    assert (project.home / "www/conf").read_text() == "listen 81\n"
    assert {status for _, status in rows(provision(project, *words))} == {"ok"}
    again = provision(project, "--role", "web:port=82", "--dry-run", "--diff")
    assert "local | -listen 81\nlocal | +listen 82\n" in again.out
    assert "local: ok=2 changed=2 unreachable=0 failed=0 skipped=0" in again.err
    assert (project.home / "reloaded").read_text() == "reloaded\n"


def test_a_failure_is_told_handlers_run_and_the_recap_is_printed(project: World) -> None:
    ran = provision(project, "--role", "web:breaks=yes", check=False)
    assert ran.code == 5 and "no luck" in ran.err and "failed=1" in ran.err
    assert (project.home / "reloaded").exists() and not (project.home / ".profile").exists()


def test_tags_and_tasks(project: World) -> None:
    listed = provision(project, "--role", "web", "--list-tasks", "--json").json
    assert [(row["task"], row["tags"]) for row in listed] == [
        ("directory ~/www", ["net"]), ("file ~/www/conf", ["net"]), ("line in ~/.profile: export PORT", ["net", "rc"]),
    ]  # fmt: skip
    assert [s for _, s in rows(provision(project, "--role", "web", "--tags", "rc,x", "--json"))] == ["skipped"] * 2 + ["changed"]
    typo = provision(project, "--role", "web", "--tags", "ner", "--list-tasks", "--json")
    assert typo.json == [] and "warning: nothing has the tag ner; did you mean net?" in typo.err
    skipped = provision(project, "--role", "web", "--skip-tags", "rc", "--json")
    assert [s for _, s in rows(skipped)] == ["changed", "changed", "skipped", "changed"]


def test_a_killed_run_leaves_its_handlers_to_the_next(project: World) -> None:
    killed = project.start("mng", "provision", "--host", "local", "--role", "web:slow=yes")
    project.wait(lambda: (project.home / "www/conf").exists(), what="the change")
    project.wait(lambda: "reload" in (project.host_dir / "handlers.jsonl").read_text())
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (project.home / "reloaded").exists()
    (project.home / "notes").mkdir()
    ran = provision(project, "--create-directory", "notes", "--json")
    assert rows(ran) == [("directory " + str(project.home / "notes"), "ok"), ('echo reloaded >> "$HOME/reloaded"', "changed")]
    assert (project.home / "reloaded").read_text() == "reloaded\n"


def test_killed_at_any_moment_the_next_run_makes_all_right(project: World) -> None:
    """The handler copies the files: at the end, the copy is of what is there."""
    (project.repo / "roles/copied.py").write_text(
        "from mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\nfrom mng.shell import cmd\n"
        "@role()\ndef again(on: Play) -> None:\n"
        "    ops.command(on, cmd('cp', on.path('~/a'), on.path('~/b'), on.path('~/copy/')))\n"
        "@role()\ndef copied(on: Play, text: str) -> None:\n"
        "    ops.directory(on, '~/copy')\n"
        "    with on.notify(again):\n"
        "        ops.file(on, '~/a', text)\n"
        "        ops.command(on, cmd('true'))\n"
        "        ops.line(on, '~/b', text)\n"
    )
    home = project.home
    provision(project, "--role", "copied:text=begin")
    for number in range(12):
        killed = project.start("mng", "provision", "--host", "local", "--role", f"copied:text={number}")
        time.sleep(0.15 + number * 0.02)
        killed.send_signal(signal.SIGKILL if number % 3 else signal.SIGINT)
        killed.wait()
        if number % 4 == 3:
            provision(project, "--create-directory", "~/copy")  # whichever run is next does what was left
            assert all((home / name).read_bytes() == (home / "copy" / name).read_bytes() for name in "ab")
            assert not (project.host_dir / "handlers.jsonl").exists()


@pytest.mark.parametrize(
    "words, code, told",
    [
        ([], 2, "what is to be provisioned?"),
        (["--host", "local"], 2, "nothing to do"),
        (["--host", "local", "--env", "A=1"], 2, "are an agent's"),
        (["--host", "local", "--role", "web", "--restart"], 2, "--restart is for agents"),
        (["x", "--env", "A B=1"], 2, "'A B' can't be the name"),
        (["--host", "local", "--role", ""], 2, "--role is empty"),
        (["--host", "local", "--role", "astray"], 2, "no role 'nowhere'"),
        (["--host", "local", "--role", "web:=1"], 2, "role web: '=1' is not KEY=VALUE"),
        (["--host", "local", "--role", "../roles/web"], 2, "no role '../roles/web'"),
        (["--host", "nowhere", "--role", "web"], 3, "no host matches nowhere"),
        (["nobody"], 3, "no agent 'nobody'"),
        (["--host", "local", "--role", "wbe"], 2, "did you mean web?"),
        (["--host", "local", "--role", "web:port=x"], 2, "role web: port='x' is no whole number"),
        (["--host", "local", "--role", "web", "--check", "--list-tasks"], 2, "exclude each other"),
        (["--host", "local", "--role", "web", "--destroy-on-fail"], 6, "can't be destroyed"),
        (["--host", "local", "--role", "web", "--bootstrap", "maybe"], 2, "is none of yes, warn, no"),
        (["--host", "local", "--role", "web", "--forks", "x"], 2, "is no whole number"),
        (["--host", "local", "--upload-file", "missing:x"], 2, "--upload-file missing: No such file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(project: World, words: list[str], code: int, told: str) -> None:
    ran = provision(project, *words, check=False, host=False)
    assert (ran.code, told in ran.err) == (code, True), str(ran)
    assert "Traceback" not in ran.err and not (project.home / "www").exists()


def test_bootstrap(project: World) -> None:
    (project.repo / "roles/needy.py").write_text(
        "from mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\nfrom mng.shell import cmd\n"
        "@role()\ndef needy(on: Play) -> None:\n"
        "    ops.program(on, 'no-such', cmd('touch', on.path('~/installed')))\n"
    )
    made = project.home / "installed"
    for words in ([], ["--bootstrap", "no"], ["--bootstrap", "no", "-y"], ["--check"]):
        ran = provision(project, "--role", "needy", *words, check=False)
        assert ran.code == 1 and "not installed" in ran.err and not made.exists()
    ran = provision(project, "--role", "needy", "--bootstrap", "warn")
    assert "warning: local: installing no-such" in ran.err and made.exists()
    made.unlink()
    assert "warning" not in provision(project, "--role", "needy", "--bootstrap", "yes").err and made.exists()


def test_an_agent_is_set_up_again_and_restarted(project: World) -> None:
    project.mng("create", "x", "--agent-cmd", 'echo "A=$A B=$B"; exec sleep 99999', "--no-connect", "--env", "A=1")
    project.wait(lambda: "A=1 B=" in project.screen("x"))
    project.tool("upload-me", "#!/bin/sh\n")
    (project.repo / "env").write_text("B='from file'\n")
    work = Path(project.record("x")["work"]["path"])
    words = [
        "x", "--env-file", "env", "--pass-env", "LANG", "--upload-file", f"{project.bin}/upload-me:tool", "--create-directory",
        "made", "--append-to-file", "notes:last", "--prepend-to-file", "notes:first", "--role", "web",
    ]  # fmt: skip
    predicted = project.mng("provision", *words, "--check", "--diff", "--json")
    assert "from file" not in predicted.out and not (work / "made").exists()
    assert predicted.json[-1]["role"] == "restart"
    done = project.mng("provision", *words, "--json")
    assert rows(done) == rows(predicted)
    project.wait(lambda: "A=1 B=from file" in project.screen("x"), what="the new environment")
    assert (project.folder("x") / "env").read_text() == "A=1\nB='from file'\nLANG=C.UTF-8\n"
    assert (work / "notes").read_text() == "first\nlast\n" and (work / "tool").stat().st_mode & 0o111
    pane = project.tmux("list-panes", "-a", "-F", "#{pane_pid}")
    again = project.mng("prov", *words, "--json")
    assert {status for _, status in rows(again)} == {"ok"}, "nothing changed, so nothing is restarted"
    assert project.tmux("list-panes", "-a", "-F", "#{pane_pid}") == pane
    project.mng("provision", "x", "--env", "A=2", "--no-restart")
    assert project.tmux("list-panes", "-a", "-F", "#{pane_pid}") == pane
    project.mng("provision", "x", "--restart", "--user-command", 'echo "$A" > a')
    project.wait(lambda: "A=2 B=from file" in project.screen("x"))
    assert (work / "a").read_text() == "2\n"


def test_a_secret_is_shown_nowhere(project: World) -> None:
    canary = "canary-5417"
    project.mng("create", "x", *SLEEP, "--env", f"OLD={canary}")
    (project.repo / "secrets").write_text(f"FILE={canary}\n")
    (project.repo / "key").write_text(canary)
    (project.repo / "key").chmod(0o600)
    (project.repo / "roles/quiet.py").write_text(
        "from mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\n"
        "from mng.shell import Secret, cmd\n"
        "@role()\ndef quiet(on: Play, token: str) -> None:\n"
        "    ops.command(on, cmd('test', Secret(token)))\n"
        "    ops.line(on, '~/.profile', f'TOKEN={token}', match='^TOKEN=')\n"
        "    ops.file(on, '~/token', token, 0o600)\n"
    )
    words = [
        "--env", f"NEW={canary}", "--env-file", "secrets", "--pass-env", "PASSED", "--upload-file", "key:key",
        "--role", f"quiet:token={canary}", "-vv", "--log-commands", "--log-command-output", "--log-env-vars",
    ]  # fmt: skip
    for how in (["--check", "--json"], [], ["--json"]):
        ran = project.mng("provision", "x", *words, *how, env={"PASSED": canary})
        assert canary not in ran.out + ran.err, str(ran)
    ran = project.mng("provision", "x", "--env", f"NEW={canary}2", "--upload-file", "key:key2", "--diff", "-vv")
    assert canary not in ran.out + ran.err and "not shown" in ran.out, str(ran)
    logs = "".join(path.read_text() for path in (project.home / ".mng" / "logs").iterdir())
    assert canary not in logs and "--role=***" in logs
    assert (project.folder("x") / "env").read_text().count(canary) == 4


def test_as_root(project: World) -> None:
    project.mng("create", "x", *SLEEP)
    log = project.sudo()
    project.mng("provision", "x", "--sudo-command", "pwd > where", "--user-command", "true")
    work = project.record("x")["work"]["path"]
    assert Path(work, "where").read_text() == f"{work}\n" and "pwd > where" in log.read_text()


def test_roles_by_sudo_on_hosts_with_an_umask_of_their_own(project: World) -> None:
    """Its password is typed once a host, or once for two with --same-password, and is on no command line there."""
    log = project.sudo("hunter2")
    (project.repo / "roles/boss.py").write_text(
        "from mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\n"
        "from mng.shell import raw\n\n\n@role()\n"
        "def boss(on: Play) -> None:\n    ops.file(on, '~/d/f', b'x', 0o644)\n    ops.directory(on, '~/e', 0o755)\n"
        "    ops.command(on, raw('ps -ef > ~/ps; umask > ~/umask'), user='root')\n"
    )
    bed = Sshd(project)
    try:
        hosts = [bed.start(name, env={"PATH": project.env["PATH"]}, umask=0o77) for name in ("one", "two")]
        refused = project.mng("provision", "--host", "one,two", "--role", "boss", check=False)
        assert refused.code == 1 and refused.err.count("a password is required") == 2, refused
        terminal = project.pty("mng", "provision", "--host", "one,two", "--role", "boss")
        terminal.expect("sudo's password on (one|two)", 60)
        terminal.line("hunter2")
        terminal.expect("sudo's password on (one|two)", 60)
        terminal.line("hunter2")
        assert terminal.wait(60) == 0, terminal.text
        assert {name for name in ("one", "two") if f"password on {name}" in terminal.text} == {"one", "two"}, terminal.text
        terminal = project.pty("mng", "provision", "--host", "one,two", "--role", "boss", "--same-password")
        terminal.expect("sudo's password on", 60)
        terminal.line("hunter2")
        assert terminal.wait(60) == 0, terminal.text
        assert terminal.text.count("sudo's password") == 1, terminal.text
        assert "one: ok=2 changed=1" in terminal.text and "two: ok=2 changed=1" in terminal.text
        for host in hosts:
            assert "hunter2" not in (host.home / "ps").read_text() + log.read_text() + terminal.text
            assert (host.home / "d/f").stat().st_mode & 0o777 == 0o644 and (host.home / "e").stat().st_mode & 0o777 == 0o755
            assert (host.home / "umask").read_text() == "0077\n"
    finally:
        bed.end()


def test_a_stopped_agent_stays_so(project: World) -> None:
    project.mng("create", "x", *SLEEP)
    project.mng("stop", "x")
    ran = project.mng("provision", "x", "--env", "A=1", "--restart", "--json")
    assert [row["role"] for row in ran.json] == ["program", "env"] and project.mng("list", "--json").json[0]["state"] == "STOPPED"


def test_create_does_roles_first(project: World) -> None:
    project.mng("create", "x", *SLEEP, "--role", "web:port=99")
    assert (project.home / "www/conf").read_text() == "listen 99\n"
    ran = project.mng("create", "y", *SLEEP, "--role", "web:breaks=1", check=False)
    assert ran.code == 5 and "no luck" in ran.err and not (project.host_dir / "names" / "y").exists()
    ran = project.mng("create", "y", *SLEEP, "--role", "wbe", check=False)
    assert ran.code == 2 and "did you mean web?" in ran.err


def test_from_python(project: World) -> None:
    (project.repo / "tasks.py").write_text(
        "import json\nfrom invoke.tasks import task\nfrom mng.commands import provision\n"
        "from mng.inventory.inventory import Inventory\nfrom mng import settings\n"
        "from mng.roles import finding, play\n"
        "@task\ndef both(c):\n"
        "    rows = provision(c, host='local', role=['web'])\n"
        "    recap = play.provision(Inventory(settings.load()).host('local'), [finding.find('web')(port=80)])\n"
        "    print(json.dumps([[row.status for row in rows], str(recap)]))\n"
    )
    ran = project.mng("both")
    assert json.loads(ran.out) == [["changed"] * 4, "local: ok=3 changed=0 unreachable=0 failed=0 skipped=0"]


def test_several_hosts_side_by_side(project: World) -> None:
    """Hosts that are folders of this machine: five at once, one of which fails."""
    (project.repo / "tasks.py").write_text(
        "from dataclasses import replace\nfrom pathlib import Path\nfrom invoke.tasks import task\n"
        "from mng.commands import provision\nfrom mng.inventory.inventory import Inventory\nfrom mng.rows import plain\n"
        "from mng import output\n"
        "@task\ndef many(c, forks=20, on_error='continue'):\n"
        "    here = Inventory.hosts\n"
        "    def hosts(self, patterns=(), limit=''):\n"
        "        one = here(self)[0]\n"
        "        return [replace(one, id=str(n), name=f'h{n}', home=f'{one.home}/{n}', dir=f'{one.home}/{n}/.mng')\n"
        "                for n in range(5)]\n"
        "    Inventory.hosts = hosts\n"
        "    rows = provision(c, host='all', role=['nap'], forks=forks, on_error=on_error)\n"
        "    output.now.shape = 'json'\n"
        "    told = {'rows': plain(rows), 'code': rows.exit_code, 'recap': rows.footer}\n"
        "    output.show({**told, 'at_once': int(Path('at_once').read_text())})\n"
    )
    (project.repo / "roles/nap.py").write_text(
        "from pathlib import Path\nfrom mng.roles import ops\nfrom mng.roles.play import Play\nfrom mng.roles.role import role\n"
        "from mng.shell import cmd\n"
        "asleep, most = set(), [0]\n"
        "@role()\ndef nap(on: Play) -> None:\n"
        "    asleep.add(on.host.name)\n"
        "    most[0] = max(most[0], len(asleep))\n"
        "    ops.command(on, cmd('sleep', 1))\n"
        "    asleep.discard(on.host.name)\n"
        "    Path('at_once').write_text(str(most[0]))\n"
        "    if on.host.name == 'h1':\n        ops.command(on, cmd('false'))\n"
        "    ops.file(on, '~/done', b'')\n"
    )
    many = project.mng("many").json
    assert many["code"] == 5 and many["at_once"] > 1
    assert [row["status"] for row in many["rows"]] == [
        *["changed"] * 2, "changed", "failed", *["changed"] * 6,
    ]  # fmt: skip
    assert [row["host"] for row in many["rows"]] == [f"h{n}" for n in range(5) for _ in range(2)]
    assert len(many["recap"].splitlines()) == 5 and "h1: ok=0 changed=1 unreachable=0 failed=1" in many["recap"]
    assert project.mng("many", "--forks", "1").json["at_once"] == 1
    aborted = project.mng("many", "--on-error", "abort").json
    assert [row["status"] for row in aborted["rows"]][-3:] == ["skipped"] * 3


@pytest.mark.agents
def test_claude_code_goes_on_with_its_conversation_and_a_new_environment(world: World, claude: str) -> None:
    world.mng("create", "x", claude, "--no-connect", "--await-ready", "--message", "hello")
    world.wait(lambda: "ECHO: hello" in world.mng("logs", "x", "transcript").out, 60)
    ran = world.mng("provision", "x", "--env", "COLOUR=teal", "--json")
    assert [(row["role"], row["status"]) for row in ran.json][-2:] == [("env", "changed"), ("restart", "changed")]
    pid = world.tmux("list-panes", "-t", world.session("x"), "-F", "#{pane_pid}")
    programs = [pid, *world.run("ps", "-o", "pid=", "--ppid", pid).out.split()]
    assert b"COLOUR=teal" in Path("/proc", programs[-1], "environ").read_bytes()
    world.mng("message", "x", "-m", "again", "--wait")
    transcript = world.mng("logs", "x", "transcript").out
    assert transcript.index("ECHO: hello") < transcript.index("ECHO: again")
    again = world.mng("provision", "x", "--env", "COLOUR=teal", "--json")
    assert {row["status"] for row in again.json} == {"ok"}


def test_over_ssh(project: World) -> None:
    """Check, do, and then nothing is left to do, which costs three sessions at most."""
    bed = Sshd(project)
    try:
        box = bed.start("box")
        words = ["--host", "box", "--role", "web:port=7", "--json"]
        predicted = provision(project, *words, "--check", host=False)
        assert rows(provision(project, *words, host=False)) == rows(predicted)
        assert (box.home / "www/conf").read_text() == "listen 7\n" and (box.home / "reloaded").exists()
        before = box.count("Starting session: command")
        again = provision(project, *words, host=False)
        assert {status for _, status in rows(again)} == {"ok"} and again.json[0]["host"] == "box"
        assert 0 < box.count("Starting session: command") - before <= 3
    finally:
        bed.end()
