"""Hosts for Fabric: its executor is given what our patterns mean."""

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from mng.cli import fab
from mng.errors import NotFound, UsageError


def normalized(*words: Any) -> list[dict[str, Any]]:
    made: Any = fab.executor()
    found: list[dict[str, Any]] = made.normalize_hosts(None, words)
    return found


@pytest.fixture(autouse=True)
def inventory(home: Path) -> None:
    (home / ".mng/inventory").mkdir(parents=True)
    text = "w1 ansible_host=192.0.2.1 ansible_port=2201 ansible_user=me\nw2 ansible_host=192.0.2.2\n[web]\nw1\nw2\n"
    (home / ".mng/inventory/hosts").write_text(
        text + "[web:vars]\nansible_ssh_common_args='-F none -o ProxyCommand=\"nc %h %p\"'\n"
    )


def test_what_fabric_needs(home: Path) -> None:
    assert normalized() == []
    (one,) = normalized("web", "!w2")
    assert one["host"] == "192.0.2.1" and one["port"] == 2201 and one["user"] == "me"
    assert one["gateway"].endswith(" -c 'exec nc 192.0.2.1 2201'")
    assert [each["host"] for each in normalized("web", {"host": "theirs"})] == ["192.0.2.1", "192.0.2.2", "theirs"]
    assert normalized("local")[0]["host"] == "localhost"
    with pytest.raises(NotFound):
        normalized("wbe")
    with pytest.raises(AttributeError):
        fab.Nonsense  # noqa: B018


def test_a_role_needs_hosts() -> None:
    with pytest.raises(UsageError, match="on which hosts"):
        fab.role(Context(), "base")
