"""The networks against NumPy, and the contract that rollouts and updates build on."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import NumpyPolicy, gaussian_logp, initialize, new_session
from scipy.stats import norm

import policy
from networks import loading
from networks.loading import admit_policy, find_policy
from policy import LSTMPolicy, MlpPolicy

CLASSES = {"mlp": MlpPolicy, "lstm": LSTMPolicy}
RNG = np.random.default_rng


def observations(vector, ob_dim, count, seed=0):
    """Raw observations around a vector's own filter, some of them far out, so that it clips."""
    policy_filter = vector[3:4 + 2 * ob_dim].astype(np.float64)
    mean, count_seen = policy_filter[:ob_dim] / policy_filter[-1], policy_filter[-1]
    std = np.sqrt(np.maximum(policy_filter[ob_dim:-1] / count_seen - mean**2, 0.01))
    z = RNG(seed).normal(0, 1.5, (count, ob_dim))
    z[0, :5] = (-30, 30, 5.01, -5.01, 4.99)
    return (mean + std * z).astype(np.float32)


def small(kind, sess, seed=1, **options):
    """A policy of 5 observations and 3 actions with scrambled parameters, and its twin in NumPy."""
    pi = CLASSES[kind]("pi", 5, 3, RNG(0), hid_size=6, **options)
    flat = initialize(sess, pi, seed)
    return pi, flat, NumpyPolicy(flat.get(sess), 5, 3, kind, 6)


def feed(pi, batch=7, seed=2):
    """Random inputs for every placeholder but `ac_taken`."""
    rng = RNG(seed)
    return {pi.ob: rng.normal(0, 2, (batch, pi.ob_dim)),
            pi.noise: rng.normal(0, 1, (batch, pi.ac_dim)),
            pi.state_in: rng.normal(0, 1, (batch, pi.zero_state.size))}


