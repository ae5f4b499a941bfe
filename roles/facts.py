"""Facts of a host: all that roles want to know of it is asked in one trip, before anything is done."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from mng.disk import MOST, Seen
from mng.errors import MngError
from mng.host import Host
from mng.runner import Done
from mng.shell import Cmd, cmd

CONTENTS = MOST  # bytes of all files that are looked at together; of those that are more, it is known that they are big
BIG = 93  # our exit code for such a one
Need = str | Cmd  # a path to look at, or a line that only reads
Fact = Seen | Done

SEE = b"""LC_ALL=C; export LC_ALL
end() { printf '\\n%s %s\\n' "$mark" "$?"; }
see() {
    real=$(readlink -f -- "$1" 2>/dev/null; echo .)
    if [ "$real" = . ]; then real=$1; else real=${real%??}; fi
    printf %s "$real"; end
    ls -ld -- "$real" 2>/dev/null; end
    size=0
    [ ! -f "$real" ] || size=$(wc -c <"$real" || echo 0)
    if [ "$size" -gt "$left" ]; then
        (exit 93)
    elif [ -f "$real" ]; then
        left=$((left - size))
        cat -- "$real" 2>/dev/null
    fi
    end
}
ask() { sh -c "$1" </dev/null 2>/dev/null; end; }
true; end
"""


class Facts:
    """What is known of a host. A fact nobody noted before costs a trip of its own, with all that were forgotten."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.known: dict[Need, Fact] = {}
        self.noted: dict[Need, int] = {}  # how often they will be asked for still

    def note(self, need: Need) -> None:
        """It will be asked for."""
        self.noted[need] = self.noted.get(need, 0) + 1

    def seen(self, path: str) -> Seen:
        fact = self.fact(path)
        assert isinstance(fact, Seen)
        return fact

    def said(self, line: Cmd) -> Done:
        fact = self.fact(line)
        assert isinstance(fact, Done)
        return fact

    def fact(self, need: Need) -> Fact:
        if need not in self.known:
            self.gather(need)
        self.noted[need] = max(self.noted.get(need, 0) - 1, 0)
        return self.known[need]

    def gather(self, *needs: Need) -> None:
        """These, and whatever is still to be asked for and not known, in one trip; files of this machine without any."""
        wanted = dict.fromkeys([*needs, *(need for need, count in self.noted.items() if count)])
        missing = [need for need in wanted if need not in self.known]
        here = [need for need in missing if isinstance(need, str) and self.host.local]
        if here:
            files = self.host.disk()
            self.known.update({path: files.look(path) for path in here})
        asked = [need for need in missing if need not in self.known]
        if self.host.local and len(asked) == 1 and isinstance(asked[0], Cmd):
            self.known[asked[0]] = self.host.runner.run(asked[0], check=False, timeout=120)
        elif asked:
            mark = os.urandom(16).hex()
            done = self.host.runner.run(cmd("sh"), stdin=script(mark, asked), check=False, timeout=300, most=CONTENTS + MOST // 4)
            self.known.update(answers(mark, asked, done))

    def anew(self, path: str) -> Seen:
        """As it is at this moment."""
        self.known.pop(path, None)
        return self.seen(path)

    def changed(self, facts: Mapping[Need, Fact], *, wide: bool = False, really: bool = True) -> None:
        """What holds after a change, or would; `wide`: all else is to be asked again."""
        if wide and really:
            self.known.clear()
        made = {fact.path: fact for fact in facts.values() if isinstance(fact, Seen) and fact.kind}
        parents = {str(parent) for path in made for parent in PurePosixPath(path).parents} - made.keys()
        for need, fact in list(self.known.items()):
            if isinstance(fact, Seen) and fact.path in made:  # the same place under another name
                self.known[need] = made[fact.path]
            elif isinstance(fact, Seen) and not fact.kind and fact.path in parents:
                del self.known[need]
                if not really:
                    self.known[need] = Seen(fact.path, "directory", 0o755)
        self.known.update(facts)


def script(mark: str, needs: Iterable[Need]) -> bytes:
    lines = [cmd("ask", need) if isinstance(need, Cmd) else cmd("see", need) for need in needs]
    return b"mark=" + mark.encode() + b" left=%d\n" % CONTENTS + SEE + b"".join(line.line.encode() + b"\n" for line in lines)


def answers(mark: str, needs: Iterable[Need], done: Done) -> dict[Need, Fact]:
    """What the script printed, whatever bytes are in it, since the mark is random; first, what a login shell may print."""
    parts = re.split(rb"\n" + mark.encode() + rb" (\d+)\n", done.out)[2:-1]
    told = iter([Done(int(code), text) for text, code in zip(parts[::2], parts[1::2], strict=True)])
    found: dict[Need, Fact] = {}
    try:
        for need in needs:
            found[need] = next(told) if isinstance(need, Cmd) else seen(next(told), next(told), next(told))
    except StopIteration:
        raise MngError(f"the host did not answer all that it was asked: {done.complaint}") from None
    return found


def seen(real: Done, listed: Done, content: Done) -> Seen:
    path = real.out.decode(errors="surrogateescape")
    line = re.match(r"(.)(.{9})\S*\s+\d+\s+(\S+)\s+(\S+)", listed.out.decode(errors="replace"))
    if not line:
        return Seen(path)
    if line[1] == "-":
        return Seen(path, "file", bits(line[2]), line[3], line[4], content.out if content.code == 0 else None,
                    content.code == BIG)  # fmt: skip
    return Seen(path, "directory" if line[1] == "d" else "other", bits(line[2]), line[3], line[4])


def bits(text: str) -> int:
    """`rwxr-sr-t` as a number."""
    mode = 0
    for at, letter in enumerate(text):
        mode |= (letter in "rwxst") << (8 - at)
        mode |= (letter in "sStT") << (11 - at // 3)
    return mode
