"""What a host can't do to the machine that mng runs on."""

from collections.abc import Iterator

import pytest

from tests.bed.sshd import Host, Sshd
from tests.bed.world import World

pytestmark = pytest.mark.live


@pytest.fixture
def bed(world: World) -> Iterator[Sshd]:
    made = Sshd(world)
    yield made
    made.end()


@pytest.fixture
def box(bed: Sshd) -> Host:
    return bed.start("box")


@pytest.mark.parametrize("asked", ["config", "option", "connect", "start"])
def test_keys_of_the_agent_and_the_screen_are_forwarded_only_when_asked_for(bed: Sshd, box: Host, asked: str) -> None:
    """`asked`: by ssh_config and by an inventory's options, which don't count; by the option of mng, which does."""
    world, told = bed.world, bed.world.root / "told"
    bed.alias("box", f"Port {box.port}", "ForwardAgent yes", "ForwardX11 yes", "ForwardX11Trusted yes")
    inventory = world.home / ".mng/inventory/hosts.ini"
    inventory.parent.mkdir(parents=True)
    more = f"ansible_host=127.0.0.1 ansible_port={box.port} ansible_ssh_common_args='-A -X -o ForwardAgent=yes'"
    inventory.write_text(f"box {more if asked == 'option' else ''}\n")
    world.mng("create", "scout", "--agent-cmd", "cat", "--host", "box", "--in-place", "--from", "box:~", "--no-connect")
    socket = world.root / "agent"
    agent = world.start("ssh-agent", "-D", "-a", socket)
    world.wait(socket.exists)
    env = {"SSH_AUTH_SOCK": str(socket), "DISPLAY": ":0"}
    world.run("ssh-add", bed.key, env=env)
    line = f'echo "sock=$SSH_AUTH_SOCK display=$DISPLAY" >{told}; ssh-add -l >>{told} 2>&1'
    words = ["connect", "scout", "--attach-command", line]
    if asked in ("connect", "start"):
        words.append("--forward-agent")
    if asked == "start":  # create goes to its agent by the same options
        words = ["create", "scout", "--reuse", "--connect", "--forward-agent", "--attach-command", line]
    terminal = world.pty("mng", *words, env=env)
    terminal.wait()
    first, rest = told.read_text().split("\n", 1)
    forwarded = asked in ("connect", "start")
    assert first.startswith("sock=/") is forwarded and ("ED25519" in rest) is forwarded, (told.read_text(), terminal.text)
    assert first.endswith("display=")
    agent.kill()
