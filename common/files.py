"""Writes files whole and reads them with care."""

import glob
import hashlib
import io
import json
import os
import re


def write_whole(path, write):
    """Calls write(file) on a temporary file beside `path` and renames it: never half a file.

    A link stays and its target is replaced; a device or a pipe is written to.
    """
    special = os.path.exists(path) and not os.path.isfile(path)
    target = path if special else os.path.realpath(path)  # a piped /dev/stdout has no real path
    temporary = target if special else beside(target)
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


def beside(target):
    """The temporary file in which a process writes what `target` is to be."""
    return f"{target}.tmp{os.getpid()}"


def remove_leftovers(folder):
    """Deletes what `write_whole` has left below a folder, where its process was killed."""
    for path in glob.glob(os.path.join(glob.escape(folder), "**", "*.tmp*"), recursive=True):
        if re.search(r"\.tmp\d+$", path) and os.path.isfile(path):
            os.unlink(path)


def file_digest(path):
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path):
    """A file's JSON, or None if it is missing or damaged."""
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path, thing):
    """Writes JSON, whole."""
    text = json.dumps(thing, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def stem(path):
    """A file's name without folder and suffix."""
    return os.path.splitext(os.path.basename(path))[0]


def open_arrays(raw, most):
    """Opens the bytes of an .npz file, without pickle; ValueError above `most` bytes unpacked.

    NumPy stores or deflates members; other methods could unpack any amount at once.
    """
    import zipfile  # here, so --help stays quick

    import numpy as np

    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
    if sum(entry.file_size for entry in members) > most:
        raise ValueError("too large when unpacked")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
           for entry in members):
        raise ValueError("compressed by a method that NumPy never uses")
    return np.load(io.BytesIO(raw), allow_pickle=False)


def open_stored(path):
    """Opens an .npz file whose arrays are not compressed, like ours; ValueError for any other."""
    with open(path, "rb") as file:
        raw = file.read()
    return open_arrays(raw, 2 * len(raw))


def first_line(error):
    """An exception's message, cut to a part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
