"""The networks. This is the file to edit, or to imitate, for a network of your own.

A policy must offer:

=============  ==============================  ====================================================
Symbol         Shape                           Description
=============  ==============================  ====================================================
``ob``         [batch, ob_dim]                 placeholder: raw observations
``noise``      [batch, ac_dim]                 placeholder: N(0, 1) samples; zeros for mean actions
``state_in``   [chunks, state_dim]             placeholder: recurrent state (state_dim may be 0)
``new``        [batch]                         placeholder: starts a game; False unless fed
``ac_taken``   [batch, ac_dim]                 placeholder: actions to weigh, ``ac`` unless fed
``ac``         [batch, ac_dim]                 mean + exp(logstd) * noise, unclipped
``vpred``      [batch]                         value estimate in units of the return
``state_out``  [chunks, state_dim]             recurrent state after the last step
``logp``       [batch]                         log-probability of ``ac_taken``
``entropy``    [batch]                         of the action distribution
=============  ==============================  ====================================================

A batch is one step of many games when acting (a chunk is a step then); in training its rows are
chunks of `chunk` consecutive steps, one chunk after the other, each from its own ``state_in``.

A policy has the attributes ``recurrent``, ``chunk`` (1 without memory), ``state_dim``,
``zero_state`` [state_dim], ``ob_rms``, ``ret_rms``, ``logstd`` (the variable) and ``value_head``
(weight and bias of the last value layer, or None), and the methods ``update_ret_rms``,
``get_variables`` and ``get_trainable_variables``. Deriving from `Policy` gives all of it: a
subclass writes `value_and_mean` alone. Variables are created in the order of the policies that
OpenAI released, so their vectors load as they are.
"""

