"""The rules of the code, enforced: who may import whom, how commands are built, how big things get.

Each rule is a function from a file to what is wrong in it; `PLANTED` shows that each catches what it is there for.
"""

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "mng": "mng",
    "roles": "mng.roles",
    "inventory": "mng.inventory",
}  # where they lie: what they are imported as
LAYERS = [  # a file imports from its own line and the lines above it
    {"mng.errors", "mng.shell", "mng.names", "mng.home", "mng.fault", "mng.lenient", "mng.calm"},
    {"mng.trust", "mng.acting", "mng.harmless", "mng.sourced"}
    | {
        "mng.settings",
        "mng.output",
        "mng.log",
        "mng.rows",
        "mng.layout",
        "mng.records",
        "mng.foreign",
        "mng.plugins",
        "mng.hooks",
    },
    {"mng.disk", "mng.runner", "mng.ssh", "mng.host", "mng.sudo", "mng.machine"},
    {"mng.inventory", "mng.sync"},
    {"mng.roles"},
    {"mng.agents"},
    {"mng.cli"},
    {"mng.commands"},
    {"mng.main", "tasks"},
]
HEAVY = {"fabric", "paramiko", "docker", "modal", "rich", "sh", "cel", "tomlkit", "pluggy"}
PROGRAMS = {"mng.agents.demo_program"}  # programs of their own, which mng starts and never imports
EXITS = PROGRAMS | {"mng.main", "mng.cli.program", "mng.agents.background"}
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_COMMAND = 400, 50, 40
HOOKS = {  # which module calls each, from one place
    f"{when}_{operation}": module
    for operation, module in {
        "create": "mng.agents.creation", "provision": "mng.roles.play", "start": "mng.agents.agent",
        "stop": "mng.agents.ending", "destroy": "mng.agents.ending", "message": "mng.agents.send",
    }.items()
    for when in ("before", "after")
}  # fmt: skip
PARTS = {  # of operations with hooks, and the commands that are more than one operation
    "mng.agents.ending.end": {"mng.commands.destroy"},
    "mng.agents.ending.remove": set[str](),
    "mng.roles.play.perform": set[str](),
    "mng.agents.send.delivered": set[str](),
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    module: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


def sources() -> list[Source]:
    found = []
    for file in [*(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))), ROOT / "tasks.py"]:
        first, *rest = file.relative_to(ROOT).with_suffix("").parts
        name = ".".join([FOLDERS.get(first, first), *(part for part in rest if part != "__init__")])
        if file.exists():
            found.append(Source(name, file.read_text()))
    return found


def layer(name: str) -> int | None:
    under = (index for index, names in enumerate(LAYERS) if any(f"{name}.".startswith(f"{each}.") for each in names))
    return next(under, None)


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        whole = node.module or ""
        return [f"{whole}.{alias.name}" for alias in node.names] if whole == "mng" else ["." * node.level + whole]
    return []


def late(node: ast.AST) -> bool:
    """Not run when the module is imported."""
    if_typing = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    return if_typing or isinstance(node, Function | ast.Lambda)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not late(child):
            yield from at_import(child)


