"""A stage of a longer plan: an ordinary run in a process of its own, started or resumed."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import run
from common.command_line import InputError
from common.run_folder import RunFolder
from distributed_data import launch as launching
from selfplay import run_lock


class Ended(Exception):
    """A stage has ended early; code: the exit code that this means."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def folder_of(name):
    """The folder of a run."""
    return os.path.join(run.SAVE_DIR, name)


def train(name, words, steps, log, ranks=None):
    """Trains a run for this many environment steps, or resumes what there is of it.

    words: run.py's options; log: the file that takes what it prints; ranks: workers, None leaves
    them to run.py. A run that was killed before its first checkpoint starts afresh. Raises `Ended`
    if it fails or is stopped.
    """
    folder = folder_of(name)
    wait_for(folder)
    if taken(name)[0] >= steps:  # its last snapshot was written before this row
        return
    call_run(words_to_train(folder, name, [*words, f"--max-timesteps={steps}"]), log, ranks)
    if taken(name)[0] < steps:
        raise Ended(128 + signal.SIGINT)


def words_to_train(folder, name, new, length=()):
    """The words for run.py that start a run, or resume what there is of it.

    folder: the run's; new: words for a new run alone; length: words that say how far to train.
    """
    if RunFolder(folder).has_checkpoint:
        return [f"--resume={name}", *length]
    shutil.rmtree(folder, ignore_errors=True)  # killed before its first checkpoint
    return [*new, f"--run={name}", *length]


def rehearse(words, ranks=None):
    """Raises `Ended` if run.py refuses these options, which takes seconds; it says why."""
    call_run([*words, "--dry-run"], os.devnull, ranks)


def call_run(words, log, ranks):
    """Runs run.py with these options, to its end; raises `Ended` unless all went well."""
    words = [*words, *([f"--ranks={ranks}"] if ranks else [])]
    call([*mpirun(ranks), sys.executable, run.__file__, *words], log)


def call(words, log):
    """Runs a command to its end; raises `Ended` unless all went well."""
    code = launch(words, log)
    if code:
        raise Ended(code if code > 0 else 128 - code)


def launch(words, log):
    """Runs a command, its standard output in a file; returns its exit code.

    It has a session of its own, so Ctrl-C does not reach it twice: SIGINT and SIGTERM are passed on
    to it. If this process is killed, it keeps running.
    """
    with open(log, "a") as file:
        process = subprocess.Popen(words, stdout=file, start_new_session=True)
    kept = {number: signal.signal(number, lambda number, _: process.send_signal(number))
            for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return process.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def mpirun(ranks):
    """The words before a command that this many workers run; InputError without an mpirun."""
    if ranks in (None, 1):
        return []
    found = launching.find_mpirun()
    if not found:
        raise InputError(f"--ranks {ranks}: there is no mpirun; 1 needs none")
    return [found, "-np", str(ranks)]


def wait_for(folder, check=lambda: None):
    """Waits until nobody trains a run: a stage outlives the process that started it.

    check: called meanwhile; what it raises ends the waiting.
    """
    told = False
    while holder := run_lock.holder(folder):
        if not told:
            print(f"{os.path.basename(folder)}: is being trained by {holder}; waiting for its end",
                  flush=True)
        told = True
        check()
        time.sleep(0.2)


def taken(name):
    """(environment steps, minutes) that a run has taken, by its tables."""
    return (int(_last(name, "progress.csv").get("run/timesteps") or 0),
            float(_last(name, "timing.csv").get("run/seconds") or 0) / 60)


def _last(name, table):
    """The last row of a run's table as a dict, {} where there is none."""
    try:
        with open(os.path.join(folder_of(name), table), newline="") as file:
            return list(csv.DictReader(file))[-1]
    except (FileNotFoundError, IndexError):
        return {}
