"""What all tests share."""

from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared():
    """The folder of reference data beside the repository; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the repository: its reference data is needed here")
    return SHARED


@pytest.fixture
def rng():
    """A random generator, the same in every run."""
    return np.random.default_rng(0)
