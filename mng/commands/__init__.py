"""The table of contents. `from mng.commands import create` gives the task itself, importing only its own module."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mng.cli.contents import Contents, Entry

if TYPE_CHECKING:  # what __getattr__ gives; a line for each command, and each group
    from mng.commands import config as config
    from mng.commands import plugin as plugin
    from mng.commands import snapshot as snapshot
    from mng.commands.ask import ask as ask
    from mng.commands.cleanup import cleanup as cleanup
    from mng.commands.clone import clone as clone
    from mng.commands.connect import connect as connect
    from mng.commands.create import create as create
    from mng.commands.destroy import destroy as destroy
    from mng.commands.doctor import doctor as doctor
    from mng.commands.exec import exec_
    from mng.commands.gc import gc as gc
    from mng.commands.limit import limit as limit
    from mng.commands.list import list_
    from mng.commands.logs import logs as logs
    from mng.commands.message import message as message
    from mng.commands.migrate import migrate as migrate
    from mng.commands.pair import pair as pair
    from mng.commands.provision import provision as provision
    from mng.commands.pull import pull as pull
    from mng.commands.push import push as push
    from mng.commands.rename import rename as rename
    from mng.commands.restore import restore as restore
    from mng.commands.start import start as start
    from mng.commands.stop import stop as stop
    from mng.commands.trust import trust as trust

    exec, list = exec_, list_

AGENTS = "For managing agents"
DATA = "For moving data in and out"
MAINTENANCE = "For maintenance"
OURSELVES = "For managing mng itself"

LATER = """bootstrap capture diff fan-out label merge observe open
schedule transcript wait"""

contents = Contents(
    "mng.commands",
    {
        "create": Entry("Create and run an agent", AGENTS, ("c",)),
        "clone": Entry("Copy an agent: its work, its environment and its conversation", AGENTS),
        "migrate": Entry("Move an agent to another host: its work, its environment and its conversation", AGENTS),
        "destroy": Entry("Destroy agents, after saving work that exists nowhere else", AGENTS, ("rm",)),
        "connect": Entry("Attach to an agent", AGENTS, ("conn",)),
        "list": Entry("List agents", AGENTS, ("ls",)),
        "stop": Entry("Stop agents", AGENTS, ("s",)),
        "start": Entry("Start stopped agents", AGENTS),
        "exec": Entry("Run a shell command where agents work, or on hosts", AGENTS, ("x",)),
        "restore": Entry("Bring a destroyed agent back, with the work that was saved of it", AGENTS),
        "rename": Entry("Rename an agent", AGENTS, ("mv",)),
        "message": Entry("Send a message to agents", DATA, ("msg",)),
        "pull": Entry("Bring an agent's work here", DATA),
        "push": Entry("Bring work from here to an agent", DATA),
        "pair": Entry("Keep an agent's work and a folder here equal, until Ctrl-C", DATA),
        "provision": Entry("Do roles to hosts, and set agents up again", DATA, ("prov",)),
        "limit": Entry(
            "Set when agents stop and start, what they may do and who is let in",
            MAINTENANCE,
            ("lim",),
        ),
        "logs": Entry("Show the logs of an agent", MAINTENANCE),
        "cleanup": Entry("Destroy or stop the agents that are no longer needed", MAINTENANCE, ("clean",)),
        "gc": Entry("Remove what nothing refers to any more", MAINTENANCE),
        "snapshot create": Entry("Keep the whole state of hosts", DATA, ("snapshot", "snap", "snap create")),
        "snapshot list": Entry("List snapshots, of all hosts or those named", DATA, ("snap list", "snap ls")),
        "snapshot destroy": Entry("Destroy snapshots", DATA, ("snap destroy", "snap rm")),
        "doctor": Entry("Check what mng needs on this machine", OURSELVES),
        "ask": Entry("Ask how to do something with mng", OURSELVES),
        "trust": Entry("Let what a folder's files say of you count", OURSELVES),
        "config list": Entry("Show all settings, and where each comes from", OURSELVES, ("config", "cfg", "cfg list")),
        "config get": Entry("Show one setting, or a table of them", OURSELVES, ("cfg get",)),
        "config set": Entry("Set a value in a settings file", OURSELVES, ("cfg set",)),
        "config unset": Entry("Take a value or a table out of a settings file", OURSELVES, ("cfg unset",)),
        "config edit": Entry("Open a settings file in $EDITOR", OURSELVES, ("cfg edit",)),
        "config path": Entry("Show which settings files there may be", OURSELVES, ("cfg path",)),
        "plugin list": Entry("List plugins", OURSELVES, ("plugin", "plug", "plug list")),
        "plugin add": Entry("Install a plugin and enable it", OURSELVES, ("plug add",)),
        "plugin remove": Entry("Uninstall a plugin and forget its settings", OURSELVES, ("plug remove",)),
        "plugin enable": Entry("Enable a plugin that is installed", OURSELVES, ("plug enable",)),
        "plugin disable": Entry("Disable a plugin, which stays installed", OURSELVES, ("plug disable",)),
    },
    default="create",
    later=LATER.split(),
)


class Package(ModuleType):
    """Python binds a submodule to its package under its own name: here that name means the task in it."""

    def __setattr__(self, name: str, value: Any) -> None:
        is_module = isinstance(value, ModuleType) and name.replace("_", "-") in contents.entries
        super().__setattr__(name, contents.load(name.replace("_", "-")) if is_module else value)


sys.modules[__name__].__class__ = Package


def __getattr__(name: str) -> Any:
    if name.replace("_", "-") in contents.entries:
        return contents.load(name.replace("_", "-"))
    if contents.below(name):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
