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
    """The plugins of the package that pip installs; NotAvailable where there is no pip.

    What mng itself is made of stays as it is: the versions are constraints, and pip is asked first what it would put there.
    """
    import json
    import tempfile

    if not importlib.util.find_spec("pip"):
        raise NotAvailable(
            f"{what} can't be installed: there is no pip beside mng", f"{by_hand(words)}, then: mng plugin add NAME"
        )
    output.progress(f"installing {what}")
    with tempfile.TemporaryDirectory(prefix="mng-") as folder:
        report, constraints, own = Path(folder, "report.json"), Path(folder, "constraints.txt"), pinned()
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in own.items()))
        for dry in (["--dry-run"], []):
            done = pip("install", *dry, "--constraint", str(constraints), "--report", str(report), *words)
            if b"ResolutionImpossible" in done.err:
                raise MngError(f"{what} can't be installed: it needs other versions of what mng is made of", "which: -v")
            if done.code:
                raise MngError(f"{what} can't be installed: {complaint(done)}", "all that pip said: -v")
            brought = [plain(one["metadata"]["name"]) for one in json.loads(report.read_text())["install"]]
            if taken := [name for name in brought if name in own]:
                raise MngError(f"{what} can't be installed: it would replace {', '.join(taken)}, which mng is made of")
        asked = [one["metadata"]["name"] for one in json.loads(report.read_text())["install"] if one.get("requested")]
    importlib.invalidate_caches()
    names = [plain(name) for name in asked or words]
    found = [one for one in installed().values() if plain(one.package) in names]
    if not found:
        for name in asked:
            pip("uninstall", "--yes", name)
        raise MngError(f"{what} is no plugin of mng: its package has no entry point in the group {GROUP}", "see: docs/plugins.md")
    return found


def pinned() -> dict[str, str]:
    """mng and all that it needs, by name, in the versions that are here: those of the lock file, whose hashes were checked."""
    from importlib.metadata import PackageNotFoundError, distribution

    found, left = dict[str, str](), ["mng"]
    while left:
        name = left.pop()
        try:
            one = distribution(name)
        except PackageNotFoundError:  # only needed on other systems
            continue
        if plain(name) not in found:
            found[plain(name)] = one.version
            needs = [need for need in one.requires or () if "extra ==" not in need]
            left += [match[0] for need in needs if (match := re.match(r"[\w.-]+", need))]
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
