"""The `mng` script: what needs no command is answered at once, all else by the program."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType
from typing import Any, NoReturn

VERSION = "0.1.0"


def script() -> NoReturn:
    """What `mng` runs: main(), then the end at once. To take all modules apart first takes a fifth as long again."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    os._exit(code if isinstance(code, int) else 0)


def main() -> None:
    """Run this process's command line and exit."""
    gc.set_threshold(50_000)  # a short life: most of what is made lives to its end
    words = sys.argv[1:]
    try:
        if not answered(words):
            quick_imports()
            from mng.cli.program import Mng
            from mng.commands import contents

            Mng(contents, VERSION).run(["mng", *([*words[1:], "--help"] if words[:1] == ["help"] else words)])
    except KeyboardInterrupt:
        ended("mng: interrupted", 130)
    except Exception as error:
        from invoke.exceptions import Exit

        if not isinstance(error, Exit):
            raise
        ended(str(error.message or ""), error.code)


def ended(message: str, code: int) -> NoReturn:
    from mng import output

    output.error(message)
    sys.exit(code)


def answered(words: list[str]) -> bool:
    """--help, --version and --completion need neither Invoke nor pydantic."""
    from mng import output
    from mng.home import names_plugins

    if words in (["--version"], ["-V"]):
        output.show(f"mng {VERSION}")
    elif words in (["--help"], ["-h"], ["help"]) and not names_plugins():
        from mng.cli import help, project
        from mng.commands import contents
        from mng.shell import here

        output.document(*help.top(contents, project.tasks(here())))
    elif words[:1] == ["--completion"]:
        from mng.cli import complete
        from mng.commands import contents

        text = complete.script(words[1] if words[1:] else "")
        quick_imports()
        complete.refresh(contents, VERSION, begin=True)
        output.show(text)
    else:
        return False
    return True


def quick_imports() -> None:
    """Import Invoke and pydantic without what mng never uses of them: a third of its start-up.

    Invoke's MockContext needs unittest.mock (which needs asyncio), its YAML files a parser: both load when first used.
    pydantic would look through all installed packages for plugins.
    """
    from importlib.machinery import PathFinder
    from importlib.util import LazyLoader

    class LazyYaml:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
            spec = PathFinder.find_spec(name, path) if name == "invoke.vendor.yaml" else None
            if spec and spec.loader:
                spec.loader = LazyLoader(spec.loader)
            return spec

    if "invoke" in sys.modules or "pydantic" in sys.modules:
        return
    mock = ModuleType("unittest.mock")
    mock.__dict__["Mock"] = real_mock
    plugins = ModuleType("pydantic.plugin._loader")
    plugins.__dict__["get_plugins"] = tuple
    sys.modules[plugins.__name__] = plugins
    sys.modules[mock.__name__] = mock
    sys.meta_path.insert(0, LazyYaml)
    try:
        import invoke  # noqa: F401
    finally:
        sys.meta_path.remove(LazyYaml)
        del sys.modules[mock.__name__]


def real_mock(*args: Any, **kwargs: Any) -> Any:
    from unittest.mock import Mock

    return Mock(*args, **kwargs)


if __name__ == "__main__":
    main()
