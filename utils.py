"""Rollouts (from `rollouts`), advantages and parameter files."""

import glob
import io
import json
import os
import zipfile

import numpy as np

from kinds import kind_of
from pickled import is_pickle, read_array
from rollouts import traj_segment_generator

__all__ = ["InputError", "NotFinite", "add_vtarg_and_adv", "first_line", "load_parameters",
           "open_arrays", "save_parameters", "snapshot_paths", "stem", "traj_segment_generator",
           "write_json", "write_whole"]

MAX_FILE_BYTES = 256 * 2**20
MAX_HEADER_BYTES = 2**18


class InputError(ValueError):
    """Something the user gave is wrong: one line that names it and what is allowed."""


class NotFinite(ArithmeticError):
    """Losses or gradients have not been finite several times in a row; the message says which."""


# Advantages


def add_vtarg_and_adv(seg, gamma, lam):
    """Adds generalized advantages `adv` and TD(lambda) returns `tdlamret` [T, N] to a segment.

    Schulman et al., 2016, equation 16: adv[t] = delta[t] + gamma lam adv[t + 1] within a game. A
    game that a time limit cut goes on in expectation: `cutvpred` [T, N] is its value there.
    """
    rew, vpred = seg["rew"], seg["vpred"]
    adv = np.empty_like(rew)
    last = np.zeros_like(rew[0])
    nextvpred, nonterminal = seg["nextvpred"], 1.0
    for t in range(len(rew) - 1, -1, -1):
        delta = rew[t] + gamma * (nextvpred * nonterminal + seg["cutvpred"][t]) - vpred[t]
        last = delta + gamma * lam * nonterminal * last
        adv[t] = last
        nextvpred, nonterminal = vpred[t], 1.0 - seg["new"][t]
    seg["adv"], seg["tdlamret"] = adv, adv + vpred


# Parameter files


def write_whole(path, write):
    """Calls write(file) on a temporary file beside `path` and renames it: never half a file.

    A link's target is written; a device or a pipe is written to, not replaced.
    """
    target = os.path.realpath(path)
    special = os.path.exists(target) and not os.path.isfile(target)
    temporary = target if special else f"{target}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            if not special:
                os.fsync(file.fileno())
        if not special:
            os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        if not special and os.path.exists(temporary):
            os.unlink(temporary)


def write_json(path, thing):
    """Writes JSON, whole."""
    text = json.dumps(thing, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def stem(path):
    """A file's name without folder and suffix."""
    return os.path.splitext(os.path.basename(path))[0]


def snapshot_paths(folder):
    """The snapshots in a learner's folder: {version: path}."""
    paths = glob.glob(os.path.join(glob.escape(folder), "*.npz"))
    names = {path: os.path.basename(path)[:-4] for path in paths}
    return {int(name): path for path, name in names.items() if name.isdecimal()}


def open_arrays(raw, most):
    """Opens the bytes of an .npz file, without pickle; ValueError if it unpacks to over `most`.

    NumPy writes members as they are or deflated; others' packing unpacks all at once, however much.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
    if sum(entry.file_size for entry in members) > most:
        raise ValueError("unpacks to too much")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
           for entry in members):
        raise ValueError("packed in a way that NumPy does not write")
    return np.load(io.BytesIO(raw), allow_pickle=False)


def save_parameters(path, vector, header):
    """Writes one parameter file (.npz): a flat float32 vector and a JSON header.

    header: dict with at least `game`, `seat`, `policy`, `policy_args`, `ob_dim`, `ac_dim`,
    `version`, `iteration` and `curriculum`.
    """
    arrays = {"parameters": np.asarray(vector, np.float32),
              "header": np.array(json.dumps(header, sort_keys=True))}
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_parameters(path):
    """Reads a parameter file; returns (vector float32 [P], header dict).

    Takes our own .npz and, with an empty header, the released policies as .npy or as the original
    pickles. Nothing in a file is ever executed. Raises InputError for whatever is none of these.
    """
    raw = _read(path)
    try:
        vector, header = _parse(raw)
        if not isinstance(vector, np.ndarray):
            raise ValueError("its parameters are no array")
    except Exception as error:
        # Damaged bytes make the readers fail in a dozen ways, all meaning the same to the user.
        raise InputError(f"{path}: not a parameter file, but {kind_of(raw, error)}") from None
    if vector.dtype.kind != "f" or vector.ndim != 1 or not vector.size:
        raise InputError(f"{path}: holds a {vector.dtype} array of shape {vector.shape}, "
                         "not a flat vector of floats")
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)  # what overflows here is no number any more
    if not np.isfinite(vector).all():
        raise InputError(f"{path}: holds numbers that are not finite")
    return vector, header


def _read(path):
    if os.path.isdir(path):
        raise InputError(f"{path}: a directory; name a parameter file in it")
    try:
        size = os.path.getsize(path)
        if not size:
            raise InputError(f"{path}: an empty file")
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path}: {size:,} bytes, a parameter file has at most "
                             f"{MAX_FILE_BYTES:,}")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def first_line(error):
    """An exception's message, cut to a part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def _parse(raw):
    if raw.startswith(b"PK"):
        with open_arrays(raw, MAX_FILE_BYTES) as arrays:
            return arrays["parameters"], _parse_header(arrays["header"])
    if raw.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(raw), allow_pickle=False), {}
    if is_pickle(raw):
        return read_array(raw), {}
    raise ValueError("neither an .npz nor an .npy nor a pickle")


def _parse_header(array):
    if array.dtype.kind != "U" or array.shape or array.nbytes > MAX_HEADER_BYTES:
        raise ValueError("its header is no text")
    header = json.loads(str(array))
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    return header
