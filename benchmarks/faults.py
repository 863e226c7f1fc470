"""Breaks runs in every way that machines do, resumes them, and writes docs/reliability.md.

    python -m benchmarks.faults [--kills 50] [--damages 100]
    python -m benchmarks.faults --only rank    # prints this row alone

Every resumed run is compared, byte by byte, with one that nobody disturbed. A run counts as lost if
it cannot be resumed, as wrong if it then comes to other bytes. Full disks are tmpfs mounts and
unwritable folders immutable ones, both of which need root; without it their rows say so.
"""

import filecmp
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import bench
from common.command_line import InputError, number
from common.files import write_whole
from common.terminal import guarded
from selfplay.checkpoint import NAME, PREVIOUS, read_checkpoint

OPTIONS = ("--num-envs", "8", "--num-threads", "1", "--latest-share", "0.5", "--opponents", "4",
           "--hid-size", "8", "--anchor-every", "0", "--timesteps-per-batch", "240",
           "--optim-batchsize", "60", "--max-iters", "40")
LAST = 30  # iteration after which nobody is killed any more, as the run might end meanwhile
ROWS = ["truncated", "flipped", "killed", "disk", "folder", "rank"]  # of the table, in its order
NEED_ROOT = ("disk", "folder")
HEAD = """# Reliability

What happens to a run when the machine fails, measured by `python -m benchmarks.faults`. Runs are
small (run-to-goal-ants, {iterations} iterations); "lost": could not resume; "wrong": resumed, but
ended with other parameter files or another progress.csv than an undisturbed run.

| fault | times | what followed | lost | wrong |
|---|---|---|---|---|
"""


