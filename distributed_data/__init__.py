"""Filling one batch from many workers: `comm`, `MpiAdam`, `RunningMeanStd`.

These are imported on first use: `device.prepare` must come before the import of TensorFlow.
"""

import importlib
import os

# A rank's threads step matches; BLAS, which reads this when NumPy is first imported, gets one.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

_HOMES = {"MpiAdam": "mpi_adam", "RunningMeanStd": "running_mean_std"}


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
