"""Trains the runs of an experiment, one after the other, each by run.py in a process of its own."""

import csv
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from common.command_line import InputError, one_line
from common.files import open_stored
from common.run_folder import CHECKPOINT, RunFolder
from experiments.stages import mpirun, wait_for, words_to_train

ROOT = Path(__file__).resolve().parents[1]
TRIAL = 3  # iterations that the estimate is based on
POLL = 0.2  # seconds between two looks at a process
RECENT = 20  # iterations over which a pace is measured
RK4_COST = 3.6  # times Euler's (docs/paper.md, values)
# Exit codes after a request to stop: of Python, of a process that it met too early, of mpirun.
STOPPED = (0, *(code for name in (signal.SIGINT, signal.SIGTERM) for code in (-name, 128 + name)))


class Failed(RuntimeError):
    """A run has ended early: one line that says why and what to do."""


class Process:
    """A running run.py; it ends cleanly once it is stopped, or this process dies.

    folder: of runs; words: for run.py; ranks: workers or None; output: file that takes its output.
    """

    def __init__(self, folder, words, ranks, output):
        paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        with open(output, "ab") as file:
            self._process = subprocess.Popen(
                [*mpirun(ranks), sys.executable, "-m", "experiments.train", folder, *words],
                stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for the experiment alone
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))})

    def wait(self, seconds=None):
        """The exit code, or None if it has not ended within this many seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """Asks it to finish its iteration and end."""
        self._process.stdin.close()


class Trainings:
    """The runs in `folder`/runs; what they print is in `folder`/output.

    ranks: workers of each, None without mpirun; check: function that raises KeyboardInterrupt once
    the experiment is to stop.
    """

    def __init__(self, folder, ranks, check):
        self._runs, self._output = os.path.join(folder, "runs"), os.path.join(folder, "output")
        self._ranks, self._check = ranks, check
        for place in (self._runs, self._output):
            os.makedirs(place, exist_ok=True)

    def folder(self, run):
        """Where a `plan.Run` is."""
        return os.path.join(self._runs, run.name)

    def train(self, run, iterations, on_iteration=lambda done: None):
        """Trains a run up to this many iterations, from wherever it is.

        on_iteration(done) is called as they pass. Raises InputError for options that run.py
        refuses, `Failed` for whatever else ends the run early, KeyboardInterrupt as `check` does,
        once the run has ended cleanly.
        """
        wait_for(self.folder(run), self._check)
        done = iterations_done(self.folder(run))
        on_iteration(done)
        if done >= iterations:
            return
        code, said = self._call(run, self._words(run, iterations), on_iteration)
        if code or iterations_done(self.folder(run)) < iterations:
            raise explain(run, code, said, self._output_of(run))

    def rehearse(self, run):
        """Raises InputError for options that run.py would refuse, unless the run has begun."""
        if os.path.exists(self.folder(run)):
            return
        code, said = self._call(run, [*self._words(run, 1), "--dry-run"], lambda done: None)
        if code:
            raise explain(run, code, said, self._output_of(run))

    def _output_of(self, run):
        """The file of all that a run has ever printed."""
        return os.path.join(self._output, f"{run.name}.txt")

    def _words(self, run, iterations):
        """For run.py: a new run, or the rest of an old one."""
        return words_to_train(self.folder(run), run.name, run.words, [f"--max-iters={iterations}"])

    def _call(self, run, words, on_iteration):
        """Runs run.py to its end; returns its exit code and the lines that it has printed."""
        output = self._output_of(run)
        before = os.path.getsize(output) if os.path.exists(output) else 0
        code = self._attend(Process(self._runs, words, self._ranks, output), run, on_iteration)
        with open(output, "rb") as file:
            file.seek(before)
            return code, file.read().decode(errors="replace").splitlines()

    def _attend(self, process, run, on_iteration):
        """Waits for the end of a process; returns its exit code."""
        progress = os.path.join(self.folder(run), "progress.csv")
        size = None
        while (code := process.wait(POLL)) is None:
            try:
                self._check()
            except KeyboardInterrupt:
                process.stop()
                process.wait()
                raise
            before, size = size, os.path.exists(progress) and os.path.getsize(progress)
            if size != before:
                on_iteration(iterations_done(self.folder(run)))
        on_iteration(iterations_done(self.folder(run)))
        return code


def iterations_done(folder):
    """How many iterations a run's checkpoint counts; 0 if none can be read."""
    try:
        with open_stored(os.path.join(folder, CHECKPOINT)) as arrays:
            return int(arrays["progress/iteration"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0


def explain(run, code, lines, output):
    """The exception that says why a run has ended early.

    lines: what it has printed; output: the file that holds them.
    """
    said = next((line.strip().partition("error: ")[2] for line in reversed(lines)
                 if line.startswith("run.py: error: ")), "")
    if code == 2 and said:
        return InputError(f"{run.name}: {said}")
    why = said or ("it was stopped from outside" if code in STOPPED else f"exit code {code}")
    return Failed(f"{run.name}: {why}; {one_line(output)} has all that it printed; run the same "
                  "command to resume")


# Time and disk


class Pace(NamedTuple):
    """What a run costs, as measured: seconds per iteration; environment steps per second of
    collecting, had it been on RK4, as matches are; bytes per version; bytes of the rest.
    learners: their names."""

    seconds: float
    steps: float
    version: int
    rest: int
    learners: list

    def pairs(self, other):
        """How many pairs its learners form with those of another run that they can meet."""
        shared = not any(name.startswith("agent1") for name in self.learners)
        return sum(shared or one[5] != two[5] for one in self.learners for two in other.learners)


def measure(folder):
    """The `Pace` of a run that has done a few iterations."""
    with open(os.path.join(folder, "timing.csv"), newline="") as file:
        rows = list(csv.DictReader(file))[-RECENT:]
    clock = [float(row["run/seconds"]) for row in rows]
    seconds = (clock[-1] - clock[0]) / (len(clock) - 1) if len(clock) > 1 else clock[0]
    steps = sum(float(row["run/collect_steps_per_s"]) for row in rows) / len(rows)
    found = RunFolder(folder)
    if found.config["integrator"] == "Euler":
        steps /= RK4_COST
    newest = [max(found.snapshots(name).items())[1] for name in found.learners]
    return Pace(seconds, steps, sum(map(os.path.getsize, newest)),
                2 * os.path.getsize(os.path.join(folder, CHECKPOINT)), found.learners)