def start(folder, *arguments, ranks=None):
    """Starts run.py in a process group of its own."""
    return subprocess.Popen(bench.training(folder, *arguments, ranks=ranks), cwd=bench.ROOT,
                            start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def finish(folder, *arguments, ranks=None):
    """Runs run.py to its end; returns (exit code, last line of stderr)."""
    process = start(folder, *arguments, ranks=ranks)
    _, err = process.communicate(timeout=300)
    return process.returncode, (err.splitlines() or [""])[-1]


def same(one, other):
    """Whether two runs have the same parameter files and the same progress.csv."""
    names = [{str(path.relative_to(run)) for path in run.glob("agent*/*.npz")} | {"progress.csv"}
             for run in (one, other)]
    return names[0] == names[1] and not any(
        filecmp.cmpfiles(one, other, names[0], shallow=False)[1:])


class Table:
    """The rows of the document: counts of what followed each fault."""

    def __init__(self):
        self.rows = []

    def row(self, fault, outcomes):
        """Adds and prints a row; outcomes: per try "lost", "wrong" or what followed in words."""
        good = [outcome for outcome in outcomes if not outcome.endswith(("lost", "wrong"))]
        followed = "; ".join(f"{what}: {good.count(what)}" for what in dict.fromkeys(good))
        bad = [sum(outcome.endswith(word) for outcome in outcomes) for word in ("lost", "wrong")]
        cells = map(str, (fault, len(outcomes), followed, *bad))
        self.rows.append(f"| {' | '.join(cells)} |")
        print(self.rows[-1], flush=True)

    def write(self, path):
        """Writes the document."""
        text = HEAD.format(iterations=OPTIONS[-1]) + "\n".join(self.rows) + "\n"
        write_whole(path, lambda file: file.write(text.encode()))


def resume(folder, name, straight, ranks=None):
    """Resumes a run, or starts it where it has no checkpoint yet; returns the outcome."""
    had = any((folder / name / file).exists() for file in (NAME, PREVIOUS))
    if had:
        code, _ = finish(folder, "--resume", name, ranks=ranks)
    else:
        shutil.rmtree(folder / name, ignore_errors=True)
        code, _ = finish(folder, *OPTIONS, "--run", name, ranks=ranks)
    if code:
        return "lost"
    if not same(folder / name, straight):
        return "wrong"
    return "resumed" if had else "no checkpoint yet, started anew"


def wait_for(process, path):
    """Waits until a process has written a file or ended."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


def wait_for_moment(process, run):
    """Waits for a random moment of a run, or until its process has ended."""
    wait_for(process, run / "progress.csv")
    lines = random.randint(1, LAST)  # the first one names the columns
    while process.poll() is None and (run / "progress.csv").read_text().count("\n") < lines:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.1))  # somewhere within the iteration


def kills(folder, straight, times):
    """kill -9 at random moments of a run."""
    for k in tqdm(range(times), desc="kill -9"):
        process = start(folder, *OPTIONS, "--run", f"kill{k}")
        wait_for_moment(process, folder / f"kill{k}")
        killed = process.poll() is None
        if killed:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        yield resume(folder, f"kill{k}", straight) if killed else "nobody was killed"
        shutil.rmtree(folder / f"kill{k}", ignore_errors=True)


def ranks_of(name):
    """Process ids of a run's ranks that `bench.training` has started."""
    pattern = f"^{re.escape(sys.executable)} -c .*--run {name}$"  # not what mpirun was called with
    found = subprocess.run(["pgrep", "-f", "--", pattern], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def kill_one(pids):
    """kill -9 to one of these processes; whether there was one to kill."""
    try:
        os.kill(random.choice(pids), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def dead_ranks(folder, straight, times):
    """kill -9 to one of two ranks; the others must not hang."""
    for k in tqdm(range(times), desc="dead rank"):
        process = start(folder, *OPTIONS, "--run", f"rank{k}", ranks=2)
        wait_for_moment(process, folder / f"rank{k}")
        killed = kill_one(ranks_of(f"rank{k}"))
        try:
            process.communicate(timeout=60 if killed else 300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            yield "lost"
            continue
        yield resume(folder, f"rank{k}", straight, ranks=2) if killed else "nobody was killed"


def damages(run, times, flip):
    """Truncates the checkpoint or flips a bit of it: reading gives it whole or the previous one."""
    raw = (run / NAME).read_bytes()
    _, newest, _ = read_checkpoint(str(run))
    shutil.copy(run / NAME, run / "kept")
    (run / NAME).unlink()
    _, before, _ = read_checkpoint(str(run))
    for _ in range(times):
        spoiled, place = bytearray(raw), random.randrange(len(raw))
        spoiled[place] ^= 1 << random.randrange(8)
        (run / NAME).write_bytes(spoiled if flip else raw[:place])
        try:
            _, arrays, remark = read_checkpoint(str(run))
        except InputError:
            yield "lost"
            continue
        expected = before if remark else newest
        whole = arrays.keys() == expected.keys() and all(
            np.array_equal(arrays[name], expected[name]) for name in expected)
        yield ("wrong" if not whole else "refused, the previous one used" if remark
               else "read whole: the bit means nothing")
    os.replace(run / "kept", run / NAME)


def full_disks(folder, straight, times):
    """A disk that fills up in the middle of a run and is then made larger."""
    disk = folder / "disk"
    disk.mkdir()
    for _ in tqdm(range(times), desc="full disk"):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={random.randint(300, 900)}k", "tmpfs", disk]
        if subprocess.run(mount).returncode:
            return
        process = start(disk, *OPTIONS, "--run", "run")
        _, err = process.communicate(timeout=300)
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        yield reported(process, err) + resume(disk, "run", straight)
        subprocess.run(["umount", disk], check=True)


def unwritable(folder, straight, times):
    """A folder that becomes read-only in the middle of a run, and writable again after it."""
    for k in tqdm(range(times), desc="unwritable"):
        run = folder / f"fixed{k}"
        process = start(folder, *OPTIONS, "--run", run.name)
        wait_for(process, run / "agent0/000003.npz")
        time.sleep(random.uniform(0, 0.2))
        if subprocess.run(["chattr", "+i", run, run / "agent0"]).returncode:
            return
        _, err = process.communicate(timeout=300)
        subprocess.run(["chattr", "-i", run, run / "agent0"], check=True)
        yield reported(process, err) + resume(folder, run.name, straight)


def reported(process, err):
    """Says whether a run ended with one line and exit code 1."""
    orderly = process.returncode == 1 and len(err.splitlines()) == 1
    return "reported in one line, exit code 1; " if orderly else "not reported; "


def undisturbed(folder, name, ranks=None):
    """The folder of a run that nobody disturbs."""
    finish(folder, *OPTIONS, "--run", name, ranks=ranks)
    return folder / name


def all_rows(args, folder):
    """{word of --only: (the fault in words, what follows it, measured as it is asked for)}."""
    straight = undisturbed(folder, "straight")
    straight2 = undisturbed(folder, "straight2", ranks=2)
    times = args.others
    return {
        "truncated": ("checkpoint truncated", damages(straight, args.damages, flip=False)),
        "flipped": ("a bit of it flipped", damages(straight, args.damages, flip=True)),
        "killed": ("kill -9 at a random moment", kills(folder, straight, args.kills)),
        "disk": ("disk full", full_disks(folder, straight, times)),
        "folder": ("folder unwritable", unwritable(folder, straight, times)),
        "rank": ("one of two ranks killed", dead_ranks(folder, straight2, times))}


def make_parser():
    """The command line."""
    parser = bench.make_parser("faults", __doc__, json=False)
    times = number(int, 0)
    parser.add_argument("--kills", type=times, default=50, help="Times for kill -9.")
    parser.add_argument("--damages", type=times, default=100, help="Times for each kind of damage.")
    parser.add_argument("--others", type=times, default=10, help="Times for each other fault.")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help=(
        f"Print these rows alone, of {', '.join(ROWS)}; the document stays as it is."))
    return parser


def measure(args, folder):
    """Measures and prints the rows that are asked for; writes the document if these are all."""
    random.seed(0)
    table, rows = Table(), all_rows(args, folder)
    for name in args.only:
        fault, outcomes = rows[name][0], list(rows[name][1])
        tried = outcomes or name not in NEED_ROOT
        table.row(fault if tried else f"{fault} (not tried: not root here)", outcomes)
    if args.only == ROWS:
        table.write(bench.ROOT / "docs" / "reliability.md")


@guarded
def main(argv=None):
    """Runs everything; about fifteen minutes on two cores."""
    parser = make_parser()
    args, folder = parser.parse_args(argv), Path(tempfile.mkdtemp())
    try:
        with parser.refusing():
            measure(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
