"""TensorFlow made ready before any test imports it, and what lies beside the repository."""

from pathlib import Path

import pytest

from distributed_data import device

device.prepare()


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data beside the repository; tests that need it skip without it."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not (path / "zoo").is_dir():
        pytest.skip("no ../shared/zoo: the released policies are not here")
    return path
