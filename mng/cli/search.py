"""Finding the command that a question is about, in the reference: commands, options and examples, weighed by BM25."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from mng.cli.examples import examples

if TYPE_CHECKING:
    from mng.cli.contents import Contents

SAY_NOTHING = """a about all already an and any are as at be by can could did do does else for from get give had has have
how i if in into is it its let like make me my of on one or our out please so some than that the their them then there these
they this to up use using want was way we what when where which while who will with without would you your mng agent"""
COMMON = frozenset(SAY_NOTHING.split())
ALIKE = """
destroy delete remove kill trash rid erase; create launch spawn new begin; message send tell say talk prompt instruct;
connect attach join enter open; list show see status overview display doing; exec execute run shell; stop pause halt suspend;
start resume continue restart; rename move call; container docker image sandbox; modal cloud remote;
package dependency install library; env environment variable secret token key; logs log history conversation transcript chat;
config setting settings configuration default preference; change edit modify diff; clone fork duplicate copy;
wait until finish done answer reply; branch git; folder directory dir; screen terminal output;
several multiple many same together; idle timeout cost money cheap; network internet offline outgoing;
gc garbage leftover cleanup; uncommitted dirty unclean; plugin extension; script machine json parse; help learn
"""  # words that people use for one another
K, B = 1.2, 0.6  # of BM25: how soon a repeated word stops to count, how much a long text is held against it
HALF = 0.4  # what a word counts that is only like the one asked for


class Found(NamedTuple):
    line: str
    about: str
    score: float


class Page(NamedTuple):
    line: str
    about: str
    words: Counter[str]
    weight: float


def search(contents: Contents, question: str, most: int = 4) -> list[Found]:
    """The best lines of the reference, best first; none when it has nothing to do with the question."""
    pages = reference(contents)
    asked = terms(question)
    rare = {word: math.log(1 + len(pages) / (1 + sum(word in page.words for page in pages))) for word in wanted(asked)}
    length = sum(page.words.total() for page in pages) / len(pages)
    scored = [Found(page.line, page.about, page.weight * score(page.words, asked, rare, length)) for page in pages]
    best: dict[str, Found] = {}
    for found in sorted(scored, key=lambda found: -found.score):
        if found.score > 0:
            best.setdefault(found.line, found)
    return list(best.values())[:most]


def score(words: Counter[str], asked: Iterable[str], rare: dict[str, float], length: float) -> float:
    """Each word asked for counts as often as it stands there, or the best of those like it."""
    norm = K * (1 - B + B * words.total() / length)

    def counts(word: str) -> float:
        return rare.get(word, 0) * words[word] * (K + 1) / (words[word] + norm)

    return sum(max([counts(word), *(HALF * counts(other) for other in LIKE.get(word, ()))]) for word in asked)


def reference(contents: Contents) -> list[Page]:
    """An example says what it is for, which counts most; a command and an option say what they do."""
    pages = [Page(e.line, e.about, Counter(terms(f"{e.command} {e.line} {e.about} {e.about}")), 1.0) for e in examples(contents)]
    for name, entry in contents.entries.items():
        task = contents.load(name)
        options = task.get_arguments()
        needs = " ".join(option.names[0].upper() for option in options if option.place in ("word", "words") and option.required)
        line = f"mng {name} {needs}".rstrip()
        pages.append(Page(line, entry.summary, Counter(terms(f"{name} {name} {task.__doc__} {' '.join(entry.aliases)}")), 0.8))
        for option in options:
            if option.flags and option.field not in COMMON_FIELDS:
                flag = f"{option.flags[-1]} {option.placeholder}" if option.takes_value else option.flags[-1]
                pages.append(Page(f"{line} {flag}", option.doc, Counter(terms(f"{name} {flag} {option.doc}")), 0.8))
    return pages


COMMON_FIELDS = {"log_file", "log_commands", "log_command_output", "log_env_vars", "verbose", "quiet", "context"}


def terms(text: str) -> list[str]:
    """Its words without endings and without those that say nothing."""
    return [stem(word) for word in re.findall(r"[a-z0-9]+", text.lower()) if not {word, word.removesuffix("s")} & COMMON]


def stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending) + instead
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def wanted(asked: Iterable[str]) -> set[str]:
    return {other for word in asked for other in (word, *LIKE.get(word, ()))}


LIKE: dict[str, set[str]] = {}
for group in ALIKE.split(";"):
    stems = {stem(word) for word in group.split()}
    for one in stems:
        LIKE[one] = LIKE.get(one, set()) | stems - {one}
