"""games.md 4 and 5 for you-shall-not-pass."""

import gymnasium
import numpy as np
import pytest
from made_states import assert_fills, field, forces, many_resets, outcome, scramble, still

NAME = "you-shall-not-pass"


def test_reset_noise():
    """games.md 2."""
    game, found = many_resets(NAME)
    for start, x in ((0, -1), (24, 1)):
        assert_fills(found["qpos"][:, start:start + 3], np.array([x, 0, 1.4]) - 0.1,
                     np.array([x, 0, 1.4]) + 0.1)
    assert found["qvel"].std() == pytest.approx(0.1, rel=0.02)


def test_dense_reward(rng):
    """games.md 4: the walker as in run-to-goal, the blocker without the forward term."""
    game = field(NAME, 40)
    acs = scramble(game, rng)
    game.score(acs)
    sim, walker = game.sim, game.seats[1]
    for seat in game.seats:
        parts = game.parts[seat.index]
        np.testing.assert_allclose(parts["reward_ctrl"], 0.1 * (acs[seat.index] ** 2).sum(axis=1))
        np.testing.assert_allclose(
            parts["reward_contact"],
            np.minimum(10, 5e-7 * (forces(game, seat.index) ** 2).sum(axis=1)))
        np.testing.assert_allclose(parts["reward_survive"], np.where(seat.z >= 1.0, 5, -5))
    way = (sim.columns["subtree_com"] - sim.com_before)[:, walker.root, 0]
    parts = game.parts[1]
    np.testing.assert_allclose(parts["reward_forward"], -0.25 * way / 0.003)
    np.testing.assert_allclose(parts["reward_goal_dist"], -np.abs(walker.x + 4))
    np.testing.assert_allclose(
        game.reward_move[1], parts["reward_forward"] + parts["reward_survive"]
        - parts["reward_ctrl"] - parts["reward_contact"] - np.abs(walker.x + 4))
    parts = game.parts[0]
    body = parts["reward_survive"] - parts["reward_ctrl"] - parts["reward_contact"]
    np.testing.assert_allclose(game.body_move[0], body)
    across = walker.com[:, 0] < -4
    assert 0 < across.sum() < 40
    to_go = np.where(across, 0, np.abs(walker.x + 4))
    np.testing.assert_allclose(game.reward_move[0], body + to_go)


def test_height_limits():
    """games.md 4: the blocker is down at 0.5 and below, the walker below 0.8."""
    game = field(NAME, 4)
    for seat in game.seats:
        seat.z[:] = 0.5, 0.5 + 1e-9, 0.8 - 1e-9, 0.8
    game.score(still(game))
    np.testing.assert_array_equal(game.down, [[True, False, False, False],
                                              [True, True, True, False]])


ENDINGS = [  # heights of both, the walker's com x, steps -> ending, winner, rewards
    ((1.4, 1.4), -3.999, 499, ("", None, (0, 0))),
    ((0.1, 0.301), -3.999, 499, ("", None, (0, 0))),
    ((1.4, 0.1), -4.001, 500, ("touchdown", 1, (-1000, 1000))),
    ((0.301, 0.3), 0, 500, ("walker fell", 0, (1000, -1000))),
    ((0.3, 0.3), 0, 1, ("walker fell", 0, (0, -1000))),
    ((1.4, 1.4), 0, 500, ("time-out", 0, (0, -1000))),
    ((0.1, 1.4), 0, 500, ("time-out", 0, (0, -1000))),
]


@pytest.mark.parametrize("zs, x, steps, result", ENDINGS)
def test_endings(zs, x, steps, result):
    """games.md 5; the time limit is a rule of this game, and both down does not end it."""
    game = field(NAME, 1)
    game.seats[0].z[:], game.seats[1].z[:] = zs
    game.seats[0].com[:, 0] = 5  # the blocker may go where it likes
    game.seats[1].com[:, 0] = x
    game.steps[:] = steps
    game.score(still(game))
    assert outcome(game) == result
    assert not game.truncated.any()


def test_a_played_fall():
    """The rules see MuJoCo's state; the environment's own sum leaves the blocker's extra out."""
    env = gymnasium.make("you-shall-not-pass-humans-v0").unwrapped
    env.reset(seed=0)
    actions = [np.zeros(17), np.zeros(17)]
    _, rewards, terminated, _, infos = env.step(actions)
    assert not terminated
    way = abs(env.data.qpos[24] + 4)
    assert rewards[0] == pytest.approx(infos[0]["reward_move"] - way)
    assert rewards[1] == pytest.approx(infos[1]["reward_move"])
    env.data.qpos[26:31] = 0.2, np.cos(np.pi / 4), 0, -np.sin(np.pi / 4), 0  # on its back
    _, _, terminated, truncated, infos = env.step(actions)
    assert terminated and not truncated
    assert infos[0]["winner"] is True and "winner" not in infos[1]
    assert [info["reward_remaining"] for info in infos] == [1000, -1000]


def test_time_limit():
    """games.md 5: 500 steps, a rule of the game."""
    env = gymnasium.make("you-shall-not-pass-humans-v0", max_episode_steps=2).unwrapped
    env.reset(seed=0)
    ends = [env.step([np.zeros(17), np.zeros(17)])[2:4] for _ in range(2)]
    assert ends == [(False, False), (True, False)]
    assert field(NAME, 1).max_episode_steps == 500
