"""The stored answers are those of the real Ansible, and any patterns that hypothesis makes up mean the same to it."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from tests.bed.need import missing
from tests.bed.real_ansible import answers
from tests.unit.inventory.cases import ANSWERS, FILES, asked

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    if not importlib.util.find_spec("ansible"):
        missing("ansible-core is not installed")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_stored_answers_are_those_of_ansible(home: Path) -> None:
    """MNG_RECORD=1 stores them anew."""
    found = asked(lambda lines: answers(lines, home))
    if os.environ.get("MNG_RECORD"):
        ANSWERS.write_text(json.dumps(found, indent=0) + "\n")
    assert found == json.loads(ANSWERS.read_text())
