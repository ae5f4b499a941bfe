"""What the README says, typed as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from tests.bed.world import World

README = Path(__file__).parent.parent.parent / "README.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.live
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: shlex.split(block)[1])
def test_a_block_of_the_readme_works(world: World, block: str) -> None:
    ran = world.run("bash", "-e", "-x", "-c", block, timeout=120)
    assert "Traceback" not in ran.err, str(ran)
    assert "refs/mng/saved/scout" in ran.out


def test_the_two_commands_of_the_readme_come_first() -> None:
    first, second = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)[:2]
    for command in (first, second):
        assert (README.parent / command.strip()).stat().st_mode & 0o111
    assert "scripts/test.sh" in (README.parent / ".ci" / "run").read_text()
