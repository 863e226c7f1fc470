"""One learner's objective against NumPy and finite differences, and what an update does."""

import numpy as np
import pytest
from helpers import NumpyPolicy, gaussian_logp, initialize, new_session

from policy import MlpPolicy
from selfplay.ppo import (
    LOSS_NAMES,
    Learner,
    NotFinite,
    explained_variance,
    into_chunks,
    mean_losses,
)

OB, AC, HID = 3, 2, 4
FILTERS = 2 * OB + 4
RNG = np.random.default_rng
ONE_EPOCH = dict(optim_batchsize=60, optim_epochs=1, optim_stepsize=1e-3)


@pytest.fixture
def make():
    """Returns a function that makes a started learner, its session and its variables."""
    with new_session() as sess:
        def maker(seed=1, **options):
            pi = MlpPolicy("pi", OB, AC, RNG(0), hid_size=HID)
            learner = Learner(pi, **options)
            flat = initialize(sess, pi, seed)
            learner.start(sess)
            return learner, sess, flat
        yield maker


def samples(policy):
    """Eight samples: ratios inside and on both sides of the clip range, both signs of advantage."""
    rng = RNG(3)
    ob, ac = rng.normal(0, 2, (8, OB)), rng.normal(0, 1, (8, AC))
    adv = np.repeat([1.5, -0.7], 4)
    ret = rng.normal(3, 2, 8)
    ratio = np.tile([0.5, 0.9, 1.1, 1.5], 2)
    mean, _, _ = policy(ob)
    return ob, ac, adv, ret, gaussian_logp(ac, mean, policy.logstd) - np.log(ratio)


def objective(vector, batch, eps, entcoeff=0.0, l2=0.0):
    """PPO's total loss and its parts, written anew (Schulman et al., 2017, equations 7 and 9)."""
    ob, ac, adv, ret, oldlogp = batch
    policy = NumpyPolicy(vector, OB, AC, "mlp", HID)
    mean, value, _ = policy(ob)
    ratio = np.exp(gaussian_logp(ac, mean, policy.logstd) - oldlogp)
    surrogate = [min(r * a, max(min(r, 1 + eps), 1 - eps) * a) for r, a in zip(ratio, adv)]
    entropy = np.sum(policy.logstd + 0.5 * np.log(2 * np.pi * np.e))
    parts = {"pol_surr": -np.mean(surrogate), "entropy": entropy,
             "vf_loss": np.mean((value - ret) ** 2) / policy.ret_std ** 2,
             "kl": np.mean(ratio - 1 - np.log(ratio)),
             "clip_frac": np.mean((ratio > 1 + eps) | (ratio < 1 - eps))}
    return (parts["pol_surr"] + parts["vf_loss"] - entcoeff * entropy
            + l2 * np.sum(vector[FILTERS:] ** 2)), parts


@pytest.mark.parametrize("options", [{"eps": 0.2}, {"eps": 0.6}, {"eps": 0.2, "entcoeff": 0.3},
                                     {"eps": 0.2, "l2": 0.05}])
