"""Parameter files: one flat vector and a header; reading them never executes code."""

import io
import json
import os

import numpy as np

from common.command_line import InputError
from common.file_kinds import kind_of
from common.files import open_arrays, write_whole
from common.pickled import is_pickle, read_array

MAX_FILE_BYTES = 256 * 2**20
MAX_HEADER_BYTES = 2**18


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
    pickles. Nothing in a file is ever executed. Raises InputError for any other file.
    """
    raw = _read(path)
    try:
        vector, header = _parse(raw)
        if not isinstance(vector, np.ndarray):
            raise ValueError("its parameters are not an array")
    except Exception as error:
        # Damaged bytes make the readers fail in a dozen ways, all meaning the same to the user.
        raise InputError(f"{path}: not a parameter file, but {kind_of(raw, error)}") from None
    if vector.dtype.kind != "f" or vector.ndim != 1 or not vector.size:
        raise InputError(f"{path}: holds a {vector.dtype} array of shape {vector.shape}, "
                         "not a flat vector of floats")
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)  # what overflows here is refused below
    if not np.isfinite(vector).all():
        raise InputError(f"{path}: holds numbers that are not finite")
    return vector, header


def peek(path):
    """(number of parameters, header) of a parameter file, or None if it cannot be read.

    Several times as fast as `load_parameters`, since an .npz is not unpacked; so damage to its
    parameters goes unnoticed.
    """
    try:
        raw = _read(path)
        if not raw.startswith(b"PK"):
            vector, header = load_parameters(path)
            return vector.size, header
        with open_arrays(raw, MAX_FILE_BYTES) as arrays:
            with arrays.zip.open("parameters.npy") as file:
                np.lib.format.read_magic(file)
                shape, *_ = np.lib.format.read_array_header_1_0(file)
            return int(np.prod(shape)), _parse_header(arrays["header"])
    except Exception:  # damaged bytes make the readers fail in a dozen ways
        return None


def _read(path):
    if os.path.isdir(path):
        raise InputError(f"{path}: is a directory; name a parameter file in it")
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
        raise ValueError("its header is not text")
    header = json.loads(str(array))
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    return header
