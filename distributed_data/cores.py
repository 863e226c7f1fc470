"""The cores that this process may use."""

import math
import os

CGROUPS, GROUPS = "/proc/self/cgroup", "/sys/fs/cgroup"


def usable():
    """Their numbers, as a set: those that this process is bound to, else all."""
    bound = hasattr(os, "sched_getaffinity")  # only Linux lists the cores that a process may use
    return os.sched_getaffinity(0) if bound else set(range(os.cpu_count()))


def quota():
    """How many cores' time a container (its cgroup, version 2) leaves this process; inf: all."""
    try:
        with open(CGROUPS) as file:
            group = next(line[3:].strip() for line in file if line.startswith("0::"))
    except (OSError, StopIteration):
        return math.inf
    place, least = os.path.normpath(GROUPS + group), math.inf
    while len(place) >= len(GROUPS):  # a limit holds for all groups below
        least = min(least, _limit(os.path.join(place, "cpu.max")))
        place = os.path.dirname(place)
    return least


def _limit(path):
    try:
        with open(path) as file:
            time, period = file.read().split()
    except (OSError, ValueError):
        return math.inf
    return math.inf if time == "max" else int(time) / int(period)


def count():
    """How many there are, at least one."""
    return max(1, int(min(len(usable()), quota())))
