"""Programs, packages and commands."""

from __future__ import annotations

from typing import NamedTuple

from mng import output
from mng.disk import Seen
from mng.errors import NotAvailable
from mng.roles.facts import Fact, Need
from mng.roles.play import Play
from mng.runner import Done
from mng.shell import Cmd, cmd, raw


class Manager(NamedTuple):
    """How one package manager installs; `refresh` is done when that fails, before a second try."""

    program: str
    install: Cmd
    refresh: Cmd | None = None
    user: str = "root"


MANAGERS = {
    "apt": Manager(
        "apt-get",
        cmd("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=60", "install", "-y", "-qq",
            "--no-install-recommends", "--"),
        cmd("apt-get", "update", "-qq"),
    ),
    "apk": Manager("apk", cmd("apk", "add", "--quiet", "--"), cmd("apk", "update", "--quiet")),
    "dnf": Manager("dnf", cmd("dnf", "install", "-y", "-q", "--")),
    "brew": Manager("brew", cmd("brew", "install", "--"), user=""),
}  # fmt: skip
MANAGER = cmd("sh", "-c", raw("for p in apt-get apk dnf brew; do command -v $p >/dev/null && echo $p && break; done"))
INSTALLED = raw("""if command -v apt-get; then dpkg-query -W -f='${db:Status-Status}' -- "$0" | grep -qx installed
elif command -v apk; then apk info -e -- "$0"
elif command -v dnf; then rpm -q --whatprovides -- "$0"
else brew list --versions -- "$0"
fi >/dev/null 2>&1""")


def command(on: Play, line: Cmd, creates: str = "", timeout: float = 600.0, user: str = "") -> bool:
    """Run a line, by another user if one is given; with `creates`, only while that path is missing."""
    there = bool(creates) and on.look(creates).kind != ""
    made: dict[Need, Fact] = {on.path(creates): Seen(on.look(creates).path, "other")} if creates and on.check else {}
    return on.op(line.shown, there, lambda: on.host.run(line, user=user, timeout=timeout), after=made, wide=True)


def program(on: Play, name: str, install: Cmd | None, hint: str = "") -> bool:
    """A program on the PATH; installed only with -y or a yes on the terminal, else NotAvailable says what to run."""
    asks = cmd("command", "-v", name)
    there = on.ask(asks).code == 0
    wrong = None
    if install is None:
        wrong = NotAvailable(f"{name} is not on the PATH of host {on.host.name}", hint or "install it first")
    elif on.bootstrap == "no" or (on.bootstrap == "ask" and not output.interactive()):
        wrong = missing(on, name, install)

    def mend() -> None:
        assert install
        if on.bootstrap == "ask" and not output.confirm(f"{name} is not on host {on.host.name}. Install it with `{install}`?"):
            raise missing(on, name, install)
        (output.warn if on.bootstrap == "warn" else output.progress)(f"{on.host.name}: installing {name}: {install}")
        on.host.runner.run(install, timeout=900)

    return on.op(f"program {name}", there, mend, after={asks: Done(0)}, wide=True, wrong=wrong)


def missing(on: Play, name: str, install: Cmd) -> NotAvailable:
    return NotAvailable(f"{name} is not installed on host {on.host.name}", f"run: {install}   (or give -y)")


def package(on: Play, *names: str, **by_manager: str | list[str]) -> bool:
    """Packages of the system; `apt=`, `apk=`, `dnf=`, `brew=` where they are called otherwise, "" for none there."""
    if unknown := by_manager.keys() - MANAGERS.keys():
        raise TypeError(f"package(): no package manager {', '.join(sorted(unknown))}")
    others = {key: [value] if isinstance(value, str) else value for key, value in by_manager.items()}
    every = dict.fromkeys([*names, *(name for several in others.values() for name in several if name)])
    installed = {name: on.ask(asked(name)).code == 0 for name in every}
    program = on.ask(MANAGER).text
    key = next((key for key, manager in MANAGERS.items() if manager.program == program), "")
    wanted = [name for name in others.get(key, names) if name]
    lacking = [name for name in wanted if not installed[name]]

    def mend() -> None:
        manager = MANAGERS[key]
        line = Cmd(f"{manager.install.line} {cmd(lacking).line}", f"{manager.install} {cmd(lacking)}")
        output.progress(f"{on.host.name}: installing {', '.join(lacking)}: {line}")
        if manager.refresh and on.host.run(line, user=manager.user, check=False, timeout=900).code == 0:
            return
        if manager.refresh:
            on.host.run(manager.refresh, user=manager.user, timeout=300)
        on.host.run(line, user=manager.user, timeout=900)

    wrong = None if key else NotAvailable(f"host {on.host.name} has no package manager of apt-get, apk, dnf, brew")
    what = f"package {' '.join(wanted if key else names)}"
    return on.op(what, not lacking, mend, after={asked(name): Done(0) for name in wanted}, wide=True, wrong=wrong)


def asked(name: str) -> Cmd:
    return cmd("sh", "-c", INSTALLED, name)
