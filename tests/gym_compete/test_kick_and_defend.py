"""games.md 1 to 5 for kick-and-defend."""

import gymnasium
import mujoco
import numpy as np
import pytest
from made_states import assert_fills, field, forces, many_resets, outcome, scramble, still

NAME = "kick-and-defend"
STILL = [np.zeros(17), np.zeros(17)]


def test_ball_and_goal():
    """games.md 1: the ball's coordinates come first; the goal box is only to look at."""
    model = field(NAME, 1).sim.models[0]
    ball = model.body("ball")
    assert ball.mass == pytest.approx(0.1)
    np.testing.assert_allclose(ball.inertia, 0.4 * 0.1 * 0.15**2)
    assert model.geom("ball").type == mujoco.mjtGeom.mjGEOM_SPHERE
    assert model.geom("ball").size[0] == 0.15 and model.geom("ball").contype == 1
    joint = model.joint("ball")
    assert joint.type == mujoco.mjtJoint.mjJNT_FREE
    assert joint.qposadr == 0 and joint.dofadr == 0
    np.testing.assert_allclose(model.dof_damping[:6], 0.001)
    np.testing.assert_allclose(model.dof_armature[:6], 0)
    goal = model.geom("goal")
    np.testing.assert_allclose(goal.size, [0.1, 3, 3])
    assert goal.pos[0] == 4.05 and goal.contype == 0 and goal.conaffinity == 0


FULL = {"kicker": ((-3.5, -0.5), (-2, 2)), "keeper": ((1.6, 3.5), (-2, 2)),
        "ball": ((-2, 1), (-4, 4))}


@pytest.mark.parametrize("version", [None, 0, 2500, 4382])
def test_reset(version):
    """games.md 2: places, and the curriculum that opens them up."""
    spread = np.inf if version is None else 0.05 * np.exp(0.001 * version)
    _, found = many_resets(NAME, version)
    starts = {"ball": (0, 0), "kicker": (7, -2), "keeper": (31, 2)}
    for who, (column, center) in starts.items():
        for axis, middle in enumerate((center, 0)):
            low, high = FULL[who][axis]
            assert_fills(found["qpos"][:, column + axis], max(low, middle - spread),
                         min(high, middle + spread))
    assert (found["qpos"][:, 2] == 0.35).all()
    for column in (9, 33):
        assert_fills(found["qpos"][:, column], 1.4, 1.6)
    assert not found["touched"].any()
    assert spread > 3.999 or version in (0, 2500)  # all open from v = 4382


def test_ball_does_not_start_backwards():
    """games.md 2: a negative x velocity makes the linear velocity (0.1, 0.1, 0.1)."""
    _, found = many_resets(NAME)
    speed = found["qvel"][:, :3]
    assert (speed[:, 0] >= 0).all()
    turned = (speed == 0.1).all(axis=1)
    assert 0.4 < turned.mean() < 0.6
    assert not (speed[~turned] == 0.1).any()
    assert (found["qvel"][:, 3] < 0).any()  # its spin is left alone


def test_dense_reward(rng):
    """games.md 4: both agents' parts, with clipped actions."""
    game = field(NAME, 60)
    acs = scramble(game, rng)
    game.steps[:] = 1
    game.score(acs)
    qpos, sim = game.sim.columns["qpos"], game.sim
    for seat, ac in zip(game.seats, acs):
        parts = game.parts[seat.index]
        np.testing.assert_allclose(parts["reward_ctrl"],
                                   0.1 * (np.clip(ac, -0.4, 0.4) ** 2).sum(axis=1))
        np.testing.assert_allclose(
            parts["reward_contact"],
            np.minimum(10, 5e-7 * (forces(game, seat.index) ** 2).sum(axis=1)))
    kicker, keeper = game.seats
    np.testing.assert_allclose(game.parts[0]["reward_survive"], np.where(kicker.z >= 1, 5, -5))
    at_goal = (keeper.z >= 1) & (keeper.x <= 4.05) & (np.abs(keeper.y) <= 3)
    np.testing.assert_allclose(game.parts[1]["reward_survive"], np.where(at_goal, 5, -5))
    way = (sim.columns["subtree_com"] - sim.com_before)[:, kicker.root, 0]
    np.testing.assert_allclose(game.parts[0]["reward_forward"], 0.25 * way / 0.003)
    distance = np.sqrt((kicker.x - qpos[:, 0]) ** 2 + (kicker.y - qpos[:, 1]) ** 2)
    np.testing.assert_allclose(game.parts[0]["reward_goal_dist"], distance)
    effort = [parts["reward_survive"] - parts["reward_ctrl"] - parts["reward_contact"]
              for parts in game.parts]
    bodies = np.array([effort[0] + game.parts[0]["reward_forward"] - distance, effort[1]])
    np.testing.assert_allclose(game.body_move, bodies)
    to_go = np.where(game.ending == 0, np.abs(qpos[:, 0] - 4), 0)
    assert 0 < (game.ending == 0).sum() < 60
    np.testing.assert_allclose(game.reward_move, bodies + [-to_go, to_go])


@pytest.mark.parametrize("x, y, z, bonus", [
    (4.05, 3, 1, 5), (4.051, 3, 1, -5), (4.05, -3.001, 1, -5), (4.05, 0, 0.999, -5)])
