"""The lock files belong to pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENTRY = re.compile(r"^([a-z0-9-]+)==\S+(?: ;[^\\]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


@pytest.mark.parametrize(("name", "extra"), [("requirements.lock", []), ("requirements-dev.lock", ["dev"])])
def test_every_dependency_is_locked_with_hashes(name: str, extra: list[str]) -> None:
    text = (ROOT / name).read_text()
    locked = {entry[1] for entry in ENTRY.finditer(text)}
    wanted = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    for each in extra:
        wanted += PROJECT["project"]["optional-dependencies"][each]
    names = {re.match(r"[A-Za-z0-9-]+", line)[0] for line in wanted}  # type: ignore[index]
    assert names <= locked, "run scripts/lock.sh"
    assert ENTRY.sub("", text).strip() == "", "lines without hashes"


def test_both_files_lock_the_same_versions() -> None:
    entries = re.compile(r"^(\S+==\S+)", re.MULTILINE)
    runtime, dev = (set(entries.findall((ROOT / name).read_text())) for name in ("requirements.lock", "requirements-dev.lock"))
    assert runtime <= dev
