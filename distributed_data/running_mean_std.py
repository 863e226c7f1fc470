"""Running mean and standard deviation over all ranks' data, as graph variables."""

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data import comm

ROWS = 1024  # of a batch that are converted to float64 at a time


def column_sums(x):
    """Sums and sums of squares [2, k], in float64, of the columns of x [n, k].

    A large batch in float64, with its squares, would take four times its memory. Rows are added one
    by one, so the sums are the same bits as for a single block.
    """
    if x.shape[1] == 1:  # NumPy adds a lone column in pairs
        x = np.asarray(x, np.float64)
        return np.stack([x.sum(axis=0), np.square(x).sum(axis=0)])
    sums = np.zeros((2, x.shape[1]))
    for start in range(0, len(x), ROWS):
        block = x[start:start + ROWS].astype(np.float64)
        for total, part in zip(sums[::-1], (np.square(block), block)):
            part[0] += total
            part.sum(axis=0, out=total)
    return sums


class RunningMeanStd:
    """Sums, sums of squares and a count in float64 variables; `mean` and `std` are tensors.

    std = sqrt(max(sumsq / count - mean^2, 0.01)), as in the released policies, whose variable
    order (sum, sum of squares, count) this keeps. Create it inside its policy's variable scope.

    shape: of one sample. decay: weight of the past after one update, for statistics that must
    follow a moving quantity; with 1, all samples ever seen count equally.
    """

    def __init__(self, shape, decay=1.0, epsilon=1e-2):
        self.shape, self.decay = tuple(shape), decay

        def variable(name, shape, value):
            return tf.get_variable(name, shape, tf.float64, tf.constant_initializer(value),
                                   trainable=False)

        self._sum = variable("sum", shape, 0.0)
        self._sumsq = variable("sumsq", shape, epsilon)
        self._count = variable("count", (), epsilon)
        mean = self._sum / self._count
        variance = tf.maximum(self._sumsq / self._count - tf.square(mean), 1e-2)
        self.mean = tf.cast(mean, tf.float32, "mean")
        self.std = tf.cast(tf.sqrt(variance), tf.float32, "std")

        accumulators = (self._sum, self._sumsq, self._count)
        self._increments = [tf.placeholder(tf.float64, v.shape) for v in accumulators]
        self._update = tf.group(*[tf.assign(v, v * decay + increment)
                                  for v, increment in zip(accumulators, self._increments)])

    def is_empty(self, sess):
        """Whether it has not seen a sample yet."""
        return bool(sess.run(self._count) < 1)

    def update(self, sess, x):
        """Adds the samples x [..., *shape], each rank its own."""
        x = np.asarray(x).reshape(-1, *self.shape)
        size = x[0].size
        total = comm.allsum(np.concatenate([*column_sums(x.reshape(-1, size)), [len(x)]]))
        values = total[:size].reshape(self.shape), total[size:-1].reshape(self.shape), total[-1]
        sess.run(self._update, dict(zip(self._increments, values)))
