"""A table of what can be played: shipped parameters, runs, a folder of released policies."""

import glob
import os
import time

from tabulate import tabulate

from common.command_line import InputError, one_line
from common.filenames import parameter_files, read_name
from common.names import relative
from common.parameter_file import load_parameters
from common.run_folder import RunFolder

COLUMNS = ("game", "seat", "version", "age", "path")


def list_all(shipped_dir, save_dir, zoo_dir=None):
    """The table as text; runs are listed by each learner's newest snapshot, damaged files too.

    Raises InputError if zoo_dir is not a folder.
    """
    if zoo_dir is not None and not os.path.isdir(zoo_dir):
        raise InputError(f"--zoo {zoo_dir}: no such folder")
    shipped_dir, save_dir = glob.escape(shipped_dir), glob.escape(save_dir)
    rows = [row_of(path) for path in sorted(glob.glob(os.path.join(shipped_dir, "*", "*.npz")))]
    for run in map(RunFolder, sorted(glob.glob(os.path.join(save_dir, "*")))):
        for snapshots in filter(None, map(run.snapshots, run.learners)):
            rows.append(row_of(snapshots[max(snapshots)], f" (newest of {len(snapshots)})"))
    if zoo_dir:
        rows += [row_of(path) for path in parameter_files(zoo_dir)]
    if not rows:
        return "nothing to play yet: train with run.py, or name a folder with --zoo"
    return tabulate(rows, COLUMNS, tablefmt="simple", disable_numparse=True)


def row_of(path, note=""):
    """One row of the table, from a file's header or, for a released file, from its name."""
    age, where = age_of(path), relative(path) + note
    try:
        header = load_parameters(path)[1]
    except InputError as error:
        return "?", "?", "?", age, f"{where}: {one_line(str(error).removeprefix(f'{path}: '))}"
    if header:
        version = header.get("iteration", header.get("version", "?"))
        said = header.get("game", "?"), header.get("seat", "?"), version
    else:
        named = read_name(path)
        version = None if named.version is None else f"v{named.version}"
        said = ["?" if value is None else value for value in (named.game, named.seat, version)]
    return *(one_line(value)[:20] for value in said), age, where


def age_of(path):
    """How long ago a file was written: "5 min", "3 h", "2 d"; "?" for a broken link."""
    if not os.path.exists(path):
        return "?"
    seconds = max(0.0, time.time() - os.path.getmtime(path))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return f"{int(seconds)} s"
