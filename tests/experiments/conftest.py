"""Trainings without processes of their own."""

import pytest
from small_study import InProcess

from experiments import runs


@pytest.fixture
def in_process(monkeypatch):
    """Runs are trained in the test's process."""
    monkeypatch.setattr(runs, "Process", InProcess)
