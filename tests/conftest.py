"""TensorFlow made ready before any test imports it, and what all tests share."""

from pathlib import Path

import numpy as np
import pytest

from distributed_data import device

device.prepare()

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data beside the repository; tests that need it skip without it."""
    if not (SHARED / "zoo").is_dir():
        pytest.skip("no ../shared beside the repository: its reference data is needed here")
    return SHARED


@pytest.fixture
def rng():
    """A random generator, the same in every run."""
    return np.random.default_rng(0)
