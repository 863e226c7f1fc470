"""The humanoid's view: equal in a mirror and from both seats, and the actions with it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import initialize, new_session
from made_states import level_turn, turn_world
from scipy.spatial.transform import Rotation

from gym_compete import CompeteVectorEnv
from gym_compete.mirror import Mirror
from networks.humanoid_view import KICK, MEMORY, RACE, SUMO, humanoid_view
from networks.loading import find_policy
from policy import HumanoidPolicy

GAMES = ("run-to-goal-humans", "you-shall-not-pass", "sumo-humans", "kick-and-defend")


def played(name, rng):
    """An environment of three matches, some steps on, and the steps' observations."""
    env = CompeteVectorEnv(name, 3, seed=3)
    env.reset()
    kept = []
    for _ in range(6):
        seats, *_ = env.step([rng.uniform(-0.4, 0.4, (3, 17)) for _ in (0, 1)])
        kept.append([ob.copy() for ob in seats])
    return env, kept


@pytest.mark.parametrize("name", GAMES)
def test_a_mirrored_world_gives_mirrored_actions(name, rng):
    """What it does in the mirrored match is the mirror image; what it expects is the same."""
    env, kept = played(name, rng)
    mirror = Mirror(env.game)
    with new_session() as sess:
        pi = HumanoidPolicy("pi", env.ob_dims[0], 17, rng, hid_size=16)
        initialize(sess, pi, seed=1)
        features, reflect, _ = humanoid_view(pi.ob, pi.state_in)
        fetches = [pi.mean, pi.vpred, pi.state_out, features, reflect(features)]
        for seat in (0, 1):
            states = [np.zeros((3, pi.state_dim))] * 2
            for seats in kept:
                obs = [seats[seat], mirror.obs(seat, seats[seat])]
                straight, image = (sess.run(fetches, {pi.ob: ob, pi.state_in: state})
                                   for ob, state in zip(obs, states))
                states = [straight[2], image[2]]
                np.testing.assert_allclose(mirror.acs(seat, straight[0]), image[0], atol=2e-4)
                np.testing.assert_allclose(straight[1], image[1], atol=2e-3)
                np.testing.assert_allclose(straight[4], image[3], atol=2e-4)
                assert np.abs(straight[3] - straight[4]).max() > 0.1
            assert np.abs(straight[0]).max() > 0.1
    env.close()


def settled(name, rng):
    """An environment of two matches thrown about; the first computed anew from where it stands."""
    env = CompeteVectorEnv(name, 2, seed=3)
    env.reset()
    for _ in range(10):
        env.step([rng.uniform(-0.4, 0.4, (2, 17)) for _ in (0, 1)])
    qpos, qvel = (env.game.sim.columns[key][0].copy() for key in ("qpos", "qvel"))
    for seat, tilt in zip(env.game.seats, ([0.5, 0.3, 1.0], [-0.2, 0.4, 2.5])):
        quat = qpos[seat.qpos_slice][3:7]
        quat[:] = Rotation.from_rotvec(tilt).as_quat()[[3, 0, 1, 2]]
    env.game.steps[:] = 7
    env.game.sim.place(0, qpos, qvel)
    env.game.observe(env.obs)
    return env, qpos, qvel


def view_of(env, seat, before):
    """The view [2, n] of a seat."""
    with new_session() as sess:
        ob, memory = (tf.placeholder(tf.float32, [None, n]) for n in (env.ob_dims[seat], MEMORY))
        return sess.run(humanoid_view(ob, memory)[0], {ob: env.obs[seat], memory: before})


def level_frame(data, root):
    """A torso's up axis, and a function that turns vectors' xy into the frame of its view."""
    body = Rotation.from_matrix(data.xmat[root].reshape(3, 3))
    up = body.apply([0, 0, 1])
    # The twist: what turns the torso about the vertical once its up axis has been set upright.
    upright = Rotation.align_vectors([[0, 0, 1]], [up])[0] * body
    yaw = np.arctan2(*upright.apply([1, 0, 0])[[1, 0]])
    return up, lambda *vectors: np.ravel([level_turn(np.asarray(vector)[:2], -yaw)
                                          for vector in vectors])


