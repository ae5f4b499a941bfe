"""Whatever an agent or its host writes costs its own row in `mng list`, and no other."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bed.sshd import Host
from tests.bed.world import World

pytestmark = pytest.mark.live
MOST = 150  # MB of memory here
RUBBISH: dict[str, dict[str, bytes]] = {
    "claude": {
        "status": b'{"session_id": "\\q", "hook_event_name": "\\q"}',
        "live": b'{"status": "idle", "statusUpdatedAt": "soon"}',
    },
    "codex": {"status": b"\xff\xfe{", "session": b'{"transcript_path": 7}'},
    "demo": {"status": b"no json"},
    "opencode": {"status": b"{}\n[{}]\n[]\nnull\n", "heard": b"", "port": b"x"},
}
FACTS = [
    b"", b"[]", b"null", b"7", b'{"status": 1e300}', b'{"status": "idle", "statusUpdatedAt": 1e300}', b"{" * 5000, b"\0" * 100,
]  # fmt: skip
MEASURE = """
import resource, subprocess, sys
done = subprocess.run([sys.argv[1], "list"], timeout=120)
print("PEAK", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr)
sys.exit(done.returncode)
"""


@pytest.mark.parametrize("kind", sorted(RUBBISH))
def test_rubbish_in_state_files_costs_one_row(world: World, kind: str) -> None:
    for name in ("mine", "bad"):
        world.mng("create", name, "--agent-cmd", "sleep 999", "--no-connect")
    file = world.folder("bad") / "data.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "kind": kind}))
    plugin = world.folder("bad") / "plugin" / kind
    plugin.mkdir(parents=True, exist_ok=True)
    for content in [None, *FACTS]:
        for name, usual in RUBBISH[kind].items():
            (plugin / name).write_bytes(usual if content is None else content)
        rows = {row["name"]: row["state"] for row in world.mng("list", "--jsonl").rows}
        assert rows["mine"] == "RUNNING" and "bad" in rows, content


def test_a_bomb_of_a_host_is_bounded_and_told(world: World, box: Host) -> None:
    world.mng("create", "mine", "demo", "--no-connect")
    world.mng("create", "scout", "--agent-cmd", "cat", "--host", "box", "--in-place", "--from", "box:~", "--no-connect")
    bomb = world.root / "bomb"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(400):
            file.write(b"\0" * 1_000_000)
    for name, prints in (("gzip", f"cat >/dev/null; cat {bomb}"), ("tar", "head -c 400000000 /dev/zero")):
        tool = world.root / "box-bin" / name
        tool.write_text(f"#!/bin/sh\n{prints}\n")
        tool.chmod(0o755)
        done, peak = measured(world)
        assert peak < MOST and "mine" in done.stdout and "Traceback" not in done.stderr
        assert "scout" in done.stdout and "UNKNOWN" in done.stdout
        tool.unlink()


def measured(world: World) -> tuple["subprocess.CompletedProcess[str]", int]:
    """`mng list`, and at most how many MB it took: as a child of a child, since the largest ever is what counts."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(Path(world.run("sh", "-c", "command -v mng").out.strip()))],
        env=world.environment(), cwd=world.repo, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    return done, int(done.stderr.rpartition("PEAK ")[2])
