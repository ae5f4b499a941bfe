"""mng doctor"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

from invoke.context import Context

from mng import hooks, settings
from mng.agents.types import AgentType, choose, known, names, tried_versions
from mng.cli.command import command
from mng.cli.options import CommonOptions, Duration, option
from mng.cli.settings_file import SettingsFile
from mng.cli.verify import verify
from mng.errors import MngError, UsageError
from mng.host import Host
from mng.inventory.inventory import Inventory
from mng.inventory.provider import Check
from mng.rows import Results, Row
from mng.shell import cmd, expanded

TOOLS = {  # what asks it for its version, the package that has it (apt, brew), what it is for
    "tmux": ("-V", "tmux", "tmux", ""),
    "git": ("--version", "git", "git", ""),
    "rsync": ("--version", "rsync", "rsync", "push and pull"),
    "unison": ("-version", "unison", "unison", "pair"),
    "ssh": ("-V", "openssh-client", "openssh", "hosts elsewhere"),
    "docker": ("--version", "docker.io", "docker", "containers"),
}
OLDEST_TMUX = (3, 2)
GRACE = 2.0  # seconds beyond the deadline: what runs on a host is ended first, so that nothing stays behind


class Doctor(CommonOptions):
    """Doctor"""

    timeout: Duration = option(10.0, help="how long a program or provider may take to answer")


class Finding(Row):
    """Something that was looked at: `missing` is what create needs, `warning` all else that is not right."""

    columns: ClassVar[dict[str, str]] = {"CHECK": "check", "STATUS": "status", "FOUND": "found"}

    check: str
    status: Literal["ok", "missing", "warning"]
    found: str
    mend: str = ""

    @property
    def exit_code(self) -> int:
        return int(self.status == "missing")


@command(mends=True)
def doctor(c: Context, o: Doctor) -> Results[Finding]:
    """Check what mng needs on this machine

    What is installed, configured and reachable, and the command that mends what is not. `missing` is what `mng create`
    needs: then the exit code is 1.
    """
    inventory = Inventory(o.settings)
    host, usual = inventory.local.host, usual_type(o)
    work: dict[str, Callable[[], Sequence[Check]]] = {name: partial(tool, host, name, o.timeout) for name in TOOLS}
    work |= {name: partial(agent, host, name, o.timeout, name in usual) for name in dict.fromkeys((*names(), *usual))}
    for one in inventory.providers:
        work[f"provider {one.name}"] = partial(inventory.asked, one, one.checks, list[Check]())
    work |= {f"plugin {name}": partial(plugin, name, module) for name, module in hooks.now.enabled.items()}
    python = ".".join(map(str, sys.version_info[:3]))
    checks = [Check("python", "ok", f"{python} ({sys.executable})"), *configured(o), *by_deadline(work, o.timeout)]
    mends = [f"{check.name}: {check.mend}" for check in checks if check.mend]
    return Results([Finding(check=name, status=so, found=found, mend=mend) for name, so, found, mend in checks], "\n".join(mends))


def by_deadline(work: dict[str, Callable[[], Sequence[Check]]], seconds: float) -> list[Check]:
    """All side by side; what does not answer in time, or fails, is a warning and keeps nobody."""
    from concurrent.futures import ThreadPoolExecutor, wait

    pool = ThreadPoolExecutor(len(work))
    asked = {name: pool.submit(look) for name, look in work.items()}
    wait(asked.values(), timeout=seconds + GRACE)
    pool.shutdown(wait=False, cancel_futures=True)
    found: list[Check] = []
    for name, answer in asked.items():
        try:
            found += answer.result() if answer.done() else [Check(name, "warning", f"no answer within {seconds:g} s")]
        except MngError as error:
            found.append(Check(name, "warning", error.what, error.hint))
    return found


def plugin(name: str, module: str) -> list[Check]:
    if wrong := hooks.problem(name, module):
        return [Check(f"plugin {name}", "warning", wrong, f"mng plugin disable {name}")]
    return [Check(f"plugin {name}", "ok", module)]


def version(host: Host, timeout: float, *words: str) -> str | None:
    """What it says of itself; None if it is not on the PATH, "" if it says nothing that looks like a version."""
    done = host.runner.run(cmd(*words), check=False, timeout=timeout)
    if done.code in (126, 127):
        return None
    number = re.search(rb"\d+(\.\d+)+\w*", done.out + done.err)
    return number[0].decode() if number else ""


def tool(host: Host, name: str, timeout: float) -> list[Check]:
    flag, apt, brew, purpose = TOOLS[name]
    found, mend = version(host, timeout, name, flag), install(apt, brew)
    if found is None and purpose:
        return [Check(name, "warning", f"not installed ({purpose} need it)", mend)]
    if found is None:
        return [Check(name, "missing", "not installed", mend)]
    number = numbers(found)[:2]
    if name == "tmux" and number and number < OLDEST_TMUX:
        return [Check(name, "missing", f"{found}, too old", mend)]
    return [Check(name, "ok", found or "there")]


def install(apt: str, brew: str) -> str:
    """The line that installs a package on this machine."""
    if shutil.which("brew"):
        return f"brew install {brew}"
    if shutil.which("apt-get"):
        return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install -y {apt}"
    return f"install {brew} with the package manager of this machine"


def usual_type(o: Doctor) -> tuple[str, ...]:
    """What `mng create` runs when nothing is said: a built-in type, else a program."""
    from mng.commands.create import CreateOptions

    try:
        chosen = choose(CreateOptions.given({}).over(o.settings, "create").type, o.settings)
    except UsageError:
        return ()  # told with the settings
    return (chosen.program[0],) if chosen.program else (chosen.kind.name,)


def agent(host: Host, name: str, timeout: float, needed: bool) -> list[Check]:
    """Its program and whether it has an account; of programs that we know nothing of, only whether they are there."""
    kind = known(name) or AgentType()
    program = kind.program[0] if kind.program else name
    if kind.name in ("generic", "demo") or (kind.plugin and not kind.program):
        return []
    if not kind.name:
        there = host.runner.run(cmd("command", "-v", program), check=False).code == 0
        return [Check(name, "ok" if there else "missing", "there" if there else "not on the PATH")]
    found = version(host, timeout, program, "--version")
    if found is None:
        npm = "" if shutil.which("npm") else f"{install('npm', 'node')} && "
        mend = f"{npm}{kind.install}" if kind.install else ""
        return [Check(name, "missing" if needed else "warning", "not installed", mend)]
    account = next(filter(is_there, kind.account), "")
    told = Check(f"{name} account", "ok", f"present ({account.partition('#')[0]})")
    if not account:
        told = Check(f"{name} account", "warning", "absent", f"run {program} once and log in, or set {kind.account[0]}")
    itself = by_version(name, found, tried_versions(kind.name))
    return [itself, told] if kind.account else [itself]


def by_version(name: str, found: str, tried: Sequence[str]) -> Check:
    """A program of another version than mng was tested with is no reason to refuse it, but one to know of."""
    if not tried:
        return Check(name, "ok", found or "there")
    oldest, newest = tried[0], tried[-1]
    tests = f"mng is tested with {', '.join(tried)}"
    if not found:
        return Check(name, "warning", f"there, but it tells no version; {tests}")
    if numbers(found) > numbers(newest):
        return Check(name, "warning", f"{found}, but {tests}", "a newer mng may know it: scripts/install.sh")
    if numbers(found) < numbers(oldest):
        return Check(name, "warning", f"{found}, but {tests}", f"upgrade {name}")
    return Check(name, "ok", f"{found} ({tests})")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def is_there(account: str) -> bool:
    """A variable that is set, or a file (`#` and a word that it must have): never read further than that."""
    if not account.startswith("~"):
        return bool(os.environ.get(account))
    path, _, word = account.partition("#")
    try:
        return word in expanded(path).read_text(errors="replace")
    except OSError:
        return False


def configured(o: Doctor) -> list[Check]:
    """Each settings file, all of them together, and the profile."""
    from mng.commands import contents

    try:
        files = SettingsFile(None, o.context).files
        found = [Check("profile", "ok", settings.profile())]
    except UsageError as error:
        return [Check("profile", "missing", error.what, "unset MNG_PROFILE, or mend ~/.mng/profile")]
    broken = False
    for scope, file in files.items():
        try:
            there = settings.read(file) is not None
            found.append(Check(f"settings {scope}", "ok", str(file) if there else f"none ({file})"))
        except UsageError as error:
            broken = True
            found.append(Check(f"settings {scope}", "missing", error.what, f"mng config edit --scope {scope}"))
    try:
        if not broken:
            verify(settings.load(o.context), contents)
    except UsageError as error:
        found.append(Check("settings", "missing", error.what, error.hint or "mng config edit"))
    return found
