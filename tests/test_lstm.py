"""LSTM training: gradients through time, stored states, whole chunks, and that memory is learnt."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import NumpyPolicy, gaussian_logp, initialize, new_session
from tiny import TINY, learn

from common.command_line import InputError
from common.parameter_file import load_parameters
from evaluation.matches import play
from gym_compete import CompeteVectorEnv
from networks.loading import load_entries
from policy import LSTMPolicy, MlpPolicy
from selfplay.ppo import Learner, into_chunks
from selfplay.seating import seat_players
from selfplay.setup import rollout_horizon
from utils import Player, traj_segment_generator

OB, AC, HID, STEPS = 3, 2, 4, LSTMPolicy.chunk
FILTERS = 2 * OB + 4
RNG = np.random.default_rng


def unrolled(vector, ob, new, state):
    """Mean actions and values of chunks [chunks, steps, ...] in plain NumPy, one step at a time."""
    policy, means, values = NumpyPolicy(vector, OB, AC, "lstm", HID), [], []
    for t in range(ob.shape[1]):
        state = state * ~new[:, t, None]
        mean, value, state = policy(ob[:, t], state)
        means.append(mean)
        values.append(value)
    return np.stack(means, 1), np.stack(values, 1), policy


def objective(vector, batch):
    """PPO's loss over whole chunks (Schulman et al., 2017, equations 7 and 9)."""
    ob, ac, adv, ret, oldlogp, new, state = batch
    means, values, policy = unrolled(vector, ob, new, state)
    logp = gaussian_logp(ac.reshape(-1, AC), means.reshape(-1, AC), policy.logstd)
    ratio = np.exp(logp - oldlogp.ravel())
    surrogate = np.minimum(ratio * adv.ravel(), np.clip(ratio, 0.8, 1.2) * adv.ravel())
    return -surrogate.mean() + np.mean((values - ret) ** 2) / policy.ret_std ** 2


def test_gradient_through_time():
    """The gradient of two chunks, games ending inside both, against central differences."""
    with new_session() as sess:
        pi = LSTMPolicy("pi", OB, AC, RNG(0), hid_size=HID)
        learner = Learner(pi)
        vector = initialize(sess, pi, seed=1).get(sess).astype(np.float64)
        learner.start(sess)
        rng = RNG(2)
        new = np.zeros((2, STEPS), bool)
        new[0, 0] = new[0, 4] = new[1, 7] = True
        ob, ac = rng.normal(0, 2, (2, STEPS, OB)), rng.normal(0, 1, (2, STEPS, AC))
        state = rng.normal(0, 0.5, (2, 4 * HID)) * ~new[:, :1]  # as rollouts leave it
        means, _, policy = unrolled(vector, ob, new, state)
        ratio = rng.choice([0.6, 0.95, 1.05, 1.5], (2, STEPS))  # off the edges of the clip range
        oldlogp = gaussian_logp(ac.reshape(-1, AC), means.reshape(-1, AC), policy.logstd
                                ).reshape(2, STEPS) - np.log(ratio)
        adv, ret = rng.normal(0, 1, (2, STEPS)), rng.normal(3, 2, (2, STEPS))
        batch = ob, ac, adv, ret, oldlogp, new, state
        *_, gradient = learner._lossandgrad(
            *(x.swapaxes(0, 1).reshape(-1, *x.shape[2:]) for x in batch[:-1]), state)
    expected = np.empty_like(gradient)
    for i in range(gradient.size):
        step = np.zeros_like(vector)
        step[FILTERS + i] = 1e-5
        expected[i] = (objective(vector + step, batch) - objective(vector - step, batch)) / 2e-5
    np.testing.assert_allclose(gradient, expected, rtol=5e-3, atol=5e-4)
    assert np.abs(expected).max() > 0.1


def test_unrolling_adds_no_variables():
    """A parameter vector is the same with and without the update's tensors."""
    with new_session():
        pi = LSTMPolicy("pi", OB, AC, RNG(0), hid_size=HID)
        before, head = pi.get_variables(), pi.value_head
        net = pi.unrolled()
        assert pi.get_variables() == before == tf.global_variables()
        assert net.logstd is pi.logstd and net.value_head == head == before[10:12]
        assert net.logp is not pi.logp and (pi.length, net.length) == (1, STEPS)
        mlp = MlpPolicy("mlp", OB, AC, RNG(0))
        assert mlp.unrolled() is mlp


# Segments


@pytest.mark.parametrize("kind", [MlpPolicy, LSTMPolicy])
@pytest.mark.parametrize("game,shared", [("run-to-goal-ants", False), ("sumo-ants", True)])
def test_the_training_graph_agrees_with_the_rollout(game, shared, kind):
    """Before the first update every ratio is 1 and every value the stored one, to 1e-5.

    Games of seven steps end inside the chunks of ten; one learner per seat, or one for both.
    """
    env = CompeteVectorEnv(game, 4, seed=0, integrator="Euler", max_episode_steps=7)
    with new_session() as sess:
        players = [seating.player(
            kind(f"p{k}", env.ob_dims[0], env.ac_dims[0], RNG(k), hid_size=5))
            for k, seating in enumerate(seat_players(4, 0.5, 2, shared))]
        for k, player in enumerate(players):
            initialize(sess, player.policy, seed=k)
        segs_of = traj_segment_generator(players, env, sess, 20, RNG(0), lambda: 1.0)
        next(segs_of)
        segs = next(segs_of)  # the second begins in the middle of games
        for player, seg in zip(players, segs):
            pi, net = player.policy, player.policy.unrolled()
            seg = {**seg, "adv": seg["rew"], "tdlamret": seg["vpred"]}
            arrays = [x.reshape(-1, *x.shape[2:]) for x in into_chunks(seg, pi)]
            ob, ac, _, vpred, logp = arrays[:5]
            feed = {net.ob: ob, net.ac_taken: ac} | dict(
                zip([net.new, net.state_in] * pi.recurrent, arrays[5:]))
            newlogp, newvpred = sess.run([net.logp, net.vpred], feed)
            np.testing.assert_allclose(np.exp(newlogp - logp), 1, atol=1e-5)
            np.testing.assert_allclose(newvpred, vpred, rtol=1e-5, atol=1e-5 * np.abs(vpred).max())
            assert seg["new"][1:10].any() and seg["new"][11:].any()
    env.close()


