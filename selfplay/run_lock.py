"""Only one process trains a run: it locks a file in the run's folder until the process ends.

A POSIX lock, which works on NFS too. Only the lock counts, not the file's content.
"""

import contextlib
import errno
import fcntl
import os
import platform

from common.command_line import InputError, file_error

NAME = "lock"
WORKING = "is being trained by {}; wait for its end, or stop it"
_held = {}  # path: descriptor; closing any other descriptor of the file would release the lock


def hold(directory, what):
    """Locks a run's folder until `release_all` or the end of this process.

    what: the option that names the run. Raises InputError, with the name of the other process, if
    one trains it, or if the lock cannot be written. On a disk without locks nothing is refused.
    """
    path = _path(directory)
    if path in _held:
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:  # another user's run, or a read-only disk
        raise InputError(f"{what}: {file_error(error)}") from None
    other = _lock(descriptor)
    if other:
        os.close(descriptor)
        raise InputError(f"{what}: {WORKING.format(other)}")
    _held[path] = descriptor
    _write(descriptor, f"pid {os.getpid()} on {platform.node()}\n")


def holder(directory):
    """Which other process trains the run in a folder, "" if none does as far as we can tell."""
    path = _path(directory)
    if path in _held:
        return ""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:  # there is no lock, or this user may not open it
        return ""
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def refuse_taken(directory):
    """Raises InputError for a new run whose folder exists; names the process that trains it."""
    what, other = f"--run {os.path.basename(directory)}", holder(directory)
    if other:
        raise InputError(f"{what}: {WORKING.format(other)}")
    raise InputError(f"{what}: exists already in saveparameters/, choose another name")


def release_all():
    """Releases all locks of this process."""
    while _held:
        _, descriptor = _held.popitem()
        _write(descriptor, "")
        os.close(descriptor)


def _path(directory):
    return os.path.join(os.path.realpath(directory), NAME)


def _lock(descriptor):
    """Locks a file, unless another process has: returns that one, "" if none or without locks."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            said = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            return said or "another process"
    return ""


def _write(descriptor, text):
    with contextlib.suppress(OSError):  # a full disk; the lock still holds
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
