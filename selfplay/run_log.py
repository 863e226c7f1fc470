"""A run's records: config.json, a table on screen, CSV files and TensorBoard events."""

import csv
import itertools
import math
import os
import shutil
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from tabulate import tabulate

from common.command_line import InputError
from common.files import remove_leftovers, write_json
from common.run_folder import RunFolder
from distributed_data import comm
from selfplay import run_lock


def open_run(directory, config, resumed=False):
    """Makes the run's folder, which must be new, and writes config.json; InputError otherwise.

    resumed: the folder exists already; half-written files of a killed process are deleted. From
    here on this process holds the folder's lock.
    """
    what = f"--run {os.path.basename(directory)}"
    if resumed:
        run_lock.hold(directory, what)
        remove_leftovers(directory)
        return
    try:
        os.makedirs(directory)
    except FileExistsError:
        run_lock.refuse_taken(directory)
    except OSError as error:
        raise InputError(f"{what}: {error.strerror}") from None
    run_lock.hold(directory, what)
    try:
        write_config(directory, config)
    except OSError as error:  # a full disk: the same command must work once there is space
        shutil.rmtree(directory, ignore_errors=True)
        raise InputError(f"{what}: {error.strerror}") from None


def write_config(directory, config):
    """Writes config.json, whole."""
    write_json(os.path.join(directory, "config.json"), dict(sorted(config.items())))


def mend_config(directory, config):
    """Rewrites config.json if it differs from `config`; returns lines about damage."""
    found = RunFolder(directory).config
    if found != config:
        write_config(directory, config)
    return ["config.json was gone or damaged and has been rewritten"] if found is None else []


class RunLog:
    """Writes one row of figures per iteration; the first row determines the columns.

    progress.csv holds figures that the same seed reproduces to the last digit, timing.csv those
    that depend on the clock, warnings.txt what went wrong.

    directory: of the run. Only rank 0 has a log. remarks: lines from `set_state` about damage.
    """

    def __init__(self, directory):
        self._directory, self._tables = directory, None  # opened with the first row
        self.remarks = []

    def _open(self):
        self._tables = {name: Table(os.path.join(self._directory, name))
                        for name in ("progress.csv", "timing.csv")}
        self._events = tf.summary.FileWriter(self._directory)

    def write(self, iteration, row, timing):
        """Writes an iteration; row, timing: dicts of "group/name" to a number."""
        if self._tables is None:
            self._open()
        for table, figures in zip(self._tables.values(), (row, timing)):
            table.write({"iteration": iteration, **figures})
        values = [tf.Summary.Value(tag=name, simple_value=value)
                  for name, value in {**row, **timing}.items() if not math.isnan(value)]
        self._events.add_summary(tf.Summary(value=values), iteration)
        self._events.flush()
        print(_table(iteration, {**row, **timing}), flush=True)

    def warn(self, iteration, text):
        """Logs an event, and prints it."""
        line = f"iteration {iteration}: {text}"
        with open(os.path.join(self._directory, "warnings.txt"), "a", encoding="utf-8",
                  errors="backslashreplace") as file:
            file.write(line + "\n")
        print(line, file=sys.stderr, flush=True)

    def get_state(self):
        """Lengths of the files: {name: bytes}."""
        return {name: os.path.getsize(os.path.join(self._directory, name))
                for name in logs(self._directory)}

    def set_state(self, sizes):
        """Truncates the logs to their checkpointed lengths: no gaps, no duplicate rows.

        Call it before the first row.
        """
        self.remarks = cut_off(self._directory, sizes)

    def close(self):
        """Closes the files."""
        if self._tables is not None:
            for table in self._tables.values():
                table.close()
            self._events.close()


class Table:
    """A CSV file that grows by rows; one that already has rows keeps its columns."""

    def __init__(self, path):
        self._file = open(path, "a+", newline="", encoding="utf-8")
        self._file.seek(0)
        columns = next(csv.reader(self._file), None)
        self._file.seek(0, os.SEEK_END)
        self._rows = self._writer(columns) if columns else None

    def _writer(self, columns):  # the table of an older run keeps its fewer columns
        return csv.DictWriter(self._file, columns, extrasaction="ignore")

    def write(self, row):
        """Appends a dict of figures."""
        if self._rows is None:
            self._rows = self._writer(list(row))
            self._rows.writeheader()
        self._rows.writerow(row)
        self._file.flush()

    def close(self):
        """Closes the file."""
        self._file.close()


def logs(directory):
    """Names of a run's logs."""
    return sorted(name for name in os.listdir(directory) if name.startswith("events.")
                  or name in ("progress.csv", "timing.csv", "warnings.txt"))


