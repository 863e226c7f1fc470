"""One process trains a run at a time: a lock on a file in its folder, which dies with the process.

A POSIX lock, since those hold on NFS too. Only the lock counts, not what the file says.
"""

import contextlib
import errno
import fcntl
import os
import platform

from utils import InputError

NAME = "lock"
_held = {}  # path: descriptor; closing any other descriptor of the file would give the lock away


def hold(directory, what):
    """Locks a run's folder until `let_go` or the end of this process, whatever ends it.

    what: the option that names the run. Raises InputError, which names the process that trains it,
    if there is one. A disk that keeps no locks refuses nobody.
    """
    path = os.path.join(os.path.realpath(directory), NAME)
    if path in _held:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise InputError(f"{what}: is being trained by {holder or 'another process'}; wait "
                             "for its end, or stop it") from None
    _held[path] = descriptor
    _write(descriptor, f"pid {os.getpid()} on {platform.node()}\n")


def let_go():
    """Unlocks whatever this process holds."""
    while _held:
        _, descriptor = _held.popitem()
        _write(descriptor, "")
        os.close(descriptor)


def _write(descriptor, text):
    with contextlib.suppress(OSError):  # a full disk; the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
