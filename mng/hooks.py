"""Calls what plugins hook into. They, and pluggy, are imported at the first call, and only if one is enabled."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mng import output
from mng.errors import MngError, UsageError

if TYPE_CHECKING:
    from mng.settings import Settings

TABLES, LISTS = ("agent_types", "commands", "fields", "host_fields"), ("providers", "roles")  # what hooks return


@dataclass
class Now:
    """The plugins of this process; set by `use`."""

    enabled: dict[str, str] = field(default_factory=dict)  # name -> module
    added: dict[str, None] = field(default_factory=dict)  # --plugin
    dropped: dict[str, None] = field(default_factory=dict)  # --disable-plugin
    manager: Any = None
    held: list[tuple[str, str]] | None = None  # what is wrong with plugins, until it is known how to say it
    told: set[str] = field(default_factory=set)


now = Now()
options: ContextVar[Any] = ContextVar("options", default=None)  # of the command at work


def use(settings: Settings | None, add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
    """From now on the plugins that settings enable; those added or dropped are so for the rest of the process."""
    now.added |= dict.fromkeys(add)
    now.dropped |= dict.fromkeys(drop)
    enabled, wrong = settings.plugins_enabled() if settings else ({}, [])
    for name in now.added:
        enabled[name] = module_of(name, settings)
    for name in now.dropped:
        if name not in enabled and not (settings and name in settings.plugins):
            raise unknown("--disable-plugin", name, settings)
    enabled = {name: module for name, module in enabled.items() if name not in now.dropped}
    for complaint in wrong:
        fault(complaint)
    if enabled != now.enabled:
        now.enabled, now.manager = enabled, None


def module_of(name: str, settings: Settings | None) -> str:
    """Of a plugin asked for by --plugin: one that the user has, else any module."""
    from importlib.util import find_spec

    if module := settings.plugins_of_user().get(name, {}).get("module") if settings else "":
        return str(module)
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        found = None
    if not found:
        raise unknown("--plugin", name, settings)
    return name


def unknown(flag: str, name: str, settings: Settings | None) -> UsageError:
    from mng.settings import did_you_mean

    hint = did_you_mean(name, settings.plugins if settings else ())
    return UsageError(f"{flag}: no plugin {name!r}", hint or "see: mng plugin list")


def each(hook: str, **given: Any) -> list[tuple[str, Any]]:
    """What each plugin that has the hook returns, with its name; what one raises costs only its own part."""
    found = []
    for plugin, function, names in having(hook):
        try:
            result = function(*(given[name] for name in names))
            if result is not None:
                found.append((plugin, dict(result) if hook in TABLES else list(result) if hook in LISTS else result))
        except (Exception, SystemExit) as error:
            blame(plugin, error, hook)
    return found


def before(operation: str, **given: Any) -> None:
    """Raises the MngError of a plugin that refuses."""
    for plugin, function, names in having(f"before_{operation}"):
        output.progress(f"plugin {plugin}: before_{operation}")
        try:
            function(*({**given, "o": options.get()}[name] for name in names))
        except MngError:
            raise
        except (Exception, SystemExit) as error:
            blame(plugin, error, f"before_{operation}")


def after(operation: str, **given: Any) -> None:
    each(f"after_{operation}", **given, o=options.get())


def having(hook: str) -> list[tuple[str, Any, tuple[str, ...]]]:
    """The plugins that have the hook, each with its function and the arguments that this takes."""
    if not now.enabled:
        return []
    found = reversed(getattr(manager().hook, hook).get_hookimpls())
    return [(one.plugin_name, one.function, one.argnames) for one in found]


def manager() -> Any:
    """pluggy's, with the enabled plugins in it; what is wrong with one keeps only that one out."""
    if now.manager is None:
        now.manager = empty()
        for name, module in reversed(now.enabled.items()):  # pluggy calls the last one first
            try:
                register(now.manager, name, module)
            except (Exception, SystemExit) as error:
                now.manager.unregister(name=name)
                blame(name, error)
    return now.manager


def empty() -> Any:
    import pluggy

    from mng import plugins

    manager = pluggy.PluginManager("mng")
    manager.add_hookspecs(plugins)
    return manager


def problem(name: str, module: str) -> str:
    """Why the plugin can't be loaded; "" if it can."""
    try:
        register(empty(), name, module)
    except (Exception, SystemExit) as error:
        return described(error)
    return ""


def register(manager: Any, name: str, module: str) -> None:
    """Raises whatever is wrong with the plugin."""
    import importlib

    from pluggy import PluginValidationError

    from mng.settings import did_you_mean

    plugin = importlib.import_module(module)
    try:
        manager.register(plugin, name)
    except PluginValidationError as error:
        _, definition, *_, why = str(error).splitlines()
        raise MngError(f"{definition.removeprefix('hookimpl definition: ')}: {why}") from None
    hooks = manager.get_hookcallers(plugin)
    for hook in hooks:
        if not hook.has_spec():
            known = [one for one in vars(manager.hook) if getattr(manager.hook, one).has_spec()]
            raise MngError(f"there is no hook {hook.name}", did_you_mean(hook.name, known))
        if any(one.plugin_name == name and (one.wrapper or one.hookwrapper) for one in hook.get_hookimpls()):
            raise MngError(f"{hook.name} is a wrapper, which mng does not call")
    if not hooks:
        raise MngError(f"{module} has no hooks", "put @hookimpl before its functions")


def culprit(error: BaseException) -> str:
    """The plugin whose code raised it, or called what did; "" for none."""
    modules = {module.partition(".")[0]: name for name, module in now.enabled.items()}
    at, found = error.__traceback__, ""
    while at:
        found = modules.get(str(at.tb_frame.f_globals.get("__name__", "")).partition(".")[0], found)
        at = at.tb_next
    return found


def failed(plugin: str, error: Exception) -> MngError:
    """The end of a command by what is wrong in a plugin."""
    import traceback

    trace = "".join(traceback.format_exception(error)).rstrip()
    output.detail(trace)
    output.logged(plugin_fault=plugin, traceback=trace)
    return MngError(f"plugin {plugin}: {described(error)}", f"without it: mng plugin disable {plugin}")


def blame(plugin: str, error: BaseException, at: str = "") -> None:
    """Say what is wrong with a plugin; its traceback at -v, and in the log."""
    import traceback

    trace = "" if isinstance(error, MngError) else "".join(traceback.format_exception(error)).rstrip()
    fault(f"plugin {plugin}: {at + ': ' if at else ''}{described(error)}", trace)


def described(error: BaseException) -> str:
    if isinstance(error, MngError):
        return f"{error.what}; {error.hint}" if error.hint else error.what
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def fault(text: str, trace: str = "") -> None:
    """Once a process."""
    if now.held is not None:
        now.held.append((text, trace))
    elif text not in now.told:
        now.told.add(text)
        output.warn(text)
        output.detail(trace)
        output.logged(plugin_fault=text, traceback=trace)


def hold() -> None:
    """What is wrong with plugins is kept until `tell`: output is not set up yet."""
    now.held = now.held or []


def tell() -> None:
    held, now.held = now.held or [], None
    for text, trace in held:
        fault(text, trace)
