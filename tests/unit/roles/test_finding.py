"""Roles by name, nearest first, and their options as words."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mng.errors import MngError, UsageError
from mng.roles import finding
from mng.roles.role import in_order

ROLE = """
from pathlib import Path
from typing import Literal
from mng.roles import ops
from mng.roles.play import Play
from mng.roles.role import role

@role()
def reload(on: Play) -> None: ...

@role({needs})
def web(on: Play, name: str, port: int = {port}, names: list[str] = [], debug: bool = False,
        ports: list[int] = [], kind: Literal["a", "b"] = "a", data: bytes = b"", path: str | None = None) -> None: ...
"""


@pytest.fixture
def project(home: Path) -> Iterator[Path]:
    """A folder inside of a project with roles of its own; the user has some too."""
    for place, port in ((home / "work" / "roles", 1), (home / ".mng" / "roles", 2)):
        place.mkdir(parents=True)
        (place / "web.py").write_text(ROLE.format(port=port, needs=""))
    (home / ".mng/roles/base.py").write_text(ROLE.format(port=3, needs="needs=['my-tool']").replace("def web", "def base"))
    (home / ".mng/roles/my_tool.py").write_text(ROLE.format(port=3, needs="").replace("def web", "def my_tool"))
    (home / "work" / "tasks.py").write_text("")
    (home / "work" / "deep" / "er").mkdir(parents=True)
    yield home / "work" / "deep" / "er"
    for name in [name for name in sys.modules if name.startswith("mng_roles_of")]:
        del sys.modules[name]


def test_the_nearest_counts(project: Path, home: Path) -> None:
    def port(name: str, context: Path) -> object:
        return finding.find(name, context).body.__defaults__[0]  # type: ignore[index]

    assert port("web", project) == 1
    assert port("web", home) == 2, "outside of the project, the user's"
    (home / "work" / "tasks.py").rename(home / "work" / "no-tasks.py")
    assert port("web", project) == 2, "a folder roles/ alone is no project's"
    (home / "work" / ".mng").mkdir()
    assert port("web", project) == 1
    assert port("base", project) == 3, "the user's own before mng's"
    assert finding.find("codex", project).body.__module__ == "mng.roles.codex"
    assert not list(home.rglob("__pycache__"))


def test_needs_by_name(project: Path) -> None:
    assert [one.name for one in in_order([finding.given("base:name=x")])] == ["my_tool", "base"]


@pytest.mark.parametrize(
    "words, options",
    [
        ("web:name=x", {"name": "x"}),
        ("web:name=a,b=c", {"error": "role web: no option 'b'"}),
        ("web:name=a=b,port=80", {"name": "a=b", "port": 80}),
        ("web:name=a, b;c", {"name": "a, b;c"}),
        ("web:names=a,b,name=", {"names": ["a", "b"], "name": ""}),
        ("web:ports=1,2,name=x,debug=yes", {"ports": [1, 2], "name": "x", "debug": True}),
        ("web:kind=b,name=x,path=/x", {"kind": "b", "name": "x", "path": "/x"}),
        ("web", {"error": "role web: name is missing"}),
        ("web:", {"error": "role web: '' is not KEY=VALUE"}),
        ("web:x", {"error": "role web: 'x' is not KEY=VALUE"}),
        ("web:nmae=x", {"error": "role web: no option 'nmae'", "hint": "did you mean name?"}),
        ("web:name=x,port=many", {"error": "role web: port='many' is no whole number"}),
        ("web:name=x,ports=1,x", {"error": "role web: ports='1,x' is no whole number"}),
        ("web:name=x,debug=7", {"error": "role web: debug='7' is neither true nor false"}),
        ("web:name=x,kind=c", {"error": "role web: kind='c' is none of a, b"}),
        ("web:name=x,data=x", {"error": "role web: data can't be given on a command line"}),
        ("wbe", {"error": "no role 'wbe'", "hint": "did you mean web?"}),
        ("role", {"error": "no role 'role'"}),
        ("../web", {"error": "no role '../web'"}),
    ],
)
def test_options_are_words_of_a_kind(project: Path, words: str, options: dict[str, object]) -> None:
    if "error" not in options:
        assert finding.given(words).options == options
        return
    with pytest.raises(UsageError) as error:
        finding.given(words)
    assert error.value.what == options["error"] and str(options.get("hint", "")) in error.value.hint


def test_a_broken_file_is_named_with_its_line(project: Path, home: Path) -> None:
    roles = home / "work" / "roles"
    for text, told in (("x = 1\ny = (", "bad.py:2: SyntaxError"), ("\nimport nonsense", "bad.py:2: ModuleNotFoundError")):
        (roles / "bad.py").write_text(text)
        with pytest.raises(MngError, match=told):
            finding.find("bad")
    (roles / "bad.py").write_text("x = 1")
    with pytest.raises(UsageError, match=r"bad\.py has no role bad") as error:
        finding.find("bad")
    assert "@role()" in error.value.hint


def test_a_role_may_be_a_folder(project: Path, home: Path) -> None:
    (home / "work/roles/big").mkdir()
    (home / "work/roles/big/__init__.py").write_text(ROLE.format(port=9, needs="").replace("def web", "def big"))
    assert finding.given("big:name=x").name == "big"


def test_handlers_are_found_by_the_role_that_notified_them(project: Path) -> None:
    assert finding.handler("web", "reload").name == "reload"
    with pytest.raises(MngError, match="the role web has no handler other"):
        finding.handler("web", "other")


def test_roles_that_need_each_other(project: Path, home: Path) -> None:
    for name, other in (("a", "b"), ("b", "a"), ("c", "a")):
        text = ROLE.format(port=1, needs=f"needs=['{other}']").replace("def web", f"def {name}").replace("name: str,", "")
        (home / "work/roles" / f"{name}.py").write_text(text)
    with pytest.raises(MngError, match="in a circle: c -> a -> b -> a"):
        in_order([finding.find("c")])


def test_roles_of_mng_compose() -> None:
    from mng.roles.base import base
    from mng.roles.claude import claude
    from mng.roles.programs import program

    assert [one.name for one in in_order([base, claude])] == ["base", "program", "claude"]
    asked = [program(name="my-claude"), claude(folder="/x")]
    assert in_order(asked) == asked, "an agent's own program is not what the role would install"
    assert [finding.given(name).name for name in finding.TO_FIND] == list(finding.TO_FIND)
