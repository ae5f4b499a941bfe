"""Python files of a project, run as they were read: no byte code that lies beside them, no other file of the folder."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from mng import acting, trust

Spec = importlib.machinery.ModuleSpec


class Reader(importlib.abc.SourceLoader):
    """Of one file. Without a time of it no byte code is looked for, which could be anything."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def get_filename(self, fullname: str) -> str:
        return str(self.file)

    def get_data(self, path: str | bytes) -> bytes:
        return trust.data(Path(str(path)))


class Finder:
    """Finds what counts in the folders of a project, before what is installed: as these folders on sys.path would."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.first: list[Path] = []  # where modules without a package are

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Spec | None:
        last = name.rpartition(".")[2]
        inside = (Path(place) for place in path or ())
        for place in self.first if path is None else [one for one in inside if self.covers(one)]:
            for file in (place / last / "__init__.py", place / f"{last}.py"):
                if counted(file):
                    return spec_of(name, file)
            if any((place / last) in file.parents for file in trust.now.hashes):
                spec = Spec(name, None, is_package=True)
                spec.submodule_search_locations = [str(place / last)]
                return spec
        return None

    def covers(self, place: Path) -> bool:
        return any(place.is_relative_to(folder) for folder in self.folders)


finder = Finder()


def module(name: str, file: Path, folder: Path, *, first: bool = False) -> ModuleType:
    """The module of that file in the folder of a project; `first`: modules beside it can be imported by their names."""
    finder.folders.append(folder)
    finder.first[:0] = dict.fromkeys([file.parent, folder]) if first else []
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    spec = spec_of(name, file)
    assert spec.loader
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a __pycache__ makes their repository unclean
    try:
        spec.loader.exec_module(made)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    finally:
        sys.dont_write_bytecode = keep
    return made


def spec_of(name: str, file: Path) -> Spec:
    package = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, loader=Reader(file), submodule_search_locations=package)
    assert spec
    return spec


def counted(file: Path) -> bool:
    """Whether it is among what is trusted; of a folder that MNG_TRUST names, or with --trust, whether it is the user's own."""
    if file in trust.now.hashes:
        return True
    whole = trust.now.once or trust.vouched(file.parent)
    return whole and file.is_file() and not acting.stranger(file.parent, [file])
