"""The ant's view: the same for the same ant otherwise named or turned, and the actions with it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import initialize, new_session
from made_states import level_turn, turn_world, turned_about_vertical
from scipy.spatial.transform import Rotation

from gym_compete import CompeteVectorEnv
from networks.ant_view import BENT, MEMORY, ant_view
from networks.loading import find_policy
from policy import AntPolicy

ANTS = ("run-to-goal-ants", "sumo-ants")


def rename_legs(seat, qpos, qvel, quarters):
    """In place: the same ant with its torso turned by quarters and every leg where one was."""
    for hinges in (qpos[seat.qpos_slice][7:], qvel[seat.qvel_slice][6:]):
        legs = hinges.reshape(4, 2) * BENT
        hinges[:] = (np.roll(legs, -quarters, axis=0) * BENT).ravel()
    quat, spin = qpos[seat.qpos_slice][3:7], qvel[seat.qvel_slice][3:5]
    quat[:] = turned_about_vertical(quat, quarters * np.pi / 2, inside=True)
    spin[:] = level_turn(spin, -quarters * np.pi / 2)


def same_match_twice(name, rng, quarters, angle):
    """Two matches in one state, the second with legs renamed and, in sumo, the world turned."""
    env = CompeteVectorEnv(name, 2, seed=3)
    env.reset()
    for _ in range(rng.integers(4, 40)):
        env.step([rng.uniform(-1, 1, (2, 8)) for _ in (0, 1)])
    game = env.game
    qpos, qvel = (game.sim.columns[key][0].copy() for key in ("qpos", "qvel"))
    game.sim.place(0, qpos, qvel)
    for seat, count in zip(game.seats, quarters):
        rename_legs(seat, qpos, qvel, count)
    if name == "sumo-ants":
        turn_world(game, qpos, qvel, angle)
        game._set_radius(1, game.radius[0])
    game.steps[:] = 7
    game.sim.place(1, qpos, qvel)
    game.observe(env.obs)
    return env


@pytest.mark.parametrize("quarters", [(0, 0), (1, 2), (2, 3), (3, 1)])
@pytest.mark.parametrize("name", ANTS)
def test_the_same_ant_by_other_names(name, quarters, rng):
    """View, value and what the motors then do to the world do not depend on the legs' names."""
    env = same_match_twice(name, rng, quarters, rng.uniform(0, 6))
    assert np.abs(env.obs[0][0] - env.obs[0][1]).max() > 0.1 or quarters == (0, 0)
    with new_session() as sess:
        pi = AntPolicy("pi", env.ob_dims[0], 8, rng)
        initialize(sess, pi, seed=1)
        view = ant_view(pi.ob, pi.state_in)[0]
        before = np.zeros((2, MEMORY), np.float32)
        acs, states = [], []
        for seat in (0, 1):
            features, ac, vpred, state = sess.run([view, pi.mean, pi.vpred, pi.state_out],
                                                  {pi.ob: env.obs[seat], pi.state_in: before})
            np.testing.assert_allclose(*features, atol=1e-4)
            np.testing.assert_allclose(*vpred, rtol=1e-4)
            assert np.abs(ac).max() > 0.3 and features.std() > 0.1
            np.testing.assert_array_equal(state[:, :-1],
                                          env.game.seats[1 - seat].qpos.astype("f"))
            np.testing.assert_array_equal(state[:, -1], np.sign(env.obs[seat][:, 0]))
            acs.append(ac)
            states.append(state)
        env.step(acs)
        features = sess.run(view, {pi.ob: env.obs[0], pi.state_in: states[0]})
        np.testing.assert_allclose(*features, atol=2e-2)
    env.close()


