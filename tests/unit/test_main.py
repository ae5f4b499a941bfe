"""The script itself, in processes of its own: what it answers before any command is loaded."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mng.main import VERSION

ROOT = Path(__file__).parents[2]
MNG = f"{sys.executable} -m mng.main"


def sh(line: str) -> "subprocess.CompletedProcess[str]":
    within = f"cd {ROOT}; export MNG_TRUST={ROOT}; {line}"
    return subprocess.run(["bash", "-o", "pipefail", "-c", within], capture_output=True, text=True, timeout=60)


def test_the_version_is_the_packages() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert sh(f"{MNG} --version").stdout == f"mng {VERSION}\n"


@pytest.mark.parametrize("words", ["--help", "-h", "help"])
def test_help(words: str) -> None:
    ended = sh(f"{MNG} {words}")
    assert ended.returncode == 0
    for group in ("For managing agents", "For moving data in and out", "For maintenance", "This project's tasks.py"):
        assert f"\n{group}\n" in ended.stdout
    assert re.search(r"^  create, c +\(default\) Create and run an agent$", ended.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("diff", 2, "mng: diff: not in this version of mng\n     an agent of that name: mng create diff\n"),
        ("--completion tcsh", 2, "mng: --completion: no 'tcsh'\n     there are: bash, zsh, fish\n"),
        ("--completion", 2, "mng: --completion: no ''\n     there are: bash, zsh, fish\n"),
        ("--help >/dev/full", 1, "mng: cannot write the output: No space left on device\n"),
        ("--help >&-", 0, ""),
    ],
)
def test_ends(line: str, code: int, err: str) -> None:
    ended = sh(f"{MNG} {line}")
    assert (ended.returncode, ended.stderr) == (code, err)


def test_a_reader_that_goes_away() -> None:
    code = "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); from mng.main import main; main()"
    for word in ("--help", "--version"):
        ended = subprocess.run([sys.executable, "-c", code, word], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60)
        assert (ended.returncode, ended.stderr) == (141, ""), word


def test_only_the_quick_imports_are_left_out() -> None:
    code = (
        "from mng.main import quick_imports; quick_imports()\n"
        "import invoke, invoke.config, pydantic, unittest.mock\n"
        "assert unittest.mock.Mock().x\n"
        "assert invoke.MockContext(run={'ls': invoke.Result('a')}).run('ls').stdout == 'a'\n"
        "assert invoke.config.yaml.safe_load('a: [1]') == {'a': [1]}\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
