"""The command line as a table: what is typed, and which command gets what."""

import shlex
from typing import Any

import pytest

from mng.cli.program import Mng
from tests.unit.cli.fakes import contents

ARGS = {"build_arg": ["gpu=h100", "cpu=2", "mem=4", "--dockerfile=X"]}
LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("", "create", {}),
    ("my-task codex", "create", {"name": "my-task", "agent_type": "codex"}),
    ("create my-task codex", "create", {"name": "my-task", "agent_type": "codex"}),
    ("c -n x", "create", {"name": "x"}),
    ("create create", "create", {"name": "create"}),
    ("create clone", "create", {"name": "clone"}),
    ("my-task clone", "create", {"name": "my-task", "agent_type": "clone"}),
    ("--in modal my-task", "create", {"in_": "modal", "name": "my-task"}),
    ("-b gpu=h100 -bcpu=2 -b=mem=4 -b --dockerfile=X", "create", ARGS),
    ("-b --quiet", "create", {"build_arg": ["--quiet"]}),
    ("-m -x", "create", {"message": "-x"}),
    ("--message=", "create", {"message": ""}),
    ("--message=--a=b", "create", {"message": "--a=b"}),
    ("-qvv", "create", {"quiet": True, "verbose": 2}),
    ("-v w -v", "create", {"name": "w", "verbose": 2}),
    ("--connect", "create", {"connect": True}),
    ("--no-connect", "create", {"connect": False}),
    ("--connect --no-connect", "create", {"connect": False}),
    ("--connect=false", "create", {"connect": False}),
    ("--exclude-unclean", "create", {"include_unclean": False}),
    ("--include-unclean", "create", {"include_unclean": True}),
    ("--new-branch", "create", {"new_branch": True}),
    ("--new-branch x", "create", {"new_branch": True, "name": "x"}),
    ("--new-branch=x", "create", {"new_branch": "x"}),
    ("--no-new-branch", "create", {"new_branch": False}),
    ("--idle-timeout 90", "create", {"idle_timeout": 90.0}),
    ("--idle-timeout 5m", "create", {"idle_timeout": 300.0}),
    ("--idle-timeout 1.5h", "create", {"idle_timeout": 5400.0}),
    ("--idle-timeout 7d", "create", {"idle_timeout": 604800.0}),
    ("--label a=1 --label b=x=y --label a=2", "create", {"label": {"a": "2", "b": "x=y"}}),
    ("--name a --name b", "create", {"name": "b"}),
    ("--retry 5", "create", {"retry": 5}),
    ("--no-in-place --copy", "create", {"in_place": False, "copy_": True}),
    ("w -- --model 'a b' -- c ''", "create", {"name": "w", "agent_args": ["--model", "a b", "--", "c", ""]}),
    ("-- --help", "create", {"agent_args": ["--help"]}),
    ("destroy a b c -f", "destroy", {"agents": ["a", "b", "c"], "force": True}),
    ("rm --force a", "destroy", {"agents": ["a"], "force": True}),
    ("destroy a --agent b", "destroy", {"agents": ["b", "a"]}),
    ("destroy -", "destroy", {"agents": ["-"]}),
    ("destroy -- -odd", "destroy", {"agents": ["-odd"]}),
    ("destroy -a", "destroy", {"all_": True}),
    ("exec a b 'git log'", "exec", {"agents": ["a", "b"], "command": "git log"}),
    ("exec --agent a uptime", "exec", {"agents": ["a"], "command": "uptime"}),
    ("exec uptime", "exec", {"command": "uptime"}),
    ("exec a -- 'ls -l'", "exec", {"agents": ["a"], "command": "ls -l"}),
    ("exec a b -- ls -l 'x y'", "exec", {"agents": ["a", "b"], "command": "ls -l 'x y'"}),
    ("exec --all -- git log -q", "exec", {"all_": True, "command": "git log -q"}),
    ("snapshot create w", "snapshot create", {"agent": "w"}),
    ("snapshot w", "snapshot create", {"agent": "w"}),
    ("snap w", "snapshot create", {"agent": "w"}),
    ("snapshot.create w", "snapshot create", {"agent": "w"}),
    ("snapshot list", "snapshot list", {}),
    ("-q list", "list", {"quiet": True}),
    ("-qv --format json list --limit 1", "list", {"quiet": True, "verbose": 1, "format": "json", "limit": 1}),
    ("--format=json ls", "list", {"format": "json"}),
    ("--json w", "create", {"json_": True, "name": "w"}),
]


@pytest.mark.parametrize(("line", "command", "options"), LINES, ids=[line for line, _, _ in LINES])
def test_line(line: str, command: str, options: dict[str, Any]) -> None:
    program = Mng(contents, "1")
    assert program.parse(shlex.split(line))
    (context,) = program.tasks
    task = program.collection[context.name]
    assert task.path == command
    got = task.model.given(context.as_kwargs)
    assert {name: getattr(got, name) for name in got.model_fields_set} == options
