"""What test_ranks.py runs under mpirun: python mpi_jobs.py JOB FOLDER"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.files import write_whole
from distributed_data import comm, device  # noqa: E402


def everything(folder):
    """One pass over gradients, statistics and twenty iterations of training; one file per rank."""
    device.prepare()
    import numpy as np

    np.savez(folder / f"rank{comm.RANK}.npz", **averaged(), **trained(folder))
    np.savez(folder / f"weighed{comm.RANK}.npz", **weighed_by_results(folder))


def averaged():
    """Gradients and statistics of data of which each rank has half: what this rank finds."""
    import numpy as np
    import tensorflow.compat.v1 as tf
    from helpers import new_session

    from distributed_data import MpiAdam, RunningMeanStd

    data = np.random.default_rng(0).normal(2, 3, (2, 40, 5))
    with new_session() as sess:
        variables = [tf.get_variable("w", [2, 2], initializer=tf.constant_initializer(comm.RANK)),
                     tf.get_variable("b", [1])]
        adam, rms = MpiAdam(variables), RunningMeanStd((5,), decay=0.5)
        sess.run(tf.global_variables_initializer())
        adam.start(sess)
        start = adam.flat.get(sess)
        for x in data[comm.RANK]:
            adam.update(x.astype(np.float32), 0.1)
        rms.update(sess, data[comm.RANK, :30 + 5 * comm.RANK])
        rms.update(sess, data[comm.RANK, 30:])
        return {"one": comm.deal(lambda: [[10], [11]]), "all": comm.to_root(comm.RANK) or [],
                "start": start, "theta": adam.flat.get(sess), "mean": sess.run(rms.mean),
                "std": sess.run(rms.std), "moments": comm.moments(data[comm.RANK, :, 0])}


def trained(folder):
    """Twenty iterations of training: what every rank would snapshot, and whom it has met."""
    import numpy as np
    from tiny import Watch, tiny_run

    from selfplay.snapshots import Snapshots

    vectors, save = [], Snapshots.save

    def keep(self, version, parameters):
        vectors.append(np.concatenate(parameters))
        save(self, version, parameters)

    Snapshots.save = keep
    watch = Watch(setattr)
    progress = tiny_run(folder / "run", max_iters=20, timesteps_per_batch=24, optim_batchsize=12,
                        lengths=[3, 5, 6 + comm.RANK, 11])
    return {"vectors": vectors, "steps": progress.timesteps, "opponents": watch.finished,
            "versions": len(watch.vectors)}


def weighed_by_results(folder):
    """Trains with --pfsp; this rank's counts, and [points, matches] of its own by the log."""
    from tiny import tiny_run

    from selfplay import priorities
    from utils import Rollouts

    own, kept, collect = [0, 0], [], Rollouts.__next__

    def keep(rollouts):
        segs = collect(rollouts)
        for outcome, frozen in zip(segs[0]["ep_outcomes"], segs[0]["ep_frozen"]):
            own[0] += frozen * (0.5 + 0.5 * outcome)
            own[1] += frozen
        return segs

    Rollouts.__next__, priorities.DECAY = keep, 1.0
    count = priorities.Priorities.count
    priorities.Priorities.count = lambda self: count(self) or kept.append(self.get_state()["0-1-0"])
    tiny_run(folder / "weighed", max_iters=3, timesteps_per_batch=48, optim_batchsize=12,
             lengths=[3, 5, 4 + comm.RANK, 3], pfsp=1.0)
    Rollouts.__next__ = collect
    return {"counts": kept[-1], "own": own}


def one_minibatch(folder):
    """One update on 16 columns of 6 steps, shared out among the ranks, in one minibatch."""
    device.prepare()
    import numpy as np
    from helpers import new_session

    with new_session() as sess:
        learner, flat = small_learner(sess)
        start = flat.get(sess)
        report = in_one_minibatch(learner, small_segment())
        np.savez(folder / f"{comm.SIZE}ranks{comm.RANK}.npz", start=start, end=flat.get(sess),
                 losses=[report[name] for name in sorted(report)])


