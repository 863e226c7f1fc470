"""What other runs have trained: parameters to begin with (--init), opponents to meet (--pool)."""

import glob
import os

from matches import load_entry, vector_size
from utils import InputError, snapshot_paths


def find_pool(save_dir, places, names, headers):
    """A learner's list of lists: all snapshots that each of some other runs made of it.

    places: those runs, each what `load_init` takes. The newest file of each must fit the learner,
    else InputError.
    """
    pool = [[] for _ in names]
    for what in places:
        newest = find_newest(save_dir, what, names, "--pool")
        for paths, path, header in zip(pool, newest, headers):
            load_vector(path, header, "--pool")
            versions = {} if path == what else snapshot_paths(os.path.dirname(path))
            paths.append([versions[v] for v in sorted(versions)] or [path])
    return pool


def load_init(save_dir, what, names, headers):
    """One vector a learner, in their order, from a run, a folder or a single file.

    save_dir: where runs are; what: the name of a run there (its newest snapshots), a folder that
    holds a run or agentK.npz files, or, where one learner trains, one file or a folder of
    snapshots. names: the learners'
    folders; headers: theirs, which the files must fit. Raises InputError for what does not.
    """
    paths = find_newest(save_dir, what, names, "--init")
    return [load_vector(path, header, "--init") for path, header in zip(paths, headers)]


def find_newest(save_dir, what, names, option):
    """The newest file of each learner in a run or folder, or the one file that is given."""
    folder = what if os.path.exists(what) else os.path.join(save_dir, what)
    versions = snapshot_paths(folder)
    if versions:
        folder = versions[max(versions)]
    if not os.path.isfile(folder):
        return [find_parameters(folder, name, f"{option} {what}") for name in names]
    if len(names) > 1:
        raise InputError(f"{option} {what}: one learner's, but {' and '.join(names)} train; give a "
                         "run or a folder")
    return [folder]


def find_parameters(folder, name, asked):
    """The file of one learner: its newest snapshot in a run, else NAME.npz."""
    versions = snapshot_paths(os.path.join(folder, name))
    if versions:
        return versions[max(versions)]
    path = os.path.join(folder, f"{name}.npz")
    if not os.path.isfile(path):
        have = sorted(os.path.basename(p) for p in glob.glob(os.path.join(glob.escape(folder),
                                                                          "*agent*")))
        raise InputError(f"{asked}: no {name} there ({', '.join(have) or 'nothing'})")
    return path


def load_vector(path, header, option):
    """The numbers of a file that must hold this learner's network; InputError otherwise."""
    entry = load_entry(path, header["game"])
    for key in ("policy", "policy_args", "seat"):
        found = entry.header.get(key, header[key])  # released vectors do not say their seat
        if not (found == header[key] or "both" in (found, header[key]) or key == "policy_args"
                and all(header[key].get(name, value) == value for name, value in found.items())):
            raise InputError(f"{option} {path}: its {key.replace('_', ' ')} is {found}, the "
                             f"learner's {header[key]}")
    size = vector_size(*(header[key] for key in ("game", "policy", "policy_args")))
    if entry.vector.size != size:
        raise InputError(f"{option} {path}: {entry.vector.size:,} numbers, the network has "
                         f"{size:,}")
    return entry.vector
