"""What a host can't do to the machine that mng runs on."""

import shutil

import pytest

from tests.bed.sshd import Host, Sshd

pytestmark = pytest.mark.live


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


LYING_GIT = """#!/bin/sh
# A host that names the ref that it saved by itself ({ref}), and sends {sent} for what is in it.
case " $* " in
*" --points-at="*) printf '%s\\n' '{ref}'; exit ;;
*" pack-objects "*) cat > /dev/null; {sent}; exit ;;
*" bundle create "*) cat > /dev/null; {sent}; exit ;;
*" cat-file -t "*) echo tree; exit ;;
*" write-tree "*) {git} "$@" | tee {tree}; exit ;;
*" rev-parse "*'{ref}'*) cat {tree}; exit ;;
esac
exec {git} "$@"
"""
REFS = ["--upload-pack=touch {pwned};:", "--output={pwned}", "refs/heads/main", "refs/mng/saved/other/20260101T000000.000000Z",
        "refs/mng/saved/scout/../../../heads/main", "refs/mng/saved/scout/x y", "refs/mng/saved/scout/", "+refs/heads/main:x",
        "ext::touch {pwned}", "refs/mng/saved/scout/20260101T000000.000000Z"]  # fmt: skip


@pytest.mark.parametrize("ref", REFS)
def test_what_a_host_saved_lands_under_our_ref_or_nowhere(bed: Sshd, box: Host, ref: str) -> None:
    """destroy runs nothing that a host names, moves none of the user's refs, and keeps the agent where its work is not safe."""
    world, pwned = bed.world, bed.world.root / "pwned"
    world.mng("create", "scout", "--agent-cmd", "cat", "--host", "box", "--clone", "--no-connect")
    world.mng("exec", "scout", "echo work > new.txt")
    before = world.git("for-each-ref")
    # the last is a ref that could be ours: then the pack is what is wrong
    lie = LYING_GIT.format(ref=ref.format(pwned=pwned), sent="echo no pack", git=shutil.which("git"), tree=world.root / "tree")
    tool = bed.world.root / "box-bin/git"
    tool.write_text(lie)
    tool.chmod(0o755)
    refused = world.mng("destroy", "scout", "--force", check=False)
    assert refused.code == 8 and "Traceback" not in refused.err, refused
    assert not pwned.exists() and world.git("for-each-ref") == before
    tool.unlink()
    assert world.mng("exec", "scout", "cat new.txt").out == "work\n"
    world.mng("destroy", "scout", "--force")
    (saved,) = world.git("for-each-ref", "--format=%(refname)", "refs/mng").splitlines()
    assert saved.startswith("refs/mng/saved/scout/") and world.git("show", f"{saved}:new.txt") == "work"
    assert world.git("fsck", "--strict", "--no-dangling") == ""


def test_a_tree_that_would_be_a_git_folder_is_not_taken(bed: Sshd, box: Host) -> None:
    """Git on a host can make what git here must not take: a tree with .git in it, as case folding or HFS+ see it."""
    world = bed.world
    world.mng("create", "scout", "--agent-cmd", "cat", "--host", "box", "--clone", "--no-connect")
    for name in (".GIT", "git~1", ".g\u200cit", ".git"):
        line = f"printf '100644 blob %s\\t{name}/config\\n' $(echo x | git hash-object -w --stdin)"
        made = f"printf '040000 tree %s\\t{name}\\n' $({line} | sed 's|\\t.*|\\tconfig|' | git mktree) | git mktree"
        commit = f"git reset -q --soft $(git commit-tree -m evil -p HEAD $({made}))"
        world.mng("exec", "scout", commit)
        for words in (("pull", "scout", "--sync-mode", "git"), ("destroy", "scout", "--force")):
            refused = world.mng(*words, check=False)
            assert refused.code == 8 and "not" in refused.err and "Traceback" not in refused.err, (name, refused)
        assert world.git("for-each-ref", "refs/mng") == ""
        assert name == ".git" or not (world.repo / name).exists()
        world.mng("exec", "scout", "git reset -q --soft HEAD^")
