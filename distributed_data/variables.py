"""Reads and writes lists of TensorFlow variables: as one flat vector, or exactly."""

import tensorflow.compat.v1 as tf


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