def test_losses_and_gradient(make, options):
    """Every loss, and the gradient of their sum against central differences."""
    names = {"eps": "clip_param"}
    learner, sess, flat = make(**{names.get(k, k): v for k, v in options.items()})
    vector = flat.get(sess).astype(np.float64)
    batch = samples(NumpyPolicy(vector, OB, AC, "mlp", HID))
    *losses, gradient = learner._lossandgrad(*batch)
    _, parts = objective(vector, batch, **options)
    for name, loss in zip(LOSS_NAMES, losses):
        assert loss == pytest.approx(parts[name], rel=1e-4, abs=1e-6), name
    expected = np.empty_like(gradient)
    for i in range(gradient.size):
        step = np.zeros_like(vector)
        step[FILTERS + i] = 1e-5
        expected[i] = (objective(vector + step, batch, **options)[0]
                       - objective(vector - step, batch, **options)[0]) / 2e-5
    np.testing.assert_allclose(gradient, expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("ratio,adv,moves", [
    (1.5, 1.0, False), (1.5, -1.0, True), (0.5, 1.0, True), (0.5, -1.0, False),
    (1.1, 1.0, True), (1.1, -1.0, True), (0.9, 1.0, True), (0.9, -1.0, True)])
def test_who_is_clipped(make, ratio, adv, moves):
    """A sample pulls no more once its probability has gone far enough the way it wants."""
    learner, sess, flat = make()
    policy = NumpyPolicy(flat.get(sess), OB, AC, "mlp", HID)
    ob, ac, *_, ret, _ = samples(policy)
    mean, _, _ = policy(ob[:1])
    oldlogp = gaussian_logp(ac[:1], mean, policy.logstd) - np.log(ratio)
    *_, gradient = learner._lossandgrad(ob[:1], ac[:1], [adv], ret[:1], oldlogp)
    assert gradient[-AC:].any() == moves  # of the log-std, which no other term here moves


def segment(learner, sess, seed=5, shape=(12, 10)):
    """A segment of on-policy samples with random advantages."""
    rng, pi = RNG(seed), learner.pi
    ob = rng.normal(0.5, 2, (*shape, OB)).astype(np.float32)
    rows = ob.reshape(-1, OB)
    noise = rng.normal(0, 1, (len(rows), AC))
    ac, logp, vpred = sess.run([pi.ac, pi.logp, pi.vpred], {pi.ob: rows, pi.noise: noise})
    adv = rng.normal(0, 1, shape).astype(np.float32)
    vpred = vpred.reshape(shape)
    return {"ob": ob, "ac": ac.reshape(*shape, AC), "logp": logp.reshape(shape), "vpred": vpred,
            "adv": adv, "tdlamret": adv + vpred}


def test_ratio_is_one_before_the_first_update(make):
    """New return statistics and normalized advantages do not touch the policy."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    found = learner.update(seg, RNG(0), optim_batchsize=120, optim_epochs=1, optim_stepsize=1e-3)
    assert found["kl"] == pytest.approx(0, abs=1e-5) and found["clip_frac"] == 0
    assert found["pol_surr"] == pytest.approx(0, abs=1e-5)  # minus the mean advantage


def new_logp(learner, sess, seg):
    pi = learner.pi
    return sess.run(pi.logp, {pi.ob: seg["ob"].reshape(-1, OB),
                              pi.ac_taken: seg["ac"].reshape(-1, AC)}).reshape(seg["logp"].shape)


def test_good_actions_become_likelier(make):
    """The mean of advantage times change in log-probability is clearly positive."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    learner.pi.ob_rms.update = lambda *_: None  # the filter moves after the update: not meant here
    learner.update(seg, RNG(0), optim_batchsize=60, optim_epochs=10, optim_stepsize=3e-3)
    change = new_logp(learner, sess, seg) - seg["logp"]
    assert change[seg["adv"] > 0].mean() > 0.01 > -0.01 > change[seg["adv"] < 0].mean()


def test_values_come_closer(make):
    """The value net learns the returns: repeated updates explain most of their variance."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    seg["tdlamret"] = (20 + 5 * np.tanh(seg["ob"][..., 0])).astype(np.float32)
    for _ in range(2):
        found = learner.update(seg, RNG(0), optim_batchsize=40, optim_epochs=60,
                               optim_stepsize=1e-2)
        seg["vpred"] = sess.run(learner.pi.vpred, {learner.pi.ob: seg["ob"].reshape(-1, OB)}
                                ).reshape(seg["vpred"].shape)
    assert found["ev_tdlam"] > 0.8


def test_filter_moves_after_the_epochs(make):
    """The observation filter takes in the segment, but only once the epochs are over."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    seen, call = [], learner._step
    learner._step = lambda *args: (seen.append(sess.run(learner.pi.ob_rms.mean)), call(*args))[1]
    before = sess.run(learner.pi.ob_rms.mean)
    learner.update(seg, RNG(0), **ONE_EPOCH)
    np.testing.assert_array_equal(seen, [before] * len(seen))
    assert (sess.run(learner.pi.ob_rms.mean) != before).all()


def test_logstd_floor(make):
    """The log-std never ends below the floor, in the graph as in the optimizer's copy."""
    learner, sess, _ = make()
    learner.update(segment(learner, sess), RNG(0), **ONE_EPOCH, logstd_floor=0.7)
    np.testing.assert_allclose(sess.run(learner.pi.logstd), 0.7, rtol=1e-6)
    assert learner.action_std() == pytest.approx(np.exp(0.7), rel=1e-5)
    learner.update(segment(learner, sess), RNG(0), **ONE_EPOCH)
    assert (sess.run(learner.pi.logstd) != np.float32(0.7)).any()


def test_target_kl_stops_the_epochs(make):
    """Steps that move the policy far end the iteration early; 0 never does."""
    learner, sess, _ = make()
    options = dict(optim_batchsize=30, optim_epochs=20, optim_stepsize=2e-2)
    stopped = learner.update(segment(learner, sess), RNG(0), **options, target_kl=0.01)
    free = learner.update(segment(learner, sess), RNG(0), **options)
    assert stopped["epochs"] < 20 and stopped["kl"] > 0.015
    assert free["epochs"] == 20


@pytest.mark.parametrize("size,steps", [(120, 1), (60, 2), (40, 3), (50, 3), (1, 120)])
def test_minibatches(make, size, steps):
    """Each epoch sees every sample once in new order; its last minibatch may be smaller."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    seen, call = [], learner._step
    learner._step = lambda minibatch, *args: (seen.append(minibatch[0]), call(minibatch, *args))[1]
    learner.update(seg, RNG(0), optim_batchsize=size, optim_epochs=2, optim_stepsize=1e-4)
    sizes = [min(size, 120 - start) for start in range(0, 120, size)]
    assert [len(rows) for rows in seen] == 2 * sizes and learner.adam.t == 2 * steps
    first, second = (np.concatenate(seen[k * steps:(k + 1) * steps]) for k in (0, 1))
    known = {row.tobytes() for row in seg["ob"].reshape(-1, OB)}
    for epoch in (first, second):
        assert {row.tobytes() for row in epoch} == known and len(epoch) == len(known) == 120
    assert (first != second).any()


def test_a_smaller_minibatch_weighs_less(make):
    """An iteration's losses are those of all its samples; of equal ones the plain mean, to the bit.
    """
    learner, sess, _ = make()
    seg = segment(learner, sess)
    losses, step = [], learner._step
    learner._step = lambda *args: losses.append(step(*args)) or losses[-1]
    found = learner.update(seg, RNG(0), optim_batchsize=50, optim_epochs=1, optim_stepsize=1e-3)
    expected = np.average([loss for loss, in losses], axis=0, weights=[50, 50, 20])
    np.testing.assert_allclose([found[name] for name in LOSS_NAMES], expected, rtol=1e-5)
    equal = RNG(1).normal(0, [1, 100, 1e-3], (97, 3)).astype(np.float32)
    assert mean_losses(list(equal), [1.0] * 97).tobytes() == np.mean(equal, axis=0).tobytes()


def test_columns_stay_together(make):
    """A minibatch's rows of ob, ac, returns and logp belong to the same samples."""
    learner, sess, _ = make()
    seg = segment(learner, sess)
    seg["ob"][..., 0] = seg["tdlamret"]
    seg["ac"][..., 0] = seg["tdlamret"]
    seg["logp"] = seg["tdlamret"].copy()
    call, seen = learner._step, []

    def check(minibatch, *args):
        ob, ac, adv, ret, logp = minibatch
        for column in (ob[:, 0], ac[:, 0], logp):
            np.testing.assert_array_equal(column, ret)
        seen.append(len(ret))
        return call([ob, ac, adv, ret, np.zeros_like(logp)], *args)

    learner._step = check
    learner.update(seg, RNG(0), **ONE_EPOCH)
    assert seen


def test_explained_variance():
    """1 for a perfect guess, 0 for the mean, nothing to say about a constant."""
    y = RNG(0).normal(2, 3, 100)
    assert explained_variance(y, y) == 1
    assert explained_variance(np.full(100, y.mean()), y) == pytest.approx(0, abs=1e-6)
    assert explained_variance(y / 2, y) == pytest.approx(0.75)
    assert np.isnan(explained_variance(y, np.ones(100)))


# What is not finite


def spoiled(learner, bad):
    """Makes the learner's calls with these numbers return a gradient (or loss) that is NaN."""
    inner, calls = learner._lossandgrad, iter(range(1000))

    def call(*arrays):
        *loss, g = inner(*arrays)
        what = bad.get(next(calls))
        if what == "gradient":
            g = g.copy()
            g[3] = np.nan
        elif what:
            loss[LOSS_NAMES.index(what)] = np.inf
        return *loss, g

    learner._lossandgrad, learner.alone = call, False


@pytest.mark.parametrize("what", ["gradient", "vf_loss"])
def test_a_step_that_is_not_finite_is_not_taken(make, what):
    """Parameters and moments are those of a run without it; the fault is named and counted."""
    learner, sess, flat = make()
    seg = segment(learner, sess)
    spoiled(learner, {1: what})
    steps = []
    inner = learner.adam.update
    learner.adam.update = lambda *args: steps.append(inner(*args)) or steps[-1]
    row = learner.update(seg, RNG(0), optim_batchsize=40, optim_epochs=1, optim_stepsize=1e-3)
    assert steps == [True, False, True] and learner.adam.t == 2
    assert learner.faults == [what] and row["skipped"] == 1 and np.isfinite(row["vf_loss"])
    assert np.isfinite(flat.get(sess)).all() and np.isfinite(learner.get_state()["m"]).all()


def test_a_rank_alone_steps_as_many_do():
    """The step within the graph and the one against gradients handed over leave the same behind."""
    found = {}
    for alone in (True, False):
        with new_session() as sess:
            pi = MlpPolicy("pi", OB, AC, RNG(0), hid_size=HID)
            learner = Learner(pi)
            flat = initialize(sess, pi, seed=1)
            learner.start(sess)
            assert learner.alone
            learner.alone = alone
            start = flat.get(sess)
            rows = [learner.update(segment(learner, sess), RNG(k), optim_batchsize=40,
                                   optim_epochs=2, optim_stepsize=1e-3, logstd_floor=0.1)
                    for k in range(2)]
            found[alone] = [flat.get(sess) - start, *learner.adam.get_state(sess).values(),
                            *(list(row.values()) for row in rows)]
    for one, other in zip(found[True], found[False]):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert found[True][3] == 12 and np.abs(found[True][0]).max() > 1e-3


def test_a_rank_alone_passes_over_what_is_not_finite(make):
    """A minibatch whose ratio overflows moves neither parameters nor moments."""
    learner, sess, flat = make()
    seg = segment(learner, sess)
    learner.update(seg, RNG(0), **ONE_EPOCH)
    minibatch = [x.reshape(-1, *x.shape[2:]) for x in into_chunks(seg, learner.pi)]
    minibatch[4] = minibatch[4] - 1000
    before, moments = flat.get(sess), learner.adam.get_state(sess)
    assert learner._step(minibatch, 1e-3, -10.0) == [] and "pol_surr" in learner.faults[0]
    np.testing.assert_array_equal(flat.get(sess), before)
    for name, x in learner.adam.get_state(sess).items():
        np.testing.assert_array_equal(x, moments[name])


def test_three_in_a_row_end_the_run(make):
    """Two, then a good one, start the count anew; three raise, and leave parameters finite."""
    learner, sess, flat = make()
    seg = segment(learner, sess)
    spoiled(learner, {0: "gradient", 1: "kl", 3: "gradient", 4: "gradient", 5: "gradient"})
    learner.update(seg, RNG(0), optim_batchsize=40, optim_epochs=1, optim_stepsize=1e-3)
    assert learner.faults == ["gradient", "kl"]
    with pytest.raises(NotFinite, match="pi: gradient not finite, 3 times in a row"):
        learner.update(seg, RNG(0), optim_batchsize=40, optim_epochs=1, optim_stepsize=1e-3)
    assert learner.adam.t == 1 and np.isfinite(flat.get(sess)).all()


@pytest.mark.parametrize("name", ["ob", "tdlamret", "adv"])
def test_a_segment_that_is_not_finite_is_passed_over(make, name):
    """Neither parameters nor filters move."""
    learner, sess, flat = make()
    seg = segment(learner, sess)
    seg[name] = seg[name].copy()
    seg[name].flat[5] = np.inf
    before = flat.get(sess)
    row = learner.update(seg, RNG(0), **ONE_EPOCH)
    np.testing.assert_array_equal(flat.get(sess), before)
    assert learner.faults == [f"segment ({name})"] and row["epochs"] == 0 and row["skipped"] == 1
    assert set(row) == set(learner.update(segment(learner, sess), RNG(0), **ONE_EPOCH))


def test_the_step_size_follows_the_kl(rng):
    """adaptive_kl: by 1.5 down above twice, back up below half, never above the step size given."""
    with new_session():
        learner = Learner(MlpPolicy("pi", 4, 2, rng, hid_size=4))
        scales = []
        for kl in (0.5, 0.021, 0.02, 0.009, 0.009, 0.009):
            learner._adapt(kl, 0.02)
            scales.append(learner.step_scale)
    assert scales == pytest.approx([1 / 1.5, 1 / 1.5, 1 / 1.5, 1, 1, 1])
