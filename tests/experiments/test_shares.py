"""Shares and their intervals against plain arithmetic."""

import numpy as np
import pytest

from experiments import shares
from experiments.meetings import Meeting, Outcome, Side


def outcomes():
    """Random outcomes of three arms, two seeds, both seats."""
    rng, found = np.random.default_rng(3), []
    for seed in (0, 1):
        for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
            for seat in (0, 1):
                counts = rng.integers(0, 9, 3).tolist()
                found.append(Outcome(Meeting("g", seed, Side(one, 1), Side(other, 1)), seat,
                                     *counts))
    return found


def test_one_seed_has_wilsons_interval():
    """Of 13 of 40: the textbook's formula."""
    n, p, z = 40, 13 / 40, 1.959963985
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = shares.share({7: (13, 40)})
    assert found["share"] == 0.325 and found["games"] == 40
    assert found["interval"] == pytest.approx([middle - half, middle + half], abs=1e-4)


def test_several_seeds_are_bootstrapped():
    """All means of all draws of three seeds with replacement, counted exactly."""
    counts = {0: (2, 10), 1: (9, 10), 2: (30, 50)}
    values = [0.2, 0.9, 0.6]
    means = [np.mean([a, b, c]) for a in values for b in values for c in values]
    found = shares.share(counts)
    assert found["share"] == pytest.approx(np.mean(values), abs=1e-4) and found["games"] == 70
    expected = np.percentile(means, [2.5, 97.5], method="inverted_cdf")
    assert found["interval"] == pytest.approx(expected, abs=1e-3)


def test_nobody_played():
    """No matches, no share."""
    assert shares.share({}) == shares.share({0: (0, 0)}) == {
        "share": None, "interval": None, "games": 0}


def test_the_matrix_counts_every_game_from_both_sides():
    """Sums over a plain loop; one's wins are the other's losses."""
    cells = shares.matrix(outcomes(), "abc")
    for row in "abc":
        for column in set("abc") - {row}:
            per_seed = []
            for seed in (0, 1):
                won = played = 0
                for o in outcomes():
                    ends = o.meeting.first.arm, o.meeting.second.arm
                    if o.meeting.seed == seed and set(ends) == {row, column}:
                        won += o.wins if ends[0] == row else o.losses
                        played += o.wins + o.losses + o.ties
                per_seed.append(won / played)
            assert cells[row][column]["wins"]["share"] == pytest.approx(np.mean(per_seed), abs=1e-4)
            assert cells[row][column]["wins"] == cells[column][row]["losses"]
            assert cells[row][column]["ties"] == cells[column][row]["ties"]


def test_against_all_and_by_seat():
    """All matches of an arm; those from one seat."""
    found = shares.against_all(outcomes(), "abc")["b"]
    theirs = [o for o in outcomes() if "b" in (o.meeting.first.arm, o.meeting.second.arm)]
    assert found["wins"]["games"] == sum(o.wins + o.losses + o.ties for o in theirs)
    counted = shares.tally(outcomes(), "wins", lambda one, other: one == (Side("c", 1), 1))
    for seed in (0, 1):  # c is always second: in seat 1 where the first sits in 0
        mine = [o for o in outcomes() if o.meeting.second.arm == "c" and o.seat == 0
                and o.meeting.seed == seed]
        assert counted[seed] == (sum(o.losses for o in mine),
                                 sum(o.wins + o.losses + o.ties for o in mine))
