"""Packages that bring plugins, in mng's own environment: which there are, and pip."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mng import output
from mng.errors import MngError, NotAvailable, NotFound, UsageError
from mng.shell import cmd, expanded, is_folder

if TYPE_CHECKING:
    from mng.runner import Done

GROUP = "mng"  # of entry points: NAME = "module"


class Package(NamedTuple):
    """A plugin that is installed: its entry point, and the package that has it."""

    plugin: str
    module: str
    package: str
    version: str


def installed() -> dict[str, Package]:
    """By plugin name. Looks through all packages, though quicker than importlib.metadata: not on other commands' way."""
    found: dict[str, Package] = {}
    for folder in reversed(sys.path):
        for file in Path(folder).glob("*.dist-info/entry_points.txt"):
            _, _, ours = f"\n{file.read_text()}".partition(f"\n[{GROUP}]\n")
            package, _, version = file.parent.name.removesuffix(".dist-info").partition("-")
            for line in ours.partition("\n[")[0].splitlines():
                name, equals, module = (part.strip() for part in line.partition("="))
                if equals:
                    found[name] = Package(name, module, plain(package), version)
    return found


def install(*words: str, what: str) -> list[Package]:
    """The plugins of the package that pip installs; NotAvailable where there is no pip."""
    import json
    import tempfile

    if not importlib.util.find_spec("pip"):
        raise NotAvailable(
            f"{what} can't be installed: there is no pip beside mng", f"{by_hand(words)}, then: mng plugin add NAME"
        )
    output.progress(f"installing {what}")
    with tempfile.TemporaryDirectory(prefix="mng-") as folder:
        report = Path(folder, "report.json")
        done = pip("install", "--report", str(report), *words)
        if done.code:
            raise MngError(f"{what} can't be installed: {complaint(done)}", "all that pip said: -v")
        asked = [one["metadata"]["name"] for one in json.loads(report.read_text())["install"] if one.get("requested")]
    importlib.invalidate_caches()
    names = [plain(name) for name in asked or words]
    found = [one for one in installed().values() if plain(one.package) in names]
    if not found:
        for name in asked:
            pip("uninstall", "--yes", name)
        raise MngError(f"{what} is no plugin of mng: its package has no entry point in the group {GROUP}", "see: docs/plugins.md")
    return found


def uninstall(package: str) -> None:
    done = pip("uninstall", "--yes", package)
    if done.code:
        raise MngError(f"{package} can't be removed: {complaint(done)}", "all that pip said: -v")


def pip(*words: str) -> Done:
    from mng.runner import LocalRunner

    line = cmd(sys.executable, "-P", "-m", "pip", *words, "--disable-pip-version-check", "--no-input").env(
        GIT_TERMINAL_PROMPT="0"
    )
    done = LocalRunner().run(line, check=False, timeout=1800)
    output.detail((done.out + done.err).decode(errors="replace").rstrip())
    return done


def complaint(done: Done) -> str:
    """What pip says is wrong, of all it says."""
    lines = [line.strip() for line in done.err.decode(errors="replace").splitlines()]
    return next((line.removeprefix("ERROR:").strip() for line in reversed(lines) if line.startswith("ERROR:")), done.complaint)


def by_hand(words: tuple[str, ...]) -> str:
    """The command for an environment that another program keeps."""
    if "pipx" in Path(sys.prefix).parts:
        return cmd("pipx", "inject", "mng", *words).line
    if "uv" in Path(sys.prefix).parts:
        return cmd("uv", "tool", "install", "mng", "--with", *words).line
    return cmd("uv", "pip", "install", "--python", sys.executable, *words).line


def of_git(url: str) -> str:
    """As pip takes it: `git+…`. A password in it would be seen by all on this machine."""
    if re.match(r"https?://[^/]*@", url):
        raise UsageError("--git: an address with a password in it is seen by others here", "use git's credential helper, or ssh")
    if "://" in url:
        return f"git+{url}"
    if is_folder(expanded(url)):
        return f"git+{expanded(url).resolve().as_uri()}"
    if match := re.fullmatch(r"([\w.-]+@[\w.-]+):(.+)", url):
        return f"git+ssh://{match[1]}/{match[2]}"
    raise NotFound(f"--git: {url!r} is neither an address nor a folder")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
