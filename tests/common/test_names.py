"""Short names of files and outcomes."""

import os

import pytest

from common.names import outcome, short_names


@pytest.mark.parametrize("paths, names", [
    (["/a/x/1.npz", "/a/y/1.npz", "/a/y/2.npy"], ["x/1", "y/1", "2"]),
    (["/a/x/1.npz", "/a/x/../x/1.npz"], ["1", "1"]),
    (["/a/x/1.npz", "/a/x/1.npy"], ["/a/x/1.npz", "/a/x/1.npy"]),
    (["/a/zero.npz"], ["a/zero"]),
    (["/b/x/1.npz", "/c/x/1.npz"], ["b/x/1", "c/x/1"]),
    (["/a/two\nlines.npz"], ["two\\nlines"]), ([], [])])
def test_short_names(paths, names):
    """The last parts that tell files apart; the same file has one name; always one line."""
    assert short_names(paths, reserved=("zero", "random")) == names


def test_a_link_is_named_after_its_file(tmp_path):
    """As in tournaments, whose entrants are told apart by what their links lead to."""
    (tmp_path / "best.npz").touch()
    os.symlink(tmp_path / "best.npz", tmp_path / "link.npz")
    assert short_names([str(tmp_path / "link.npz")]) == ["best"]


def test_outcome():
    """A name wins, or it is a tie."""
    assert [outcome(winner, "AB") for winner in (0, 1, None)] == ["A wins", "B wins", "tie"]
