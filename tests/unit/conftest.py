"""A home and an environment of its own for each unit test."""

import os
from pathlib import Path

import pytest

from mng import hooks, output, trust


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MNG_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    (folder / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("MNG_TRUST", str(folder / "work"))
    monkeypatch.chdir(folder / "work")
    monkeypatch.setattr(output, "now", output.Now())
    monkeypatch.setattr(hooks, "now", hooks.Now())
    monkeypatch.setattr(trust, "now", trust.Now())
    return folder
