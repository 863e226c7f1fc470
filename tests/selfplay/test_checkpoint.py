"""The checkpoint's file: damage is found, and nothing in it is executed."""

import os

import numpy as np
import pytest

from common.command_line import InputError
from selfplay.checkpoint import NAME, Checkpointer, read_checkpoint, write_checkpoint


class Counter:
    """A part with one number."""

    def __init__(self):
        self.number = 0

    def get_state(self):
        """The number."""
        return {"number": self.number}

    def set_state(self, state):
        """Goes back to it."""
        self.number = int(state["number"])


class Killed(BaseException):
    """What nothing catches."""


def resumed(folder):
    """A `Checkpointer` that has gone back to what can be read, and its part."""
    counter = Counter()
    checkpointer = Checkpointer(str(folder), {}, {"part": counter}, {}, {})
    checkpointer.restore(read_checkpoint(str(folder))[1])
    return checkpointer, counter


@pytest.mark.parametrize("renames", range(5))
def test_the_only_good_checkpoint_is_kept(renames, tmp_path, monkeypatch):
    """A damaged one never takes its place, wherever a kill strikes as the run goes on."""
    for number in (1, 2):
        write_checkpoint(str(tmp_path), {}, {"part/number": np.array(number)})
    (tmp_path / NAME).write_bytes(b"damaged")
    checkpointer, counter = resumed(tmp_path)
    replace, left = os.replace, [renames]

    def dying(source, target):
        if not left[0]:
            raise Killed
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying)
    try:
        for counter.number in (2, 3):
            checkpointer.save()
    except Killed:
        pass
    monkeypatch.setattr(os, "replace", replace)
    assert resumed(tmp_path)[1].number in (1, 2)
    checkpointer, counter = resumed(tmp_path)
    for counter.number in (8, 9):
        checkpointer.save()
    assert resumed(tmp_path)[1].number == 9
    (tmp_path / NAME).write_bytes(b"damaged")
    assert resumed(tmp_path)[1].number == 8


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    """An object array, which only pickle could read, counts as damage."""
    np.savez(tmp_path / NAME, header=np.array([print], object), digest=np.array(""))
    with pytest.raises(InputError, match="is damaged"):
        read_checkpoint(str(tmp_path))
