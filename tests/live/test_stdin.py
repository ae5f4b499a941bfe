"""What comes from stdin or a pipe is read once, whatever is made on the way."""

import pytest

from tests.bed.sshd import Sshd
from tests.bed.world import World

pytestmark = pytest.mark.live
DEMO = ("demo", "--no-connect", "--await-ready")


def said(world: World, name: str) -> str:
    return world.mng("exec", name, 'cat "$MNG_AGENT_STATE_DIR/plugin/demo/transcript.jsonl"', check=False).out


def test_every_command_that_takes_a_first_message(world: World) -> None:
    for name, words in (
        ("a", ["create", "a", *DEMO]),
        ("b", ["clone", "a", "b", "--no-connect", "--await-ready"]),
        ("b", ["create", "b", "--reuse", "--no-connect", "--await-ready"]),
    ):
        text = f"words for {words[0]} of {name} {len(words)}"
        world.mng(*words, "--message-file", "-", input=text)
        assert text in said(world, name), words
        piped = f"piped to {words[0]} of {name} {len(words)}"
        if "--reuse" in words:
            line = f'mng {" ".join(words)} --message-file <(echo "{piped}")'
            world.run("bash", "-c", line)
            assert piped in said(world, name)


def test_environments_and_resume_messages(world: World) -> None:
    world.mng("create", "a", *DEMO, "--env-file", "-", input="COLOUR=blue\n")
    assert world.mng("exec", "a", 'echo "$COLOUR"').out == "blue\n"
    world.run("bash", "-c", "mng clone a b --no-connect --env-file <(echo SIZE=3) --resume-message-file <(echo go on)")
    assert world.mng("exec", "b", 'echo "$COLOUR $SIZE"').out == "blue 3\n"
    world.mng("stop", "b")
    world.mng("start", "b")
    assert "go on" in said(world, "b")
    world.mng("provision", "a", "--host-env-file", "-", input="SHAPE=round\n")
    assert world.mng("exec", "a", 'echo "$SHAPE"').out == "round\n"
    missing = world.mng("create", "x", *DEMO, "--env-file", "/nowhere", check=False)
    assert (missing.code, missing.err) == (2, "mng: --env-file /nowhere: No such file or directory\n")


def test_two_options_can_not_both_have_it(world: World) -> None:
    world.mng("create", "a", *DEMO)
    for words, who in (
        (["create", "x", *DEMO, "--message-file", "-", "--env-file", "-"], "--message-file - and --env-file -"),
        (["create", "x", *DEMO, "--env-file", "-", "--env-file", "-"], "--env-file - and --env-file -"),
        (["message", "-", "--message-file", "-"], "--message-file - and --stdin"),
        (["provision", "--stdin", "--env-file", "-"], "--env-file - and --stdin"),
    ):
        refused = world.mng(*words, input="a\n", check=False)
        assert refused.code == 2 and f"{who}: only one of them can read stdin" in refused.err, str(refused)


def test_migrate_and_its_editor(world: World) -> None:
    bed = Sshd(world)
    try:
        bed.start("box")
        world.mng("create", "a", *DEMO)
        world.mng("migrate", "a", "--host", "box", "--no-connect", "--await-ready", "--message-file", "-", input="you moved")
        assert "you moved" in said(world, "a")
        world.tool("editor", '#!/bin/sh\necho opened >> "$HOME/opened"\necho "back again" > "$1"\n')
        env = {"EDITOR": "editor", "VISUAL": None}
        world.mng("migrate", "a", "--host", "local", "--no-connect", "--await-ready", "--edit-message", env=env)
        assert "back again" in said(world, "a") and (world.home / "opened").read_text() == "opened\n"
    finally:
        bed.end()


@pytest.mark.slow
def test_a_host_is_made_on_the_way(there: World) -> None:
    there.mng("create", "a", *DEMO, "--in", "docker", "--message-file", "-", input="hello in there")
    assert "hello in there" in said(there, "a")
    empty = there.mng("create", "b", *DEMO, "--in", "docker", "--message-file", "-", input=" \n", check=False)
    assert (empty.code, empty.err) == (2, "mng: the message is empty\n")
