"""The checkpoint's file: damage is found, and nothing in it is executed."""

import numpy as np
import pytest

from common.command_line import InputError
from selfplay.checkpoint import NAME, read_checkpoint


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    """An object array, which only pickle could read, counts as damage."""
    np.savez(tmp_path / NAME, header=np.array([print], object), digest=np.array(""))
    with pytest.raises(InputError, match="is damaged"):
        read_checkpoint(str(tmp_path))
