"""What test_distributed.py runs on two ranks: python mpi_jobs.py JOB FOLDER"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distributed_data import comm, device  # noqa: E402


def everything(folder):
    """One pass over gradients, statistics and three iterations of training; a file a rank."""
    device.prepare()
    import numpy as np
    import tensorflow.compat.v1 as tf
    from helpers import new_session
    from test_learn import tiny_run

    from distributed_data import MpiAdam, RunningMeanStd
    from snapshots import Snapshots

    data = np.random.default_rng(0).normal(2, 3, (2, 40, 5))
    with new_session() as sess:
        variables = [tf.get_variable("w", [2, 2], initializer=tf.constant_initializer(comm.RANK)),
                     tf.get_variable("b", [1])]
        adam, rms = MpiAdam(variables), RunningMeanStd((5,), decay=0.5)
        sess.run(tf.global_variables_initializer())
        adam.sync(sess)
        start = adam.flat.get(sess)
        for x in data[comm.RANK]:
            adam.update(sess, x.astype(np.float32), 0.1)
        rms.update(sess, data[comm.RANK, :30 + 5 * comm.RANK])
        rms.update(sess, data[comm.RANK, 30:])
        found = {"start": start, "theta": adam.flat.get(sess), "mean": sess.run(rms.mean),
                 "std": sess.run(rms.std), "moments": comm.moments(data[comm.RANK, :, 0])}

    # Training: every rank keeps what it would snapshot.
    vectors, save = [], Snapshots.save

    def keep(self, version, parameters):
        vectors.append(np.concatenate(parameters))
        save(self, version, parameters)

    Snapshots.save = keep
    progress = tiny_run(folder / "run", max_iters=3, timesteps_per_batch=24, optim_batchsize=12)
    np.savez(folder / f"rank{comm.RANK}.npz", vectors=vectors, steps=progress.timesteps, **found)


def one_raises(folder):
    """Rank 1 fails while rank 0 waits for it."""
    comm.abort_together()
    if comm.RANK == 1:
        time.sleep(0.5)
        raise RuntimeError("rank 1 has had enough")
    comm.allsum(1.0)


if __name__ == "__main__":
    {"everything": everything, "one_raises": one_raises}[sys.argv[1]](Path(sys.argv[2]))
