"""Ranks under `launch.supervise`, as real processes: signals, kills, exit codes, closed output."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import alive

from distributed_data import cores, launch

ROOT = Path(__file__).resolve().parents[2]
RANK = """
import os, sys, time
from common.interrupts import Interrupts
from distributed_data import launch
launch.obey()
rank, folder = os.environ["PMI_RANK"], sys.argv[1]
written = os.path.join(folder, "written" + rank)  # "rank0" must never be seen empty
with open(written, "w") as file:
    file.write(str(os.getpid()))
os.replace(written, os.path.join(folder, "rank" + rank))
end = time.monotonic() + 20
if "early" in sys.argv:
    time.sleep(20)
with Interrupts(prints=rank == "0") as interrupts:
    open(os.path.join(folder, "ready" + rank), "w").close()
    over = os.path.join(folder, "over")
    while not os.path.exists(over) and "wait" in sys.argv and time.monotonic() < end:
        time.sleep(0.02)
        if interrupts.asked:
            time.sleep(20 * ("deaf" in sys.argv))
            open(over, "w").close()
first = os.path.join(folder, "done0")  # of lines printed at the same time mpirun may mix the bytes
while rank == "1" and not os.path.exists(first) and time.monotonic() < end:
    time.sleep(0.02)
for k in range(3):
    print("rank", rank, "line", k, flush=True)
open(os.path.join(folder, "done" + rank), "w").close()
sys.exit(int(sys.argv[2]))
"""
SCRIPT = ("import sys; from common.terminal import guarded, ignore_closed_output; "
          "from distributed_data import launch\n"
          "@guarded\ndef main(argv):\n    ignore_closed_output()\n"
          "    sys.exit(launch.supervise([launch.find_mpirun(), '-np', '2', sys.executable, '-c', "
          "*sys.argv[1:]]))\nmain()")


def start(folder, code, *words, **how):
    """Starts a process that launches two ranks, the leader of its own group."""
    how = {"stdout": subprocess.PIPE, **how}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, RANK, str(folder), str(code), *words],
                            cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True,
                            **how)


def wait_for(folder, what):
    """Until both ranks have made their file."""
    deadline = time.monotonic() + 30
    while len(list(folder.glob(f"{what}?"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list(folder.glob(f"{what}?"))) == 2


def gone(folder):
    """Whether both ranks end within seconds."""
    pids = [int((folder / f"rank{rank}").read_text()) for rank in (0, 1)]
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_exit_codes(tmp_path, code):
    """The ranks' own, and every line of theirs once."""
    process = start(tmp_path, code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code and err == ""
    assert sorted(out.splitlines()) == [f"rank {r} line {k}" for r in (0, 1) for k in range(3)]


@pytest.mark.parametrize("number, group", [(signal.SIGINT, False), (signal.SIGINT, True),
                                           (signal.SIGTERM, False)])
def test_a_signal_is_the_first_ranks(tmp_path, number, group):
    """Once, whether it comes to the launcher alone or, as Ctrl-C, to its group: the end is good.

    `timeout` sends its signal to both.
    """
    process = start(tmp_path, 0, "wait")
    wait_for(tmp_path, "ready")
    process.send_signal(number)
    if group:
        time.sleep(0.01)
        os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err.count("finishing this iteration") == 1
    assert out.count("line 2") == 2 and "Ctrl-C" not in out + err


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("when", ["early", "deaf"])
def test_a_signal_that_ends_at_once(tmp_path, when, number, code):
    """The first one where there is nothing to finish yet, else the second; nobody is left."""
    process = start(tmp_path, 0, "wait", when)
    wait_for(tmp_path, "rank" if when == "early" else "ready")
    for _ in range(1 + (when == "deaf")):
        process.send_signal(number)
        time.sleep(0.5 * (when == "deaf"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == code and gone(tmp_path)
    assert out == "" and err.strip().count("\n") == 0 and "BAD TERMINATION" not in err


@pytest.mark.parametrize("when", ["early", "deaf"])
def test_ranks_end_with_a_killed_launcher(tmp_path, when):
    """kill -9 for it alone."""
    process = start(tmp_path, 0, "wait", when)
    wait_for(tmp_path, "rank" if when == "early" else "ready")
    process.kill()
    process.communicate()
    assert gone(tmp_path)


@pytest.mark.parametrize("output", ["closed", "unread", "full"])
def test_ranks_outlive_their_output(tmp_path, output):
    """`| head` and a full disk end the printing and nothing else."""
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full, os.fdopen(writer, "w") as unread:
        process = start(tmp_path, 0, **{
            "closed": {"stdout": None, "preexec_fn": lambda: os.close(1)},
            "unread": {"stdout": unread}, "full": {"stdout": full}}[output])
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and len(list(tmp_path.glob("done?"))) == 2
    assert err == "output: No space left on device; nothing more is printed\n" * (output == "full")


def test_mpirun_is_found(tmp_path, monkeypatch):
    """Beside this Python first, then on the path; there may be none."""
    for name in ("beside", "path"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mpirun").write_text("#!/bin/sh\n")
        (tmp_path / name / "mpirun").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for name in ("beside", "path"):
        assert launch.find_mpirun() == str(tmp_path / name / "mpirun")
        (tmp_path / name / "mpirun").unlink()
    assert launch.find_mpirun() is None


@pytest.mark.parametrize("limits, expected", [
    ({}, None), ({"": "max 100000"}, None), ({"": "150000 100000"}, 1.5),
    ({"": "800000 100000", "a": "max 100000", "a/b": "400000 100000"}, 4),
    ({"a": "200000 100000", "a/b": "400000 100000"}, 2), ({"a/b": "50000 100000"}, 0.5)])
def test_a_containers_quota(tmp_path, monkeypatch, limits, expected):
    """The least of all groups that this process is in; at least one core counts."""
    monkeypatch.setattr(cores, "CGROUPS", str(tmp_path / "cgroup"))
    monkeypatch.setattr(cores, "GROUPS", str(tmp_path / "groups"))
    monkeypatch.setattr(cores, "usable", lambda: set(range(8)))
    assert cores.count() == 8  # without cgroups
    (tmp_path / "cgroup").write_text("1:cpu:/\n0::/a/b\n")
    for place, text in limits.items():
        (tmp_path / "groups" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / place / "cpu.max").write_text(f"{text}\n")
    assert cores.quota() == (expected or float("inf"))
    assert cores.count() == max(1, int(expected or 8))