def test_keeper_stands_at_its_goal(x, y, z, bonus):
    """games.md 4."""
    game = field(NAME, 1)
    keeper = game.seats[1]
    keeper.x[:], keeper.y[:], keeper.z[:] = x, y, z
    game.score(still(game))
    assert game.parts[1]["reward_survive"][0] == bonus


def test_down():
    """games.md 5: kicker z < 0.8, keeper z <= 0.5."""
    game = field(NAME, 4)
    for seat in game.seats:
        seat.z[:] = 0.5, 0.5 + 1e-9, 0.8 - 1e-9, 0.8
    game.score(still(game))
    np.testing.assert_array_equal(game.down, [[True, True, True, False],
                                              [True, False, False, False]])


GOAL, SAVE = (1000, -1000), (-1000, 1500)
ENDINGS = [  # changes to a match that goes on -> ending, winner, rewards
    ({}, ("", None, (0, 0))),
    ({"ball": (4, 0)}, ("", None, (0, 0))),
    ({"ball": (4.001, 3)}, ("goal", 0, GOAL)),
    ({"ball": (4.001, -3), "speed": (-2, 0, 0), "steps": 500, "keeper": (0, 1.4)},
     ("goal", 0, GOAL)),
    ({"ball": (4.001, 3.001)}, ("ball wide", 1, SAVE)),
    ({"ball": (4.001, -3.001), "keeper": (0, 1.4)}, ("ball wide", 1, SAVE)),
    ({"speed": (-0.01, 1.0, 0)}, ("ball back", 1, SAVE)),
    ({"speed": (-0.01, 0.99, 0)}, ("", None, (0, 0))),
    ({"speed": (0.01, 3, 3)}, ("", None, (0, 0))),
    ({"kicker": 0.79, "keeper": (3, 0.5)}, ("both down", 1, (-1000, 1000))),
    ({"kicker": 0.8, "keeper": (3, 0.5)}, ("", None, (0, 0))),
    ({"kicker": 0.79, "keeper": (3, 0.501)}, ("", None, (0, 0))),
    ({"steps": 500}, ("time-out", 1, SAVE)),
    ({"steps": 500, "keeper": (0, 1.4)}, ("time-out", 1, SAVE)),
    ({"steps": 500, "touched": True}, ("time-out", 1, (-1000, 2000))),
    ({"steps": 500, "touched": True, "keeper": (3, 0.8)}, ("time-out", 1, (-1000, 1500))),
    ({"steps": 500, "keeper": (3, 0.8)}, ("time-out", 1, (-1000, 1000))),
    ({"keeper": (1.499, 1.4)}, ("foul", None, (0, -1000))),
    ({"keeper": (6.501, 1.4)}, ("foul", None, (0, -1000))),
    ({"keeper": (1.5, 1.4)}, ("", None, (0, 0))),
]


@pytest.mark.parametrize("changes, result", ENDINGS)
def test_endings(changes, result):
    """games.md 5; the time limit is a rule of this game."""
    game = field(NAME, 1)
    state = {"ball": (0, 0), "speed": (0, 0, 0), "kicker": 1.4, "keeper": (3, 1.4), "steps": 499,
             "touched": False} | changes
    kicker, keeper = game.seats
    game.sim.columns["qpos"][0, :2], game.sim.columns["qvel"][0, :3] = state["ball"], state["speed"]
    kicker.z[:], (keeper.x[:], keeper.z[:]) = state["kicker"], state["keeper"]
    game.steps[:], game.touched[:] = state["steps"], state["touched"]
    game.score(still(game))
    assert outcome(game) == result
    assert not game.truncated.any()


def test_a_played_save():
    """games.md 5: the keeper's touch is remembered; the kicker's does not count."""
    env = gymnasium.make("kick-and-defend-v0").unwrapped
    env.reset(seed=0)
    data, (kicker, keeper) = env.data, env.game.seats
    for seat in (kicker, keeper):
        data.qvel[:] = 0
        data.qpos[:3] = data.qpos[seat.qpos_slice][:3] + [0.1, 0, 0]
        assert not env.step(STILL)[2]
        assert env.game.touched[0] == (seat is keeper)
    data.qpos[:3], data.qvel[:6] = (0, 0, 2), (-2, 0, 0, 0, 0, 0)
    _, rewards, terminated, truncated, infos = env.step(STILL)
    assert terminated and not truncated and infos[0]["ending"] == "ball back"
    assert infos[1]["winner"] is True and "winner" not in infos[0]
    assert [info["reward_remaining"] for info in infos] == [-1000, 2000]
    env.reset()
    assert not env.game.touched[0]


def test_the_environments_own_reward():
    """games.md 5: the ball's way to the goal is in reward_move but not in the reward."""
    env = gymnasium.make("kick-and-defend-v0").unwrapped
    env.reset(seed=0)
    _, rewards, _, _, infos = env.step(STILL)
    way = abs(env.data.qpos[0] - 4)
    assert rewards[0] == pytest.approx(infos[0]["reward_move"] + way)
    assert rewards[1] == pytest.approx(infos[1]["reward_move"] - way)


def test_time_limit():
    """games.md 5: 500 steps, a rule of the game."""
    env = gymnasium.make("kick-and-defend-v0", max_episode_steps=2).unwrapped
    env.reset(seed=0)
    assert [env.step(STILL)[2:4] for _ in range(2)] == [(False, False), (True, False)]
    assert field(NAME, 1).max_episode_steps == 500
