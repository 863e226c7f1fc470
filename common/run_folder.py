"""Runs on disk: saveparameters/RUN/ and the snapshots in it."""

import glob
import os

from common.command_line import InputError


def find_place(save_dir, what):
    """The path of a run, or of something in one: what a command line names.

    what: a name in save_dir, or a path; one that begins with "." is a path, and slashes at its end
    mean nothing. What exists in neither place comes back as a path.
    """
    saved = os.path.normpath(os.path.join(save_dir, what))
    is_name = what.split(os.sep)[0] not in ("", ".", "..")
    return saved if is_name and os.path.exists(saved) else os.path.normpath(what)


def lasting(save_dir, what):
    """What a command line names, so that it means the same from any folder: for config.json."""
    place = find_place(save_dir, what)
    if place == os.path.normpath(os.path.join(save_dir, what)):
        return os.path.normpath(what)
    return os.path.abspath(place) if os.path.exists(place) else what


def run_name(save_dir, folder):
    """A run's name: that of its folder in save_dir; elsewhere the folder's absolute path."""
    parent, name = os.path.split(os.path.abspath(folder))
    at_home = os.path.realpath(parent) == os.path.realpath(save_dir)
    return name if at_home else os.path.join(parent, name)


def lasting_paths(save_dir, options):
    """Options of run.py, their files and runs named so that any folder will do."""
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


def choose_snapshots(run, every=None, count=8):
    """Some of a run's snapshots: {path: learner's folder}.

    every: those whose version it divides, and the last; None: about `count` a learner, evenly.
    Raises InputError if there are none.
    """
    import numpy as np  # here, so --help stays quick

    chosen = {}
    for folder in sorted(glob.glob(os.path.join(glob.escape(run), "agent*"))):
        paths = snapshot_paths(folder)
        if not paths:
            continue
        last = max(paths)
        if every:
            wanted = {version for version in paths if version % every == 0} | {last}
        else:
            wanted = {min(paths, key=lambda v: abs(v - point))
                      for point in np.linspace(0, last, count)}
        chosen |= {paths[version]: os.path.basename(folder) for version in sorted(wanted)}
    if not chosen:
        raise InputError(f"--history {run}: no such run with snapshots")
    return chosen
