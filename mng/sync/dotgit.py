"""Names that some file system or git takes for .git: none of them moves between hosts, whoever sends it."""

from __future__ import annotations

import re
import unicodedata

IGNORED = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"  # by HFS+, in names
LETTERS = [".", "[gG]", "[iI]", "[tT]"]


def is_dotgit(path: str) -> bool:
    """Whether a part of it is .git on a file system that folds case (macOS, Windows), ignores characters (HFS+), or shortens
    names and cuts their ends (NTFS)."""
    return any(re.fullmatch(r"(\.git|git~\d+)[. ]*(:.*)?", plain(part), re.DOTALL) for part in re.split(r"[/\\]", path))


def plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name)
    return "".join(one for one in text if unicodedata.category(one) != "Cf").casefold()


def patterns(ignored: str) -> list[str]:
    """For programs that only know wildcards; `ignored` is their pattern for one of the characters that HFS+ ignores."""
    dotgit = "".join(LETTERS)
    ends = ["", "[. ]", "[. ][. ]", "[. ][. ][. ]", ":*"]
    odd = ["".join([*LETTERS[:at], ignored, "*", "*".join(LETTERS[at:]), "*" * (at < 4)]) for at in range(5)]
    return [*(dotgit + end for end in ends), *("[gG][iI][tT]~[0-9]" + end for end in ends), *odd]


def for_rsync() -> list[str]:
    """As --exclude has them: rsync compares bytes."""
    ignored = [b"\xe2\x80[\x8c-\x8f\xaa-\xae]", b"\xe2\x81[\xaa-\xaf]", b"\xef\xbb\xbf"]
    return list(dict.fromkeys(one for each in ignored for one in patterns(each.decode(errors="surrogateescape"))))


def for_unison() -> list[str]:
    """As -ignore has them."""
    return [f"Name {one}" for one in patterns("{" + ",".join(IGNORED) + "}")]
