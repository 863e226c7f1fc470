"""games.md 3: what the agents see, read afresh from MuJoCo by the names of bodies and joints."""

import gymnasium
import numpy as np
import pytest

from gym_compete import GAMES, find_game

SIZES = {"run-to-goal-ants": 122, "run-to-goal-humans": 380, "you-shall-not-pass": 380,
         "sumo-ants": 137, "sumo-humans": 395, "kick-and-defend": 384}
HUMANOID = ("cinert", "cvel", "qfrc_actuator")


class Eyes:
    """One agent's arrays in an `MjData`, found by names."""

    def __init__(self, env, seat):
        model, data = env.model, env.data
        prefix = f"agent{seat}/"
        roots = [model.body(model.body_rootid[i]).name for i in range(model.nbody)]
        bodies = [i for i, root in enumerate(roots) if root == prefix + "torso"]
        joints = [i for i in range(model.njnt) if model.jnt_bodyid[i] in bodies]
        first, last = joints[0], joints[-1]
        self.qpos = data.qpos[model.jnt_qposadr[first]:model.jnt_qposadr[last] + 1].copy()
        dofs = slice(model.jnt_dofadr[first], model.jnt_dofadr[last] + 1)
        self.qvel, self.qfrc_actuator = data.qvel[dofs].copy(), data.qfrc_actuator[dofs].copy()
        self.cinert, self.cvel = data.cinert[bodies].ravel(), data.cvel[bodies].ravel()
        self.force = np.clip(data.cfrc_ext[bodies], -1, 1).ravel()
        self.xmat = data.body(prefix + "torso").xmat.copy()
        self.xy = self.qpos[:2]


def expected(env, seat):
    """The table of games.md 3 for one seat."""
    name, game = env.game.name, env.game
    me, other = Eyes(env, seat), Eyes(env, 1 - seat)
    humanoid = [] if name.endswith("ants") else [getattr(me, array) for array in HUMANOID]
    if name == "kick-and-defend":
        x, y, z = env.data.body("ball").xpos if game.steps[0] == 0 else env.data.qpos[:3]
        return [me.qpos[2:], me.qvel, *humanoid, me.force, other.xy - me.xy, other.qpos[2:],
                np.array([x, y]) - me.xy, [z, 4 - x, 3 - y, -3 - y]]
    blocks = [me.qpos, me.qvel, *humanoid, me.force, other.qpos]
    if name.startswith("sumo"):
        radius = env.model.geom("arena").size[0]
        edges = [radius, radius - np.linalg.norm(me.xy), radius - np.linalg.norm(other.xy)]
        blocks += [other.xy - me.xy, me.xmat, edges, [500 - game.steps[0]]]
    return blocks


@pytest.mark.parametrize("name", SIZES)
def test_layout(name):
    """After the reset, while things fall and after they have landed."""
    env = gymnasium.make(GAMES[name].env_id).unwrapped
    obs, _ = env.reset(seed=3)
    env.action_space.seed(3)
    seen_force = False
    for step in range(80):
        for seat in range(2):
            assert obs[seat].dtype == np.float32 and obs[seat].shape == (SIZES[name],)
            if step % 10 == 0:
                np.testing.assert_allclose(
                    obs[seat], np.concatenate(expected(env, seat)), rtol=1e-6, atol=1e-6)
                seen_force |= (Eyes(env, seat).force != 0).any()
        obs, _, over, cut, _ = env.step(env.action_space.sample())
        if over or cut:
            obs, _ = env.reset()
    assert seen_force


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    game = find_game(name)()
    assert game.ob_dims == (SIZES[name], SIZES[name])
    nq, nv, nu = (15, 14, 8) if name.endswith("ants") else (24, 23, 17)
    assert game.ac_dims == (nu, nu)
    for seat in game.seats:
        assert seat.qpos.shape[1] == nq and seat.qvel.shape[1] == nv
        np.testing.assert_allclose(seat.ac_high, 1.0 if nu == 8 else 0.4)


def test_spaces_are_tuples_of_boxes():
    env = gymnasium.make("kick-and-defend-v0")
    assert [space.shape for space in env.observation_space] == [(384,), (384,)]
    assert [space.shape for space in env.action_space] == [(17,), (17,)]
    np.testing.assert_allclose(env.action_space[0].high, 0.4)
    np.testing.assert_allclose(env.action_space[0].low, -0.4)


MOTORS = {
    "ant": "hip_4 ankle_4 hip_1 ankle_1 hip_2 ankle_2 hip_3 ankle_3",
    "humanoid": "abdomen_y abdomen_z abdomen_x right_hip_x right_hip_z right_hip_y right_knee "
                "left_hip_x left_hip_z left_hip_y left_knee right_shoulder1 right_shoulder2 "
                "right_elbow left_shoulder1 left_shoulder2 left_elbow"}


@pytest.mark.parametrize("name", SIZES)
def test_action_order(name):
    """agent0's actions first, each in the order of the released policies."""
    game = find_game(name)()
    model = game.sim.models[0]
    joints = [model.joint(model.actuator_trnid[i, 0]).name for i in range(model.nu)]
    assert joints == [f"agent{seat.index}/{motor}" for seat in game.seats
                      for motor in MOTORS[seat.body.name].split()]


@pytest.mark.parametrize("name", SIZES)
def test_motors_clamp(name):
    """games.md 3: the simulator clamps what is out of range."""
    ends = []
    for scale in (1, 100):
        game = find_game(name)()
        game.reset(0, np.random.default_rng(0))
        for _ in range(3):
            game.step([scale * seat.ac_high[None] for seat in game.seats])
        ends.append(game.sim.columns["qpos"].copy())
    np.testing.assert_array_equal(*ends)
