"""One command a line: optional and many positionals, values that begin with a dash, `--`, three-state booleans."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.parser.context import ParserContext

from mng.cli.options import Option
from mng.errors import UsageError
from mng.settings import did_you_mean
from mng.shell import cmd


def parse(name: str, options: Sequence[Option], words: Sequence[str]) -> ParserContext | None:
    """What was typed after the command's name, as Invoke's executor takes it; None if it asks for help."""
    line = Line(name, options)
    return line.context if line.read(list(words)) else None


class Line:
    def __init__(self, name: str, options: Sequence[Option]) -> None:
        self.name = name.replace(".", " ")
        self.context = ParserContext(name, args=options)
        self.on = {flag: option for option in options for flag in option.flags}
        self.off = {flag: option for option in options for flag in option.off}
        self.words = [option for option in options if option.place in ("word", "words")]
        self.rest = next((option for option in options if option.place == "rest"), None)

    @property
    def takes_line(self) -> bool:
        """Whether a shell line comes last, after any number of words: `exec AGENTS... COMMAND`."""
        return [option.place for option in self.words] == ["words", "word"] and self.words[-1].required

    def read(self, words: list[str]) -> bool:
        """Take every word; False at `--help`."""
        free: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                if self.rest:
                    self.rest.value = words
                elif len(words) > 1 and self.takes_line:
                    free.append(cmd(words).line)
                else:
                    free += words  # only the end of the options
                break
            if word in ("-h", "--help"):
                return False
            if word == "-" or not word.startswith("-"):
                free.append(word)
            else:
                words = self.flag(word, words)
        self.place(free)
        for option in self.context.args.values():
            if not option.empty and (option.value == "" or (option.kind is list and "" in option.value)):
                name = f"--{option.names[0]}" if option.place == "flag" else option.names[0].upper()
                raise UsageError(f"{name} is empty", "a variable that is not set?")
        return True

    def flag(self, word: str, words: list[str]) -> list[str]:
        """Set the option that `word` names, from `words` where it needs a value; return what is left."""
        long = word.startswith("--")
        flag, given, value = word.partition("=") if long else (word[:2], word[2:], word[2:].removeprefix("="))
        if flag in self.off and not given:
            self.off[flag].value = False
            return words
        option = self.on.get(flag)
        if option is None:
            raise self.unknown(flag)
        if option.takes_value:
            return self.value(option, flag, value if given else None, words)
        if not given:
            option.value = True
        elif long or given.startswith("="):
            option.value = value  # --connect=false, --verbose=2
        else:
            option.value = True
            return [f"-{value}", *words]  # -qv is -q -v
        return words

    def value(self, option: Option, flag: str, value: str | None, words: list[str]) -> list[str]:
        if value is not None:
            option.value = value
        elif option.optional:
            option.value = True
        elif words:
            option.value = words.pop(0)
        else:
            raise UsageError(f"{flag} needs a value", " ".join(filter(None, (option.spelling + ":", option.doc))))
        return words

    def unknown(self, flag: str) -> UsageError:
        if flag in self.off:
            return UsageError(f"{flag} takes no value")
        flags = [flag for flag in (*self.on, *self.off) if flag.startswith("--")] if flag.startswith("--") else []
        hint = did_you_mean(flag, flags) if flags else ""
        return UsageError(f"{self.name} has no option {flag}", hint or f"see: mng {self.name} --help")

    def place(self, free: list[str]) -> None:
        """Give the free words to the positionals, as Python unpacks `a, *b, c = words`."""
        slots = list(self.words)
        many = next((n for n, option in enumerate(slots) if option.place == "words"), None)
        if many is not None:
            option = slots.pop(many)
            cut = max(len(free) - (len(slots) - many), many)
            for word in free[many:cut]:
                option.value = word
            if option.required and not option.value:
                raise UsageError(f"{self.name} needs {option.names[0].upper()}")
            free = free[:many] + free[cut:]
        if len(free) > len(slots):
            raise UsageError(f"{self.name} takes no argument {free[len(slots)]!r}", f"see: mng {self.name} --help")
        for slot, word in zip(slots, free, strict=False):
            if slot.raw_value is not None:
                raise UsageError(f"{slot.names[0].upper()} is given twice: {slot.value} and {word}")
            slot.value = word
        for slot in slots[len(free) :]:
            if slot.required and slot.raw_value is None:
                raise UsageError(f"{self.name} needs {slot.names[0].upper()}")
