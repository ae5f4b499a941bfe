"""`python -m tests.unit.cli.fake_mng …`: the program on the fakes, in a process of its own."""

import sys

from mng.main import quick_imports

quick_imports()

from mng.cli.program import Mng  # noqa: E402
from tests.unit.cli.fakes import contents  # noqa: E402

if __name__ == "__main__":
    Mng(contents, "1.2.3").run(["mng", *sys.argv[1:]])
