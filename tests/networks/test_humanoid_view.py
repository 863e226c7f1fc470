"""The humanoid's view: equal in a mirror and from both seats, and the actions with it."""

import numpy as np
import pytest
from helpers import initialize, new_session

from gym_compete import CompeteVectorEnv
from gym_compete.mirror import Mirror
from networks.humanoid_view import humanoid_view
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
