"""Another user of a host: sudo's ways to say no, and its password."""

import os
from pathlib import Path
from typing import Any

import pytest

from mng import output, sudo
from mng.errors import CommandFailed, NotAvailable
from mng.host import Host
from mng.runner import LocalRunner
from mng.shell import cmd, raw
from tests.bed.world import SUDO

ID = '#!/bin/sh\ncase $* in "-u root") echo 0 ;; "-u nobody-here") exit 1 ;; -u) echo 1000 ;; esac\n'


class Box(Host):
    """A host that is this machine, whose `sudo` and `id` are a test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("h", "box", "x", LocalRunner(), str(folder), str(folder / "mng"), "mng-", local=True)
        self.folder, self.log, self.asked = folder, folder / "log", list[str]()
        (folder / "id").write_text(ID)
        (folder / "id").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setattr(sudo, "given", {})
        monkeypatch.setattr(sudo, "same", False)
        monkeypatch.setattr(output, "interactive", lambda: True)

    def wants(self, password: str) -> None:
        (self.folder / "sudo").write_text(SUDO.format(log=self.log, password=password))
        (self.folder / "sudo").chmod(0o755)

    def types(self, monkeypatch: pytest.MonkeyPatch, *words: str | None) -> None:
        left = list(words)

        def password(question: str) -> str | None:
            self.asked.append(question)
            return left.pop(0)

        monkeypatch.setattr(output, "password", password)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(tmp_path, monkeypatch)


def test_without_a_password(box: Box) -> None:
    box.wants("")
    done = box.run(raw('read -r word; echo "$SUDO_AS $word"; exit 3'), user="root", stdin=b"in\n", check=False)
    assert (done.code, done.text) == (3, "root in")
    assert box.run(cmd("sh", "-c", "exit 1"), user="root", check=False).code == 1, "the line's own, which asks for nothing"
    with pytest.raises(CommandFailed, match="sudo false"):
        box.run(cmd("false"), user="root")
    assert box.run(raw("echo $A"), user="root", around=lambda line: line.env(A="it's")).text == "it's"
    assert "E" in box.log.read_text().splitlines()[-1].split()[1]
    with pytest.raises(CommandFailed) as error:
        box.run(cmd("true"), user="nobody-here")
    assert error.value.command_code == 1


def test_the_password_is_asked_once_and_shown_nowhere(box: Box, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    box.wants("hunter2 x")
    output.begin(verbose=2)
    box.types(monkeypatch, "hunter2 x")
    try:
        for word in ("one", "two"):
            assert box.run(raw("cat"), user="root", stdin=word.encode()).text == word
    finally:
        output.begin()
    assert box.asked == ["sudo's password on box: "]
    said = capsys.readouterr()
    assert "hunter2" not in box.log.read_text() + said.out + said.err and "sudo cat" in said.err


def test_it_goes_to_the_host_that_it_was_typed_for(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Host("h2", "other", "x", box.runner, box.home, box.dir, "mng-", local=True)
    box.wants("right")
    box.types(monkeypatch, "right", None, "right", "right")
    box.run(cmd("true"), user="root")
    with pytest.raises(NotAvailable, match="other: sudo: a password is required"):
        other.run(cmd("true"), user="root")
    other.run(cmd("true"), user="root")
    assert box.asked == [f"sudo's password on {name}: " for name in ("box", "other", "other")]
    monkeypatch.setattr(sudo, "same", True)
    for host in (box, other):
        host.run(cmd("true"), user="root")
    assert len(box.asked) == 4


def test_a_wrong_one_and_none(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.wants("right")
    box.types(monkeypatch, "wrong", "right", None)
    with pytest.raises(NotAvailable, match="incorrect password"):
        box.run(cmd("touch", box.folder / "made"), user="root")
    assert not (box.folder / "made").exists()
    box.run(cmd("touch", box.folder / "made"), user="root")
    assert (box.folder / "made").exists() and len(box.asked) == 2
    sudo.given.clear()
    with pytest.raises(NotAvailable, match="a password is required"):
        box.run(cmd("true"), user="root")


def test_who_is_that_user_already_needs_no_sudo(box: Box) -> None:
    (box.folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (box.folder / "sudo").write_text("#!/bin/sh\nexit 9\n")
    assert box.run(raw("echo it; exit 1"), user="me", check=False)[:2] == (1, b"it\n")