def cut_off(directory, sizes):
    """Truncates a run's logs to `sizes`, and deletes those begun later.

    Training needs none of them. A missing one starts again, and so does a table that has lost its
    end, which is kept as NAME.before (see `free_path`). Returns a line about each of these.
    """
    remarks = []
    for name, size in sizes.items():
        path = os.path.join(directory, name)
        if not os.path.exists(path):
            remarks.append(f"{name} is gone and starts again")
        elif os.path.getsize(path) >= int(size):
            os.truncate(path, int(size))
        elif name.endswith(".csv"):
            kept = free_path(f"{path}.before")
            os.replace(path, kept)
            remarks.append(f"{name} has lost its end: kept as {os.path.basename(kept)}, it starts "
                           "again")
        else:
            remarks.append(f"{name} has lost its end")
    for name in set(logs(directory)) - set(sizes):
        os.unlink(os.path.join(directory, name))
    return remarks


def free_path(path):
    """The path, or PATH2, PATH3 and so on: the first at which there is nothing yet."""
    numbered = (f"{path}{k}" for k in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not os.path.exists(each))


def _table(iteration, row):
    """One line per quantity, the learners side by side."""
    groups = list(dict.fromkeys(name.split("/")[0] for name in row))
    learners = [group for group in groups if group.startswith("agent")]
    names = dict.fromkeys(name.split("/", 1)[1] for name, value in row.items()
                          if name.split("/")[0] in learners and not math.isnan(value))
    lines = [[name, *(_number(row.get(f"{group}/{name}")) for group in learners)] for name in names]
    common = [f"{name.split('/', 1)[1]} {_number(value)}" for name, value in row.items()
              if name.split("/")[0] not in learners]
    return (tabulate(lines, [f"iteration {iteration}", *learners], tablefmt="simple",
                     disable_numparse=True, colalign=("left", *["right"] * len(learners)))
            + "\n" + " | ".join(common) + "\n")


def _number(value):
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def episode_figures(seg, endings):
    """One learner's matches of an iteration over all ranks: returns, lengths, outcomes, rewards.

    A match that it played from both seats counts once in figures of matches ("games", "ep_len",
    "end_..."), and twice in those of seats (returns, outcomes). Only rank 0 gets them, the others
    get {}.
    """
    names = ("ep_rets", "ep_lens", "ep_outcomes", "ep_frozen", "ep_endings")
    gathered = comm.to_root((
        [np.asarray(seg[name], np.float64) for name in names],
        {name: total / seg["rew"].size for name, total in seg["parts"].items()}))
    if comm.RANK:
        return {}
    lists, parts = zip(*gathered)
    rets, lens, outcomes, frozen, ends = map(np.concatenate, zip(*lists))
    pool = outcomes[frozen == 1]

    def share(mask):
        return float(mask.mean()) if len(mask) else float("nan")

    def mean(values):
        return float(values.mean()) if len(values) else float("nan")

    parts = {name: float(np.mean([part[name] for part in parts])) for name in sorted(parts[0])}
    return {"games": len(lens), "ep_ret": mean(rets), "ep_len": mean(lens),
            "win": share(outcomes > 0), "loss": share(outcomes < 0), "tie": share(outcomes == 0),
            "win_vs_pool": share(pool > 0), "loss_vs_pool": share(pool < 0),
            "tie_vs_pool": share(pool == 0),
            **{f"end_{end.replace(' ', '_')}": share(ends == i)
               for i, end in enumerate(endings) if end}, **parts}


def iteration_row(names, segs, losses, alpha, counters, env):
    """An iteration's row of progress.csv, complete on rank 0 only; all ranks must call it.

    names, segs, losses: the learners'; alpha: the iteration's; counters: after the iteration.
    """
    row = {}
    for learner, seg, loss in zip(names, segs, losses):
        figures = {**episode_figures(seg, env.game.endings), **loss}
        row.update({f"{learner}/{name}": value for name, value in figures.items()})
    row |= {f"run/{name}": value for name, value in env.game.opened(env.version).items()}
    return row | {"run/alpha": alpha, "run/timesteps": counters.timesteps,
                  "run/episodes": counters.episodes, "run/not_finite_games": counters.not_finite}


def timing_row(segs, env, seconds, collecting, updating):
    """The clock's figures; seconds: of the run; collecting, updating: seconds of the iteration."""
    steps, samples = len(segs[0]["rew"]) * env.num_envs, segs[0]["rew"].size * len(segs)
    return {"run/seconds": seconds, "run/collect_s": collecting, "run/update_s": updating,
            "run/collect_steps_per_s": steps * comm.SIZE / collecting,
            "run/update_samples_per_s": samples * comm.SIZE / updating}
