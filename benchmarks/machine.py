"""What figures were measured on, for whoever reads them elsewhere."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("mujoco", "tensorflow", "numpy")


def describe(*packages):
    """CPU, cores that this process may use, and versions in one line.

    packages: distributions to name beside MuJoCo, TensorFlow and NumPy.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"{name} {_version(name)}" for name in (*PACKAGES, *packages)]
    return ", ".join([f"{_cpu()}, {cores} core(s)", f"Python {platform.python_version()}",
                      *versions])


def _cpu():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
