"""What --json prints is what docs/schemas/ says, of every command."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mng.cli import docs
from mng.commands import contents
from tests.bed.world import World

pytestmark = pytest.mark.live

FOLDER = Path(__file__).parents[2] / "docs" / "schemas" / str(docs.SCHEMAS)
LINES = {  # lines that work with the agents of the world below; the first word or two is the command
    "create": ["create new demo --no-connect", "create new2 demo --dry-run", "create asks --reuse --no-connect"],
    "list": ["list", "list --running", "list --include 'name == \"nobody\"'"],
    "--list-hosts": ["list --hosts", "exec --host local --list-hosts true", "stop web --list-hosts"],
    "message": ["message web -m hello", "message web -m hello --wait", "message web asks -m hello", "message -a -m hi --dry-run"],
    "exec": ["exec web 'echo $MNG_AGENT_NAME; exit 3'", "exec web asks nobody 'pwd'", "exec -a --dry-run true"],
    "logs": ["logs web", "logs web transcript --tail 1", "logs web screen"],
    "rename": ["rename web other --dry-run", "rename web other", "rename other web"],
    "stop": ["stop web asks", "stop web", "stop web nobody", "stop -a --dry-run"],
    "start": ["start web asks", "start web", "start -a --dry-run"],
    "clone": ["clone web copy --no-connect --dry-run", "clone web copy --no-connect"],
    "provision": ["provision web --check", "provision web", "provision web --role base --check"],
    "push": ["push web --dry-run", "push web"],
    "pull": ["pull web --dry-run", "pull web"],
    "pair": ["pair web --dry-run"],
    "limit": ["limit web"],
    "cleanup": ["cleanup --dry-run", "cleanup --force --older-than 7d"],
    "snapshot create": ["snapshot create web --dry-run"],
    "snapshot list": ["snapshot list"],
    "snapshot destroy": ["snapshot destroy web --all-snapshots --dry-run"],
    "plugin list": ["plugin list"],
    "trust": ["trust --list", "trust --show"],
    "doctor": ["doctor"],
    "ask": ["ask --offline rename"],
    "gc": ["gc --dry-run", "gc"],
    "config list": ["config list"],
    "config path": ["config path"],
    "config set": ["config set commands.create.connect false"],
    "config get": ["config get commands.create.connect", "config get commands"],
    "config unset": ["config unset commands.create.connect"],
    "config edit": ["config edit"],
    "destroy": ["destroy web --force --dry-run", "destroy web nobody --force", "destroy asks --force"],
    "restore": ["restore --list", "restore web --dry-run", "restore web"],
}


def checked(name: str, text: str) -> Any:
    value = json.loads(text)
    schema = json.loads((FOLDER / f"{docs.file(name)}.json").read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
    return value


def test_every_command(world: World) -> None:
    world.env["EDITOR"] = str(world.tool("editor", '#!/bin/sh\nprintf "[commands.stop]\\ngraceful = true\\n" >> "$1"\n'))
    world.mng("create", "web", "demo", "--no-connect", "--label", "team=blue", "--await-ready", "-m", "write a.txt: x")
    world.mng("create", "asks", "demo", "--no-connect", "--await-ready", "--message", "ask")
    said: dict[str, list[Any]] = {}
    for name, lines in LINES.items():
        for line in lines:
            ran = world.run("bash", "-c", f"mng {line} --json", check=False)
            assert "Traceback" not in ran.err, ran
            assert ran.out, ran
            said.setdefault(name, []).append(checked(name, ran.out))
    assert {name.split()[0] for name in said["message"][0][0]} >= {"name", "result", "answer", "exit_code"}
    assert said["list"][0][0]["host"]["name"] == "local" and said["message"][1][0]["answer"].startswith("Hello")
    assert [row["result"] for row in said["destroy"][1]] == ["failed", "destroyed"]
    assert "You said" in said["logs"][2] or "Hello" in said["logs"][2]


ELSEWHERE = {f"plugin {name}" for name in ("add", "remove", "enable", "disable")} | {"migrate"}  # see test_plugins, test_migrate


def test_no_command_is_left_out() -> None:
    assert {*LINES, *ELSEWHERE} == set(contents.entries) - {"connect"} | {"--list-hosts"}  # connect shows nothing
    assert {f"{docs.file(name)}.json" for name in {*LINES, *ELSEWHERE}} == {file.name for file in FOLDER.iterdir()}


def test_a_schema_refuses_what_it_should() -> None:
    row = {"name": "web", "host": "local", "result": "stopped", "detail": "", "exit_code": 0}
    checked("stop", json.dumps([row]))
    for wrong in ([{**row, "exit_code": "0"}], [{"name": "web"}], row, "stopped"):
        with pytest.raises(jsonschema.ValidationError):
            checked("stop", json.dumps(wrong))
    for file in FOLDER.iterdir():
        schema = json.loads(file.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:mng:schema:{docs.SCHEMAS}:{file.stem}"


def test_json_lines_are_the_rows(world: World) -> None:
    world.mng("create", "web", "demo", "--no-connect")
    assert checked("list", json.dumps(world.mng("list", "--jsonl").rows))
    ran = world.mng("logs", "web", "screen", "--follow", "--json", check=False)
    assert ran.code in (0, 2)
    ran = world.mng("logs", "web", "transcript", "--follow", "--json", check=False)
    assert (ran.code, ran.err.splitlines()[0]) == (2, "mng: --follow shows what is added as it is")