def called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def glued(node: ast.AST) -> bool:
    """A string made of strings: f"…", +, %, .format(), .join()."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join")
    return isinstance(node, ast.JoinedStr | ast.BinOp)


def unquoted(node: ast.AST) -> list[str]:
    """What is put into a string without being a line already: `x` of f"{x}", but not of f"{cmd(x).line}"."""
    if isinstance(node, ast.FormattedValue):
        text = ast.unparse(node.value)
        return [] if text.endswith(".line") else [text]
    if isinstance(node, ast.Call) and called(node) == "cmd":
        return []
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Mult):
        return [ast.unparse(node)]
    return [each for child in ast.iter_child_nodes(node) for each in unquoted(child)]


# --- the rules


def imports_go_up_only(source: Source) -> list[str]:
    mine = layer(source.module)
    if source.module == "mng":
        return []
    if mine is None:
        return [f"{source.module} is on no line of LAYERS"]
    nodes = at_import(source.tree) if source.module == "mng.plugins" else ast.walk(source.tree)  # its types are of all layers
    names = [name for node in nodes for name in imported(node)]
    down = [f"imports {name}" for name in names if (layer(name) or 0) > mine]
    return down + [f"imports {name}, which is relative" for name in names if name.startswith(".")]


def heavy_packages_are_imported_late(source: Source) -> list[str]:
    if source.module == "mng.plugins":  # itself imported only where a plugin is enabled
        return []
    names = [name for node in at_import(source.tree) for name in imported(node)]
    return [f"imports {name} at the top" for name in names if name.split(".")[0] in HEAVY]


def no_command_is_glued_from_strings(source: Source) -> list[str]:
    wrong = []
    for call in source.calls():
        name, words = called(call), {word.arg: ast.unparse(word.value) for word in call.keywords}
        last, of_subprocess = name.rpartition(".")[2], name.startswith("subprocess.")
        if last in ("run", "sudo", "local") and call.args and glued(call.args[0]):
            wrong.append(f"{name}() on a glued string, line {call.lineno}: build a Cmd")
        if name in ("Cmd", "raw") and call.args and unquoted(call.args[0]) and source.module not in ("mng.shell", "mng.output"):
            wrong.append(f"{name}() of unquoted {unquoted(call.args[0])}, line {call.lineno}")
        if last in ("run", "sudo", "local") and "." in name and "env" in words and not of_subprocess:
            wrong.append(f"{name}(env=), line {call.lineno}: Fabric does not quote it, use Cmd.env")
        if re.search(r"\b(c|context|connection|ctx)\.(cd|prefix)$", name):
            wrong.append(f"{name}(), line {call.lineno}: Fabric does not quote it, use Cmd.within")
        if name in ("os.system", "os.popen") or words.get("shell") == "True":
            wrong.append(f"{name}() starts a shell, line {call.lineno}")
    return wrong


def commands_are_small_and_described(source: Source) -> list[str]:
    wrong = []
    for function in source.functions():
        if not any(re.match(r"command\b", ast.unparse(each)) for each in function.decorator_list):
            continue
        title, _, about = (ast.get_docstring(function) or "").partition("\n")
        if not title or title.endswith(".") or (about and not about.startswith("\n")):
            wrong.append(f"{function.name}: its docstring begins with a title, then an empty line")
        if len(function.args.args) != 2 or not function.args.args[1].annotation:
            wrong.append(f"{function.name}: takes (c, o: its options model)")
        if lines(function) > LONGEST_COMMAND:
            wrong.append(f"{function.name}: {lines(function)} lines")
    return wrong


def files_and_functions_are_short(source: Source) -> list[str]:
    wrong = [f"{function.name}: {lines(function)} lines" for function in source.functions() if lines(function) > LONGEST_FUNCTION]
    if (count := source.text.count("\n")) > LONGEST_FILE:
        wrong.append(f"{count} lines")
    return wrong + [f"{part} says nothing" for part in source.module.split(".") if part in VAGUE]


def only_output_prints(source: Source) -> list[str]:
    if source.module in PROGRAMS | {"mng.output"}:
        return []
    wrong = [f"{called(call)}(), line {call.lineno}" for call in source.calls() if called(call) == "print"]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and re.fullmatch(r"sys\.(stdout|stderr)(\.buffer)?\.write(lines)?", called(node)):
            wrong.append(f"{called(node)}(), line {node.lineno}")
    return wrong


def only_main_and_the_program_exit(source: Source) -> list[str]:
    if source.module in EXITS:
        return []
    ways = ("sys.exit", "os._exit", "exit", "quit", "SystemExit")
    return [f"{called(call)}(), line {call.lineno}" for call in source.calls() if called(call) in ways]


def no_error_is_swallowed(source: Source) -> list[str]:
    wrong = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = ast.unparse(node.type) if node.type else "BaseException"
            broad = re.search(r"\b(Base)?Exception\b", kinds)
            silent = all(isinstance(each, ast.Pass) or ast.unparse(each) == "..." for each in node.body)
            used = any(isinstance(each, ast.Name) and each.id == node.name for part in node.body for each in ast.walk(part))
            shown = any(isinstance(each, ast.Raise) or ast.unparse(each) == "output.crash()" for each in ast.walk(node))
            if silent or (broad and not used and not shown):
                wrong.append(f"except {kinds}, line {node.lineno}")
    for call in source.calls():
        if called(call).endswith("suppress") and re.search(r"\b(Base)?Exception\b", " ".join(map(ast.unparse, call.args))):
            wrong.append(f"{ast.unparse(call)}, line {call.lineno}")
    return wrong


def python_never_looks_into_the_folder_we_stand_in(source: Source) -> list[str]:
    """`python -m NAME` takes NAME.py of this folder for the module, unless -P or -I forbids it."""
    wrong = []
    for node in ast.walk(source.tree):
        words = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.List | ast.Tuple) else []
        for one, following in itertools.pairwise(words):
            runs = isinstance(following, ast.Constant) and following.value in ("-m", "-c")
            if ast.unparse(one) == "sys.executable" and runs and source.module != "tasks":
                wrong.append(f"{ast.unparse(node)}: -P is missing")
    return wrong


def every_hook_is_called_by_its_operation(source: Source) -> list[str]:
    """Of what happens to agents and hosts: not by the commands that lead there, of which one would forget it."""
    wrong = []
    for call in source.calls():
        if called(call) not in ("hooks.before", "hooks.after"):
            continue
        word = call.args[0] if call.args else None
        hook = f"{called(call).removeprefix('hooks.')}_{word.value if isinstance(word, ast.Constant) else '?'}"
        if HOOKS.get(hook) != source.module:
            wrong.append(f"{hook} is called, line {call.lineno}: by {HOOKS.get(hook, 'nobody')} alone")
    if source.module.startswith("mng.commands.") or source.module.startswith("mng.cli."):
        parts = [name for node in ast.walk(source.tree) for name in parts_taken(node) if name in PARTS]
        wrong += [f"takes {name}, which is a part of an operation" for name in parts if source.module not in PARTS[name]]
    return wrong


def parts_taken(node: ast.AST) -> list[str]:
    return [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []


VALUED = {"-C", "-c", "-m", "-p", "-s", "-b", "-B", "-f", "-n", "--branch", "--depth", "--shallow-since", "-g"}
ENDED = {"--", "--end-of-options"}
OLD = {"checkout", "reset", "stash"}  # these take --end-of-options since git 2.44 only: git.sh sees to their words


def open_words(words: list[str]) -> list[str]:
    """Of the words of a git line, those from outside ($…) that could be options."""
    wrong, rest, command = [], iter(words), ""
    for word in rest:
        if word in ENDED or command in OLD:
            break
        if word in VALUED:
            if next(rest, "") in ENDED:
                break
        elif word.startswith("$"):
            wrong += [] if word.startswith("$@") or re.match(r"\$\{\w+:\+", word) else [word]
        elif not word.startswith("-"):
            command = command or word
    return wrong


def words_for_git_are_no_options(source: Source) -> list[str]:
    wrong = []
    for call in source.calls():
        first = call.args[0] if call.args else None
        if called(call) != "cmd" or not isinstance(first, ast.Constant) or first.value != "git":
            continue
        words = []
        for word in call.args[1:]:
            begin = word.values[0] if isinstance(word, ast.JoinedStr) else word
            known = isinstance(begin, ast.Constant) or isinstance(getattr(word, "body", word), ast.List)
            words.append(str(getattr(begin, "value", "-")) if known else f"${ast.unparse(word)}")
        wrong += [f"git … {word}, line {call.lineno}: --end-of-options before it" for word in open_words(words)]
    return wrong


def shell_lines_for_git(text: str) -> Iterator[list[str]]:
    """The words of each git line of a script, as far as a pipe or the like."""
    text = re.sub(r"(?m)^\s*#.*$", "", text).replace("\\\n", " ")
    word = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\{[^}]*\}|[^\s;|&()<>"'`])+"""
    for found in re.finditer(rf"(?:^|[\s(;|&!])(?:git|g)((?:[ \t]+{word})+)", text, re.MULTILINE):
        yield [one.replace('"', "").replace("'", "") for one in re.findall(word, found[1])]


