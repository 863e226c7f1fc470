"""Bradley-Terry ratings against a maximum-likelihood fit of their own, and their intervals."""

import numpy as np
import pytest
from scipy.optimize import minimize

from evaluation.ratings import ELO, bradley_terry


def fit(wins, ties):
    """The same model by SciPy: minus the log-likelihood, minimized with strength 0 set to 0."""
    met = wins + wins.T + ties > 0
    score = wins + ties / 2 + met / 2

    def loss(rest):
        strength = np.concatenate([[0], rest])
        return np.sum(score * np.log1p(np.exp(strength[None] - strength[:, None])))

    found = minimize(loss, np.zeros(len(wins) - 1), method="BFGS", options={"gtol": 1e-8})
    step, n = 1e-3, len(wins) - 1
    hessian = np.array([[(loss(found.x + a + b) - loss(found.x + a - b) - loss(found.x - a + b)
                          + loss(found.x - a - b)) / (4 * step**2)
                         for b in step * np.eye(n)] for a in step * np.eye(n)])
    center = (np.eye(n + 1) - 1 / (n + 1))[:, 1:]
    kinds = [(wins, 1.0), (ties / 2, 0.5), (met / 4, 1.0), (met / 4, 0.0)]  # a pair's, seen by each
    strength = np.concatenate([[0], found.x])
    scatter = np.zeros((n + 1, n + 1))
    for i, j in np.argwhere(met):
        slope = np.eye(n + 1)[i] - np.eye(n + 1)[j]
        for counts, result in kinds:
            surprise = result - 1 / (1 + np.exp(strength[j] - strength[i]))
            scatter += counts[i, j] * np.outer(surprise * slope, surprise * slope)
    spread = center @ np.linalg.inv(hessian)
    variance = np.diag(spread @ scatter[1:, 1:] @ spread.T)
    return ELO * center @ found.x, ELO * 1.959964 * np.sqrt(variance)


def drawn(rng, seats=None):
    """Random counts of five entrants: wins [5, 5], ties [5, 5]; seats: only unlike ones meet."""
    wins, ties = rng.integers(0, 60, (5, 5)), rng.integers(0, 20, (5, 5))
    meet = ~np.eye(5, dtype=bool) if seats is None else np.not_equal.outer(seats, seats)
    return wins * meet, (ties + ties.T) * meet


@pytest.mark.parametrize("seats", [None, (0, 0, 1, 1, 1)])
def test_against_scipy(rng, seats):
    """Ratings and half-widths are those of an independent fit, with blanks in the matrix too."""
    counts = drawn(rng, seats)
    for ours, theirs in zip(bradley_terry(*counts), fit(*counts)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=0.05)


def test_two_of_known_odds():
    """Ten times as many wins are 400 points; one who never loses has a finite rating."""
    ratings, _ = bradley_terry([[0, 99_999_995], [9_999_995.5, 0]], np.zeros((2, 2)))
    assert ratings[0] - ratings[1] == pytest.approx(400, abs=1e-3)
    ratings, half = bradley_terry([[0, 100], [0, 0]], np.zeros((2, 2)))
    assert 900 < ratings[0] - ratings[1] < 950 and np.isfinite(half).all()


@pytest.mark.parametrize("ties", [0.0, 0.28, 0.6])
def test_intervals_cover(rng, ties):
    """Of matches drawn from known strengths, 95 % intervals hold the truth about that often.

    ties: their share among equals; what is left is won so that the expected score is the model's.
    """
    strength = np.array([-0.8, -0.2, 0.3, 0.7])
    chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    tie = ties * 4 * chance * chance.T
    held, count = [], 60
    for _ in range(400):
        wins, tied = np.zeros((4, 4)), np.zeros((4, 4))
        for i, j in zip(*np.triu_indices(4, 1)):
            win = chance[i, j] - tie[i, j] / 2
            wins[i, j], tied[i, j], wins[j, i] = rng.multinomial(
                count, [win, tie[i, j], 1 - win - tie[i, j]])
        ratings, half = bradley_terry(wins, tied + tied.T)
        held.append(abs(ratings - ELO * strength) < half)
    assert 0.93 < np.mean(held) < 0.97


def test_nothing_but_ties():
    """Equals, and still not for sure."""
    ratings, half = bradley_terry(np.zeros((2, 2)), [[0, 20], [20, 0]])
    assert ratings == pytest.approx([0, 0]) and (half > 10).all()


def test_groups_that_never_met():
    """Two islands have no common scale."""
    wins = np.kron(np.eye(2), [[0, 3], [2, 0]])
    with pytest.raises(ValueError, match="groups"):
        bradley_terry(wins, np.zeros((4, 4)))
