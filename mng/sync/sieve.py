"""A tar of another host, before it is unpacked: only files, folders and links that stay where they are put."""

from __future__ import annotations

import tarfile
from typing import IO

from mng.errors import MngError
from mng.sync.dotgit import is_dotgit

SHAPE = tarfile.GNU_FORMAT


def sieve(tar: IO[bytes], out: IO[bytes], whose: str) -> set[str]:
    """All but git's own (made anew), devices, and set-uid bits; the folders in it. MngError for what no tar of a folder has."""
    links, files, folders = set[str](), set[str](), {"."}
    try:
        with tarfile.open(fileobj=tar, mode="r:") as source, tarfile.open(fileobj=out, mode="w", format=SHAPE) as made:
            for one in source:
                name = clean(one.name, whose)
                if ".git" in name.split("/"):
                    continue
                if is_dotgit(name):
                    raise MngError(f"{whose}: {name!r} can be .git on another machine", "give it another name there")
                if any(above in links for above in parents(name)) or name in links:
                    raise MngError(f"{whose}: {name!r} lies behind a link")
                one.name, one.mode, one.pax_headers = f"./{name}", one.mode & 0o1777, {}
                if one.islnk():
                    one.linkname = f"./{clean(one.linkname, whose)}"
                    if one.linkname[2:] not in files:
                        raise MngError(f"{whose}: {name!r} is a link to what is not there")
                elif one.issym():
                    links.add(name)
                elif one.isdir():
                    folders.add(name)
                elif not one.isreg():
                    continue  # a pipe, a socket, a device
                files.add(name)
                made.addfile(one, source.extractfile(one) if one.isreg() else None)
    except tarfile.TarError as error:
        raise MngError(f"{whose}: what came is no tar: {error}") from None
    out.seek(0)
    return folders - links


def clean(name: str, whose: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise MngError(f"{whose}: {name!r} leads out of the folder")
    return "/".join(parts) or "."


def parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:at]) for at in range(1, len(parts))]