def one_is_not_finite(folder):
    """An update in which the ratio of rank 1 alone overflows; each writes what it calls faulty."""
    device.prepare()
    from helpers import new_session

    seg = small_segment()
    if comm.RANK == 1:
        seg["logp"] -= 1000
    with new_session() as sess:
        learner, _ = small_learner(sess)
        in_one_minibatch(learner, seg)
    (folder / f"rank{comm.RANK}").write_text("; ".join(learner.faults))


def small_segment():
    """This rank's share of 16 columns of 6 steps."""
    import numpy as np

    rng, mine = np.random.default_rng(0), slice(comm.RANK, None, comm.SIZE)
    sizes = {"ob": (6, 16, 5), "ac": (6, 16, 3), "adv": (6, 16), "tdlamret": (6, 16),
             "logp": (6, 16), "vpred": (6, 16)}
    return {name: rng.normal(-1, 1.5, size).astype(np.float32)[:, mine]
            for name, size in sizes.items()}


def small_learner(sess):
    """A started `Learner` of such segments, and its variables."""
    import numpy as np
    from helpers import initialize

    from policy import MlpPolicy
    from selfplay.ppo import Learner

    pi = MlpPolicy("pi", 5, 3, np.random.default_rng(1), hid_size=8)
    learner = Learner(pi, entcoeff=0.01, l2=0.001)
    flat = initialize(sess, pi, seed=2)
    learner.start(sess)
    return learner, flat


def in_one_minibatch(learner, seg):
    """What an update by the whole segment of all ranks at once reports."""
    import numpy as np

    return learner.update(seg, np.random.default_rng(3), optim_batchsize=96, optim_epochs=1,
                          optim_stepsize=1e-3)


def one_is_wrong(folder):
    """Rank 1 alone finds something wrong; rank 0 waits for it in a sum."""
    if comm.RANK == 1:
        comm.end_all("the file on this host is damaged", 2)
    comm.allsum(1.0)


def all_are_wrong(folder):
    """Every rank finds the same wrong, one of them late."""
    time.sleep(0.5 * comm.RANK)
    comm.end_all("the file is damaged", 2)


def one_is_killed(folder):
    """Rank 1 is killed as by a machine that has run out of memory."""
    if comm.RANK == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    comm.allsum(1.0)


def all_wait(folder):
    """Rank 1 sleeps and rank 0 waits for it; each says who it is and who launched it."""
    comm.abort_together()
    write_whole(folder / f"rank{comm.RANK}",
                lambda file: file.write(f"{os.getpid()} {os.getppid()}".encode()))
    if comm.RANK == 1:
        time.sleep(60)
    comm.allsum(1.0)


def cores(folder):
    """How many threads each rank takes, and where it is on its host."""
    (folder / f"cores{comm.RANK}").write_text(f"{device.share_of_cores()} {device.local_rank()}")


def one_is_stopped(folder):
    """Rank 1 alone gets a signal, in its first iteration; each writes how its run has ended."""
    device.prepare()
    from tiny import tiny_run

    from selfplay.snapshots import Snapshots

    def save(self, version, vectors, save=Snapshots.save):
        if (comm.RANK, version) == (1, 1):
            os.kill(os.getpid(), signal.SIGTERM)
        save(self, version, vectors)

    Snapshots.save = save
    counters = tiny_run(folder / "run", max_iters=5, timesteps_per_batch=24, optim_batchsize=12)
    (folder / f"rank{comm.RANK}").write_text(f"{counters.iteration} {counters.interrupted}")


def one_raises(folder):
    """Rank 1 fails while rank 0 waits for it."""
    comm.abort_together()
    if comm.RANK == 1:
        time.sleep(0.5)
        raise RuntimeError("rank 1 has had enough")
    comm.allsum(1.0)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
