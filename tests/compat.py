"""`python -m tests.compat`: each program's live tests with each of its versions, and docs/compatibility.md from what came out.

The versions are those of mng/agents/versions.toml; with words as `claude=latest codex=0.171.0` only these, with nothing written.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bed import agents

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "compatibility.md"
# Beside tests/live/test_PROGRAM.py: what runs each of the real programs in turn.
SHARED = ("bed_agents", "clone", "migrate", "restore", "ask")
HEAD = """# Compatibility

The agents' programs change weekly. mng's live tests are run with these versions of each, the oldest first. `mng doctor` warns of
a program that is older or newer; mng works with it all the same: it reads what a program records rather than its screen.
This page is written by `inv compat`, which runs them; the versions are in `mng/agents/versions.toml`.

| program | version | passed | failed |
|---|---|---|---|
"""


@dataclass
class Tally:
    """How the tests went with one version of a program."""

    name: str
    version: str
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def row(self) -> str:
        return f"| {self.name} | {self.version} | {self.passed} | {', '.join(self.failed) or 'none'} |"


def run(name: str, version: str) -> Tally:
    """Raises AssertionError if no test was run: a version without tests is not known to work."""
    agents.install(name, version)
    with tempfile.TemporaryDirectory(prefix="mng-compat-") as folder:
        report = Path(folder) / "report.xml"
        env = {**os.environ, f"MNG_TEST_{name.upper()}": version, "CI": "true"}
        files = [f"tests/live/test_{name}.py", *(f"tests/live/test_{one}.py" for one in SHARED)]
        words = ["-n", "2", "-m", "agents", "-k", name, f"--junitxml={report}", *files]
        subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=env)
        tally = read(name, version, report)
    assert tally.passed or tally.failed, f"{name} {version}: no test was run"
    return tally


def read(name: str, version: str, report: Path) -> Tally:
    tally = Tally(name, version)
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(case.get("name", "").partition("[")[0])
        elif case.find("skipped") is None:
            tally.passed += 1
    return tally


def asked(words: list[str]) -> Iterator[tuple[str, str]]:
    """Each program and version, `latest` as what npm calls so now."""
    for word in words or [f"{name}={version}" for name, versions in agents.VERSIONS.items() for version in versions]:
        name, _, version = word.partition("=")
        if name not in agents.NPM or not version:
            sys.exit(f"{word}: PROGRAM=VERSION, of {', '.join(agents.NPM)}")
        if version == "latest":
            line = ["npm", "view", agents.NPM[name], "version"]
            version = subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()
        yield name, version


def main(words: list[str]) -> int:
    tallies = [run(name, version) for name, version in list(asked(words))]
    table = "".join(f"{tally.row}\n" for tally in tallies)
    if words:
        print(HEAD[HEAD.index("| program") :] + table)
    else:
        PAGE.write_text(HEAD + table)
    return int(any(tally.failed for tally in tallies))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