def lines(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


Rule = Callable[[Source], list[str]]
RULES: list[Rule] = [
    imports_go_up_only,
    heavy_packages_are_imported_late,
    no_command_is_glued_from_strings,
    commands_are_small_and_described,
    files_and_functions_are_short,
    only_output_prints,
    only_main_and_the_program_exit,
    no_error_is_swallowed,
    python_never_looks_into_the_folder_we_stand_in,
    every_hook_is_called_by_its_operation,
    words_for_git_are_no_options,
]
LONG = "\n".join(f"    x{number} = 1" for number in range(50))
COMMAND = "@command\ndef x({}):\n    {}\n"
PLANTED: list[tuple[Rule, str, str]] = [
    (imports_go_up_only, "mng.runner", "from mng.agents import tmux"),
    (imports_go_up_only, "mng.runner", "def f():\n    import mng.cli.options"),
    (imports_go_up_only, "mng.roles.env", "from mng import commands"),
    (imports_go_up_only, "mng.inventory.local", "from mng.roles.role import role"),
    (imports_go_up_only, "mng.host", "from .runner import Done"),
    (imports_go_up_only, "mng.newcomer", "x = 1"),
    (heavy_packages_are_imported_late, "mng.output", "import rich.table"),
    (
        heavy_packages_are_imported_late,
        "mng.runner",
        "try:\n    from fabric import Connection\nexcept ImportError:\n    raise",
    ),
    (no_command_is_glued_from_strings, "mng.host", 'runner.run(f"ls {folder}")'),
    (no_command_is_glued_from_strings, "mng.host", 'c.sudo("ls " + folder)'),
    (no_command_is_glued_from_strings, "mng.host", 'runner.run("ls {}".format(folder))'),
    (no_command_is_glued_from_strings, "mng.host", 'runner.run(raw(f"ls {folder}"))'),
    (no_command_is_glued_from_strings, "mng.host", 'runner.run(raw("ls " + folder))'),
    (no_command_is_glued_from_strings, "mng.host", 'connection.run("ls", env={"A": "1"})'),
    (no_command_is_glued_from_strings, "mng.host", 'with c.cd("x"):\n    run()'),
    (no_command_is_glued_from_strings, "mng.host", 'subprocess.run("ls", shell=True)'),
    (no_command_is_glued_from_strings, "mng.host", 'Cmd(f"ls {folder}", "ls")'),
    (commands_are_small_and_described, "mng.commands.x", COMMAND.format("c, o: X", "return 1")),
    (commands_are_small_and_described, "mng.commands.x", COMMAND.format("c, o: X", '"""One.\n    Two"""')),
    (commands_are_small_and_described, "mng.commands.x", COMMAND.format("c, name, force", '"""Do x"""')),
    (commands_are_small_and_described, "mng.commands.x", COMMAND.format("c, o: X", f'"""Do x"""\n{LONG}')),
    (files_and_functions_are_short, "mng.x", "x = 1\n" * 401),
    (files_and_functions_are_short, "mng.x", f"def x():\n{LONG}"),
    (files_and_functions_are_short, "mng.agents.utils", "x = 1"),
    (only_output_prints, "mng.host", 'print("hi")'),
    (only_output_prints, "mng.host", 'sys.stderr.write("hi")'),
    (only_main_and_the_program_exit, "mng.host", "sys.exit(1)"),
    (only_main_and_the_program_exit, "mng.host", "raise SystemExit(1)"),
    (words_for_git_are_no_options, "mng.host", 'cmd("git", "-C", folder, "cat-file", "-e", commit)'),
    (words_for_git_are_no_options, "mng.host", 'cmd("git", "fetch", f"{ref}:x")'),
    (no_error_is_swallowed, "mng.host", "try:\n    x()\nexcept OSError:\n    pass"),
    (no_error_is_swallowed, "mng.host", "try:\n    x()\nexcept:\n    y()"),
    (no_error_is_swallowed, "mng.host", "try:\n    x()\nexcept (ValueError, Exception):\n    y = 1"),
    (no_error_is_swallowed, "mng.host", "with contextlib.suppress(Exception):\n    x()"),
    (python_never_looks_into_the_folder_we_stand_in, "mng.host", 'cmd(sys.executable, "-m", "pip")'),
    (python_never_looks_into_the_folder_we_stand_in, "mng.host", 'x = [sys.executable, "-m", "pip"]'),
    (every_hook_is_called_by_its_operation, "mng.commands.push", 'hooks.before("stop", agent=agent)'),
    (every_hook_is_called_by_its_operation, "mng.agents.send", 'hooks.after("start", agent=agent)'),
    (every_hook_is_called_by_its_operation, "mng.agents.ending", "hooks.before(operation, agent=agent)"),
    (every_hook_is_called_by_its_operation, "mng.commands.push", "from mng.agents.ending import end"),
    (every_hook_is_called_by_its_operation, "mng.cli.moving", "def f():\n    from mng.agents.ending import remove"),
]
FINE = """
import subprocess
from typing import TYPE_CHECKING
from mng import output
from mng.shell import cmd
if TYPE_CHECKING:
    import rich.table
def f(runner, folder):
    import rich.table
    runner.run(cmd("ls", folder), timeout=5)
    cmd("git", "-C", folder, "show-ref", f"refs/heads/{branch}", "-m", text, "--end-of-options", word)
    Cmd(f"echo $(ls {cmd(f'{folder}/x').line})", "ls")
    subprocess.run(["ls"], env={})
    try:
        x()
    except OSError as error:
        raise ValueError(str(error))
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)
def test_the_code_keeps_the(rule: Rule, source: Source) -> None:
    assert rule(source) == []


@pytest.mark.parametrize(("rule", "module", "text"), PLANTED)
def test_a_planted_violation_is_found(rule: Rule, module: str, text: str) -> None:
    assert rule(Source(module, text))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_is_fine_is_left_alone_by(rule: Rule) -> None:
    assert rule(Source("mng.host", FINE)) == []
    assert {found for found, _, _ in PLANTED} == set(RULES)


def test_every_hook_of_an_operation_is_called_from_one_function() -> None:
    callers: dict[str, list[str]] = {}
    for source in sources():
        for call in source.calls():
            if called(call) in ("hooks.before", "hooks.after"):
                hook = f"{called(call).removeprefix('hooks.')}_{ast.literal_eval(call.args[0])}"
                callers.setdefault(hook, []).append(source.module)
    assert callers == {hook: [module] for hook, module in HOOKS.items()}
    from mng import plugins

    assert set(HOOKS) == {name for name in vars(plugins) if name.startswith(("before_", "after_"))}


def loaded_by(code: str) -> set[str]:
    """The packages that a fresh Python has loaded after this code."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())


def test_starting_loads_no_heavy_package() -> None:
    assert not loaded_by("import mng.main") & (HEAVY | {"asyncio", "pydantic", "unittest.mock", "yaml", "logging"})
    assert "pydantic" in loaded_by("import pydantic")


@pytest.mark.parametrize("name", ["list", "exec", "message", "connect", "logs"])
def test_what_is_typed_all_day_loads_nothing_of_what_makes_and_ends_agents(name: str) -> None:
    assert not loaded_by(f"import mng.commands.{name}") & {"mng.roles.play", "mng.sync.saved", "mng.agents.ending"}
    assert "mng.agents.ending" in loaded_by("import mng.commands.destroy")


# --- the command line, as it is


def commands() -> dict[str, Any]:
    from mng.commands import contents

    return {name: contents.load(name) for name in contents.entries}


def flags(argument: Any) -> list[str]:
    return [("--" if len(name) > 1 else "-") + name for name in argument.names]


def test_every_option_has_help_and_a_flag_of_its_own() -> None:
    wrong = []
    for name, command in commands().items():
        taken: dict[str, str] = {}
        for argument in command.get_arguments():
            if not argument.help:
                wrong.append(f"{name}: {argument.name} has no help")
            for flag in flags(argument):
                if taken.setdefault(flag, argument.name) != argument.name:
                    wrong.append(f"{name}: {flag} is {taken[flag]} and {argument.name}")
    assert not wrong, "\n".join(wrong)


def test_every_command_has_an_options_model_and_prints_json() -> None:
    from mng.cli.options import Options

    assert [name for name, command in commands().items() if not issubclass(command.model, Options)] == []
    assert [name for name, command in commands().items() if "format" not in command.model.model_fields] == []


def test_every_command_and_option_is_named_in_a_test() -> None:
    files = [file for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)]
    text = "\n".join(file.read_text() for file in files)
    words = set(re.findall(r"""(?<![\w-])--?[a-zA-Z0-9][\w-]*|(?<=["'\s(])[a-z-]+(?=["'\s,)])|\w+(?==)""", text))
    untested = [name for name in commands() if not words.issuperset(name.split())]
    for name, command in commands().items():
        for argument in (each for each in command.get_arguments() if each.place == "flag"):
            ways = {argument.name, argument.name.strip("_"), *flags(argument)}
            ways |= {"--no-" + flag.removeprefix("--") for flag in ways if flag.startswith("--")}
            if not ways & words:
                untested.append(f"{name} {flags(argument) or argument.name}")
    assert not untested, "\n".join(untested)