def test_the_race_looks_the_same_from_both_seats(rng):
    """After half a turn of the world each seat sees and does what the other did before."""
    env = same_match_twice("run-to-goal-ants", rng, (0, 0), 0.0)
    columns, (one, two) = env.game.sim.columns, env.game.seats
    qpos, qvel = (columns[key][0].copy() for key in ("qpos", "qvel"))
    turn_world(env.game, qpos, qvel, np.pi)
    for values, a, b in ((qpos, one.qpos_slice, two.qpos_slice),
                         (qvel, one.qvel_slice, two.qvel_slice)):
        values[a], values[b] = values[b].copy(), values[a].copy()
    env.game.sim.place(1, qpos, qvel)
    env.game.observe(env.obs)
    with new_session() as sess:
        pi = AntPolicy("pi", env.ob_dims[0], 8, rng)
        initialize(sess, pi, seed=1)
        fetches = [ant_view(pi.ob, pi.state_in)[0], pi.mean, pi.state_out]
        states = [np.zeros((2, MEMORY)), np.zeros((2, MEMORY))]
        for _ in range(3):
            views, acs, states = zip(*(
                sess.run(fetches, {pi.ob: env.obs[seat], pi.state_in: states[seat]})
                for seat in (0, 1)))
            for seat in (0, 1):
                np.testing.assert_allclose(views[seat][0], views[1 - seat][1], atol=2e-2)
                np.testing.assert_allclose(acs[seat][0], acs[1 - seat][1], atol=2e-2)
            env.step(acs)
    env.close()


def test_figures_of_the_view(rng):
    """Some of its numbers, computed once more from MuJoCo's own matrices."""
    env = same_match_twice("sumo-ants", rng, (0, 0), 0.0)
    me, other = env.game.seats
    with new_session() as sess:
        ob, before = (tf.placeholder(tf.float32, [None, size]) for size in (137, MEMORY))
        last = np.hstack([other.qpos, [[1.0]] * 2])
        last[:, 0] -= 0.03
        features, quarters, _ = sess.run(ant_view(ob, before), {ob: env.obs[0], before: last})
    body = Rotation.from_quat(me.qpos[0, [4, 5, 6, 3]])
    up = body.apply([0, 0, 1])
    # The twist: what turns the torso about the vertical once its up axis has been set upright.
    upright = Rotation.align_vectors([[0, 0, 1]], [up])[0] * body
    yaw = np.arctan2(*upright.apply([1, 0, 0])[[1, 0]])
    count = int(quarters[0].argmax())
    frame = yaw + count * np.pi / 2
    offset = level_turn(other.qpos[0, :2] - me.qpos[0, :2], -frame)
    assert -22.5 <= np.degrees(np.arctan2(offset[1], offset[0])) <= 67.5
    shown = features[0]
    np.testing.assert_allclose(shown[0], me.z[0], rtol=1e-5)
    np.testing.assert_allclose(shown[1], up[2], rtol=1e-5)
    spin = level_turn(me.qvel[0, 3:5], -count * np.pi / 2)
    np.testing.assert_allclose(shown[4:6], spin / 5, rtol=1e-4)
    level = [up[:2], 0.5 * me.qvel[0, :2], other.qpos[0, :2] - me.qpos[0, :2], [0.3, 0.0]]
    expected = [level_turn(v, -frame) for v in level]
    expected[2] /= 2
    np.testing.assert_allclose(shown[6:14], np.ravel(expected), atol=1e-4)
    np.testing.assert_allclose(shown[18:20], level_turn(-me.qpos[0, :2] / 2, -frame), atol=1e-4)
    np.testing.assert_allclose(shown[-4:], env.obs[0][0, -4:] * [0.25, 0.5, 0.5, 0.002], rtol=1e-5)
    env.close()


def test_what_has_not_been_seen_does_not_move():
    """At a match's first step the memory is zeros: no velocity is made up from it."""
    ob = np.random.default_rng(1).normal(size=(3, 122)).astype("f")
    with new_session() as sess:
        pi = AntPolicy("pi", 122, 8, np.random.default_rng(0))
        initialize(sess, pi)
        view = ant_view(pi.ob, pi.state_in)[0]
        unseen = sess.run(view, {pi.ob: ob, pi.state_in: np.zeros((3, MEMORY))})
        seen = np.hstack([ob[:, -15:], np.sign(ob[:, :1])])
        resting = sess.run(view, {pi.ob: ob, pi.state_in: seen})
    ob[:, -12:-8] /= np.linalg.norm(ob[:, -12:-8], axis=1, keepdims=True)
    np.testing.assert_array_equal(unseen, resting)


def test_other_robots_are_refused():
    """One line that names what it can play; a subclass in a module of one's own as well."""
    assert find_policy("ant", (122, 8)) is find_policy("ant", (137, 8)) is AntPolicy
    with pytest.raises(ValueError, match="plays games of 122 or 137 observations, this one has 38"):
        find_policy("ant", (380, 17))
