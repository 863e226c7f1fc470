"""What a run says of itself: config.json, a table, progress.csv and TensorBoard events."""

import csv
import json
import os

import tensorflow.compat.v1 as tf
from tabulate import tabulate

from utils import InputError


def open_run(directory, config):
    """Makes the run's folder, which must be new, and writes config.json; InputError otherwise."""
    try:
        os.makedirs(directory)
        with open(os.path.join(directory, "config.json"), "w") as file:
            json.dump(config, file, indent=1, sort_keys=True)
            file.write("\n")
    except FileExistsError:
        raise InputError(f"--run {os.path.basename(directory)}: exists already in saveparameters/, "
                         "choose another name") from None
    except OSError as error:
        raise InputError(f"--run {os.path.basename(directory)}: {error.strerror}") from None


class RunLog:
    """Writes one row of figures an iteration; the first row decides the columns.

    directory: of the run. Only rank 0 has a log.
    """

    def __init__(self, directory):
        self._csv = open(os.path.join(directory, "progress.csv"), "w", newline="")
        self._rows = None
        self._events = tf.summary.FileWriter(directory)

    def write(self, iteration, row):
        """row: dict of "group/name" to a number."""
        if self._rows is None:
            self._rows = csv.DictWriter(self._csv, ["iteration", *row])
            self._rows.writeheader()
        self._rows.writerow({"iteration": iteration, **row})
        self._csv.flush()
        values = [tf.Summary.Value(tag=name, simple_value=value) for name, value in row.items()
                  if value == value]
        self._events.add_summary(tf.Summary(value=values), iteration)
        self._events.flush()
        print(_table(iteration, row), flush=True)

    def close(self):
        """Closes the files."""
        self._csv.close()
        self._events.close()


def _table(iteration, row):
    """One line a quantity, the learners side by side."""
    groups = list(dict.fromkeys(name.split("/")[0] for name in row))
    learners = [group for group in groups if group.startswith("agent")]
    names = dict.fromkeys(name.split("/", 1)[1] for name, value in row.items()
                          if name.split("/")[0] in learners and value == value)
    lines = [[name, *(_number(row.get(f"{group}/{name}")) for group in learners)] for name in names]
    common = [f"{name.split('/', 1)[1]} {_number(value)}" for name, value in row.items()
              if name.split("/")[0] not in learners]
    return (tabulate(lines, [f"iteration {iteration}", *learners], tablefmt="simple",
                     disable_numparse=True, colalign=("left", *["right"] * len(learners)))
            + "\n" + " | ".join(common) + "\n")


def _number(value):
    if value is None or value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