@pytest.mark.parametrize("seat", [0, 1])
def test_zoo_ant_runner_is_the_numpy_network(shared, seat):
    """The released vector loads as it is, and gives the same actions and values."""
    vector = np.load(shared / f"zoo/run-to-goal-ants_agent{seat}_v1.npy")
    ob = observations(vector, 122, 50)
    with new_session() as sess:
        pi = MlpPolicy("pi", 122, 8)
        flat = initialize(sess, pi)
        assert flat.size == vector.size == 24905
        flat.set(sess, vector)
        np.testing.assert_array_equal(flat.get(sess), vector)
        ac, vpred = sess.run([pi.ac, pi.vpred], {pi.ob: ob, pi.noise: np.zeros((50, 8))})
        stats = sess.run([pi.ob_rms.mean, pi.ob_rms.std, pi.ret_rms.mean, pi.ret_rms.std])
    twin = NumpyPolicy(vector, 122, 8)
    mean, value, _ = twin(ob)
    np.testing.assert_allclose(ac, mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(vpred, value, rtol=1e-4, atol=2e-3 * twin.ret_std)
    for ours, theirs in zip(stats, (twin.ob_mean, twin.ob_std, twin.ret_mean, twin.ret_std)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_zoo_sumo_ant_is_the_numpy_network(shared):
    """The LSTM over six steps: actions, values and the state that it carries on."""
    vector = np.load(shared / "zoo/sumo-ants_v1.npy")
    twin, state = NumpyPolicy(vector, 137, 8, "lstm", 128), np.zeros((4, 512))
    with new_session() as sess:
        pi = LSTMPolicy("pi", 137, 8)
        flat = initialize(sess, pi)
        assert flat.size == vector.size == 299943
        flat.set(sess, vector)
        ours = np.tile(pi.zero_state, (4, 1))
        for step in range(6):
            ob = observations(vector, 137, 4, seed=step)
            ac, vpred, ours = sess.run(
                [pi.ac, pi.vpred, pi.state_out],
                {pi.ob: ob, pi.noise: np.zeros((4, 8)), pi.state_in: ours})
            mean, value, state = twin(ob, state)
            np.testing.assert_allclose(ac, mean, atol=1e-4)
            np.testing.assert_allclose(vpred, value, rtol=1e-4, atol=2e-3 * twin.ret_std)
            np.testing.assert_allclose(ours, state, atol=1e-4)
    assert np.abs(state).max() > 0.1


@pytest.mark.parametrize("kind", CLASSES)
def test_distribution(kind):
    """Actions, their log-probability and the entropy are those of independent Gaussians."""
    with new_session() as sess:
        pi, _, twin = small(kind, sess)
        inputs = feed(pi)
        ac, logp, entropy, state = sess.run([pi.ac, pi.logp, pi.entropy, pi.state_out], inputs)
        other = RNG(3).normal(0, 2, ac.shape)
        logp_other = sess.run(pi.logp, {**inputs, pi.ac_taken: other})
        logp_fed = sess.run(pi.logp, {**inputs, pi.ac_taken: ac})
    mean, _, new_state = twin(inputs[pi.ob], inputs[pi.state_in] if pi.recurrent else None)
    np.testing.assert_allclose(ac, mean + np.exp(twin.logstd) * inputs[pi.noise], atol=1e-5)
    np.testing.assert_allclose(logp, gaussian_logp(ac, mean, twin.logstd), atol=1e-4)
    np.testing.assert_allclose(logp_other, gaussian_logp(other, mean, twin.logstd), rtol=1e-4)
    np.testing.assert_allclose(logp_fed, logp, atol=1e-5)
    np.testing.assert_allclose(entropy, norm.entropy(0, np.exp(twin.logstd)).sum(), rtol=1e-5)
    assert entropy.shape == logp.shape == (7,)
    if pi.recurrent:
        np.testing.assert_allclose(state, new_state, atol=1e-5)


def test_no_gradient_through_the_sampled_action():
    """d logp / d mean is (ac - mean) / var as for a given action, not zero."""
    with new_session() as sess:
        pi, _, twin = small("mlp", sess)
        inputs = feed(pi)
        gradient = sess.run(tf.gradients(pi.logp, pi.mean)[0], inputs)
    expected = inputs[pi.noise] / np.exp(twin.logstd)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", CLASSES)
def test_contract(kind):
    """All that a policy must offer is there, in the promised shapes."""
    with new_session() as sess:
        pi, flat, _ = small(kind, sess)
        outputs = sess.run({name: getattr(pi, name) for name in
                            ("ac", "vpred", "state_out", "logp", "entropy")}, feed(pi))
        shapes = {name: value.shape for name, value in outputs.items()}
        states = pi.zero_state.size
        assert shapes == {"ac": (7, 3), "vpred": (7,), "state_out": (7, states), "logp": (7,),
                          "entropy": (7,)}
        for name in ("ob", "state_in", "noise", "ac_taken"):
            assert getattr(pi, name).shape[0] is None or getattr(pi, name).shape[0].value is None
        assert pi.recurrent == (states > 0) and not pi.zero_state.any()
        trainable = pi.get_trainable_variables()
        assert len(pi.get_variables()) == len(trainable) + 6
        assert pi.get_variables()[6:] == trainable and trainable[-1] is pi.logstd
        assert {id(v) for v in pi.value_head} <= {id(v) for v in trainable}


@pytest.mark.parametrize("kind", CLASSES)
def test_new_return_statistics_leave_the_values(kind):
    """PopArt: the return filter moves a long way, the predictions stay."""
    with new_session() as sess:
        pi, flat, _ = small(kind, sess, ret_decay=0.9)
        inputs = feed(pi)
        before, mean_before = sess.run([pi.vpred, pi.ret_rms.mean], inputs)
        pi.update_ret_rms(sess, RNG(5).normal(-40, 25, (20, 10)).astype(np.float32))
        after, mean_after = sess.run([pi.vpred, pi.ret_rms.mean], inputs)
    assert abs(mean_after - mean_before) > 20
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.parametrize("kind", CLASSES)
def test_same_generator_same_weights(kind):
    """The first weights come from the generator alone; None gives a frozen copy's zeros."""
    vectors = []
    for seed in (7, 7, 8, None):
        with new_session() as sess:
            rng = None if seed is None else RNG(seed)
            pi = CLASSES[kind]("pi", 5, 3, rng, hid_size=6, logstd=-0.5)
            vectors.append(initialize(sess, pi).get(sess))
            weights = [w for w in sess.run(pi.get_trainable_variables()) if w.shape[0] > 1]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert (vectors[0] != vectors[2]).any()
    assert not any(w.any() for w in weights)
    assert (vectors[3][-3:] == -0.5).all()


def test_first_actions_are_nearly_noise_alone():
    """The last policy layer starts small (0.01), so that exploration is not biased."""
    with new_session() as sess:
        pi = MlpPolicy("pi", 20, 4, RNG(0))
        sess.run(tf.global_variables_initializer())
        mean = sess.run(pi.mean, {pi.ob: RNG(1).normal(0, 1, (100, 20))})
    assert 0 < np.abs(mean).max() < 0.1


# Policies of users


OWN = "from policy import Policy\nclass Theirs(Policy):\n    def hidden(self, x, net, memory):\n"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Returns a function that writes a module `theirs` for `find_policy` to import."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loading, "POLICIES", dict(loading.POLICIES))

    def write(text):
        (tmp_path / "theirs.py").write_text(text)
        sys.modules.pop("theirs", None)
        importlib.invalidate_caches()
        return "theirs:Theirs"

    yield write
    sys.modules.pop("theirs", None)


def test_a_class_of_their_own(module):
    """A subclass by module and name is found; headers may name it once it is admitted."""
    name = module("from policy import MlpPolicy\nclass Theirs(MlpPolicy):\n    pass\n")
    assert find_policy(name) is sys.modules["theirs"].Theirs and name not in loading.POLICIES
    assert admit_policy(name) is find_policy(name) and loading.POLICIES[name] == name
    assert find_policy("mlp") is policy.MlpPolicy


def test_a_class_that_plays_one_game_alone(module):
    """It is tried with a size that it can play, and refused for other games."""
    name = module("from policy import AntPolicy\nclass Theirs(AntPolicy):\n"
                  "    sizes = ((122, 8),)\n")
    assert find_policy(name) is find_policy(name, 122, 8)
    with pytest.raises(ValueError, match="plays games of 122 observations, this one has 137"):
        find_policy(name, 137, 8)


@pytest.mark.parametrize("text,told", [
    ("", "cannot be built .AttributeError"),
    ("1 +", "cannot be built .SyntaxError"),
    ("class Theirs:\n    pass", "cannot be built .TypeError"),
    ("class Theirs:\n    ob = noise = None\n    def __init__(self, *args): pass",
     "misses state_in, new, ac_taken, ac, vpred, .*get_trainable_variables"),
    ("from policy import MlpPolicy\nclass Theirs(MlpPolicy):\n    def __init__(self, *args):\n"
     "        super().__init__(*args)\n        del self.entropy", "misses entropy .see"),
    ("from policy import Policy\nclass Theirs(Policy): pass", "Theirs has no hidden.x, net"),
    (OWN + "        return x", "Theirs.hidden must return .x, memory."),
    (OWN + "        return x, x", "given 0 numbers to remember .* but returns 10"),
    (OWN + "        return x, memory\n    net_memory = 3\n"
     "    view = lambda self, ob, memory: (ob, ob)", "given 6 numbers .* but returns 11")])
def test_a_class_that_misses_something(module, text, told):
    """One line says what is missing."""
    with pytest.raises(ValueError, match=told) as error:
        admit_policy(module(text))
    assert "\n" not in str(error.value) and "theirs:Theirs" not in loading.POLICIES


def test_a_subclass_writes_hidden_layers_and_hooks():
    """Each net gets its own part of the state, and each hook has its say."""

    class Theirs(policy.Policy):
        view_memory, net_memory = 1, 2

        def view(self, ob, memory):
            return 2 * ob, memory + 1

        def hidden(self, x, net, memory):
            return x, memory * (10 if net == "vf" else 100)

        def estimate(self, value):
            return value + 5

        def motors(self, mean):
            return -mean

    with new_session() as sess:
        pi = Theirs("pi", 3, 2, RNG(0))
        names = [v.name.removeprefix("pi/") for v in pi.get_variables()[6:]]
        assert names == ["vffinal/w:0", "vffinal/b:0", "polfinal/w:0", "polfinal/b:0", "logstd:0"]
        sess.run(tf.global_variables_initializer())
        inputs = {pi.ob: RNG(1).normal(0, 1, (4, 3)), pi.state_in: np.tile(np.arange(5), (4, 1))}
        fetches = [pi.vpred, pi.mean, pi.state_out, pi.play_state_out]
        vpred, mean, state, playing = sess.run(fetches, inputs)
        w, _, v, *_ = sess.run(pi.get_trainable_variables())
    assert pi.recurrent and (pi.state_dim, pi.chunk) == (5, 1)
    np.testing.assert_allclose(vpred, (2 * inputs[pi.ob] @ w)[:, 0] + 5, rtol=1e-4)
    np.testing.assert_allclose(mean, -2 * inputs[pi.ob] @ v, atol=1e-5)
    assert (state == [1, 10, 20, 300, 400]).all() and (playing == [1, 1, 2, 300, 400]).all()


@pytest.mark.parametrize("name", ["transformer", "mlp2", "nowhere:Theirs", ":", "policy:"])
def test_no_such_policy(name):
    """Unknown names tell what is allowed."""
    with pytest.raises(ValueError, match="must be one of mlp, lstm|cannot be built"):
        find_policy(name)
