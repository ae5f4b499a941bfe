"""docs/commands/ is what the options models say, and its links lead somewhere."""

import re
from pathlib import Path

from mng.cli import docs
from mng.commands import contents

ROOT = Path(__file__).parent.parent.parent


def test_the_command_pages_are_up_to_date() -> None:
    """Else: inv docs"""
    there = {path.name: path.read_text() for path in (ROOT / "docs" / "commands").glob("*.md")}
    assert there == {Path(name).name: text for name, text in docs.pages(contents).items()}


def test_the_schemas_are_up_to_date() -> None:
    """Else: inv docs"""
    folder = ROOT / "docs" / "schemas"
    there = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")}
    assert there == docs.schemas(contents)


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
