"""A run's lock that cannot be opened; the others are in tests/common/test_run_folder.py."""

import pytest

from common.command_line import InputError
from selfplay import run_lock


def test_a_lock_that_cannot_be_opened(tmp_path):
    """As that of another user's run: nobody seems to hold it, and this process cannot."""
    (tmp_path / run_lock.NAME).mkdir()  # which root, who may open any file, cannot open either
    assert run_lock.holder(str(tmp_path)) == ""
    with pytest.raises(InputError, match=f"^--run {tmp_path.name}: exists already"):
        run_lock.refuse_taken(str(tmp_path))
    with pytest.raises(InputError, match=f"^--resume X: {tmp_path}/lock: Is a directory$"):
        run_lock.hold(str(tmp_path), "--resume X")
    run_lock.release_all()
