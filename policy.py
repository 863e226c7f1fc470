"""The networks. This is the file to edit, or to imitate, for a network of your own.

A policy must offer:

=============  ==============================  ====================================================
Symbol         Shape                           Description
=============  ==============================  ====================================================
``ob``         [batch, ob_dim]                 placeholder: raw observations
``noise``      [batch, ac_dim]                 placeholder: N(0, 1) samples; zeros for mean actions
``state_in``   [chunks, state_dim]             placeholder: recurrent state (state_dim may be 0)
``new``        [batch]                         placeholder: starts a match (see ``unrolled``)
``ac_taken``   [batch, ac_dim]                 placeholder: actions to weigh, ``ac`` unless fed
``ac``         [batch, ac_dim]                 mean + exp(logstd) * noise, unclipped
``vpred``      [batch]                         value estimate in units of the return
``state_out``  [chunks, state_dim]             recurrent state after the last step
``logp``       [batch]                         log-probability of ``ac_taken``
``entropy``    [batch]                         of the action distribution
=============  ==============================  ====================================================

When acting, a batch is one step of many matches, and a chunk is one step. The update differentiates
what ``unrolled()`` returns, the same policy over chunks of `chunk` steps: its rows are the first
steps of all chunks, then their second steps, and so on.

A policy has the attributes ``name`` (its variable scope), ``ob_dim``, ``ac_dim``, ``recurrent``,
``chunk`` (1 without memory), ``state_dim``, ``zero_state`` [state_dim], ``ob_rms``, ``ret_rms``,
``logstd`` (the variable) and ``value_head`` (weight and bias of the last value layer), and the
methods ``unrolled``, ``update_ret_rms``, ``get_variables`` and ``get_trainable_variables``. It is
made by ``(name, ob_dim, ac_dim, rng=None, logstd=0.0, ret_decay=1.0)``, also with ``hid_size=`` and
``hide_pose=`` if these options are given; see `Policy` for what they mean, and for what else a
class may say of itself (``sizes``, ``either_seat``, ``symmetric``, ``shared_features``).

Deriving from `Policy` gives all of this: a subclass writes `hidden` alone, the layers of one net up
to its last hidden one. What its own `view` passes through `keep` is computed when acting, and not
again in the update. Variables are created in the order of the policies that OpenAI released, so
their vectors load as they are.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from networks import ant_view as ant
from networks import humanoid_view as human
from networks.policy_base import Policy, dense, normc_initializer

MOST_LAYERS = 16  # a file may ask for any number, and each takes time to build


class MlpPolicy(Policy):
    """Separate value and policy nets of tanh layers (paper, section 4; 64 wide as released)."""

    def hidden(self, x, net, memory, hid_size=64, num_hid_layers=2):
        """hid_size: width, num_hid_layers: depth, at most `MOST_LAYERS` (ValueError)."""
        if num_hid_layers > MOST_LAYERS:
            raise ValueError(f"num_hid_layers is {num_hid_layers}, must be at most {MOST_LAYERS}")
        for i in range(num_hid_layers):
            x = tf.nn.tanh(dense(x, hid_size, f"{net}fc{i + 1}", self.rng))
        return x, memory


class LSTMPolicy(Policy):
    """Separate value and policy nets: dense + ReLU, LSTM, linear (paper, section 4).

    The memory [chunks, 2 * hid_size] of each net is its LSTM's (c, h). Backpropagation through time
    is cut after `chunk` steps (paper, section 5.1).
    """

    chunk = 10

    def __init__(self, name, ob_dim, ac_dim, rng=None, hid_size=128, **options):
        self.hid_size, self.net_memory = hid_size, 2 * hid_size
        super().__init__(name, ob_dim, ac_dim, rng, **options)

    def hidden(self, x, net, memory):
        """Runs x [length * chunks, features] through the net, step by step.

        memory: [chunks, 2 * hid_size], c then h. Rows are ordered as `unrolled` takes them.
        """
        x = tf.nn.relu(dense(x, self.hid_size, f"{net}fc1", self.rng))
        x, *memory = self._lstm(x, *tf.split(memory, 2, axis=1), f"{net}lstm")
        return x, tf.concat(memory, axis=1)

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
            if t > 0:  # the state fed for step 0 has been reset already where a match starts
                c, h = c * keeps[t], h * keeps[t]
            i, j, f, o = tf.split(gates[t] + tf.matmul(h, from_h), 4, axis=1)
            c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
            h = tf.tanh(c) * tf.sigmoid(o)
            outputs.append(h)
        return tf.concat(outputs, axis=0), c, h


class BodyPolicy(MlpPolicy):
    """Tanh layers, 128 wide, over a view from the robot's own body, which a subclass adds.

    hide_pose: the nets see 0 for the features `pose`, which say how the other robot stands.
    """

    either_seat = True
    pose = ()

    def __init__(self, name, ob_dim, ac_dim, rng=None, hide_pose=False, **options):
        self.hide_pose = hide_pose
        super().__init__(name, ob_dim, ac_dim, rng, **options)

    def hidden(self, x, net, memory, hid_size=128, num_hid_layers=2):
        """As in `MlpPolicy`, but wider."""
        return super().hidden(x, net, memory, hid_size, num_hid_layers)

    def shown(self, features):
        """What the nets see of the features [batch, n]."""
        if not self.hide_pose:
            return features
        seen = np.ones(features.shape[1], np.float32)
        seen[list(self.pose)] = 0
        return features * seen


class AntPolicy(BodyPolicy):
    """An ant that sees the world from its own body.

    The view (`networks.ant_view`) is the same whichever way the ant is turned and whichever seat it
    has, and the mean action turns with it; the noise is each motor's own. Its memory holds where
    the other ant was one step ago, for its velocity, and the side on which this one began. The
    observation filter is not used.
    """

    sizes = ((ant.RACE, 8), (ant.SUMO, 8))
    view_memory = ant.MEMORY
    pose = ant.POSE

    def view(self, ob, memory):
        """The ant's view, in which quarter turns rename the legs."""
        features, quarters, memory = ant.ant_view(ob, memory)
        features, self._quarters = self.keep(self.shown(features), quarters)
        return features, memory

    def motors(self, mean):
        """The actions in the order of the motors, from those named as in the view."""
        return ant.motor_actions(mean, self._quarters)


class HumanoidPolicy(BodyPolicy):
    """A humanoid that sees the world from its own body (`networks.humanoid_view`).

    Both nets are applied to the view and to its mirror image, in twice the rows, and the results
    averaged, so the mean action and the value are exactly symmetric under left-right reflection;
    the noise is each motor's own. Its memory holds where the other robot and the ball were one step
    ago, and the side on which it began. The observation filter is not used.
    """

    sizes = ((human.RACE, 17), (human.SUMO, 17), (human.KICK, 17))
    shared_features = human.SHARED
    symmetric = True
    view_memory = human.MEMORY
    pose = human.POSE

    def view(self, ob, memory):
        """The humanoid's views [2 * batch, features], those of the mirrored matches last."""
        features, reflect, memory = human.humanoid_view(ob, memory)
        [features] = self.keep(self.shown(features))
        return tf.concat([features, reflect(features)], 0), memory

    def estimate(self, value):
        """The mean over the match and its mirror image."""
        value, image = tf.split(value, 2)
        return (value + image) / 2

    def motors(self, mean):
        """The mean over the match and its mirror image, turned back."""
        mean, image = tf.split(mean, 2)
        return (mean + human.mirrored_actions(image)) / 2