import importlib

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
    """

    recurrent = False
    chunk = 1
    state_dim = 0

    def __init__(self, name, ob_dim, ac_dim, rng=None, logstd=0.0, ret_decay=1.0, **network):
        self.name, self.ob_dim, self.ac_dim, self.rng = name, ob_dim, ac_dim, rng
        with tf.variable_scope(name) as scope:
            self.scope = scope.name
            self.ob = tf.placeholder(tf.float32, [None, ob_dim], "ob")
            self.noise = tf.placeholder(tf.float32, [None, ac_dim], "noise")
            with tf.variable_scope("retfilter"):
                self.ret_rms = RunningMeanStd((), decay=ret_decay)
            with tf.variable_scope("obfilter"):
                self.ob_rms = RunningMeanStd((ob_dim,))
            self._add_state()
            obz = tf.clip_by_value((self.ob - self.ob_rms.mean) / self.ob_rms.std, -5.0, 5.0)
            value, mean, self.state_out = self.value_and_mean(obz, **network)
            self.vpred = value[:, 0] * self.ret_rms.std + self.ret_rms.mean
            self.logstd = tf.get_variable("logstd", [1, ac_dim],
                                          initializer=tf.constant_initializer(logstd))
            self._add_distribution(mean)
            self._add_value_rescaling()

    def _add_state(self):
        self.zero_state = np.zeros(self.state_dim, np.float32)
        self.state_in = tf.placeholder(tf.float32, [None, self.state_dim], "state_in")
        self.new = tf.placeholder_with_default(
            tf.zeros([tf.shape(self.ob)[0]], tf.bool), [None], "new")

    def value_and_mean(self, obz, **network):
        """Builds both networks, the value's first.

        obz: filtered observations [batch, ob_dim]. Returns (value [batch, 1] in standardised
        units, mean action [batch, ac_dim], state_out), and sets `value_head`.
        """
        raise NotImplementedError

    def _add_distribution(self, mean):
        """Gaussian with state-independent log-std (paper, section 4)."""
        self.mean = mean
        self.ac = mean + tf.exp(self.logstd) * self.noise
        self.ac_taken = tf.placeholder_with_default(  # an action is data: no gradient through it
            tf.stop_gradient(self.ac), [None, self.ac_dim], "ac_taken")
        z = (self.ac_taken - mean) / tf.exp(self.logstd)
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


class MlpPolicy(Policy):
    """Separate value and policy nets of tanh layers (paper, section 4; 64 wide as released)."""

    def value_and_mean(self, obz, hid_size=64, num_hid_layers=2):
        """Builds the nets; hid_size: width, num_hid_layers: depth of both."""
        outputs = []
        for net, size, std in (("vf", 1, 1.0), ("pol", self.ac_dim, 0.01)):
            x = obz
            for i in range(num_hid_layers):
                x = tf.nn.tanh(dense(x, hid_size, f"{net}fc{i + 1}", self.rng))
            outputs.append(dense(x, size, f"{net}final", self.rng, std))
        self.value_head = self.get_trainable_variables()[2 * num_hid_layers:2 * num_hid_layers + 2]
        return *outputs, tf.identity(self.state_in)


class LSTMPolicy(Policy):
    """Separate value and policy nets: dense + ReLU, LSTM, linear (paper, section 4).

    The state [batch, 4 * hid_size] is (c, h) of the value's LSTM, then (c, h) of the policy's.
    Backpropagation through time is cut after `chunk` steps (paper, section 5.1).
    """

    recurrent = True
    chunk = 10

    def __init__(self, name, ob_dim, ac_dim, rng=None, hid_size=128, **options):
        self.hid_size, self.state_dim = hid_size, 4 * hid_size
        super().__init__(name, ob_dim, ac_dim, rng, **options)

    def value_and_mean(self, obz):
        """Builds the nets over all steps of the batch; gates stand in the order i, j, f, o."""
        outputs, inputs, kernels, heads = [], [], [], []
        for net, size, std in (("vf", 1, 1.0), ("pol", self.ac_dim, 0.01)):
            x = tf.nn.relu(dense(obz, self.hid_size, f"{net}fc1", self.rng))
            kernel, gates = self._lstm_input(x, f"{net}lstm")
            inputs.append(gates)
            kernels.append(kernel)
            with tf.variable_scope(f"{net}final"):
                heads.append(dense_variables(self.hid_size, size, self.rng, std))
        self.value_head = heads[0]
        hidden, state_out = self._unroll(inputs, kernels)
        outputs = [tf.matmul(h, w) + b for h, (w, b) in zip(hidden, heads)]
        return *outputs, state_out

    def _lstm_input(self, x, name):
        """Creates a cell's variables; returns its recurrent kernel, and what x adds to the gates.

        Both parts of the kernel [x, h] lie in one variable, as in the released policies.
        """
        size = self.hid_size
        with tf.variable_scope(name):
            kernel = tf.get_variable("kernel", [2 * size, 4 * size],
                                     initializer=normc_initializer(self.rng))
            bias = tf.get_variable("bias", [4 * size], initializer=tf.zeros_initializer())
        return kernel[size:], tf.matmul(x, kernel[:size]) + bias

    def _unroll(self, inputs, kernels):
        """Runs both cells, side by side, over each chunk's steps; a new game starts from zeros.

        inputs: the gates' inputs [batch, 4 * hid_size]. Returns ([h of the value's cell, of the
        policy's], each [batch, hid_size], state_out).
        """
        chunks, steps = tf.shape(self.state_in)[0], tf.shape(self.ob)[0]
        keep = 1.0 - tf.cast(self.new, tf.float32)[:, None]
        first = tf.split(self.state_in, 4, axis=1)

        def step(state, now):
            keep, *gates = now
            new_state = []
            for gate, kernel, c, h in zip(gates, kernels, state[::2], state[1::2]):
                i, j, f, o = tf.split(gate + tf.matmul(h * keep, kernel), 4, axis=1)
                c = c * keep * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
                new_state += [c, tf.tanh(c) * tf.sigmoid(o)]
            return new_state

        def by_time(x):  # rows are chunk by chunk; a scan needs step by step
            return tf.transpose(tf.reshape(x, [chunks, -1, x.shape[-1]]), [1, 0, 2])

        def one_step():  # acting: a scan of one step would cost three times as much
            states = step(first, (keep, *inputs))
            return *states[1::2], tf.concat(states, axis=1)

        def many_steps():
            states = tf.scan(step, (by_time(keep), *map(by_time, inputs)), first)
            hidden = [tf.reshape(tf.transpose(h, [1, 0, 2]), [-1, self.hid_size])
                      for h in states[1::2]]
            return *hidden, tf.concat([s[-1] for s in states], axis=1)

        *hidden, state_out = tf.cond(tf.equal(chunks, steps), one_step, many_steps)
        return hidden, state_out


POLICIES = {"mlp": MlpPolicy, "lstm": LSTMPolicy}

CONTRACT = ("ob", "noise", "state_in", "new", "ac_taken", "ac", "vpred", "state_out", "logp",
            "entropy", "recurrent", "chunk", "state_dim", "zero_state", "ob_rms", "ret_rms",
            "logstd", "value_head", "update_ret_rms", "get_variables", "get_trainable_variables")


def find_policy(name):
    """Returns the class of a name in `POLICIES` or of "module:Class", which enters `POLICIES`.

    Raises ValueError if there is no such class, or if what it builds misses part of the contract.
    """
    if name in POLICIES:
        return POLICIES[name]
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"must be one of {', '.join(POLICIES)}, or module:Class")
    try:
        made = getattr(importlib.import_module(module), attribute)
        with tf.Graph().as_default():
            pi = made("pi", 5, 2, np.random.default_rng(0))
    except Exception as error:  # whatever a user's module may do
        raise ValueError(f"cannot be built ({type(error).__name__}: {error})") from None
    missing = [part for part in CONTRACT if not hasattr(pi, part)]
    if missing:
        raise ValueError(f"misses {', '.join(missing)} (see the head of policy.py)")
    POLICIES[name] = made
    return made
