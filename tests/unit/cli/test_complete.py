"""TAB, in the shells themselves."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mng import settings, trust
from mng.cli import complete
from mng.commands import contents as COMMANDS
from mng.inventory.inventory import Inventory
from tests.bed.need import need
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fakes import contents

REAL = [  # of mng's own commands, in a project with roles, tasks, templates and types of its own
    (["logs", "a"], "al-2 alpha"),
    (["logs", "alpha", ""], "screen transcript"),
    (["rename", "be"], "beta"),
    (["rename", "beta", ""], ""),
    (["create", "web", "c"], "claude codex"),
    (["create", "--name", "web", "my"], ""),
    (["create", "--type", "my"], "my-claude my-codex"),
    (["create", "-n", "web", "--template", ""], "heavy light"),
    (["--template", "he"], "heavy"),
    (["provision", "--role", ""], "base claude codex database opencode own rsync unison web-server"),
    (["create", "--host", ""], "all local provider_ssh ungrouped web web1"),
    (["exec", "--host", "we"], "web web1"),
    (["create", "--from", "al"], "al-2 alpha"),
    (["create", "--label", "a=b", "new", "d"], "demo"),
    (["exec", "alpha", "b"], "beta"),
    (["clone", "al"], "al-2 alpha"),
    (["config", "s"], "set"),
    (["cfg", "g"], "get"),
    (["config", "set", "--scope", "p"], "project"),
    (["create", "--name-style", "sci"], "scientists scifi"),
    (["nightl"], "nightly"),
    (["de"], "deploy-it destroy"),
    (["message", "--on-error", "c"], "continue"),
    (["mv", "al"], "al-2 alpha"),
]


def project(home: Path) -> None:
    folder, user = home / "work", home / ".mng" / "profiles" / "default"
    user.mkdir(parents=True)
    (user / "settings.toml").write_text("[create_templates.light]\n[agent_types.my-claude]\nparent_type = 'claude'\n")
    for name in ("src/deep", ".mng", "roles/web-server", "roles/__pycache__"):
        (folder / name).mkdir(parents=True)
    (folder / ".mng" / "settings.toml").write_text('[agent_types."my-codex"]\n[create_templates.heavy.env]\n')
    (folder / "roles" / "database.py").write_text("")
    (folder / "roles" / "web-server" / "__init__.py").write_text("")
    (home / ".mng" / "roles").mkdir()
    (home / ".mng" / "roles" / "own.py").write_text("")
    (folder / "tasks.py").write_text("@task\ndef nightly(c):\n    pass\n\ndef no(c): pass\n@task(\n  x=1)\ndef deploy_it(c): 1")


@pytest.fixture
def real(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".mng" / "names").mkdir(parents=True)
    for name in ("alpha", "al-2", "beta"):
        (home / ".mng" / "names" / name).symlink_to("../agents/x")
    project(home)
    (home / "work/inventory").mkdir()
    (home / "work/inventory/hosts").write_text("[web]\nweb1\n")
    Inventory(settings.load(home / "work/src/deep")).hosts("web")
    Inventory(settings.load(home)).hosts("local")
    monkeypatch.chdir(home / "work" / "src" / "deep")
    complete.refresh(COMMANDS, "1", begin=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("words", "offered"), REAL, ids=[" ".join(words) for words, _ in REAL])
def test_every_kind_of_name(real: None, shell: str, words: list[str], offered: str) -> None:
    need(shell)
    got = {word.rstrip("/") for word in {"bash": bash, "zsh": zsh, "fish": fish}[shell](words).split()}
    assert " ".join(sorted(word for word in got if word.startswith(words[-1]))) == offered


TABS = [  # what stands before the cursor, and all that is offered
    (["sn"], "snap snapshot"),
    (["dest"], "destroy"),
    (["snapshot", "c"], "create"),
    (["destroy", "a"], "al-2 alpha"),
    (["rm", "a"], "al-2 alpha"),
    (["destroy", "alpha", "b"], "beta"),
    (["destroy", "--fo"], "--force --format"),
    (["destroy", "--agent", "be"], "beta"),
    (["create", "--in", ""], "docker local modal"),
    (["new-name", "--in", "d"], "docker"),
    (["--in", "l"], "local"),
    (["create", "--no-c"], "--no-connect"),
    (["create", "--excl"], "--exclude-unclean"),
    (["list", "--log-file", "/et"], "/etc"),
    (["list", "a"], ""),
    (["create", "--name", ""], ""),
    (["create", "--", "a"], ""),
]


@pytest.fixture
def cached(home: Path) -> Path:
    (home / ".mng" / "names").mkdir(parents=True)
    for name in ("alpha", "al-2", "beta"):
        (home / ".mng" / "names" / name).symlink_to("../agents/x")
    complete.refresh(contents, "1", begin=True)
    return complete.cache()


def bash(words: list[str]) -> str:
    quoted = " ".join(f"'{word}'" for word in ["mng", *words])
    call = f'COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _mng_complete; echo "${{COMPREPLY[*]}}"'
    script = f"{complete.script('bash')}\n{call}"
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(("words", "offered"), TABS, ids=[" ".join(words) for words, _ in TABS])
def test_bash(cached: Path, words: list[str], offered: str) -> None:
    assert " ".join(sorted(bash(words).split())) == offered


def test_bash_splits_at_the_equals_sign(cached: Path) -> None:
    assert bash(["create", "--in", "=", "d"]) == "docker\n"
    assert sorted(bash(["create", "--in", "="]).split()) == ["docker", "local", "modal"]


SAID = ['host_dir = "~/elsewhere"', "host_dir='~/elsewhere' # mine", 'prefix = "x"\nhost_dir   =   "HOME/elsewhere"\n[commands]']


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("file", [".mng/profiles/default/settings.toml"])
def test_the_folder_of_the_settings(cached: Path, home: Path, said: str, file: str) -> None:
    (home / "elsewhere" / "names").mkdir(parents=True)
    (home / "elsewhere" / "names" / "apart").symlink_to("x")
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(said.replace("HOME", str(home)) + "\n[other]\nhost_dir = '/nowhere'\n")
    assert bash(["destroy", "a"]) == "apart\n"
    if shutil.which("fish"):
        script = f"{complete.script('fish')}\ncomplete -C 'mng destroy a'"
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True, timeout=60)
        assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["apart"]


def test_other_roots_and_no_cache(cached: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "elsewhere" / "names").mkdir(parents=True)
    (home / "elsewhere" / "names" / "apart").symlink_to("x")
    monkeypatch.setenv("MNG_HOST_DIR", str(home / "elsewhere"))
    assert bash(["destroy", "a"]) == "apart\n"
    monkeypatch.setenv("MNG_ROOT_NAME", "other")
    assert bash(["destroy", "a"]) == "\n"


def test_tab_starts_no_program(cached: Path) -> None:
    shell = shutil.which("bash")
    assert shell
    call = "COMP_WORDS=(mng destroy b); COMP_CWORD=2; _mng_complete; echo $COMPREPLY"
    script = f"PATH=/nowhere\n{complete.script('bash')}\n{call}"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("beta\n", "")


def fish(words: list[str]) -> str:
    script = f"{complete.script('fish')}\ncomplete -C '{'mng ' + ' '.join(words)}'"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not done.stderr
    return "\n".join(line.partition("\t")[0].rstrip("/") for line in done.stdout.splitlines())


@pytest.mark.parametrize(("words", "offered"), TABS, ids=[" ".join(words) for words, _ in TABS])
def test_fish(cached: Path, words: list[str], offered: str) -> None:
    need("fish")
    assert " ".join(sorted(fish(words).split())) == offered


def zsh(words: list[str]) -> str:
    """As zsh's bashcompinit calls it; what does not begin with the word at the cursor is left out by zsh later."""
    quoted = " ".join(f"'{word}'" for word in ["mng", *words])
    script = f"""{complete.script("zsh")}
        emulate -L sh; setopt kshglob noshglob braceexpand ksh_arrays
        COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _mng_complete; echo "${{COMPREPLY[*]}}" """
    return subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(("words", "offered"), TABS, ids=[" ".join(words) for words, _ in TABS])
