"""The networks once more, in plain NumPy, and small things that several tests need."""

import subprocess
from contextlib import contextmanager

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data.device import make_session
from distributed_data.variables import FlatVariables


def alive(pid):
    """Whether a process runs and is no zombie."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


def width(seating):
    """How many columns whoever sits there has."""
    return seating.player(None).width


@contextmanager
def new_session():
    """A graph and a session of the test's own."""
    with tf.Graph().as_default(), make_session() as sess:
        yield sess


def initialize(sess, pi, seed=None):
    """Starts a policy's variables; with a seed, none keeps a special value."""
    sess.run(tf.variables_initializer(pi.get_variables()))
    flat = FlatVariables(pi.get_variables())
    vector = flat.get(sess)
    if seed is not None:
        flat.set(sess, scramble(vector, pi.ob_dim, pi.ac_dim, seed))
    return flat


def scramble(vector, ob_dim, ac_dim, seed):
    """The vector with filters of 50 random samples and weights moved off their start."""
    rng = np.random.default_rng(seed)
    filters = 2 * ob_dim + 4
    vector = vector + rng.normal(0, 0.1, vector.size)
    ret, ob = rng.normal(3, 2, 50), rng.normal(0.5, 2, (50, ob_dim))
    vector[:filters] = np.concatenate([[ret.sum(), np.square(ret).sum(), 50], ob.sum(0),
                                       np.square(ob).sum(0), [50]])
    return vector.astype(np.float32)


def sigmoid(x):
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def gaussian_logp(ac, mean, logstd):
    """Log-density of actions [batch, ac_dim] under independent Gaussians, [batch]."""
    std = np.exp(logstd)
    density = np.exp(-0.5 * ((ac - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    return np.log(density).sum(axis=1)


class NumpyPolicy:
    """A flat vector read as games.md 7 says, in float64; `kind` is "mlp" or "lstm"."""

    def __init__(self, vector, ob_dim, ac_dim, kind="mlp", width=64):
        self.rest, self.kind, self.width = np.asarray(vector, np.float64), kind, width
        self.ret_mean, self.ret_std = self._filter(())
        self.ob_mean, self.ob_std = self._filter((ob_dim,))
        net = self._mlp if kind == "mlp" else self._lstm
        self.value_net, self.policy_net = net(ob_dim, 1), net(ob_dim, ac_dim)
        self.logstd = self._take(1, ac_dim)
        assert self.rest.size == 0

    def _take(self, *shape):
        part, self.rest = np.split(self.rest, [int(np.prod(shape))])
        return part.reshape(shape)

    def _filter(self, shape):
        total, square, count = self._take(*shape), self._take(*shape), self._take()
        mean = total / count
        return mean, np.sqrt(np.maximum(square / count - mean**2, 0.01))

    def _dense(self, n, m):
        return self._take(n, m), self._take(m)

    def _mlp(self, ob_dim, size):
        h = self.width
        return [self._dense(ob_dim, h), self._dense(h, h), self._dense(h, size)]

    def _lstm(self, ob_dim, size):
        h = self.width
        return [self._dense(ob_dim, h), self._dense(2 * h, 4 * h), self._dense(h, size)]

    def _run(self, net, x, c, h):
        (w1, b1), (w2, b2), (w3, b3) = net
        if self.kind == "mlp":
            return np.tanh(np.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3, c, h
        x = np.maximum(x @ w1 + b1, 0)
        i, j, f, o = np.split(np.concatenate([x, h], axis=1) @ w2 + b2, 4, axis=1)
        c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
        return h @ w3 + b3, c, h

    def __call__(self, ob, state=None):
        """Returns (mean action, value, new state) for raw observations [batch, ob_dim]."""
        x = np.clip((ob - self.ob_mean) / self.ob_std, -5, 5)
        vc, vh, pc, ph = [None] * 4 if state is None else np.split(state, 4, axis=1)
        value, vc, vh = self._run(self.value_net, x, vc, vh)
        mean, pc, ph = self._run(self.policy_net, x, pc, ph)
        state = None if state is None else np.concatenate([vc, vh, pc, ph], axis=1)
        return mean, value[:, 0] * self.ret_std + self.ret_mean, state