@pytest.mark.parametrize("name, number", [("sumo-humans", 0), ("kick-and-defend", 1)])
def test_figures_of_the_view(name, number, rng):
    """Many of its numbers, computed once more from MuJoCo's own matrices."""
    env, *_ = settled(name, rng)
    game, me, other = env.game, env.game.seats[number], env.game.seats[1 - number]
    sumo, ball = name == "sumo-humans", np.zeros(3)
    if not sumo:
        ball = game.ball[0]
    last = np.concatenate([other.qpos[0], [1.0], ball])
    last[[0, 26]] -= 0.03, 0.015  # the other moves in x, the ball in y
    shown = view_of(env, number, np.stack([last, last]))[0]
    data, model = game.sim.datas[0], game.sim.models[0]
    up, level = level_frame(data, me.root)
    height = 0.5 if sumo else 0.0
    seen = [model.body(f"agent{number}/{part}").id for part in (
        "torso", "pelvis", "right_foot", "left_foot", "right_lower_arm", "left_lower_arm")]
    places = data.xipos[seen] - data.subtree_com[me.root]
    xy, offset = me.qpos[0, :2], other.qpos[0, :2] - me.qpos[0, :2]
    expected = {
        0: [me.z[0] - height, up[2], me.qvel[0, 2] / 2], 3: level(up, me.qvel[0] / 2),
        7: me.qvel[0, 3:6] / 5, 10: me.qpos[0, 7:], 27: me.qvel[0, 6:] / 10,
        44: level(*places), 56: places[:, 2],
        62: level(*np.clip(data.cfrc_ext[seen, 3:], -1, 1)),
        80: level(offset / 2, [1.0, 0.0]), 88: [np.linalg.norm(offset) / 2]}
    if sumo:
        left = game.radius[0] - np.hypot(*xy)
        expected |= {110: level(-xy / 2), 112: [game.radius[0] / 2, left], 115: [0.002 * 493]}
    else:
        way, goal = ball[:2] - xy, np.array([4.0, 0.0])
        expected |= {110: level(way / 2, [0.0, 0.25], (goal - xy) / 4, goal - ball[:2]),
                     118: level((goal + [0, 3] - xy) / 4, (goal - [0, 3] - xy) / 4),
                     122: [np.linalg.norm(way) / 2, ball[2], 0.0, xy[0] / 4, ball[0] / 4]}
    for start, values in expected.items():
        np.testing.assert_allclose(shown[start:start + len(values)], np.clip(values, -5, 5),
                                   atol=2e-4, err_msg=str(start))
    env.close()


@pytest.mark.parametrize("size", [RACE, SUMO, KICK])
def test_what_has_not_been_seen_does_not_move(size, rng):
    """At a match's first step the memory is zeros: no velocity is made up from it."""
    ob = rng.normal(size=(3, size)).astype("f")
    with new_session() as sess:
        ob_in, before = (tf.placeholder(tf.float32, [None, n]) for n in (size, MEMORY))
        view, _, after = humanoid_view(ob_in, before)
        unseen, seen = sess.run([view, after], {ob_in: ob, before: np.zeros((3, MEMORY))})
        np.testing.assert_array_less(0.5, np.square(seen[:, 3:7]).sum(1))  # of a rotation: 1
        resting = sess.run(view, {ob_in: ob, before: seen})
        moved = sess.run(view, {ob_in: ob, before: seen + 0.01})
    np.testing.assert_array_equal(unseen, resting)
    assert np.abs(unseen - moved).max() > 0.1


@pytest.mark.parametrize("name", ["run-to-goal-humans", "sumo-humans"])
def test_a_match_looks_the_same_from_both_seats(name, rng):
    """After half a turn of the world each seat sees and does what the other did before."""
    env, qpos, qvel = settled(name, rng)
    one, two = env.game.seats
    turn_world(env.game, qpos, qvel, np.pi)
    for values, a, b in ((qpos, one.qpos_slice, two.qpos_slice),
                         (qvel, one.qvel_slice, two.qvel_slice)):
        values[a], values[b] = values[b].copy(), values[a].copy()
    if name == "sumo-humans":
        env.game._set_radius(1, env.game.radius[0])
    env.game.sim.place(1, qpos, qvel)
    env.game.observe(env.obs)
    with new_session() as sess:
        pi = HumanoidPolicy("pi", env.ob_dims[0], 17, rng, hid_size=16)
        initialize(sess, pi, seed=1)
        fetches = [humanoid_view(pi.ob, pi.state_in)[0], pi.mean, pi.vpred, pi.state_out]
        states = [np.zeros((2, MEMORY))] * 2
        for _ in range(3):
            views, acs, vpreds, states = zip(*(
                sess.run(fetches, {pi.ob: env.obs[seat], pi.state_in: states[seat]})
                for seat in (0, 1)))
            for found in (views, acs, vpreds):
                for seat in (0, 1):
                    np.testing.assert_allclose(found[seat][0], found[1 - seat][1], atol=2e-2)
            assert np.abs(views[0][0] - views[0][1]).max() > 0.1
            env.step(acs)
    env.close()


def test_other_robots_are_refused():
    """One line that names what it can play."""
    for size in (RACE, SUMO, KICK):
        assert find_policy("humanoid", (size, 17)) is HumanoidPolicy
    with pytest.raises(ValueError, match="plays games of 380 or 395 or 384 observations, this one "
                                         "has 122") as error:
        find_policy("humanoid", (122, 8))
    assert "\n" not in str(error.value)
