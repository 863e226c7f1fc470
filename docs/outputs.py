"""Where the scripts of this folder may write: checked before the work."""

import os

from common.command_line import InputError, check_writable


def check_picture(option, path):
    """Raises InputError unless a picture can be written there."""
    if not path.lower().endswith(".png"):
        raise InputError(f"{option} {path}: must end in .png")
    check_writable(option, path)


def make_folder(option, path):
    """Makes a folder for results; InputError where that cannot be, or where it is read-only."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option} {path}: must be a folder ({error.strerror})") from None
    if not os.access(path, os.W_OK):
        raise InputError(f"{option} {path}: must be a folder that can be written to")