def test_zsh(cached: Path, words: list[str], offered: str) -> None:
    need("zsh")
    assert " ".join(sorted(word for word in zsh(words).split() if word.startswith(words[-1]))) == offered


def test_the_cache_follows_the_version(cached: Path, mng: Callable[[str], Ended]) -> None:
    assert cached.read_text().startswith("|stamp|1 ")
    mng("list")
    assert cached.read_text().startswith("|stamp|1.2.3 ")
    cached.unlink()
    mng("list")
    assert not cached.exists()  # nobody asked for completion


def test_an_unwritable_cache_is_no_error(cached: Path, mng: Callable[[str], Ended]) -> None:
    cached.unlink()
    cached.mkdir()
    assert mng("list").code == 0


EVIL = (
    "`touch ran`",
    "$(touch ran)",
    "$(touch${IFS}ran)",
    "'a b'",
    '"q',
    "a;touch ran",
    "two\nlines",
    "*",
    "$HOME",
    "a|b",
    "x(e)",
)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("words", [[""], ["create", "x", "-t", ""], ["create", "x", ""], ["list", "--host", ""], ["connect", ""],
                                   ["provision", "--role", ""], ["create", "--env-file", ""]], ids=str)  # fmt: skip
def test_no_name_is_run(real: None, home: Path, shell: str, words: list[str]) -> None:
    need(shell)
    work, state = home / "work", home / ".mng"
    for name in EVIL:
        (state / "names" / name).symlink_to("../agents/x")
        (work / "roles" / f"{name}.py").write_text("")
        (work / "src" / "deep" / name).write_text("")
    lines = "".join(f"@task\ndef {name}(c): pass\n" for name in EVIL)
    tables = "".join(f"[create_templates.{name}]\n[agent_types.{name}]\n" for name in EVIL)
    for folder in (work / ".mng", state / "profiles" / "default"):
        (folder / "settings.toml").write_text(tables + "[create_templates.fine]\n[agent_types.fine]\n")
    (work / "tasks.py").write_text(lines + "@task\ndef fine(c): pass\n")
    (state / "cache" / "patterns").write_text(f"{work}|fine {' '.join(EVIL)}\n")
    offered = {"bash": bash, "zsh": zsh, "fish": fish}[shell](words)
    assert not list(home.rglob("ran")), offered
    if words[-2:] != ["--env-file", ""]:  # files are quoted by the shell that puts them in
        assert not any(sign in offered for sign in "`$;'\"*"), offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_names_of_a_project_are_offered_with_trust(real: None, home: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(shell)
    tab = {"bash": bash, "zsh": zsh, "fish": fish}[shell]
    lines = (["nightl"], ["create", "--type", "my-co"], ["--template", "he"], ["provision", "--role", "datab"])
    monkeypatch.delenv("MNG_TRUST")
    assert [tab(words).strip() for words in lines] == [""] * 4
    trust.keep(home / "work", trust.seen(home / "work"))
    assert [tab(words).strip() for words in lines] == ["nightly", "my-codex", "heavy", "database"]
    (home / "work" / ".mng" / "settings.toml").write_text(f'host_dir = "{home}/elsewhere"\n')
    (home / "elsewhere" / "names").mkdir(parents=True)
    (home / "elsewhere" / "names" / "apart").symlink_to("x")
    assert tab(["destroy", "apart"]).strip() == "", "no project says where agents are"
