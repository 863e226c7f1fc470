"""What a policy's view keeps in the segment: computed when acting, and fed in the update."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import initialize, new_session
from tiny import tiny_run

from common.parameter_file import load_parameters
from gym_compete import CompeteVectorEnv
from networks.inputs import kept_tensors, update_inputs
from policy import AntPolicy, HumanoidPolicy, LSTMPolicy, MlpPolicy
from selfplay.ppo import Learner
from utils import Player, traj_segment_generator

GAMES = {AntPolicy: "run-to-goal-ants", HumanoidPolicy: "kick-and-defend"}
RNG = np.random.default_rng


def anew(kind):
    """The same policy without anything kept: its view is computed in every minibatch."""
    return type(kind.__name__, (kind,), {"keep": lambda self, *tensors: tensors})


def play_and_update(kind, game, games=3, steps=8):
    """One segment of both seats and an update of the first; returns (segment, vector)."""
    env = CompeteVectorEnv(game, games, seed=0, integrator="Euler", max_episode_steps=5)
    with new_session() as sess:
        pi = [kind(f"p{seat}", env.ob_dims[0], env.ac_dims[0], RNG(seat), logstd=-0.7, hid_size=8)
              for seat in (0, 1)]
        learner, flat = Learner(pi[0]), initialize(sess, pi[0], seed=1)
        sess.run(tf.variables_initializer(pi[1].get_variables()))
        learner.start(sess)
        places = [Player(p, [(seat, slice(0, games))], learner=seat) for seat, p in enumerate(pi)]
        seg = next(traj_segment_generator(places, env, sess, steps, RNG(0), lambda: 1.0))[0]
        seg |= {"adv": RNG(1).normal(0, 1, seg["rew"].shape).astype(np.float32),
                "tdlamret": seg["vpred"] + 1}
        report = learner.update(seg, RNG(2), optim_batchsize=10, optim_epochs=2,
                                optim_stepsize=1e-2)
        assert report["epochs"] == 2 and not learner.faults
        vector = flat.get(sess)
    env.close()
    return seg, vector


@pytest.mark.parametrize("kind", GAMES)
def test_parameters_are_the_same_bits(kind):
    """Trained on the kept view or on observations, to the last bit; the view comes from acting."""
    seg, kept = play_and_update(kind, GAMES[kind])
    _, expected = play_and_update(anew(kind), GAMES[kind])
    np.testing.assert_array_equal(kept, expected)
    assert seg["seen0"].shape[:2] == (8, 3) and np.abs(seg["seen0"]).std() > 0.1
    assert "ob" not in seg and not seg["state"].size


def test_what_the_update_is_fed():
    """Ants and humanoids their view alone; who keeps nothing all, who looks again that as well."""
    class Looks(AntPolicy):
        def view(self, ob, memory):
            x, memory = super().view(ob, memory)
            return tf.concat([x, ob[:, :3]], 1), memory

    class Remembers(AntPolicy):
        def view(self, ob, memory):
            x, after = super().view(ob, memory)
            return tf.concat([x, memory[:, :3]], 1), after

    with new_session():
        found = {kind.__name__: list(update_inputs(kind(kind.__name__, ob_dim, ac_dim)))
                 for kind, ob_dim, ac_dim in (
                     (MlpPolicy, 122, 8), (LSTMPolicy, 122, 8), (AntPolicy, 122, 8),
                     (HumanoidPolicy, 380, 17), (Looks, 122, 8), (Remembers, 122, 8))}
        assert [x.shape[1] for x in kept_tensors(HumanoidPolicy("h", 380, 17)).values()] == [113]
    assert found == {
        "MlpPolicy": ["ob"], "LSTMPolicy": ["ob", "new", "state"], "AntPolicy": ["seen0", "seen1"],
        "HumanoidPolicy": ["seen0"], "Looks": ["seen0", "seen1", "ob"],
        "Remembers": ["seen0", "seen1", "new", "state"]}


@pytest.mark.parametrize("memory", [0, 2])
def test_a_view_of_their_own(memory):
    """One that keeps a part, learns another, and may remember: the same as if nothing were kept."""
    class Theirs(MlpPolicy):
        view_memory = memory

        def view(self, ob, memory):
            [kept] = self.keep(tf.tanh(ob[:, :7]))
            scale = tf.get_variable("scale", [3], initializer=tf.ones_initializer())
            return tf.concat([kept, scale * ob[:, 7:10]], 1), memory + 1

    seg, kept = play_and_update(Theirs, "run-to-goal-ants")
    _, expected = play_and_update(anew(Theirs), "run-to-goal-ants")
    np.testing.assert_allclose(kept, expected, atol=1e-5)
    np.testing.assert_allclose(seg["seen0"], np.tanh(seg["ob"][..., :7]), atol=1e-6)


def test_what_learns_cannot_be_kept():
    """Parameters and filters move: a view that keeps what they make is refused by name."""
    class Filtered(MlpPolicy):
        def view(self, ob, memory):
            return *self.keep(super().view(ob, memory)[0]), memory

    with new_session(), pytest.raises(ValueError, match="Filtered.view keeps what depends on v"):
        Filtered("pi", 5, 2)


@pytest.mark.parametrize("kind,counts", [(AntPolicy, [0, 0]), (MlpPolicy, [400, 412])])
def test_a_filter_that_nobody_uses_stays(kind, counts, tmp_path):
    """It counts neither the steps before the first policy acts nor a segment's observations."""
    tiny_run(tmp_path / "run", max_iters=1, kind=kind)
    vectors = [load_parameters(tmp_path / f"run/agent0/{k:06d}.npz")[0] for k in (0, 1)]
    np.testing.assert_allclose([vector[3 + 2 * 122] for vector in vectors], counts, atol=0.02)


def test_observations_that_are_not_finite():
    """A view would clip them away; the segment still shows them, so the update is not made."""
    player = Player(None, [(seat, slice(0, 2)) for seat in (0, 1)], learner=0)
    env = CompeteVectorEnv("run-to-goal-ants", 2, seed=0, integrator="Euler")
    with new_session() as sess:
        player.policy = AntPolicy("pi", 122, 8, RNG(0), hid_size=4)
        initialize(sess, player.policy)
        rollouts = traj_segment_generator([player], env, sess, 2, RNG(0), lambda: 1.0)
        rollouts.get_state()
        env.obs[1][0, 30] = np.inf
        [seg] = next(rollouts)
    env.close()
    assert np.isnan(seg["seen0"]).any(axis=2).tolist() == [[False, False, True, False], 4 * [False]]
