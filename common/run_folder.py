"""Runs on disk: saveparameters/RUN/ and the snapshots in it."""

import csv
import glob
import os

from common.command_line import InputError
from common.files import read_json

CONFIG, CHECKPOINT, PREVIOUS = "config.json", "checkpoint.npz", "checkpoint-previous.npz"


def find_place(save_dir, what):
    """The path of a run, or of something in one, that a command line names.

    what: a name in save_dir, or a path; one that begins with "." is a path, and trailing slashes
    are ignored. What exists in neither place is returned as a path.
    """
    saved = os.path.normpath(os.path.join(save_dir, what))
    is_name = what.split(os.sep)[0] not in ("", ".", "..")
    return saved if is_name and os.path.exists(saved) else os.path.normpath(what)


def lasting(save_dir, what):
    """What a command line names, in a form that is valid from any folder: for config.json."""
    place = find_place(save_dir, what)
    if place == os.path.normpath(os.path.join(save_dir, what)):
        return os.path.normpath(what)
    return os.path.abspath(place) if os.path.exists(place) else what


def run_name(save_dir, folder):
    """A run's name: that of its folder in save_dir; for others the folder's absolute path."""
    parent, name = os.path.split(os.path.abspath(folder))
    at_home = os.path.realpath(parent) == os.path.realpath(save_dir)
    return name if at_home else os.path.join(parent, name)


def lasting_paths(save_dir, options):
    """Options of run.py with files and runs named so that they are valid from any folder."""
    def file(path):
        return os.path.abspath(path) if os.path.exists(path) else path

    def place(what):
        return lasting(save_dir, what)

    kept = dict(options)
    for key, keep in (("opponent", file), ("anchor", file), ("init", place), ("pool", place)):
        value = options.get(key)
        if value:
            kept[key] = list(map(keep, value)) if isinstance(value, list) else keep(value)
    return kept


def snapshot_paths(folder):
    """The snapshots in a learner's folder: {version: path}."""
    paths = glob.glob(os.path.join(glob.escape(folder), "*.npz"))
    names = {path: os.path.basename(path)[:-4] for path in paths}
    return {int(name): path for path, name in names.items() if name.isdecimal()}


class RunFolder:
    """A run on disk; it need not exist. `path`: its folder."""

    def __init__(self, path):
        self.path = path

    @property
    def config(self):
        """The options in config.json as a dict, or None if it is missing or damaged."""
        found = read_json(os.path.join(self.path, CONFIG))
        return found if isinstance(found, dict) else None

    @property
    def opponent(self):
        """The fixed opponent's file that config.json names, or None."""
        return (self.config or {}).get("opponent")

    @property
    def learners(self):
        """Names of the learners' folders, sorted; an ensemble's members are agent0a, agent0b..."""
        found = glob.glob(os.path.join(glob.escape(self.path), "agent*"))
        return sorted(os.path.basename(path) for path in found if os.path.isdir(path))

    @property
    def has_checkpoint(self):
        """Whether there is one to resume from."""
        return any(os.path.exists(os.path.join(self.path, name)) for name in (CHECKPOINT, PREVIOUS))

    def snapshots(self, learner):
        """A learner's snapshots: {version: path}."""
        return snapshot_paths(os.path.join(self.path, learner))

    def latest(self):
        """The newest snapshots in seat 0 and seat 1: two paths, or None if there are none.

        An ensemble is represented by its first member; if only one seat has learners, the other is
        the fixed opponent's or, without one, the same learner's.
        """
        newest = [None, None]
        for seat in (0, 1):
            members = [name for name in self.learners if name.startswith(f"agent{seat}")]
            found = next(filter(None, map(self.snapshots, members)), None)
            newest[seat] = found and found[max(found)]
        if not any(newest):
            return None
        absent = None in newest and (self.opponent or newest[0] or newest[1])
        return [path or absent for path in newest]

    @property
    def against_first(self):
        """The last evaluation against the first snapshots that progress.csv holds, or None.

        (iteration, {learner: share of matches won}).
        """
        found = None
        try:
            with open(os.path.join(self.path, "progress.csv"), newline="",
                      encoding="utf-8") as file:
                rows = csv.reader(file)
                columns = {k: name.split("/")[0] for k, name in enumerate(next(rows, ()))
                           if name.endswith("/win_v_first")}
                for row in rows:
                    shares = {columns[k]: float(row[k]) for k in columns
                              if row[k] not in ("", "nan")}
                    found = (int(row[0]), shares) if shares else found
        except (OSError, ValueError, IndexError, csv.Error):
            pass  # what a damaged table says before the damage is true all the same
        return found

    def spread(self, count=8, every=None):
        """Some snapshots of each learner, evenly spread: {path: learner's name}.

        count: about how many per learner; every: instead, the versions that it divides, and the
        last one.
        """
        import numpy as np  # here, so --help stays quick

        chosen = {}
        for learner in self.learners:
            paths = self.snapshots(learner)
            if not paths:
                continue
            last = max(paths)
            if every:
                versions = {version for version in paths if version % every == 0} | {last}
            else:
                versions = {min(paths, key=lambda version: abs(version - point))
                            for point in np.linspace(0, last, count)}
            chosen |= {paths[version]: learner for version in sorted(versions)}
        return chosen


def newest_runs(save_dir):
    """The `RunFolder`s in save_dir, the one with the newest configuration or checkpoint first."""
    runs = os.listdir(save_dir) if os.path.isdir(save_dir) else ()
    paths = [os.path.join(save_dir, run, file) for run in runs
             for file in (CONFIG, CHECKPOINT, PREVIOUS)]
    paths = sorted(filter(os.path.isfile, paths), key=os.path.getmtime, reverse=True)
    return list(map(RunFolder, dict.fromkeys(map(os.path.dirname, paths))))


def find_run(save_dir, word, option):
    """The `RunFolder` that a command line's option names; "": the newest with a checkpoint.

    Raises InputError if there is no such folder.
    """
    if word:
        run = RunFolder(find_place(save_dir, word))
        if not os.path.isdir(run.path):
            raise InputError(f"{option} {word}: there is no such run in saveparameters/")
        return run
    run = next((run for run in newest_runs(save_dir) if run.has_checkpoint), None)
    if run is None:
        raise InputError(f"{option}: no run in saveparameters/ has a checkpoint")
    return run


def choose_snapshots(run, every=None, count=8):
    """`RunFolder.spread` of the run at this path; InputError if it has no snapshots."""
    chosen = RunFolder(run).spread(count, every)
    if not chosen:
        raise InputError(f"{run}: no such run with snapshots")
    return chosen
