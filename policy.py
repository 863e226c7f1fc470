"""The networks. This is the file to edit, or to imitate, for a network of your own.

A policy must offer:

=============  ==============================  ====================================================
Symbol         Shape                           Description
=============  ==============================  ====================================================
``ob``         [batch, ob_dim]                 placeholder: raw observations
``noise``      [batch, ac_dim]                 placeholder: N(0, 1) samples; zeros for mean actions
``state_in``   [chunks, state_dim]             placeholder: recurrent state (state_dim may be 0)
``new``        [batch]                         placeholder: starts a game (see ``unrolled``)
``ac_taken``   [batch, ac_dim]                 placeholder: actions to weigh, ``ac`` unless fed
``ac``         [batch, ac_dim]                 mean + exp(logstd) * noise, unclipped
``vpred``      [batch]                         value estimate in units of the return
``state_out``  [chunks, state_dim]             recurrent state after the last step
``logp``       [batch]                         log-probability of ``ac_taken``
``entropy``    [batch]                         of the action distribution
=============  ==============================  ====================================================

A batch is one step of many games when acting (a chunk is a step then). The update differentiates
what ``unrolled()`` returns, the same policy over chunks of `chunk` steps: its rows are the first
steps of all chunks, then their second steps, and so on.

A policy has the attributes ``recurrent``, ``chunk`` (1 without memory), ``state_dim``,
``zero_state`` [state_dim], ``ob_rms``, ``ret_rms``, ``logstd`` (the variable) and ``value_head``
(weight and bias of the last value layer, or None), and the methods ``unrolled``,
``update_ret_rms``, ``get_variables`` and ``get_trainable_variables``. Deriving from `Policy` gives
all of it: a subclass writes `value_and_mean` alone. Variables are created in the order of the
policies that OpenAI released, so their vectors load as they are.
"""

import copy
import importlib

import numpy as np
import tensorflow.compat.v1 as tf

import humanoid_view as human
from distributed_data import RunningMeanStd
from egocentric import MEMORY, RACE, SUMO, ant_view, motor_actions

MOST_LAYERS = 16  # a file may ask for any number, and each takes time to build
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


class MlpPolicy(Policy):
    """Separate value and policy nets of tanh layers (paper, section 4; 64 wide as released)."""

    def value_and_mean(self, obz, hid_size=64, num_hid_layers=2):
        """Builds the nets; hid_size: width, num_hid_layers: depth of both."""
        outputs = tanh_nets(obz, self.ac_dim, hid_size, num_hid_layers, self.rng)
        self.value_head = self.get_trainable_variables()[2 * num_hid_layers:2 * num_hid_layers + 2]
        return *outputs, tf.identity(self.state_in)


def tanh_nets(inputs, ac_dim, hid_size, num_hid_layers, rng):
    """Two nets of tanh layers: [value [batch, 1], mean action [batch, ac_dim]].

    Raises ValueError for more than `MOST_LAYERS` layers.
    """
    if num_hid_layers > MOST_LAYERS:
        raise ValueError(f"num_hid_layers is {num_hid_layers}, must be at most {MOST_LAYERS}")
    outputs = []
    for net, size, std in (("vf", 1, 1.0), ("pol", ac_dim, 0.01)):
        x = inputs
        for i in range(num_hid_layers):
            x = tf.nn.tanh(dense(x, hid_size, f"{net}fc{i + 1}", rng))
        outputs.append(dense(x, size, f"{net}final", rng, std))
    return outputs


class LSTMPolicy(Policy):
    """Separate value and policy nets: dense + ReLU, LSTM, linear (paper, section 4).

    The state [batch, 4 * hid_size] is (c, h) of the value's LSTM, then (c, h) of the policy's.
    Backpropagation through time is cut after `chunk` steps (paper, section 5.1).
    `play_state_out` is the state for those of whom nobody wants values: the value's stands still.
    """

    recurrent = True
    chunk = 10

    def __init__(self, name, ob_dim, ac_dim, rng=None, hid_size=128, **options):
        self.hid_size, self.state_dim = hid_size, 4 * hid_size
        super().__init__(name, ob_dim, ac_dim, rng, **options)

    def value_and_mean(self, obz):
        """Builds the nets for `length` steps."""
        states = tf.split(self.state_in, 4, axis=1)
        outputs, new_states = [], []
        for net, size, std, (c, h) in (("vf", 1, 1.0, states[:2]),
                                       ("pol", self.ac_dim, 0.01, states[2:])):
            x = tf.nn.relu(dense(obz, self.hid_size, f"{net}fc1", self.rng))
            x, c, h = self._lstm(x, c, h, f"{net}lstm")
            outputs.append(dense(x, size, f"{net}final", self.rng, std))
            new_states += [c, h]
        self.value_head = self.get_trainable_variables()[4:6]
        self.play_state_out = tf.concat(states[:2] + new_states[2:], axis=1)
        return *outputs, tf.concat(new_states, axis=1)

    def _lstm(self, x, c, h, name):
        """Returns all steps' outputs, in rows as x has them, and the last c and h.

        One kernel for [x, h] and gates in the order i, j, f, o, as in the released policies; what
        x adds to the gates is computed for all steps at once.
        """
        with tf.variable_scope(name):
            kernel = tf.get_variable("kernel", [2 * self.hid_size, 4 * self.hid_size],
                                     initializer=normc_initializer(self.rng))
            bias = tf.get_variable("bias", [4 * self.hid_size],
                                   initializer=tf.zeros_initializer())
        from_x, from_h = tf.split(kernel, 2)
        gates = tf.split(tf.matmul(x, from_x) + bias, self.length)
        keep, outputs = 1.0 - tf.cast(self.new, tf.float32)[:, None], []
        keeps = tf.split(keep, self.length)
        for t in range(self.length):
            if t > 0:  # the state at a chunk's head is given as it has to be
                c, h = c * keeps[t], h * keeps[t]
            i, j, f, o = tf.split(gates[t] + tf.matmul(h, from_h), 4, axis=1)
            c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
            h = tf.tanh(c) * tf.sigmoid(o)
            outputs.append(h)
        return tf.concat(outputs, axis=0), c, h


