"""Adam on gradients averaged over the ranks."""

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data import comm
from distributed_data.callables import make_callable
from distributed_data.variables import FlatVariables


class MpiAdam:
    """Adam (Kingma & Ba, 2015, end of section 2) on the mean of all ranks' gradients.

    Every rank holds the same moments and computes the same step, so parameters stay bitwise equal
    everywhere after one `sync`. `update` takes a step for a given gradient; `step` builds the same
    step into the graph after the gradients themselves, for a single rank.
    """

    def __init__(self, variables, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.flat = FlatVariables(variables)
        self._variables = self.flat.variables
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._moments = [[tf.get_variable(f"adam_{name}/{v.op.name}", v.shape, v.dtype,
                                          tf.zeros_initializer(), trainable=False)
                          for v in self._variables] for name in "mv"]
        self.m, self.v = map(FlatVariables, self._moments)
        self.t = 0
        self._reset = tf.variables_initializer([*self._moments[0], *self._moments[1]])
        self.rate = tf.placeholder(tf.float32, [], "rate")
        self._g = tf.placeholder(tf.float32, [self.flat.size], "gradient")
        sizes = [v.shape.num_elements() for v in self._variables]
        self.taken = self.step([tf.reshape(part, v.shape) for v, part in
                                 zip(self._variables, tf.split(self._g, sizes))])

    def step(self, gradients):
        """The operation that takes one step, at the rate fed into `rate`: see `next_rate`."""
        return tf.group(*[
            tf.raw_ops.ResourceApplyAdam(  # with its powers at 0, it uses the rate as fed
                var=var.handle, m=m.handle, v=v.handle, beta1_power=0.0, beta2_power=0.0,
                lr=self.rate, beta1=self._beta1, beta2=self._beta2, epsilon=self._epsilon, grad=g)
            for var, m, v, g in zip(self._variables, *self._moments, gradients)])

    def next_rate(self, stepsize):
        """The factor of m / (sqrt(v) + epsilon) in the next step, with both bias corrections."""
        t = self.t + 1
        return stepsize * np.sqrt(1 - self._beta2**t) / (1 - self._beta1**t)

    def start(self, sess, then=None, feeds=()):
        """Binds the session, zeroes the moments and copies rank 0's parameters to every rank.

        then: an operation that follows `taken`, the operation of `update`'s step, in the same call;
        feeds: the placeholders that it needs.
        """
        sess.run(self._reset)
        self.t = 0
        self._take = make_callable(sess, then or self.taken, [self._g, self.rate, *feeds])
        self.sync(sess)

    def sync(self, sess):
        """Copies rank 0's parameters to every rank; call it after other code has written them."""
        if comm.SIZE > 1:
            theta = np.array(self.flat.get(sess))
            comm.WORLD.Bcast(theta, root=0)
            self.flat.set(sess, theta)

    def update(self, localg, stepsize, *values):
        """Takes one step for this rank's gradient localg [size]; returns whether it was taken.

        values: for the feeds of `start`. If any rank's gradient is not finite, no rank takes it.
        """
        g = comm.allmean(localg) if comm.SIZE > 1 else localg
        if not np.isfinite(g).all():
            return False
        self._take(g, self.next_rate(stepsize), *values)
        self.t += 1
        return True

    def get_state(self, sess):
        """Moments and number of steps: {name: array}."""
        return {"m": self.m.get(sess), "v": self.v.get(sess), "t": self.t}

    def set_state(self, sess, state):
        """Restores what `get_state` returned."""
        self.m.set(sess, state["m"])
        self.v.set(sess, state["v"])
        self.t = int(state["t"])
