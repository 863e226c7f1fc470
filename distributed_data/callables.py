"""Quick calls into a TensorFlow session."""

from functools import cache

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2


def make_callable(sess, fetches, feeds):
    """Returns a function of values for the tensors `feeds` that evaluates `fetches`.

    fetches: a tensor, an operation (whose result is None), or lists and dicts of them; each only
    once. `Session.make_callable` does the same through `Session.run`, whose bookkeeping is a third
    of a step of acting.
    """
    flat = tf.nest.flatten(fetches)
    tensors = [x for x in flat if isinstance(x, tf.Tensor)]
    options = config_pb2.CallableOptions(
        feed=[x.name for x in feeds], fetch=[x.name for x in tensors],
        target=[x.name for x in flat if not isinstance(x, tf.Tensor)])
    types = [x.dtype.as_numpy_dtype for x in feeds]

    @cache  # preparing a graph takes some 0.2 s, and some of these are never called
    def prepared():
        return sess._make_callable_from_options(options)

    def run(*values):
        results = prepared()(*map(np.asarray, values, types))
        if len(tensors) < len(flat):
            left = iter(results)
            results = [next(left) if isinstance(x, tf.Tensor) else None for x in flat]
        return tf.nest.pack_sequence_as(fetches, results)

    return run