class AntPolicy(Policy):
    """Separate value and policy nets of tanh layers over what an ant's own body feels.

    The view (`egocentric.ant_view`) is the same whichever way the ant is turned and whichever seat
    it has, and the actions turn with it. Its memory is where the other ant was a step ago, so as to
    know how it moves, and the side it began on; the observation filter is not used.
    """

    sizes = ((RACE, 8), (SUMO, 8))
    either_seat = True
    recurrent = True
    state_dim = MEMORY

    def value_and_mean(self, obz, hid_size=128, num_hid_layers=2):
        """Builds the nets; hid_size: width, num_hid_layers: depth of both."""
        view, quarters, memory = ant_view(self.ob, self.state_in)
        outputs = tanh_nets(view, self.ac_dim, hid_size, num_hid_layers, self.rng)
        self.value_head = self.get_trainable_variables()[2 * num_hid_layers:2 * num_hid_layers + 2]
        value, mean = outputs
        return value, motor_actions(mean, quarters), memory


class HumanoidPolicy(Policy):
    """Separate value and policy nets of tanh layers over what a humanoid's own body feels.

    Both nets answer for the view and for its mirror image and take the mean, so that the policy is
    exactly equal under left-right mirror. Its memory is where the other robot and the ball were a
    step ago and the side it began on; the observation filter is not used.
    """

    sizes = ((human.RACE, 17), (human.SUMO, 17), (human.KICK, 17))
    either_seat = True
    recurrent = True
    state_dim = human.MEMORY

    def value_and_mean(self, obz, hid_size=128, num_hid_layers=2):
        """Builds the nets; hid_size: width, num_hid_layers: depth of both."""
        view, reflect, memory = human.humanoid_view(self.ob, self.state_in)
        both = tf.concat([view, reflect(view)], 0)
        value, mean = tanh_nets(both, self.ac_dim, hid_size, num_hid_layers, self.rng)
        self.value_head = self.get_trainable_variables()[2 * num_hid_layers:2 * num_hid_layers + 2]
        value, image = tf.split(value, 2)
        mean, mean_image = tf.split(mean, 2)
        return (value + image) / 2, (mean + human.mirrored_actions(mean_image)) / 2, memory


POLICIES = {"mlp": MlpPolicy, "lstm": LSTMPolicy, "ant": AntPolicy, "humanoid": HumanoidPolicy}

CONTRACT = ("ob", "noise", "state_in", "new", "ac_taken", "ac", "vpred", "state_out", "logp",
            "entropy", "recurrent", "chunk", "state_dim", "zero_state", "ob_rms", "ret_rms",
            "logstd", "value_head", "unrolled", "update_ret_rms", "get_variables",
            "get_trainable_variables")


def find_policy(name, *size):
    """Returns the class of a name in `POLICIES` or of "module:Class", which enters `POLICIES`.

    size: ob_dim and ac_dim of the game that it is to play, where that is known already. Raises
    ValueError if there is no such class, if it cannot play the game, or if what it builds misses
    part of the contract.
    """
    made = POLICIES.get(name) or load_policy_class(name, *size)
    sizes = getattr(made, "sizes", None)
    if size and sizes and size not in sizes:
        raise ValueError(f"plays games of {' or '.join(str(ob) for ob, _ in sizes)} observations, "
                         f"this one has {size[0]}")
    POLICIES[name] = made
    return made


def load_policy_class(name, *size):
    """Imports "module:Class" and builds it once, to see what it misses; ValueError for anything."""
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"must be one of {', '.join(POLICIES)}, or module:Class")
    try:
        made = getattr(importlib.import_module(module), attribute)
        size = (getattr(made, "sizes", None) or [size or (5, 2)])[0]
        with tf.Graph().as_default():
            pi = made("pi", *size, np.random.default_rng(0))
    except Exception as error:  # whatever a user's module may do
        raise ValueError(f"cannot be built ({type(error).__name__}: {error})") from None
    missing = [part for part in CONTRACT if not hasattr(pi, part)]
    if missing:
        raise ValueError(f"misses {', '.join(missing)} (see the head of policy.py)")
    return made
