"""--hide-pose: what the networks of one body no longer see of the other robot."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import initialize, new_session
from small import SMALL, refused

import run
from networks.loading import find_policy

SIZES = {"ant": (137, 8), "humanoid": (395, 17)}  # of sumo
PLACE = {"ant": 107, "humanoid": 356}  # of the other's qpos in an observation (docs/games.md)
FIRST_HIDDEN = {"ant": 7, "humanoid": 2}  # of its coordinates: legs; height, attitude, joints


def observations(kind, rng):
    """Two equal ones [2, ob_dim] of robots that stand somewhere."""
    ob = 0.3 * rng.standard_normal(SIZES[kind][0])
    for start in (3, PLACE[kind] + 3):
        ob[start:start + 4] = [1, 0, 0, 0] + 0.2 * rng.standard_normal(4)
    if kind == "humanoid":
        ob[47:177] += np.tile([1] * 10, 13)  # masses, by which places are divided
    return np.array([ob, ob], np.float32)


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("kind", SIZES)
def test_the_others_pose(kind, hidden):
    """Its limbs move neither action, value nor gradient of their weights; its place moves all."""
    rng, start = np.random.default_rng(0), PLACE[kind]
    posed, moved = observations(kind, rng), observations(kind, rng)
    posed[1, start + FIRST_HIDDEN[kind]:start + {"ant": 15, "humanoid": 24}[kind]] += 0.3
    moved[1, start:start + 2] += 0.5
    with new_session() as sess:
        pi = find_policy(kind)("pi", *SIZES[kind], hid_size=8, hide_pose=hidden)
        initialize(sess, pi, seed=1)
        w = next(v for v in pi.get_variables() if v.op.name == "pi/polfc1/w")
        state = np.tile(pi.zero_state, (2, 1))

        def look(ob):
            return sess.run([pi.mean, pi.vpred[:, None], tf.gradients(pi.mean, w)[0]],
                            {pi.ob: ob, pi.state_in: state})

        *outputs, gradient = look(posed)
        assert all((np.abs(x[0] - x[1]).max() < 1e-6) == hidden for x in outputs)
        assert (not gradient[list(pi.pose)].any()) == hidden
        assert all(np.abs(x[0] - x[1]).max() > 1e-4 for x in look(moved)[:2])


def test_networks_without_a_pose(capfd):
    """Those of raw observations have nothing to hide."""
    refused(run.main, [*SMALL, "--policy", "mlp", "--hide-pose"],
            "--hide-pose: not with --policy mlp", capfd)
