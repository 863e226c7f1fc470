"""games.md 2, 4, 5 and 8 for both run-to-goal games."""

import gymnasium
import numpy as np
import pytest
from made_states import assert_fills, field, forces, many_resets, outcome, scramble, still

GAMES = ("run-to-goal-ants", "run-to-goal-humans")
OVER = {"run-to-goal-ants": 0.28, "run-to-goal-humans": 0.8}  # down below this height


@pytest.mark.parametrize("name", GAMES)
def test_reset_noise(name):
    """games.md 2: qpos + U(-0.1, 0.1) with the root quaternion normalized, qvel 0.1 N(0, 1)."""
    game, found = many_resets(name)
    qpos0 = game.sim.models[0].qpos0
    for seat in game.seats:
        quat = slice(seat.qpos_slice.start + 3, seat.qpos_slice.start + 7)
        np.testing.assert_allclose(np.linalg.norm(found["qpos"][:, quat], axis=1), 1)
        turns = np.sort(found["qpos"][:, quat].std(axis=0))
        assert turns[0] < 0.01 and (turns[1:] > 0.05).all()  # the large one hardly changes
        others = np.r_[seat.qpos_slice.start:quat.start, quat.stop:seat.qpos_slice.stop]
        assert_fills(found["qpos"][:, others], qpos0[others] - 0.1, qpos0[others] + 0.1)
    assert found["qvel"].std() == pytest.approx(0.1, rel=0.02)
    assert found["qvel"].mean() == pytest.approx(0, abs=0.01)
    assert np.abs(found["qvel"]).max() > 0.3  # normal, not uniform
    assert (found["steps"] == 0).all()


def expected_dense(game, seat, ac):
    """games.md 4 by hand."""
    sim, own = game.sim, game.seats[seat]
    way = (sim.columns["subtree_com"] - sim.com_before)[:, own.root, 0] * (1, -1)[seat]
    force, z = forces(game, seat), own.qpos[:, 2]
    if own.body.name == "ant":
        return {"reward_forward": way / 0.05, "reward_ctrl": 0.5 * (ac**2).sum(axis=1),
                "reward_contact": 0.0005 * (np.clip(force, -1, 1) ** 2).sum(axis=1),
                "reward_survive": np.where(z >= 0.28, 1, -1)}
    return {"reward_forward": 0.25 * way / 0.003, "reward_ctrl": 0.1 * (ac**2).sum(axis=1),
            "reward_contact": np.minimum(10, 5e-7 * (force**2).sum(axis=1)),
            "reward_survive": np.where(z >= 1.0, 5, -5),
            "reward_goal_dist": -np.abs(own.qpos[:, 0] - (4, -4)[seat])}


@pytest.mark.parametrize("seat", range(2))
@pytest.mark.parametrize("name", GAMES)
def test_dense_reward(name, seat, rng):
    """games.md 4: every part, with raw actions beyond the motors' range."""
    game = field(name, 40)
    acs = scramble(game, rng)
    game.score(acs)
    parts = expected_dense(game, seat, acs[seat])
    assert set(game.parts[seat]) == set(parts)
    for part, expected in parts.items():
        np.testing.assert_allclose(game.parts[seat][part], expected, err_msg=part)
    total = (parts["reward_forward"] - parts["reward_ctrl"] - parts["reward_contact"]
             + parts["reward_survive"] + parts.get("reward_goal_dist", 0))
    np.testing.assert_allclose(game.reward_move[seat], total)
    np.testing.assert_array_equal(game.body_move, game.reward_move)
    if name == "run-to-goal-humans":
        assert parts["reward_contact"].max() == 10 > parts["reward_contact"].min()


@pytest.mark.parametrize("name, standing, down", [("run-to-goal-ants", 0.28, 0.28),
                                                  ("run-to-goal-humans", 1.0, 0.8)])
def test_height_limits(name, standing, down):
    """games.md 4: standing at exactly the limit, down only below it."""
    game = field(name, 4)
    for seat in game.seats:
        seat.z[:] = standing, standing - 1e-9, down, down - 1e-9
    game.score(still(game))
    for seat in range(2):
        stands = game.parts[seat]["reward_survive"] > 0
        np.testing.assert_array_equal(stands, [True, False, standing == down, False])
        np.testing.assert_array_equal(game.down[seat], [False, standing == down, False, True])


ENDINGS = [  # x of both, whether down, steps -> ending, winner, rewards
    ((3.999, -3.999), (0, 0), 499, ("", None, (0, 0))),
    ((4.001, -3.999), (0, 0), 1, ("touchdown", 0, (1000, -1000))),
    ((-1, -4.001), (1, 0), 1, ("touchdown", 1, (-1000, 1000))),
    ((4.001, -4.001), (0, 0), 1, ("both touched down", None, (0, 0))),
    ((4.001, 1), (1, 1), 500, ("touchdown", 0, (1000, -1000))),
    ((-4.001, 4.001), (0, 1), 1, ("", None, (0, 0))),  # the wrong way, and one alone down
    ((-1, 1), (1, 1), 1, ("both down", None, (0, 0))),
    ((-1, 1), (0, 1), 500, ("time-out", None, (0, 0))),
]


def stage(game, xs, down, steps):
    for seat, x, low in zip(game.seats, xs, down):
        seat.com[:, 0] = x
        seat.z[:] = OVER[game.name] - 0.01 * low
    game.steps[:] = steps
    game.score(still(game))


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("xs, down, steps, result", ENDINGS)
def test_endings(name, xs, down, steps, result):
    """games.md 5: the torso's subtree com decides; the 500 steps are this project's own."""
    game = field(name, 1)
    stage(game, xs, down, steps)
    assert outcome(game) == result
    assert game.truncated[0] == (result[0] == "time-out")


@pytest.mark.parametrize("xs, down, steps, result", ENDINGS)
def test_draw_penalty(xs, down, steps, result):
    """games.md 8: the paper's -1000 each where nobody scores."""
    game = field("run-to-goal-ants", 1, draw_penalty=True)
    stage(game, xs, down, steps)
    if result[0] in ("both down", "time-out"):
        result = (*result[:2], (-1000, -1000))
    assert outcome(game) == result


@pytest.mark.parametrize("name", GAMES)
def test_a_played_touchdown(name):
    """The rules see MuJoCo's state: agent0 is put across its line."""
    env = gymnasium.make(f"{name}-v0").unwrapped
    env.reset(seed=0)
    env.data.qpos[0] = 4.5
    _, rewards, terminated, truncated, infos = env.step(still_pair(env))
    assert terminated and not truncated
    assert infos[0]["winner"] is True and "winner" not in infos[1]
    assert infos[0]["ending"] == "touchdown"
    for reward, info, prize in zip(rewards, infos, (1000, -1000)):
        assert info["reward_remaining"] == prize
        assert reward == pytest.approx(prize + info["reward_move"])
        assert info["agent_done"] is False


def still_pair(env):
    return [ac[0] for ac in still(env.game)]


@pytest.mark.parametrize("name", GAMES)
def test_time_limit(name):
    """games.md 5: truncated, not terminated, and 500 steps unless asked otherwise."""
    env = gymnasium.make(f"{name}-v0", max_episode_steps=3).unwrapped
    env.reset(seed=0)
    ends = [env.step(still_pair(env))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    assert gymnasium.make(f"{name}-v0").unwrapped.game.max_episode_steps == 500
