"""Filling one batch from many workers: `comm`, `MpiAdam`, `RunningMeanStd`.

The names load on first use: `device.prepare` must come before the import of TensorFlow.
"""

import importlib

_HOMES = {"MpiAdam": "mpi_adam", "RunningMeanStd": "running_mean_std"}


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
