"""What every policy shares: filters, Gaussian, value rescaling, bookkeeping."""

import copy

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data import RunningMeanStd

LOG_2PI = float(np.log(2 * np.pi))


def normc_initializer(rng, std=1.0):
    """Columns of Gaussian direction and length std, drawn from a NumPy generator (None: zeros)."""

    def initializer(shape, dtype=None, partition_info=None):
        if rng is None:
            return tf.zeros(shape, tf.float32)
        value = rng.standard_normal(shape)
        value *= std / np.sqrt(np.square(value).sum(axis=0, keepdims=True))
        return tf.constant(value, tf.float32)

    return initializer


def dense(x, size, name, rng, std=1.0):
    """x W + b; variables `name`/w [in, size] and `name`/b [size]."""
    with tf.variable_scope(name):
        w, b = dense_variables(x.shape[-1], size, rng, std)
    return tf.matmul(x, w) + b


def dense_variables(size_in, size, rng, std=1.0):
    """The variables w [size_in, size] and b [size] of a layer, in the current scope."""
    return (tf.get_variable("w", [size_in, size], initializer=normc_initializer(rng, std)),
            tf.get_variable("b", [size], initializer=tf.zeros_initializer()))


class Policy:
    """Filters, Gaussian and bookkeeping around the network that a subclass writes.

    name: variable scope; ob_dim, ac_dim: sizes; rng: NumPy generator of the initial weights (None
    for a frozen copy that is loaded anyway); logstd: initial log standard deviation of actions;
    ret_decay: what past returns weigh in the return filter after one iteration.
    Further keywords go to `value_and_mean`.

    `length` is how many steps of each chunk a batch holds: 1 when acting, `chunk` in the update. A
    subclass with memory sets `recurrent`, `state_dim` and `chunk`, and builds `length` steps; one
    that cannot play every game sets `sizes`, the (ob_dim, ac_dim) of those that it can, and
    `either_seat` if in all of those one learner can play both seats.
    """

    sizes = None
    either_seat = False
    recurrent = False
    state_dim = 0
    length = chunk = 1

    def __init__(self, name, ob_dim, ac_dim, rng=None, logstd=0.0, ret_decay=1.0, **network):
        self.name, self.ob_dim, self.ac_dim, self.rng = name, ob_dim, ac_dim, rng
        self.zero_state = np.zeros(self.state_dim, np.float32)
        self._network = network
        with tf.variable_scope(name) as scope:
            self.scope = scope.name
            with tf.variable_scope("retfilter"):
                self.ret_rms = RunningMeanStd((), decay=ret_decay)
            with tf.variable_scope("obfilter"):
                self.ob_rms = RunningMeanStd((ob_dim,))
            self._add_network()
            self.logstd = tf.get_variable("logstd", [1, ac_dim],
                                          initializer=tf.constant_initializer(logstd))
            self._add_distribution()
            self._add_value_rescaling()

    def unrolled(self):
        """The same policy, sharing all variables, over chunks of `chunk` steps.

        Its `state_in` and `state_out` have one row a chunk, for its head and its end; where `new`
        is true inside a chunk the state starts anew. Without memory a chunk is one step: itself.
        """
        if self.chunk == self.length:
            return self
        twin = copy.copy(self)
        twin.length = self.chunk
        with tf.variable_scope(self.scope, reuse=True):
            twin._add_network()
            twin._add_distribution()
        return twin

    def _add_network(self):
        self.ob = tf.placeholder(tf.float32, [None, self.ob_dim], "ob")
        self.new = tf.placeholder(tf.bool, [None], "new")
        self.state_in = tf.placeholder(tf.float32, [None, self.state_dim], "state_in")
        obz = tf.clip_by_value((self.ob - self.ob_rms.mean) / self.ob_rms.std, -5.0, 5.0)
        value, self.mean, self.state_out = self.value_and_mean(obz, **self._network)
        self.vpred = value[:, 0] * self.ret_rms.std + self.ret_rms.mean

    def value_and_mean(self, obz, **network):
        """Builds both networks, the value's first.

        obz: filtered observations [batch, ob_dim]. Returns (value [batch, 1] in standardised
        units, mean action [batch, ac_dim], state_out), and sets `value_head`.
        """
        raise NotImplementedError

    def _add_distribution(self):
        """Gaussian with state-independent log-std (paper, section 4)."""
        self.noise = tf.placeholder(tf.float32, [None, self.ac_dim], "noise")
        self.ac = self.mean + tf.exp(self.logstd) * self.noise
        self.ac_taken = tf.placeholder_with_default(  # an action is data: no gradient through it
            tf.stop_gradient(self.ac), [None, self.ac_dim], "ac_taken")
        z = (self.ac_taken - self.mean) / tf.exp(self.logstd)
        self.logp = -tf.reduce_sum(0.5 * tf.square(z) + self.logstd + 0.5 * LOG_2PI, axis=1)
        entropy = tf.reduce_sum(self.logstd + 0.5 * (LOG_2PI + 1))
        self.entropy = tf.fill(tf.shape(self.logp), entropy)

    def _add_value_rescaling(self):
        """New return statistics must not change what the value network says in reward units."""
        if self.value_head is None:
            return
        w, b = self.value_head
        self._old = tf.placeholder(tf.float32, [2], "old_mean_std")
        old_mean, old_std = self._old[0], self._old[1]
        mean, std = self.ret_rms.mean, self.ret_rms.std
        self._rescale = tf.group(tf.assign(w, w * old_std / std),
                                 tf.assign(b, (b * old_std + old_mean - mean) / std))

    def update_ret_rms(self, sess, returns):
        """Moves the return filter on and rescales the value head to match (van Hasselt, 2016)."""
        old = sess.run([self.ret_rms.mean, self.ret_rms.std])
        self.ret_rms.update(sess, returns)
        if self.value_head is not None:
            sess.run(self._rescale, {self._old: old})

    def get_variables(self):
        """All variables, filters included, in the order of a parameter vector."""
        return tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, self.scope + "/")

    def get_trainable_variables(self):
        """The variables that the optimizer moves."""
        return tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, self.scope + "/")
