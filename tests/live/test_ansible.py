"""The stored answers are those of the real Ansible, and patterns made up at random mean the same to it."""

import importlib.util
import json
import os
import random
from pathlib import Path

import pytest

from tests.bed.need import missing
from tests.bed.real_ansible import answers
from tests.unit.inventory.cases import ANSWERS, CORPUS, FILES, asked, listing
from tests.unit.inventory.test_ansible import meant

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


def test_patterns_that_nobody_thought_of(home: Path) -> None:
    """Made of parts at random; the same ones each time."""
    chance = random.Random(4)
    plain = [
        "web",
        "db",
        "prod",
        "web1",
        "w*",
        "*",
        "~web\\d",
        "lonely",
        "staging",
        "nope",
        "all",
        "db-?.example.com",
        "both",
        "empty",
        "l*[0]",
    ]
    slices = ["", "", "", "[0]", "[-1]", "[1:]", "[0:2]", "[7]", "[2:1]"]

    def term(first: bool) -> str:
        word = chance.choice(plain)
        return (
            chance.choice(["", "", "", "!", "&"] if not first else ["", "", "", "", "!"])
            + word
            + chance.choice(slices) * (word[0] != "~")
        )

    made = list(dict.fromkeys(chance.choice(":,").join(term(not at) for at in range(chance.randint(2, 5))) for _ in range(150)))
    said = answers([["ansible", "-i", str(CORPUS / "plain.ini"), "--list-hosts", "--", pattern] for pattern in made], home)
    wrong = [
        (pattern, theirs, ours)
        for pattern, one in zip(made, said, strict=True)
        if (theirs := listing(*one)) != (ours := meant(("plain.ini", pattern, ""), home))
    ]
    assert not wrong
