"""Adam on gradients averaged over the ranks."""

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data import comm


class FlatVariables:
    """Reads and writes a list of variables as one flat float32 vector, in the list's order."""

    def __init__(self, variables):
        self.variables = list(variables)
        sizes = [v.shape.num_elements() for v in self.variables]
        self.size = sum(sizes)
        self._read = tf.concat(
            [tf.reshape(tf.cast(v, tf.float32), [-1]) for v in self.variables], 0)
        self._vector = tf.placeholder(tf.float32, [self.size])
        self._write = tf.group(*[
            tf.assign(v, tf.cast(tf.reshape(part, v.shape), v.dtype.base_dtype))
            for v, part in zip(self.variables, tf.split(self._vector, sizes))])

    def get(self, sess):
        """Returns the values, [size] float32."""
        return sess.run(self._read)

    def set(self, sess, vector):
        """Writes the values from a [size] vector."""
        sess.run(self._write, {self._vector: vector})


class ExactVariables:
    """Reads and writes a list of variables in their own types, to the last bit."""

    def __init__(self, variables):
        self._variables = list(variables)
        self._values = [tf.placeholder(v.dtype.base_dtype, v.shape) for v in self._variables]
        self._write = tf.group(*map(tf.assign, self._variables, self._values))

    def get(self, sess):
        """Returns the values, a list of arrays."""
        return sess.run(self._variables)

    def set(self, sess, values):
        """Writes the values."""
        sess.run(self._write, dict(zip(self._values, values)))


class MpiAdam:
    """Adam (Kingma & Ba, 2015, end of section 2) on the mean of all ranks' gradients.

    Every rank holds the same moments and computes the same step, so parameters stay the same bits
    everywhere after one `sync`.
    """

    def __init__(self, variables, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.flat = FlatVariables(variables)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.m, self.v = np.zeros((2, self.flat.size), np.float32)
        self.t = 0
        self.theta = None  # the parameters, kept here so that a step need not read them back

    def sync(self, sess):
        """Takes rank 0's parameters on every rank; call it whenever others have written them."""
        self.theta = np.array(self.flat.get(sess))
        comm.WORLD.Bcast(self.theta, root=0)
        self.flat.set(sess, self.theta)

    def update(self, sess, localg, stepsize):
        """One step against this rank's gradient localg [size]; returns whether it was taken.

        If some rank's gradient is not finite no rank moves.
        """
        g = comm.allmean(localg) if comm.SIZE > 1 else localg
        if not np.isfinite(g).all():
            return False
        self.t += 1
        self.m += (1 - self.beta1) * (g - self.m)
        self.v += (1 - self.beta2) * (g * g - self.v)
        a = stepsize * np.sqrt(1 - self.beta2**self.t) / (1 - self.beta1**self.t)
        self.theta -= np.float32(a) * self.m / (np.sqrt(self.v) + np.float32(self.epsilon))
        self.flat.set(sess, self.theta)
        return True
