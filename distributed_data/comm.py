"""The MPI world: ranks, sums and means over them. A single process needs no mpirun.

A single rank makes no MPI calls here, so its threads may call these functions concurrently.
"""

import os
import platform
import sys
import threading
import time

import numpy as np
from mpi4py import MPI

WORLD = MPI.COMM_WORLD
RANK, SIZE = WORLD.Get_rank(), WORLD.Get_size()
HOST = WORLD.Split_type(MPI.COMM_TYPE_SHARED)  # the ranks of this host
_FAILING = WORLD.Dup()  # for failures only


def allsum(x):
    """Returns the sum of an array (or number) over the ranks, float64 unless x is float32."""
    x = np.asarray(x)
    x = np.asarray(x, np.float32 if x.dtype == np.float32 else np.float64, order="C")
    if SIZE == 1:
        return x.copy()
    total = np.empty_like(x)
    WORLD.Allreduce(x, total, op=MPI.SUM)
    return total


def allmean(x):
    """Returns the mean of an array (or number) over the ranks."""
    return allsum(x) / SIZE


def moments(x):
    """Mean and standard deviation of all ranks' values of x together, as floats."""
    x = np.asarray(x, np.float64)
    total, square, count = allsum([x.sum(), np.square(x).sum(), x.size])
    mean = total / count
    return mean, np.sqrt(max(square / count - mean**2, 0.0))


def broadcast(thing):
    """Returns rank 0's `thing` on every rank."""
    return thing if SIZE == 1 else WORLD.bcast(thing, root=0)


def from_root(make, *args):
    """Returns rank 0's make(*args) on every rank; what it raises there is raised on every rank."""
    thing = error = None
    if RANK == 0:
        try:
            thing = make(*args)
        except Exception as problem:
            error = problem
    thing, error = broadcast((thing, error))
    if error is not None:
        raise error
    return thing


def gather(thing):
    """Returns the list of all ranks' `thing` on every rank, in the order of ranks."""
    return [thing] if SIZE == 1 else WORLD.allgather(thing)


def to_root(thing):
    """Returns the list of all ranks' `thing` on rank 0, in the order of ranks; None elsewhere."""
    return [thing] if SIZE == 1 else WORLD.gather(thing, root=0)


def deal(make):
    """Hands out the list that rank 0's make() returns, one element to each rank, in order.

    What it raises there is raised on every rank.
    """
    if SIZE == 1:
        return make()[0]
    hands = None
    if RANK == 0:
        try:
            hands = [(thing, None) for thing in make()]
        except Exception as problem:
            hands = [(None, problem)] * SIZE
    thing, error = WORLD.scatter(hands, root=0)
    if error is not None:
        raise error
    return thing


def name():
    """This rank's name for people: "rank 1 on its-host (pid 4711)"; mpirun reports pids."""
    return f"rank {RANK} on {platform.node()} (pid {os.getpid()})"


def abort_together():
    """Makes an uncaught exception on one rank end the whole job instead of leaving it hanging.

    A rank whose launcher is killed ends too, within seconds.
    """
    if SIZE == 1:
        return
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print_traceback = sys.excepthook

    def hook(kind, value, traceback):
        print(f"{name()} failed:", file=sys.stderr)
        print_traceback(kind, value, traceback)
        abort(1)

    sys.excepthook = hook


def end_all(line, code, patience=5.0):
    """Ends the job with one line on stderr and an exit code.

    If every rank calls this within `patience` seconds, rank 0 prints the line; otherwise this rank
    prints it with its name and aborts the others.
    """
    if _all_here(patience):
        if RANK == 0:
            print(line, file=sys.stderr, flush=True)
        sys.exit(code)
    print(f"{name()}: {line}", file=sys.stderr)
    abort(code)


def abort(code):
    """Ends the job at once with an exit code, even if other ranks wait for this one."""
    if SIZE == 1:
        sys.exit(code)
    sys.stderr.flush()
    try:
        time.sleep(0.5)  # mpirun drops output that it has not passed on when a rank aborts
    finally:  # Ctrl-C comes twice: from the terminal and from mpirun
        WORLD.Abort(code)
        os._exit(code)  # this process goes on until mpirun kills it


def _end_with(parent):
    """Ends this process once `parent` is no longer its parent."""
    while os.getppid() == parent:
        time.sleep(1.0)
    try:
        print(f"{name()}: its launcher is gone", file=sys.stderr, flush=True)
    finally:  # stderr may be gone too
        os._exit(1)


def _all_here(patience):
    request, deadline = _FAILING.Ibarrier(), time.monotonic() + patience
    while not request.Test():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