def test_minibatches_are_whole_chunks():
    """Rows of a game's column, step by step; each chunk once an epoch, with its own head."""
    with new_session() as sess:
        pi = LSTMPolicy("pi", 1, 1, RNG(0), hid_size=2)
        learner = Learner(pi)
        sess.run(tf.global_variables_initializer())
        learner.start(sess)
        steps, games = 4 * STEPS, 3
        number = np.arange(steps * games, dtype=np.float32).reshape(steps, games)
        seg = {name: number for name in ("adv", "tdlamret", "vpred", "logp")}
        seg |= {name: number[:, :, None] for name in ("ob", "ac")}
        seg |= {"new": number % 7 == 0, "state": np.repeat(number[::STEPS, :, None], 8, axis=2)}
        fed, step = [], learner._step
        learner._step = lambda minibatch, *args: fed.append(minibatch) or step(minibatch, *args)
        learner.update(seg, RNG(0), optim_batchsize=4 * STEPS, optim_epochs=2, optim_stepsize=0.0)
    assert len(fed) == 2 * 3
    for ob, ac, _, ret, _, new, state in fed:
        assert len(ob) == 4 * STEPS and state.shape == (4, 8)
        rows = ob.reshape(STEPS, 4).T
        assert (np.diff(rows) == games).all() and (rows[:, 0] == state[:, 0]).all()
        np.testing.assert_array_equal(ret, ob[:, 0])
        np.testing.assert_array_equal(new, ob[:, 0] % 7 == 0)
    epochs = [np.concatenate([arrays[0].ravel() for arrays in fed[k:k + 3]]) for k in (0, 3)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), number.ravel())
    assert (epochs[0] != epochs[1]).any()


@pytest.mark.parametrize("batch,minibatch,culprit", [
    (30, 30, None), (60, 20, None), (60, 40, None),
    (45, 15, "--timesteps-per-batch 45: .* 30 or 60"),
    (20, 20, "--timesteps-per-batch 20: .*; 30 would"),
    (60, 15, "--optim-batchsize 15: .* 10 or 20"),
    (60, 70, "--optim-batchsize 70: .*; 60 would")])
def test_chunks_must_be_whole(batch, minibatch, culprit):
    """A horizon or minibatch that cuts chunks is refused by name."""
    player = Player(None, [(0, slice(0, 3))], learner=0)
    player.policy = LSTMPolicy
    if culprit is None:
        assert rollout_horizon(player, batch, minibatch) == batch // 3
    else:
        with pytest.raises(InputError, match=culprit):
            rollout_horizon(player, batch, minibatch)


# Learning


def test_what_only_memory_can_tell():
    """A value that was shown at the start of a game alone: the loss falls below half."""
    with new_session() as sess:
        pi = LSTMPolicy("pi", 2, 1, RNG(0), hid_size=16)
        learner = Learner(pi)
        sess.run(tf.global_variables_initializer())
        learner.start(sess)
        rng, games = RNG(1), 60
        cue = rng.choice([-1.0, 1.0], games).astype(np.float32)
        ob = np.zeros((STEPS, games, 2), np.float32)
        ob[0, :, 0], ob[0, :, 1] = cue, 1
        new = np.zeros((STEPS, games), bool)
        new[0] = True
        seg = {"ob": ob, "ac": np.zeros((STEPS, games, 1), np.float32), "new": new,
               "adv": rng.normal(0, 1, (STEPS, games)).astype(np.float32),
               "logp": np.zeros((STEPS, games), np.float32),
               "tdlamret": np.tile(cue, (STEPS, 1)), "vpred": np.tile(-cue, (STEPS, 1)),
               "state": np.zeros((1, games, 64), np.float32)}
        pi.ob_rms.update(sess, ob)
        losses = [learner.update(seg, rng, optim_batchsize=200, optim_epochs=1,
                                 optim_stepsize=1e-2)["vf_loss"] for _ in range(40)]
    assert losses[-1] < 0.3 < 0.7 < losses[0]


def test_sumo_trains_with_memory(tmp_path):
    """One learner for both seats; its snapshots load and play, and the graph stands still."""
    env = CompeteVectorEnv("sumo-ants", 4, seed=0, integrator="Euler")
    header = {"game": "sumo-ants", "seat": "both", "policy": "lstm", "policy_args": {"hid_size": 4},
              "ob_dim": 137, "ac_dim": 8}
    options = {**TINY, "timesteps_per_batch": 120, "optim_batchsize": 60, "max_iters": 3}
    learn(env, lambda name, seat, rng: LSTMPolicy(name, 137, 8, rng, hid_size=4),
          tmp_path / "run", [header], **options)
    env.close()
    paths = [tmp_path / f"run/agent0/{version:06d}.npz" for version in (0, 3)]
    first, last = (load_parameters(path)[0] for path in paths)
    assert np.isfinite(last).all() and (first[-1300:] != last[-1300:]).mean() > 0.9
    game, entries = load_entries(list(map(str, paths)), None)
    assert len(play(game, entries, 2, integrator="Euler")) == 2
