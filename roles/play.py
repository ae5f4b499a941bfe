"""The play: it does roles to a host, and tells what changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn, cast

from invoke.exceptions import Exit

from mng import hooks, output
from mng.disk import Seen
from mng.errors import MngError, Unreachable
from mng.host import Host
from mng.roles.facts import Fact, Facts, Need
from mng.roles.handlers import Handlers
from mng.roles.recap import Change, Recap, Status
from mng.roles.role import Role, in_order
from mng.runner import Done, Runner
from mng.shell import Cmd

Bootstrap = Literal["ask", "yes", "warn", "no"]  # whether programs may be installed that a role needs


@dataclass
class Play:
    """One host being provisioned: what roles and ops work on. With `check` nothing is changed."""

    host: Host
    check: bool = False
    bootstrap: Bootstrap = "ask"
    diff: bool = False
    tags: frozenset[str] = frozenset()
    skip_tags: frozenset[str] = frozenset()
    gathering: bool = False  # only noting what ops will want to know: nothing is asked of the host, nothing is done
    told: Callable[[Change], None] = lambda change: None
    role: str = ""
    recap: Recap = field(default_factory=lambda: Recap(""))

    def __post_init__(self) -> None:
        self.facts = Facts(self.host)
        self.handlers = Handlers(self.host)
        self.listening: list[Role] = []
        self.within: list[str] = []  # tags
        self.guessed = False  # with `check`: something would have been done whose effects can't be told

    # --- what roles and ops use

    def look(self, path: str) -> Seen:
        """What is at the path."""
        path = self.path(path)
        if self.gathering:
            self.facts.note(path)
            return Seen(path)
        return self.facts.seen(path)

    def ask(self, line: Cmd) -> Done:
        """How a line ends that only reads."""
        if self.gathering:
            self.facts.note(line)
            return Done(0)
        return self.facts.said(line)

    def path(self, path: str) -> str:
        """`~` as the host's home."""
        whole = self.host.expand(path)
        if not whole.startswith("/"):
            raise MngError(f"the path {path!r} is relative", "paths in roles begin with / or ~/")
        return whole

    def op(
        self,
        what: str,
        right: bool,
        mend: Callable[[], object],
        *,
        after: Mapping[Need, Fact] | None = None,
        wide: bool = False,
        diff: Callable[[], str] | None = None,
        wrong: MngError | None = None,
    ) -> bool:
        """Mend what isn't right, unless only checking; True if it had to be.

        `after`: the facts that hold then; without them, or if `wide`, others may have changed too. `wrong`: why it can't be done.
        """
        if self.gathering or not self.selected:
            if self.selected or not self.gathering:
                self.add(what, "skipped")
            return False
        shown = ""
        try:
            if not right:
                shown = diff() if self.diff and diff else ""
                self.change(what, mend, wrong)
        except MngError as error:
            self.facts.changed({}, wide=True)
            self.add(what, "failed", error=error)
            raise
        if not right:
            wide = wide or after is None
            self.guessed = self.guessed or wide
            self.facts.changed(after or {}, wide=wide, really=not self.check)
        self.add(what, "ok" if right else "changed", shown)
        return not right

    def change(self, what: str, mend: Callable[[], object], wrong: MngError | None) -> None:
        if wrong:
            raise wrong
        for handler in self.listening:
            self.handlers.add(self.role, handler, keep=not self.check)
        if not self.check:
            output.progress(f"{self.role}: {what}")
            mend()

    @contextlib.contextmanager
    def notify(self, handler: Role) -> Iterator[None]:
        """If anything changes in the block, the handler is done at the end, once, whatever else happens until then."""
        self.handlers.know(self.role, handler)
        self.listening.append(handler)
        try:
            yield
        finally:
            self.listening.pop()

    @contextlib.contextmanager
    def tagged(self, *tags: str) -> Iterator[None]:
        """For --tags and --skip-tags; the role's name and its own tags count for all of it."""
        before = list(self.within)
        self.within += tags
        try:
            yield
        finally:
            self.within = before

    # --- what the play itself does

    @property
    def selected(self) -> bool:
        mine = {self.role, *self.within}
        return (not self.tags or bool(mine & self.tags)) and not mine & self.skip_tags

    def add(self, what: str, status: Status, diff: str = "", error: MngError | None = None) -> None:
        status = "unreachable" if isinstance(error, Unreachable) else status
        change = Change(self.role, what, status, diff, tuple(self.within), error)
        self.recap.changes.append(change)
        if not self.gathering:
            self.told(change)
            output.detail(f"{self.host.name}: {self.role}: {what}: {status}")

    def foresee(self, roles: Iterable[Role]) -> Recap:
        """Go through the roles, noting what they will want to know; the recap is of what they consist of."""
        silent = replace(self.host, runner=cast(Runner, Silence()))
        ahead = replace(self, host=silent, check=True, gathering=True, recap=Recap(self.host.name))
        ahead.facts, ahead.handlers = self.facts, self.handlers
        for one in roles:
            try:
                ahead.begin(one)
            except (Exception, SystemExit) as error:  # it needs an answer to go on, which it gets when it is done
                output.detail(f"{one.name}: some of its facts are not foreseen: {error}", 2)
        return ahead.recap

    def begin(self, one: Role) -> None:
        self.role, self.within = one.name, list(one.tags)
        one.body(self, **one.options)

    def do(self, one: Role) -> None:
        """Its failure is in the recap."""
        many = len(self.recap.changes)
        try:
            self.begin(one)
        except MngError as error:
            self.failed(error, many)
        except Exit:
            raise
        except (Exception, SystemExit) as error:
            self.failed(broken(one, error), many)

    def failed(self, error: MngError, since: int) -> None:
        if not any(change.error for change in self.recap.changes[since:]):
            self.add(error.what, "failed", error=error)

    def finish(self) -> None:
        """The handlers, each once, whatever their tags; one that fails stays to be done."""
        self.tags = self.skip_tags = frozenset()
        self.listening = []
        while entry := self.handlers.next():
            many = len(self.recap.changes)
            self.do(replace(entry.handler, name=entry.role))
            if not self.check and not any(change.error for change in self.recap.changes[many:]):
                self.handlers.done(entry)


