"""What the released policies see here against what their observation filters say they saw.

A filter holds the mean and the deviation of every observation entry over a policy's whole training
(games.md 7). A wrong mass, frame, order or sign in an observation moves its mean by several
deviations (up to 7.6 with today's capsule masses). A policy's own progress since it was a beginner
moves it too: most, by 1.35, at the blocker's right shoulder, and in sumo, by 0.9, the ring's
radius, since the curriculum began with small rings.
"""

import numpy as np
import pytest
from helpers import NumpyPolicy

from evaluation.matches import play
from gym_compete import find_game
from networks.loading import load_entries

GAMES_PLAYED = 40
MOST = 1.5  # filter deviations

# One file plays both seats of a symmetric game.
PLAYERS = {
    "run-to-goal-ants": ("run-to-goal-ants_agent0_v1", "run-to-goal-ants_agent1_v1"),
    "you-shall-not-pass": ("you-shall-not-pass_agent0_v1", "you-shall-not-pass_agent1_v1"),
    "sumo-ants": ("sumo-ants_v2", "sumo-ants_v2"),
}


def mean_observations(name, entries):
    """The mean of each observation entry over all steps of the matches: [2, ob_dim], by seat."""
    game = find_game(name)
    total, count = np.zeros((2, game().ob_dims[0])), 0

    def add(env, games):
        nonlocal count
        total[:] += [ob[list(games)].sum(axis=0, dtype=np.float64) for ob in env.obs]
        count += len(games)

    play(name, entries, GAMES_PLAYED, seed=0, num_threads=2, num_envs=20, on_step=add)
    mean = total / count
    # The filter of a policy for both seats has seen both.
    return np.tile(mean.mean(axis=0), (2, 1)) if game.shared_policy else mean


@pytest.mark.parametrize("name", PLAYERS)
def test_the_zoo_sees_what_it_saw(shared, name):
    """No single entry of any slice is off by more than 1.5 filter deviations."""
    _, entries = load_entries([str(shared / f"zoo/{file}.npy") for file in PLAYERS[name]], name)
    game, found = find_game(name)(), mean_observations(name, entries)
    slices = [f"{block}[{i}]" for block, array in game.blocks(*game.seats)
              for i in range(array.shape[1])]
    for seat, entry in enumerate(entries):
        kind, width = entry.header["policy"], entry.header["policy_args"]["hid_size"]
        zoo = NumpyPolicy(entry.vector, game.ob_dims[seat], game.ac_dims[seat], kind, width)
        off = (found[seat] - zoo.ob_mean) / zoo.ob_std
        wrong = {slices[i]: f"{found[seat, i]:.3f}, the zoo saw {zoo.ob_mean[i]:.3f}"
                            f" +- {zoo.ob_std[i]:.3f}" for i in np.flatnonzero(abs(off) > MOST)}
        assert not wrong, f"agent{seat}: {wrong}"
