"""Help and docs, against stored text."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mng.cli import docs
from mng.layout import help_page
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fakes import contents

STORED = Path(__file__).parent / "help"


@pytest.mark.parametrize("line", ["--help", "create --help", "exec --help", "snapshot create --help"])
def test_help(mng: Callable[[str], Ended], line: str) -> None:
    stored = STORED / (line.removesuffix(" --help").replace(" ", "-").strip("-") + ".txt")
    shown = mng(line).out
    assert shown == stored.read_text()
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("width", [1, 30, 47, 80, 300])
def test_any_width(width: int) -> None:
    rows = [("-x, --an-option-that-is-long VALUE", "what it does " * 10), ("-y", "")]
    shown = help_page("title", "text", [("Group", rows)], width)
    assert "--an-option-that-is-long VALUE\n" in shown or width == 300
    assert " ".join(shown.split()).count("what it does") == 10


def test_docs(home: Path) -> None:
    (home / "docs").mkdir()
    (home / "docs" / "gone.md").write_text("")
    docs.write(docs.pages(contents), home / "docs")
    named = {f"{name.replace(' ', '-')}.md" for name in contents.entries}
    assert {file.name for file in (home / "docs").iterdir()} == {"README.md", *named}
    page = (home / "docs" / "create.md").read_text()
    assert page.startswith("# mng create\n\n```\nmng create [NAME] [AGENT-TYPE] [OPTIONS] [-- AGENT-ARGS...]\n```\n")
    assert "| `--in, --new-host local\\|docker\\|modal` | provider of the host (default: local) |" in page
