"""A table of what can be played: shipped parameters, runs, a folder of released policies."""

import glob
import json
import os
import time

from tabulate import tabulate

from common.command_line import InputError, one_line
from common.filenames import parameter_files, read_name
from common.files import file_digest
from common.names import relative
from common.parameter_file import load_parameters
from common.run_folder import RunFolder

COLUMNS = ("game", "seat", "version", "age", "strength", "path")


def list_all(shipped_dir, save_dir, zoo_dir=None):
    """The table as text; runs are listed by each learner's newest snapshot, damaged files too.

    strength: of a shipped file, what made.json beside it says; of a run, its last evaluation
    against its first snapshots.

    Raises InputError if zoo_dir is not a folder.
    """
    if zoo_dir is not None and not os.path.isdir(zoo_dir):
        raise InputError(f"--zoo {zoo_dir}: no such folder")
    shipped_dir, save_dir = glob.escape(shipped_dir), glob.escape(save_dir)
    rows = [row_of(path, strength_in_notes(path))
            for path in sorted(glob.glob(os.path.join(shipped_dir, "*", "*.npz")))]
    for run in map(RunFolder, sorted(glob.glob(os.path.join(save_dir, "*")))):
        found = run.against_first
        for learner in run.learners:
            snapshots = run.snapshots(learner)
            if snapshots:
                rows.append(row_of(snapshots[max(snapshots)], strength_in_run(found, learner),
                                   f" (newest of {len(snapshots)})"))
    if zoo_dir:
        rows += [row_of(path) for path in parameter_files(zoo_dir)]
    if not rows:
        return "nothing to play yet: train with run.py, or name a folder with --zoo"
    return tabulate(rows, COLUMNS, tablefmt="simple", disable_numparse=True)


def row_of(path, strength="-", note=""):
    """One row of the table, from a file's header or, for a released file, from its name."""
    age, where = age_of(path), relative(path) + note
    try:
        header = load_parameters(path)[1]
    except InputError as error:
        return "?", "?", "?", age, "-", f"{where}: {one_line(str(error).removeprefix(f'{path}: '))}"
    if header:
        version = header.get("iteration", header.get("version", "?"))
        said = header.get("game", "?"), header.get("seat", "?"), version
    else:
        named = read_name(path)
        version = None if named.version is None else f"v{named.version}"
        said = ["?" if value is None else value for value in (named.game, named.seat, version)]
    return *(one_line(value)[:20] for value in said), age, strength, where


def strength_in_notes(path):
    """A file's wins against its hardest opponent in the made.json beside it; "-" if none.

    It counts only for the very bytes that were measured.
    """
    try:
        with open(os.path.join(os.path.dirname(path), "made.json")) as file:
            noted = json.load(file)["results"][os.path.basename(path)]
        if file_digest(path) != noted["sha256"]:
            return "-"
        against = {}
        for row in noted["matches"]:
            if row["against"] == os.path.basename(path):
                continue
            counts = against.get(row["against"], (0, 0, 0))
            against[row["against"]] = [count + row[key] for count, key in zip(
                counts, ("wins", "losses", "ties"))]
        name, (wins, losses, ties) = min(against.items(), key=lambda item: score(*item[1]))
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        return "-"
    played = wins + losses + ties
    return f"wins {100 * wins / played:.0f} % of {played} v {one_line(name)}"


def score(wins, losses, ties):
    """The share of matches won, a tie counting as half a win."""
    return (wins + ties / 2) / (wins + losses + ties)


def strength_in_run(found, learner):
    """A learner's last evaluation; found: `RunFolder.against_first`."""
    iteration, shares = found or (None, {})
    if learner not in shares:
        return "-"
    return f"wins {100 * shares[learner]:.0f} % v first (iteration {iteration})"


def age_of(path):
    """How long ago a file was written: "5 min", "3 h", "2 d"; "?" for a broken link."""
    if not os.path.exists(path):
        return "?"
    seconds = max(0.0, time.time() - os.path.getmtime(path))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return f"{int(seconds)} s"
