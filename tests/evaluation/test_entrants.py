"""Who takes part, under which name and in which seats."""

import numpy as np

from evaluation.entrants import BASELINES, collect
from evaluation.matches import play
from networks.loading import blank_entry


def test_released_files_say_their_seat_by_name(shared):
    """Where the seats differ; sumo's sit in both."""
    zoo = shared / "zoo"
    _, runners = collect([str(zoo / f"run-to-goal-ants_agent{k}_v1.npy") for k in (0, 1)], {}, None)
    assert [runner.seats for runner in runners] == [(0,), (1,)]
    _, wrestlers = collect([str(zoo / "sumo-ants_v1.npy")], {}, "sumo-ants")
    assert wrestlers[0].seats == (0, 1)


def test_anchors():
    """Zero's ants pay no control cost, random's do."""
    seen = []
    play("run-to-goal-ants", [blank_entry("run-to-goal-ants", BASELINES[word])
                              for word in ("zero", "random")], 2, integrator="Euler",
         on_step=lambda env, playing: seen.append([part["reward_ctrl"].copy()
                                                 for part in env.infos["parts"]]))
    still, moving = np.abs(np.array(seen)).max(axis=(0, 2))
    assert still < 1e-6 < 1 < moving
