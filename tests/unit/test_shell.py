"""Words survive shells; secrets are sent and never shown."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mng.shell import Cmd, Secret, cmd, raw

ODD = ["a b", "a'b", 'a"b', "$HOME", "`id`", "$(id)", "a;b", "*", "~", "-n", "a\nb", "é", "\\", "!!", "#x", "", "%s"]


def sh(line: Cmd) -> str:
    return subprocess.run(["sh", "-c", line.line], capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("word", ODD)
def test_words_survive_three_shells(word: str) -> None:
    line = cmd("printf", "[%s]", word)
    for _ in range(3):
        line = cmd("sh", "-c", line)
    assert sh(line) == f"[{word}]"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=5))
def test_any_words_survive(words: list[str]) -> None:
    assert sh(cmd("printf", "[%s]", words)) == "".join(f"[{word}]" for word in words) or not words


@pytest.mark.parametrize("word", ODD)
def test_env(word: str) -> None:
    assert sh(cmd("printenv", "X").env(X=word)) == word + "\n"


def test_a_folder_a_pipe_and_a_file(tmp_path) -> None:
    folder = tmp_path / "a 'b"
    folder.mkdir()
    sh(cmd("pwd").pipe(cmd("tr", "a", "A")).to("out").within(folder))
    assert (folder / "out").read_text().endswith("A 'b\n")


def test_a_line_of_the_user_is_left_alone_inside_a_folder(tmp_path) -> None:
    assert sh(raw("false; echo on # end").within(tmp_path)) == "on\n"
    assert sh(cmd("false").either(cmd("echo", "x"))) == "x\n"


def test_a_secret_is_sent_and_not_shown() -> None:
    line = cmd("sh", "-c", cmd("login", Secret("s3cr et"))).env(T=Secret("t0k")).within("/").then(cmd("true"))
    assert "s3cr et" in line.line and "t0k" in line.line
    assert "s3cr" not in str(line) + repr(Secret("s3cr")) and "t0k" not in str(line) and "***" in str(line)
