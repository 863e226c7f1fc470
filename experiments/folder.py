"""An experiment's folder: which experiment's it is, and who is working there."""

import json
import os

from common.command_line import InputError
from common.files import write_json
from selfplay import run_lock


def open_folder(out, manifest):
    """Makes the folder, or checks that it holds the same experiment, and locks it."""
    path = os.path.join(out, "experiment.json")
    if os.path.exists(path):
        if is_begun(out):
            compare(path, manifest, out)
    elif os.path.exists(out) and (not os.path.isdir(out) or set(os.listdir(out)) - {"lock"}):
        raise InputError(f"--out {out}: holds something other than an experiment")
    try:
        os.makedirs(out, exist_ok=True)
        hold(out)
        write_json(path, manifest)
    except OSError as error:
        raise InputError(f"--out {out}: {error.strerror}") from None


def is_begun(out):
    """Whether a folder holds work that belongs to the experiment in its experiment.json."""
    places = [os.path.join(out, name) for name in ("runs", "matches", "episodes")]
    return any(os.path.isdir(place) and os.listdir(place) for place in places)


def hold(out):
    """Locks the folder; InputError if another process is working there."""
    try:
        run_lock.hold(out, f"--out {out}")
    except InputError as error:
        raise InputError(str(error).replace("is being trained by", "is in use by")) from None


def compare(path, manifest, out):
    """Raises InputError, naming the first difference, if a folder holds another experiment."""
    try:
        with open(path) as file:
            found = json.load(file)
    except ValueError:
        found = None
    found = found if isinstance(found, dict) else {}
    for key, value in manifest.items():
        if found.get(key) != value:
            raise InputError(f"--out {out}: holds an experiment with {key} "
                             f"{shown(found.get(key))}, not {shown(value)}; choose another folder")


def shown(value):
    """A value of a manifest in words."""
    return " ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
