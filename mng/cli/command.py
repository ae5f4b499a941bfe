"""Commands: Invoke tasks that take an options model, the same from mng, inv, fab and Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, get_type_hints, overload

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from mng import hooks, output, settings, trust
from mng.cli import shown
from mng.cli.contents import Contents
from mng.cli.options import Option, Options
from mng.disk import close, private
from mng.errors import MngError, UsageError
from mng.settings import Settings
from mng.shell import is_folder

R = TypeVar("R")


class Command(Task[Any], Generic[R]):
    """A task `def body(c, o: Model) -> R`. A parser passes every field, a Python caller only some."""

    contents: Contents | None = None  # the table it was loaded from
    plugin = ""  # the plugin that it comes from

    def __init__(self, body: Callable[..., R], group: str = "", mends: bool = False, **kwargs: Any) -> None:
        annotation = body.__annotations__.get("".join(body.__code__.co_varnames[1:2]))
        if annotation is None or body.__code__.co_argcount != 2:
            raise TypeError(f"a command takes (c, o: its options model), not as {body.__name__} does")
        named = isinstance(annotation, str)
        self.own_model: type[Options] = body.__globals__[annotation] if named else annotation
        self._model: tuple[dict[str, str], type[Options]] = ({}, self.own_model)  # with those of which plugins
        self.mends = mends
        kwargs.setdefault("name", body.__name__.strip("_").replace("_", "-"))
        self.path: str = f"{group} {kwargs['name']}".strip()  # with its group: `snapshot create`
        super().__init__(body, positional=(), **kwargs)

    @property
    def model(self) -> type[Options]:
        """With the options that plugins add."""
        if not hooks.now.enabled:
            return self.own_model
        if self._model[0] is not hooks.now.enabled:
            from mng.cli import plugged

            self._model = hooks.now.enabled, plugged.extended(self.own_model, self.path)
        return self._model[1]

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        return [Option(name, info) for name, info in self.model.model_fields.items()]

    def __call__(self, c: Context, o: Options | None = None, /, **given: Any) -> R:
        """`create(c, CreateOptions(…))`, `create(c, name="x")`, or (every field given) from a command line."""
        asked = given if o is None else {name: getattr(o, name) for name in o.model_fields_set}  # never what settings say
        trust.now.once = trust.now.once or bool(asked.get("trust"))
        found = self.in_force(asked.get("context"))
        hooks.use(found, asked.get("plugin") or (), asked.get("disable_plugin") or ())
        typed = o is None and given.keys() >= self.model.model_fields.keys()
        if o is None:
            o = self.model.given(given)
        o = o.over(found, self.path)
        return self.from_line(c, o) if typed else self.returned(c, o)

    def returned(self, c: Context, o: Options) -> R:
        with private():
            return self.done(c, o)

    def done(self, c: Context, o: Options) -> R:
        token = hooks.options.set(o)
        close(o.settings.host_dir)
        try:
            if getattr(o, "list_hosts", False):
                from mng.cli.hosts import listed

                return cast(R, listed(o))
            result: R = super().__call__(c, o)
            return result
        finally:
            hooks.options.reset(token)

    def in_force(self, context: str | None) -> Settings:
        """The settings; what `mends` wrong ones goes on with none."""
        if context and not is_folder(context):
            raise UsageError(f"--context {context}: no such folder")
        try:
            found = settings.load(context)
            if self.contents:
                self.contents.check(found)
            return found
        except UsageError:
            if self.mends:
                return settings.combined([])
            raise

    def from_line(self, c: Context, o: Any) -> R:
        """Set output up, run, show what comes back, log it all; KeyboardInterrupt ends as 130."""
        output.begin(o.shape, quiet=o.quiet, verbose=o.verbose)
        if output.now.template and not getattr(o, "list_hosts", False):
            output.now.template.check(get_type_hints(self.body)["return"])
        log = {key: getattr(o, key) for key in ("log_file", "log_commands", "log_command_output", "log_env_vars")}
        output.log_to(o.settings.user_dir, **log)
        output.hide(*shown.secrets(o))
        hooks.tell()
        trust.tell()
        began, code, wrong = time.monotonic(), 1, "failed"
        failure: Exception | None = None
        try:
            result = self.returned(c, o)
            if getattr(o, "hosts", ()):
                from mng.cli.hosts import keep_failed

                keep_failed(o, result)
            output.show(result)
            code, wrong = int(getattr(result, "exit_code", 0) or 0), ""
        except KeyboardInterrupt:
            code, wrong = 130, "interrupted"
            raise Exit("mng: interrupted", code=130) from None
        except MngError as error:
            code, wrong, failure = error.code, error.what, error
            raise
        except Exit as error:
            code, wrong = error.code, str(error.message or "")
            raise
        except Exception as error:
            wrong, failure = f"{type(error).__name__}: {error}", error
            if plugin := hooks.culprit(error):
                raise hooks.failed(plugin, error) from error
            raise
        finally:
            if failure:
                hooks.each("on_error", command=self.path, error=failure, o=o)
            output.log_end(self.path, shown.argv(o), code, time.monotonic() - began, wrong)
        if code:
            raise Exit(code=code)
        return result


@overload
def command(body: Callable[[Context, Any], R], /) -> Command[R]: ...
@overload
def command(**kwargs: Any) -> Callable[[Callable[[Context, Any], R]], Command[R]]: ...
def command(body: Callable[..., Any] | None = None, /, **kwargs: Any) -> Any:
    """`@command` makes a task of a function. A template is checked against what that returns before the work is done.

    `group`: its first word, where it has two; `mends=True`: it runs with settings that are wrong, too.
    """
    if body is not None:
        return Command(body)
    return lambda body: Command(body, **kwargs)
