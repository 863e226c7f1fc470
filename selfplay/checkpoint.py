"""Checkpoints: all that a run needs to resume, in one file that is used only if it is whole."""

import hashlib
import json
import os

import numpy as np

from common.command_line import InputError
from common.files import first_line, open_stored, write_whole
from common.run_folder import CHECKPOINT as NAME
from common.run_folder import PREVIOUS
from distributed_data import comm

FORMAT = 1  # of the files; others are refused


class Checkpointer:
    """Writes and reads the checkpoint of a run.

    directory: of the run. identity: dict that describes the run (config, ranks, ...). shared:
    {name: part} of parts that are the same on every rank; own: of parts that differ by rank; root:
    of parts that only rank 0 has. A part has `get_state()`, which returns {name: array}, and
    `set_state(state)`. Only rank 0 touches the disk.
    """

    def __init__(self, directory, identity, shared, own, root):
        self.directory, self.identity = directory, identity
        self.shared, self.own, self.root = shared, own, root
        self._has_written = False

    def save(self):
        """Writes the current state; the last checkpoint is kept as the previous one, if whole."""
        owned = comm.to_root(_collect(self.own))

        def write():
            arrays = _collect(self.shared) | _collect(self.root)
            for rank, theirs in enumerate(owned):
                arrays |= {f"rank{rank}/{name}": array for name, array in theirs.items()}
            write_checkpoint(self.directory, self.identity, arrays, self._has_written)

        comm.from_root(write)
        self._has_written = True

    def restore(self, arrays):
        """Restores every part from `arrays` (see `read_checkpoint`).

        If another number of ranks wrote them, the parts that differ by rank stay as they are;
        returns whether they were restored.
        """
        _hand_out(self.shared, arrays, "")
        comm.from_root(lambda: _hand_out(self.root, arrays, ""))
        ranks = {key.split("/")[0] for key in arrays if key.startswith("rank")}
        if len(ranks) == comm.SIZE:
            _hand_out(self.own, arrays, f"rank{comm.RANK}/")
        return len(ranks) == comm.SIZE


class Unchanged:
    """A part for a file that must not have changed when the run resumes.

    what: option and file, for the error message; array: the file's content.
    """

    def __init__(self, what, array):
        self._what, self._digest = what, digest({"array": array})

    def get_state(self):
        """The checksum of the content."""
        return {"digest": self._digest}

    def set_state(self, state):
        """Raises InputError if the content has changed; older checkpoints may lack the checksum."""
        if "digest" in state and str(state["digest"]) != self._digest:
            raise InputError(f"{self._what}: is not what it was when the run began")


def _collect(parts):
    return {f"{name}/{key}": np.array(value) for name, part in parts.items()
            for key, value in part.get_state().items()}


def _hand_out(parts, arrays, prefix):
    for name, part in parts.items():
        start = f"{prefix}{name}/"
        part.set_state({key.removeprefix(start): array for key, array in arrays.items()
                        if key.startswith(start)})


def write_checkpoint(directory, identity, arrays, trusted=False):
    """Writes a new checkpoint; the last one becomes the previous one, unless it is damaged.

    trusted: whether the last one is known to be whole; else it is read.
    """
    header = np.array(json.dumps({**identity, "format": FORMAT}, sort_keys=True))
    arrays = {**arrays, "header": header}
    arrays["digest"] = np.array(digest(arrays))
    path, fresh = os.path.join(directory, NAME), os.path.join(directory, "checkpoint-new.npz")
    write_whole(fresh, lambda file: np.savez(file, allow_pickle=False, **arrays))
    if os.path.exists(path) and (trusted or _try_to_read(path)[0]):
        os.replace(path, os.path.join(directory, PREVIOUS))
    os.replace(fresh, path)


def digest(arrays):
    """SHA-256 of names, types, shapes and bytes, as a string."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def read_checkpoint(directory, run=None):
    """Returns (identity, arrays, remark) of the newest whole checkpoint in a run's folder.

    run: what the user calls the run, by default the folder's name. remark: a line about files that
    were skipped because they are missing or damaged, else "". Raises InputError if no file is
    whole, or if it was written by another version.
    """
    run, damaged, found = run or os.path.basename(directory), [], False
    for name in (NAME, PREVIOUS):
        path = os.path.join(directory, name)
        if not os.path.exists(path):
            if name == NAME:
                damaged.append(f"{name} is missing")
            continue
        found = True
        read, fault = _try_to_read(path)
        if read is None:
            damaged.append(f"{name} is damaged ({fault})")
            continue
        identity, arrays = read
        if identity.get("format") != FORMAT:
            raise InputError(f"--resume {run}: its checkpoint has format "
                             f"{identity.get('format')!r}, this version reads {FORMAT}")
        return identity, arrays, "; ".join(damaged)
    why = "; ".join(damaged) if found else "it has no checkpoint"
    raise InputError(f"--resume {run}: {why}; put one back, or begin a new run with its parameters:"
                     f" --init {run}")


def _try_to_read(path):
    """((identity, arrays), ""), or (None, what is wrong with the file)."""
    try:
        return _read(path), ""
    except Exception as error:  # damaged bytes make the readers fail in a dozen ways
        return None, first_line(error)


def _read(path):
    with open_stored(path) as file:
        arrays = dict(file)
    if str(arrays.pop("digest")) != digest(arrays):
        raise ValueError("checksum mismatch")
    return json.loads(str(arrays.pop("header"))), arrays