def test_all_that_mng_reads_of_its_own_is_installed_with_it() -> None:
    """An editable install has it anyway: only who installed mng for good would miss it."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = {file.resolve() for name in told["packages"] for file in (ROOT / name.replace(".", "/")).glob("*.py")}
    for name, patterns in told["package-data"].items():
        folder = ROOT / name.replace(".", "/")
        installed |= {file.resolve() for pattern in patterns for file in folder.glob(pattern)}
    names = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = [ROOT / name for name in names.splitlines()]
    assert [str(file) for file in there if not file.is_symlink() and file not in installed] == []


def scripts() -> list[Path]:
    return [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.sh"))]


@pytest.mark.parametrize("file", scripts(), ids=lambda file: file.name)
def test_words_for_git_are_no_options_in(file: Path) -> None:
    assert [(line, wrong) for line in shell_lines_for_git(file.read_text()) if (wrong := open_words(line))] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('git fetch -q "$file" "$ref:$ref"', 2), ('x=$(git -C "$1" rev-parse "$ref^{tree}")', 1),
        ("g read-tree $base || exit", 1),
        ('git update-ref -m "$message" "$ref" "$new"', 2), ('git rev-list --end-of-options "$x"', 0), ('git add -- "$x"', 0),
        ('git --git-dir="$dir" for-each-ref "refs/heads/$x" | cat "$y"', 0), ('git checkout -q -B "$x" "$y"', 0),
        ('git commit-tree -m "$x" \\\n    "$tree"', 1),
    ],
)  # fmt: skip
def test_a_planted_word_for_git_is_found(text: str, wrong: int) -> None:
    assert sum(len(open_words(line)) for line in shell_lines_for_git(text)) == wrong
