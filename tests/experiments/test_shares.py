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


def test_several_seeds_have_students_interval():
    """With the quantile 4.303 of the textbooks' tables for three; no share is beyond 0 and 1."""
    found = shares.share({0: (300, 1000), 1: (450, 900), 2: (200, 500)})
    values = np.array([0.3, 0.5, 0.4])
    half = 4.303 * np.sqrt(np.square(values - 0.4).sum() / 2 / 3)
    assert found["share"] == pytest.approx(0.4) and found["games"] == 2400
    assert found["interval"] == pytest.approx([0.4 - half, 0.4 + half], abs=1e-3)
    assert shares.share({0: (2, 10), 1: (9, 10)})["interval"] == [0, 1]


def test_seeds_that_agree_by_chance():
    """The interval is never narrower than Wilson's over all matches."""
    assert shares.share({0: (4, 40), 1: (4, 40)})["interval"] == shares.share(
        {0: (8, 80)})["interval"]


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("truth, spread", [(0.5, 0.1), (0.3, 0), (0.05, 0.01)])
def test_the_truth_is_inside(seeds, truth, spread, rng):
    """In 95 % of the studies, whatever the number of their seeds, up to this test's own chance."""
    inside = 0
    for _ in range(600):
        wins = rng.binomial(60, np.clip(rng.normal(truth, spread, seeds), 0, 1)).tolist()
        low, high = shares.share({k: (n, 60) for k, n in enumerate(wins)})["interval"]
        inside += low <= truth <= high
    assert inside / 600 > 0.93


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
