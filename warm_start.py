"""Parameters that learners begin with instead of random ones: --init."""

import glob
import os

from matches import load_entry, vector_size
from utils import InputError, snapshot_paths


def load_init(save_dir, what, names, headers):
    """One vector a learner, in their order, from a run, a folder or a single file.

    save_dir: where runs are; what: the name of a run there (its newest snapshots), a folder that
    holds a run or agentK.npz files, or one file, where one learner trains. names: the learners'
    folders; headers: theirs, which the files must fit. Raises InputError for what does not.
    """
    folder = what if os.path.exists(what) else os.path.join(save_dir, what)
    if os.path.isfile(folder):
        if len(names) > 1:
            raise InputError(f"--init {what}: one file, but {' and '.join(names)} train; give a "
                             "run or a folder")
        paths = [folder]
    else:
        paths = [find_parameters(folder, name, what) for name in names]
    return [load_vector(path, header) for path, header in zip(paths, headers)]


def find_parameters(folder, name, what):
    """The file of one learner: its newest snapshot in a run, else NAME.npz."""
    versions = snapshot_paths(os.path.join(folder, name))
    if versions:
        return versions[max(versions)]
    path = os.path.join(folder, f"{name}.npz")
    if not os.path.isfile(path):
        have = sorted(os.path.basename(p) for p in glob.glob(os.path.join(glob.escape(folder),
                                                                          "*agent*")))
        raise InputError(f"--init {what}: no {name} there ({', '.join(have) or 'nothing'})")
    return path


def load_vector(path, header):
    """The numbers of a file that must hold this learner's network; InputError otherwise."""
    entry = load_entry(path, header["game"])
    for key in ("policy", "policy_args", "seat"):
        found = entry.header.get(key, header[key])  # released vectors do not say their seat
        if found != header[key] and "both" not in (found, header[key]):
            raise InputError(f"--init {path}: its {key.replace('_', ' ')} is {found}, the "
                             f"learner's {header[key]}")
    size = vector_size(*(header[key] for key in ("game", "policy", "policy_args")))
    if entry.vector.size != size:
        raise InputError(f"--init {path}: {entry.vector.size:,} numbers, the network has {size:,}")
    return entry.vector
