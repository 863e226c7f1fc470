"""Bradley-Terry ratings with confidence intervals."""

import choix
import numpy as np

ELO = 400 / np.log(10)  # points per unit of log-odds: 400 points are odds of ten to one


def bradley_terry(wins, ties):
    """Maximum-likelihood ratings in Elo points, mean 0: returns (ratings [n], half-widths [n]).

    wins: [n, n], matches that the row's entrant won against the column's; ties: [n, n], symmetric.
    A tie counts as half a win each. Each pair that has met gets one extra tie: without it, an
    entrant that never loses would be rated infinite. Half-widths are those of 95 % intervals of the
    difference to the mean of all. They follow from the actual scatter of results about what the
    ratings predict (the "sandwich" of White, 1982): a tie scatters less than a win and a loss, so
    the Fisher information alone would make them too wide.

    Raises ValueError if the entrants form groups that never played each other.
    """
    wins, ties = np.asarray(wins, float), np.asarray(ties, float)
    met = wins + wins.T + ties > 0
    if not connected(met):
        raise ValueError("the entrants form groups that never played each other")
    score = wins + ties / 2 + met / 2
    strength = choix.ilsr_pairwise_dense(score, max_iter=1000)
    strength -= strength.mean()
    chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    bread = np.linalg.pinv(laplacian((score + score.T) * chance * chance.T), hermitian=True)
    won = wins + met / 2  # the extra tie counts as half a win and half a loss, which scatter more
    scatter = won * chance.T**2 + won.T * chance**2 + ties * (chance - 0.5) ** 2
    covariance = bread @ laplacian(scatter) @ bread
    return ELO * strength, ELO * 1.959964 * np.sqrt(np.diag(covariance))


def laplacian(weight):
    """The matrix of a sum over pairs of weight (x_i - x_j)^2 / 2; weight: [n, n], symmetric."""
    return np.diag(weight.sum(1)) - weight


def connected(met):
    """Whether pairs that have met ([n, n] bool) link the first entrant to all others."""
    reached = np.arange(len(met)) == 0
    for _ in met:
        reached = reached | met[reached].any(0)
    return bool(reached.all())
