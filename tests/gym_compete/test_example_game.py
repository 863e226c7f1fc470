"""The README's seventh game is registered and played like the six."""

import gymnasium
import numpy as np
import pytest
from example_game import TagAnts
from made_states import field, outcome, still

from gym_compete import GAMES, CompeteVectorEnv, find_game, register


def test_it_is_registered():
    assert find_game("tag-ants") is find_game("tag-ants-v0") is GAMES["tag-ants"] is TagAnts


@pytest.mark.parametrize("gap, steps, result", [
    (1.001, 299, ("", None, (0, 0))), (0.999, 300, ("tagged", 0, (1000, -1000))),
    (1.001, 300, ("time-out", 1, (-1000, 1000)))])
def test_its_rules(gap, steps, result):
    game = field("tag-ants", 1)
    one, other = game.seats
    other.qpos[:, :2] = one.qpos[:, :2] + [0.6 * gap, 0.8 * gap]
    game.steps[:] = steps
    game.score(still(game))
    assert outcome(game) == result
    assert game.reward_move[1, 0] - game.reward_move[0, 0] == pytest.approx(2 * gap)


def test_it_is_played():
    env = gymnasium.make("tag-ants-v0")
    obs, _ = env.reset(seed=0)
    assert [ob.shape for ob in obs] == [(122,), (122,)]
    env.unwrapped.data.qpos[:2] = env.unwrapped.data.qpos[15:17] + 0.5
    _, _, terminated, _, infos = env.step([np.zeros(8), np.zeros(8)])
    assert terminated and infos[0]["winner"] is True and infos[0]["ending"] == "tagged"
    vector = CompeteVectorEnv("tag-ants", 2, seed=0, max_episode_steps=2)
    vector.reset()
    ends = [vector.step([np.zeros((2, 8))] * 2)[2].tolist() for _ in range(4)]
    assert ends == [[False, False], [True, True]] * 2


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'tag-ants'.* is taken by TagAnts"):
        register(type("Other", (TagAnts,), {"env_id": "other-v0"}))
