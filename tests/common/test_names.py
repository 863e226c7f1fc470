"""Short names of files and outcomes."""

import os

import pytest

from common.names import distinct, outcome, short_names


@pytest.mark.parametrize("paths, names", [
    (["/a/x/1.npz", "/a/y/1.npz", "/a/y/2.npy"], ["x/1", "y/1", "y/2"]),
    (["/a/x/1.npz", "/a/x/../x/1.npz"], ["x/1", "x/1"]),
    (["/run-1/agent0/000640.npz", "/run-1/agent1/000640.npz"], ["agent0/000640", "agent1/000640"]),
    (["/run-1/agent0/000640.npz", "/run-2/agent0/000640.npz"],
     ["run-1/agent0/000640", "run-2/agent0/000640"]),
    (["/zoo/sumo-ants_v1.npy", "/zoo/sumo-ants_v2.npy"], ["v1", "v2"]),
    (["/zoo/sumo-ants_v1.npy", "/mine/v1.npz"], ["zoo/v1", "mine/v1"]),
    (["/zoo/sumo-ants_v1.npy", "/zoo/v1.npz"], ["/zoo/sumo-ants_v1.npy", "/zoo/v1.npz"]),
    (["/zoo/run-to-goal-ants_agent0_v1.npy", "/zoo/agent0.npz"], ["agent0_v1", "agent0"]),
    (["/a/x/1.npz", "/a/x/1.npy"], ["/a/x/1.npz", "/a/x/1.npy"]),
    (["/a/zero.npz", "/a/sumo-ants_random.npz"], ["a/zero", "a/random"]),
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


@pytest.mark.parametrize("winner, ending, words", [
    (1, "fell", "B wins: A fell"), (0, "out", "A wins: B is out"),
    (0, "touchdown", "A wins: touchdown"), (1, "walker fell", "B wins: walker fell"),
    (None, "both fell", "tie: both fell"), (None, "fell", "tie: fell")])
def test_how_it_ended(winner, ending, words):
    """What happened to the loser is said of the loser."""
    assert outcome(winner, "AB", ending) == words


def test_players_are_told_apart():
    """By their names or, if these are alike, by their robots' colors."""
    assert distinct(["agent0", "agent1"]) == ["agent0", "agent1"]
    assert distinct(["agent0", "agent0"]) == ["agent0 (red)", "agent0 (blue)"]
