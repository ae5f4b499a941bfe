"""What the real `ansible --list-hosts` and `ansible-inventory --host` say: many lines by one process, each in a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def answers(questions: Sequence[Sequence[str]], home: Path) -> list[tuple[int, str]]:
    """Exit code and stdout of each line of words: `ansible …`, `ansible-inventory …`."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    line = [sys.executable, __file__]
    done = subprocess.run(line, input=json.dumps(questions), env=env, cwd=home, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [(code, out) for code, out in json.loads(done.stdout)]


def main() -> None:
    questions = json.load(sys.stdin)
    from ansible.cli.adhoc import AdHocCLI  # type: ignore[import-not-found]
    from ansible.cli.inventory import InventoryCLI  # type: ignore[import-not-found]
    from ansible.inventory.manager import InventoryManager  # type: ignore[import-not-found]
    from ansible.parsing.dataloader import DataLoader  # type: ignore[import-not-found]

    InventoryManager(DataLoader(), sources=[os.devnull]).get_hosts()  # what each fork would have to load again
    kinds = {"ansible": AdHocCLI, "ansible-inventory": InventoryCLI}
    found: list[Any] = []
    for words in questions:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.dup2(writing, 1)
            os.dup2(os.open(os.devnull, os.O_RDWR), 2)
            code = 250
            try:
                kinds[words[0]].cli_executor(words)
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            finally:
                sys.stdout.flush()
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as out:
            text = out.read()
        found.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
