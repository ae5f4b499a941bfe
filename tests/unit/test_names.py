"""Names that everything takes, ids, made-up names."""

import pytest

from mng.errors import UsageError
from mng.names import STYLES, check_name, made_up, near, new_id


@pytest.mark.parametrize("name", ["a", "my-task", "A_1", "0x", "a" * 63])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a.b", "a:b", "-a", "_a", "é", "$(x)", "a\n", "a" * 64])
def test_bad_names(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


def test_a_bad_name_brings_the_nearest_good_one() -> None:
    with pytest.raises(UsageError) as error:
        check_name("fix: the/bug.py")
    assert error.value.hint == "try fix-the-bug-py"


@pytest.mark.parametrize("style", STYLES)
def test_made_up_names_are_good_and_free(style: str) -> None:
    taken: set[str] = set()
    for _ in range(150):
        name = made_up(style, taken)
        assert check_name(name) and name not in taken
        taken.add(name)


def test_ids_and_near_words() -> None:
    assert new_id("agent") != new_id("agent") and len(new_id("host")) == len("host-") + 32
    assert near("destory", ["destroy", "list"]) == ["destroy"]
