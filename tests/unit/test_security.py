"""docs/security.md names the tests that hold its claims: they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/security.md").read_text())
    assert len(named) > 15
    missing = [f"{file}::{name}" for file, name in named if f"def {name}" not in (ROOT / file).read_text()]
    assert not missing
