"""The networks against NumPy; policies of users and what they must offer."""

import importlib
import sys

import numpy as np
import pytest
from helpers import NumpyPolicy, initialize, new_session
from tiny import tiny_run

import policy
from networks import loading
from networks.loading import admit_policy, find_policy
from policy import LSTMPolicy, MlpPolicy


def observations(vector, ob_dim, count, seed=0):
    """Raw observations around a vector's own filter, some of them far out, so that it clips."""
    policy_filter = vector[3:4 + 2 * ob_dim].astype(np.float64)
    mean, count_seen = policy_filter[:ob_dim] / policy_filter[-1], policy_filter[-1]
    std = np.sqrt(np.maximum(policy_filter[ob_dim:-1] / count_seen - mean**2, 0.01))
    z = np.random.default_rng(seed).normal(0, 1.5, (count, ob_dim))
    z[0, :5] = (-30, 30, 5.01, -5.01, 4.99)
    return (mean + std * z).astype(np.float32)


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


# Policies of users


OWN = ("import tensorflow.compat.v1 as tf\nfrom policy import Policy\nclass Theirs(Policy):\n"
       "    def hidden(self, x, net, memory):\n")
DOUBLED = ("        return x, memory\n"
           "    view = lambda self, ob, memory: (tf.concat([ob, ob], 0), memory)\n")
FORWARDS = """
from networks.loading import CONTRACT
from policy import MlpPolicy

class Theirs:
    def __init__(self, *args, **options):
        pi = MlpPolicy(*args, **options)
        for name in NAMES:
            setattr(self, name, getattr(pi, name))
"""


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
    assert find_policy(name) is find_policy(name, (122, 8))
    with pytest.raises(ValueError, match="plays games of 122 observations, this one has 137"):
        find_policy(name, (137, 8))


@pytest.mark.parametrize("text,told", [
    ("", "cannot be built .AttributeError"),
    ("1 +", "cannot be built .SyntaxError"),
    ("class Theirs:\n    pass", "cannot be built .TypeError"),
    ("class Theirs:\n    ob = noise = None\n    def __init__(self, *args): pass",
     "lacks name, ob_dim, ac_dim, state_in, new, ac_taken, ac, .*get_trainable_variables"),
    ("from policy import MlpPolicy\nclass Theirs(MlpPolicy):\n    def __init__(self, *args):\n"
     "        super().__init__(*args)\n        del self.entropy", "lacks entropy .see"),
    ("from policy import Policy\nclass Theirs(Policy): pass", "Theirs has no hidden.x, net"),
    (OWN + "        return x", "Theirs.hidden must return .x, memory."),
    (OWN + "        return x, x", "a state of 0 numbers .* but returns 10"),
    (OWN + "        return x, memory\n    net_memory = 3\n"
     "    view = lambda self, ob, memory: (ob, ob)", "a state of 6 numbers .* but returns 11"),
    (FORWARDS.replace("NAMES", "CONTRACT[3:]"), "lacks name, ob_dim, ac_dim .see"),
    (OWN + "        return tf.concat([x, memory], 1), memory\n    chunk, net_memory = 10, 3",
     "cannot be built .InvalidArgumentError: ConcatOp"),
    (OWN + "        return x, x[:, :3]\n    chunk, net_memory = 10, 3",
     "cannot be built .InvalidArgumentError: ConcatOp"),
    (OWN + DOUBLED, "cannot be built .InvalidArgumentError: Incompatible shapes"),
    (OWN + DOUBLED + "    motors = lambda self, mean: mean[:2]\n",
     "the shape of vpred is .4,., must be .2,."),
    (OWN + "        return x, memory\n    motors = lambda self, mean: mean[:, :1]",
     "the shape of the mean action is .2, 1., must be .2, 2."),
    (OWN + "        return x, memory\n"
     "    view = lambda self, ob, memory: (self.keep(ob[:, 0])[0][:, None] * ob, memory)",
     "the shape of what its view keeps is .2,., must be .2, None.")])
def test_a_class_that_lacks_something(module, text, told):
    """One line says what is missing."""
    with pytest.raises(ValueError, match=told) as error:
        admit_policy(module(text))
    assert "\n" not in str(error.value) and "theirs:Theirs" not in loading.POLICIES


def test_the_contract_is_enough(module, tmp_path):
    """A class that has nothing else is trained with."""
    kind = admit_policy(module(FORWARDS.replace("NAMES", "CONTRACT")))
    assert tiny_run(tmp_path / "run", kind=kind, max_iters=1).iteration == 1


@pytest.mark.parametrize("name", ["transformer", "mlp2", "nowhere:Theirs", ":", "policy:"])
def test_no_such_policy(name):
    """Unknown names tell what is allowed."""
    with pytest.raises(ValueError, match="must be one of mlp, lstm|cannot be built"):
        find_policy(name)
