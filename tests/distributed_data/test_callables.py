"""Quick calls into a session: the same answers as `Session.run`."""

import numpy as np
import tensorflow.compat.v1 as tf
from helpers import new_session

from distributed_data.callables import make_callable


def test_what_session_run_answers():
    """Nested fetches, operations among them; values are cast, cut and fed in place of anything."""
    with new_session() as sess:
        x, y = tf.placeholder(tf.float32, [None, 2]), tf.placeholder_with_default(3.0, [])
        count = tf.get_variable("count", initializer=0)
        twice, more = 2 * x, tf.assign_add(count, 1).op
        sess.run(count.initializer)
        call = make_callable(sess, {"a": [twice + y, more], "b": twice[:, 0]}, [x, y])
        wide = np.arange(12.0).reshape(3, 4)[:, ::2]  # float64, not contiguous
        for value in (5, np.float64(0.25)):
            found = call(wide, value)
            assert list(found) == ["a", "b"] and found["a"][1] is None
            np.testing.assert_array_equal(found["a"][0], 2 * wide + value)
            np.testing.assert_array_equal(found["b"], 2 * wide[:, 0])
        assert sess.run(count) == 2
        np.testing.assert_array_equal(make_callable(sess, twice + 1, [twice])(wide), wide + 1)
        assert make_callable(sess, more, [])() is None and sess.run(count) == 3
