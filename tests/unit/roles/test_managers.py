"""Services and packages by managers other than systemd and apt."""

from typing import Any

import pytest

from mng.host import Host
from mng.roles import ops
from mng.roles.play import Play
from mng.runner import Done
from mng.shell import Cmd
from tests.unit.roles.test_play import far as far


@pytest.mark.parametrize("by", ["rc-service", "service"])
def test_services_without_systemd(far: Host, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rc-service": "rc-service\ndisabled\ninactive\n", "service": "service\nenabled\nactive\n"}
    ran: list[str] = []

    def scripted(command: Cmd, **how: Any) -> Done:
        if "rc-update show" in command.line:
            return Done(0, answers[by].encode())
        ran.append(command.shown)
        return Done(0)

    monkeypatch.setattr(far.runner, "run", scripted)
    far.local = True  # one line a question
    play = Play(far)
    if by == "rc-service":
        assert ops.service(play, "web", enabled=True)
        assert ran == ["sudo rc-update add web default", "sudo rc-service web start"]
    else:
        assert ops.service(play, "web", "stopped", enabled=False)
        assert ran == ["sudo update-rc.d web disable", "sudo service web stop"]
    assert not ops.service(play, "web", "running" if by == "rc-service" else "stopped")
    assert ops.service(play, "web", "reloaded") and ops.service(play, "web", "reloaded")


@pytest.mark.parametrize(
    "manager, lines",
    [
        ("apk", ["sudo apk add --quiet -- other"]),
        ("dnf", ["sudo dnf install -y -q -- one two"]),
        ("brew", ["brew install -- one two"]),
    ],
)
def test_packages_by_table(far: Host, manager: str, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def scripted(command: Cmd, **how: Any) -> Done:
        if "for p in apt-get" in command.line:
            return Done(0, f"{manager}\n".encode())
        if "dpkg-query" in command.line:
            return Done(1)
        ran.append(command.shown)
        return Done(0)

    monkeypatch.setattr(far.runner, "run", scripted)
    far.local = True  # one line a question
    assert ops.package(Play(far), "one", "two", apk="other")
    assert ran == lines
    with pytest.raises(TypeError, match="no package manager pacman"):
        ops.package(Play(far), pacman="x")
