"""Shared by all policies: filters, heads, Gaussian, value rescaling, bookkeeping."""

import copy

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data import RunningMeanStd
from networks.inputs import depends_on_variables

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
    """Filters, heads, Gaussian and bookkeeping around a subclass's hidden layers.

    name: variable scope; ob_dim, ac_dim: sizes; rng: NumPy generator of the initial weights (None
    for a frozen copy, which is loaded anyway); logstd: initial log standard deviation of actions;
    ret_decay: weight of past returns in the return filter after one iteration.
    Further keywords go to `hidden`.

    There are two nets, "vf" for the value and "pol" for the mean action. A subclass writes `hidden`
    and may override `view`, `estimate` and `motors`. If it has memory from step to step, it sets
    the sizes: `net_memory` for each net, `view_memory` for the view. The state is the view's
    memory, then the value's, then the policy's.

    `length` is the number of steps of each chunk in a batch: 1 when acting, `chunk` in the update.
    A subclass with its own `chunk` builds `length` steps; one that cannot play every game sets
    `sizes`, the (ob_dim, ac_dim) of those that it can play, and `either_seat` if one learner can
    play both seats in all of them; `symmetric` says that its mean action in a mirrored match is the
    mirror image. `shared_features` is the number of features, the same in every game, with which
    its view begins: then training in one game can start from another's network.
    """

    sizes = shared_features = None
    either_seat = symmetric = False
    view_memory = net_memory = 0
    length = chunk = 1

    def __init__(self, name, ob_dim, ac_dim, rng=None, logstd=0.0, ret_decay=1.0, **network):
        self.name, self.ob_dim, self.ac_dim, self.rng = name, ob_dim, ac_dim, rng
        self.state_dim = self.view_memory + 2 * self.net_memory
        self.recurrent = self.state_dim > 0
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

    def hidden(self, x, net, memory, **network):
        """Returns the last hidden layer [rows, width] of one net, and its new memory.

        x: the features from `view`, [rows, features]; net: "vf" or "pol", the start of its
        variables' names; memory: [chunks, net_memory]. Called for "vf", then for "pol".
        """
        raise NotImplementedError(f"{type(self).__name__} has no hidden(x, net, memory)")

    def view(self, ob, memory):
        """Returns the features of raw observations for both nets, and the view's new memory.

        ob: [batch, ob_dim]; memory: [chunks, view_memory]. Default: filtered observations.
        """
        return tf.clip_by_value((ob - self.ob_rms.mean) / self.ob_rms.std, -5.0, 5.0), memory

    def keep(self, *tensors):
        """For a `view`: returns the tensors [batch, n], which the segment then keeps.

        They are computed once, when the policy acts, and not again in every epoch of the update. So
        they must depend on observations and memory alone; ValueError if they depend on variables.
        """
        if depends_on_variables(tensors):
            raise ValueError(f"{type(self).__name__}.view keeps what depends on variables")
        kept = list(map(tf.stop_gradient, tensors))
        self.kept += kept
        return kept

    def estimate(self, value):
        """The standardized value estimate [batch, 1] from the output of the value's head."""
        return value

    def motors(self, mean):
        """The motors' mean action [batch, ac_dim] from the output of the policy's head."""
        return mean

    def unrolled(self):
        """The same policy, sharing all variables, over chunks of `chunk` steps.

        Its `state_in` and `state_out` have one row per chunk, for its first and last step; where
        `new` is true inside a chunk, the state restarts. Returns itself if a chunk is one step.
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
        self.kept = []
        seen, *memories = tf.split(
            self.state_in, [self.view_memory, self.net_memory, self.net_memory], axis=1)
        x, new_seen = self.view(self.ob, seen)
        value, vf_memory, self.value_head = self._net(x, "vf", memories[0], 1, 1.0)
        mean, pol_memory, _ = self._net(x, "pol", memories[1], self.ac_dim, 0.01)
        self.mean = self.motors(mean)
        self.vpred = self.estimate(value)[:, 0] * self.ret_rms.std + self.ret_rms.mean
        self.state_out = tf.concat([new_seen, vf_memory, pol_memory], axis=1)
        if self.state_out.shape[1] != self.state_dim:
            raise ValueError(f"{type(self).__name__} has a state of {self.state_dim} numbers "
                             f"(view_memory, net_memory) but returns {self.state_out.shape[1]}")
        # For players that need no values: the memory of the value's net does not change.
        self.play_state_out = tf.concat([new_seen, memories[0], pol_memory], axis=1)

    def _net(self, x, net, memory, size, std):
        """One net: its head's output [rows, size], its memory and its head's [weight, bias]."""
        made = self.hidden(x, net, memory, **self._network)
        if not (isinstance(made, tuple) and len(made) == 2):
            raise TypeError(f"{type(self).__name__}.hidden must return (x, memory)")
        x, memory = made
        with tf.variable_scope(f"{net}final"):
            head = list(dense_variables(x.shape[-1], size, self.rng, std))
        return tf.matmul(x, head[0]) + head[1], memory, head

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
        """New return statistics must not change the value network's output in reward units."""
        w, b = self.value_head
        self._old = tf.placeholder(tf.float32, [2], "old_mean_std")
        old_mean, old_std = self._old[0], self._old[1]
        mean, std = self.ret_rms.mean, self.ret_rms.std
        self._rescale = tf.group(tf.assign(w, w * old_std / std),
                                 tf.assign(b, (b * old_std + old_mean - mean) / std))

    def update_ret_rms(self, sess, returns):
        """Updates the return filter and rescales the value head to match (van Hasselt, 2016)."""
        old = sess.run([self.ret_rms.mean, self.ret_rms.std])
        self.ret_rms.update(sess, returns)
        sess.run(self._rescale, {self._old: old})

    def get_variables(self):
        """All variables, filters included, in the order of a parameter vector."""
        return tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, self.scope + "/")

    def get_trainable_variables(self):
        """The variables that the optimizer changes."""
        return tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, self.scope + "/")
