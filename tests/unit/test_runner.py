"""The local runner, and what every runner promises."""

import os
import threading
import time
from pathlib import Path

import pytest

from mng.errors import CommandFailed, MngError
from mng.runner import Done, FakeRunner, File, LocalRunner
from mng.shell import Secret, cmd, raw

local = LocalRunner()


def test_output_code_and_stdin() -> None:
    done = local.run(raw("cat; echo err >&2; exit 3"), stdin=b"\xff\x00in", check=False)
    assert (done.code, done.out, done.err) == (3, b"\xff\x00in", b"err\n")


def test_a_failure_is_told_with_its_last_line_and_without_secrets() -> None:
    with pytest.raises(CommandFailed) as failed:
        local.run(cmd("sh", "-c", "echo one >&2; echo two >&2; exit 9", Secret("hush")))
    assert failed.value.command_code == 9
    assert failed.value.what.endswith(": two") and "hush" not in str(failed.value)


def test_a_signal_is_128_and_its_number() -> None:
    assert local.run(raw("kill -9 $$"), check=False).code == 137


def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(CommandFailed, match=r"not done after 0\.5 s"):
        local.run(raw(f"sleep 60 & echo $! > {pids}; sleep 60"), timeout=0.5)
    pid = int(pids.read_text())
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_background_job_is_not_waited_for() -> None:
    before = time.monotonic()
    done = local.run(raw("sleep 20 & echo $!"))
    os.kill(int(done.text), 9)
    assert time.monotonic() - before < 10


def test_output_as_it_comes() -> None:
    seen: list[tuple[str, bytes]] = []
    done = local.run(raw("echo a; sleep 0.2; echo b >&2"), live=lambda stream, data: seen.append((stream, data)))
    assert seen == [("out", b"a\n"), ("err", b"b\n")] and done.out == b""


def test_much_of_both_ways() -> None:
    data = os.urandom(3_000_000)
    assert local.run(raw("cat"), stdin=data).out == data


def test_put_is_whole_and_private_and_get_leaves_out_what_is_missing(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "file")
    local.put({path: File(b"one")})
    local.put({path: File(b"two", 0o640)})
    assert local.get([path, path + ".no"]) == {path: b"two"}
    assert Path(path).stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in Path(path).parent.iterdir()] == ["file"]


def test_put_where_there_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MngError, match="cannot write"):
        local.put({str(tmp_path / "file" / "below"): File(b"")})


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path, order = str(tmp_path / "lock"), list[str]()

    def other() -> None:
        with local.lock(path, timeout=10):
            order.append("other")

    with local.lock(path, timeout=1):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.1)
        order.append("mine")
        with pytest.raises(MngError, match="still locked"), local.lock(path, timeout=0.05):
            pass
    thread.join()
    assert order == ["mine", "other"]


def test_the_fake_answers_from_its_script() -> None:
    fake = FakeRunner(answers={"git log": "a\n", "git push": Done(1, err=b"no")})
    assert fake.run(cmd("git", "log")).text == "a"
    with pytest.raises(CommandFailed, match="no"):
        fake.run(cmd("git", "push"))
    fake.put({"/f": File(b"x")})
    assert fake.get(["/f", "/g"]) == {"/f": b"x"} and fake.ran == ["git log", "git push"]
