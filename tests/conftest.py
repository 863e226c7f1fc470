"""TensorFlow made ready before any test imports it, and what all tests share."""

from pathlib import Path

import numpy as np
import pytest
from small import SIZE

from common.parameter_file import save_parameters
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


@pytest.fixture(scope="module")
def players(tmp_path_factory):
    """Two files of random networks that flail."""
    rng, paths = np.random.default_rng(0), []
    for seat in (0, 1):
        vector = rng.normal(0, 0.2, SIZE).astype(np.float32)
        vector[:248] = np.concatenate([[0, 1, 1], np.zeros(122), np.ones(123)])
        path = tmp_path_factory.mktemp("players") / f"flail{seat}.npz"
        save_parameters(path, vector, {"game": "run-to-goal-ants", "seat": seat, "policy": "mlp",
                                       "policy_args": {"hid_size": 64}})
        paths.append(str(path))
    return paths
