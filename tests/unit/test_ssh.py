"""What ssh_config makes of a target, and which host keys are known."""

import base64
import hashlib
import hmac
from pathlib import Path
from unittest.mock import patch

import pytest

from mng.errors import NotAvailable, UsageError
from mng.inventory.keys import way_in
from mng.inventory.ssh import Ssh
from mng.settings import Settings
from mng.shell import raw
from mng.ssh.keys import known, named
from mng.ssh.runner import plain_line
from mng.ssh.target import Target, Way, aliases, resolve, typed
from tests.bed.need import need


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("me@box", Target("box", 0, "me")),
        ("box:2222", Target("box", 2222)),
        ("me@10.0.0.1:22", Target("10.0.0.1", 22, "me")),
        ("me@[::1]:2222", Target("::1", 2222, "me")),
        ("box", None),
        ("-oProxyCommand=x@y", None),
        ("a b@c", None),
        ("me@box:port", None),
    ],
)
def test_typed_addresses(word: str, target: Target | None) -> None:
    assert typed(word) == target


def test_words_for_ssh_end_with_the_address_which_is_never_an_option() -> None:
    target = Target("-box", 2222, "me", "/k", ("-o", "A=b"))
    assert target.words == ["-p", "2222", "-l", "me", "-i", "/k", "-o", "A=b", "--", "-box"]
    assert str(target) == "me@-box:2222"


def test_aliases_of_ssh_config_and_what_it_includes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    (folder / "more").mkdir(parents=True)
    (folder / "config").write_text('Host one "two" # three\n  Port 1\nHOST=four\nInclude more/*\nHost *.corp !bad.corp\nHost *\n')
    (folder / "more" / "a").write_text("Host five\nInclude ~/.ssh/config\n")
    assert aliases() == ["one", "two", "four", "five"]
    assert aliases("x.corp") == ["x.corp"] and aliases("five") == ["five"]
    assert aliases("bad.corp") == aliases("unknown") == aliases("*") == []


def way(tmp_path: Path, config: str, name: str = "box", *options: str) -> Way:
    need("ssh")
    (tmp_path / "config").write_text(config)
    return resolve(Target(name, options=("-F", str(tmp_path / "config"), *options)))


def test_ssh_says_where_a_host_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("OTHER", "/other")
    plain = way(tmp_path, "Host box\n HostName 10.0.0.1\n Port 2200\n User me\n IdentityFile /k/%h\n IdentitiesOnly yes\n")
    assert (plain.host, plain.port, plain.user, plain.only) == ("10.0.0.1", 2200, "me", True)
    assert plain.keys == [Path("/k/10.0.0.1")] and plain.agent == "/agent" and plain.first == "10.0.0.1:2200"
    assert plain.names == ["[10.0.0.1]:2200", "10.0.0.1"] and plain.strict == "ask" and plain.proxy == []
    other = way(tmp_path, "HostKeyAlias web\nIdentityAgent $OTHER\nStrictHostKeyChecking accept-new\nUserKnownHostsFile /a /b\n")
    assert (
        other.names == ["web"]
        and other.agent == "/other"
        and other.strict == "accept-new"
        and other.known[:2] == [Path("/a"), Path("/b")]
    )
    assert way(tmp_path, "IdentityAgent none\n").agent == ""
    assert way(tmp_path, "StrictHostKeyChecking no\n").strict == "no"


def test_the_way_by_a_proxy(tmp_path: Path) -> None:
    jump = way(tmp_path, "Host box\n ProxyJump me@one:2222,two\n HostName 10.0.0.1\n")
    config = ["-F", str(tmp_path / "config")]
    assert jump.proxy == [
        "ssh",
        "-a",
        "-x",
        "-o",
        "BatchMode=yes",
        *config,
        "-J",
        "me@one:2222",
        "-W",
        "[10.0.0.1]:22",
        "--",
        "ssh://two",
    ]
    assert jump.first == "me@one:2222"
    assert way(tmp_path, "ProxyJump one\n", "box", "-o", "ProxyJump=none").proxy == []
    command = way(tmp_path, "ProxyCommand nc -X %r %h %p %%\n", "me@box")
    assert command.proxy[1:] == ["-c", "exec nc -X me box 22 %"]


def test_what_ssh_can_not_make_sense_of_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Bad configuration option: nonsense"):
        way(tmp_path, "Nonsense yes\n")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotAvailable, match="ssh is not on the PATH"):
        resolve(Target("box"))


def hashed(name: str) -> str:
    digest = hmac.new(b"salt", name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(b'salt').decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("field", "name", "yes"),
    [
        ("box,10.0.0.1", "box", True),
        ("*.corp,!bad.corp", "a.corp", True),
        ("*.corp,!bad.corp", "bad.corp", False),
        ("[box]:2222", "[box]:2222", True),
        ("[box]:2222", "box", False),
        ("BOX", "box", True),
        (hashed("box"), "box", True),
        (hashed("box"), "other", False),
        ("|1|bad", "box", False),
        ("|1|!!|!!", "box", False),
    ],
)
def test_names_in_known_hosts(field: str, name: str, yes: bool) -> None:
    assert named(field, name) is yes


def test_a_port_without_a_line_of_its_own_has_the_key_of_the_name(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text("# comment\n\nbox type1 key1\n[box]:22222 type2 key2\n@revoked box type3 key3\nshort line\n")
    asked = way(tmp_path, f"UserKnownHostsFile {file} {tmp_path}/none\nGlobalKnownHostsFile none\nPort 2222\n")
    assert known(asked) == [("", "type1", "key1"), ("@revoked", "type3", "key3")]
    assert known(asked._replace(names=["[box]:22222", "box"])) == [("", "type2", "key2")]


def test_a_line_for_any_login_shell_has_nothing_that_one_would_read() -> None:
    line = plain_line(raw("echo 'a!' \\ \n %").line)
    inside = line.removeprefix("""exec sh -c 'eval "$(printf %b "$0")"' '""").removesuffix("'")
    assert inside == "echo \\0047a\\0041\\0047 \\0134 \\0012 \\0045"


def test_wrong_settings_are_told_with_their_place() -> None:
    for wrong in (
        {"backend": "ssh", "hots": {}},
        {"backend": "ssh", "hosts": {"a": {"port": "x"}}},
        {"backend": "ssh", "hosts": 3},
    ):
        with pytest.raises(UsageError, match=r"providers\.lab\.ho"):
            Ssh("lab", Settings(providers={"lab": wrong}))


@pytest.mark.parametrize(
    ("address", "port", "through"),
    [("127.0.0.1", 2222, ""), ("r4.modal.host", 33000, ""), ("127.0.0.1", 0, "docker exec -i x sh")],
)
def test_the_way_to_a_host_of_our_own_is_what_ssh_would_say(tmp_path: Path, address: str, port: int, through: str) -> None:
    target = way_in(tmp_path, "host-1", address, port, through)
    settled = resolve(target)
    with patch.object(Target, "settled", False):
        assert resolve(target) == settled
    assert not Target(address, port, "root", "/key").settled
    assert not target._replace(options=("-o", "ProxyJump=x")).settled