class Silence:
    """The runner while facts are gathered: roles that ask the host themselves get no answer yet."""

    def __getattr__(self, name: str) -> NoReturn:
        raise MngError(f"runner.{name} while facts are gathered")


def broken(one: Role, error: BaseException) -> MngError:
    """A bug in a role: what and where."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename == one.body.__code__.co_filename] or frames
    output.detail("".join(traceback.format_exception(error)).rstrip())
    return MngError(f"role {one.name}: {type(error).__name__}: {error}", f"at {mine[-1].filename}:{mine[-1].lineno}")


def provision(host: Host, roles: Iterable[Role], *, check: bool = False, **how: Any) -> Recap:
    """What a person asks for: `perform`, with what plugins do before and after."""
    order = list(roles)
    acts = bool(order) and not check
    if acts:
        hooks.before("provision", host=host, roles=order)
    recap = perform(host, order, check=check, **how)
    if acts:
        hooks.after("provision", host=host, recap=recap)
    return recap


def perform(
    host: Host,
    roles: Iterable[Role],
    *,
    check: bool = False,
    diff: bool = False,
    bootstrap: Bootstrap = "ask",
    tags: Iterable[str] = (),
    skip_tags: Iterable[str] = (),
    earlier: bool = True,
    failing: bool = True,
    told: Callable[[Change], None] = lambda change: None,
) -> Recap:
    """Do the roles to the host, in order, then their handlers and (`earlier`) those that a killed run left.

    The first failure ends the roles, not the handlers, and is raised at the end unless `failing` is off.
    """
    play = Play(host, check, bootstrap, diff, frozenset(tags), frozenset(skip_tags), told=told, recap=Recap(host.name))
    order = in_order(roles)
    try:
        play.foresee(order)
        play.handlers.note(play.facts)
        play.facts.gather()
    except MngError as error:
        play.failed(error, 0)
    for one in order:
        if play.recap.error:
            play.role = one.name
            play.add("", "skipped")
        else:
            play.do(one)
    if not play.recap.count("unreachable"):
        play.handlers.left(play.facts, earlier)
        play.finish()
    if failing and play.recap.error:
        raise play.recap.error
    return play.recap


def tasks(host: Host, roles: Iterable[Role], tags: Iterable[str] = (), skip_tags: Iterable[str] = ()) -> list[Change]:
    """What the roles consist of, as far as that can be told without asking the host."""
    play = Play(host, tags=frozenset(tags), skip_tags=frozenset(skip_tags))
    return play.foresee(in_order(roles)).changes
