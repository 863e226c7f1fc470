"""Adam and statistics against NumPy, in one process and on two ranks of a real mpirun."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import new_session

from distributed_data import MpiAdam, RunningMeanStd, comm

HERE = Path(__file__).resolve().parent
RNG = np.random.default_rng


MPIRUN = Path(sys.executable).parent / "mpirun"


def mpirun(*command, timeout=120):
    """Runs python with these arguments on two ranks; returns the finished process."""
    return subprocess.run([MPIRUN, "-np", "2", sys.executable, *map(str, command)],
                          capture_output=True, text=True, timeout=timeout)


def numpy_adam(theta, gradients, stepsize):
    """Kingma & Ba, 2015, in float64; epsilon beside the raw sqrt(v), as at the end of section 2."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        corrected = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta = theta - stepsize * corrected * m / (np.sqrt(v) + 1e-8)
    return theta


def released_std(x):
    """The standard deviation of the released filters, which has a floor of 0.1."""
    return np.sqrt(np.maximum(np.var(x, axis=0), 0.01))


def test_adam():
    """Twenty steps over two variables, the optimizer's copy and the graph's alike."""
    gradients = RNG(0).normal(0, [1e-3, 1, 1e3, 1, 1, 1, 1e-2], (20, 7))
    with new_session() as sess:
        start = RNG(1).normal(0, 1, 7).astype(np.float32)
        variables = [tf.get_variable("w", initializer=start[:6].reshape(2, 3)),
                     tf.get_variable("b", initializer=start[6:])]
        adam = MpiAdam(variables)
        sess.run(tf.global_variables_initializer())
        adam.sync(sess)
        for g in gradients:
            adam.update(sess, g.astype(np.float32), 0.05)
        w, b = sess.run(variables)
    expected = numpy_adam(start.astype(np.float64), gradients, 0.05)
    np.testing.assert_allclose(np.append(w, b), expected, atol=1e-4)
    np.testing.assert_array_equal(np.append(w, b), adam.theta)
    assert np.abs(expected - start).min() > 0.01


def test_statistics():
    """Mean and floored deviation of all that came in, whatever the batches' shapes."""
    x = RNG(0).normal([0, 5, -100, 7], [1, 3, 50, 0.01], (200, 4))
    with new_session() as sess:
        rms = RunningMeanStd((4,))
        sess.run(tf.global_variables_initializer())
        np.testing.assert_allclose(sess.run([rms.mean, rms.std]), [[0] * 4, [1] * 4])
        rms.update(sess, x[:120].reshape(12, 10, 4))
        rms.update(sess, x[120:])
        mean, std = sess.run([rms.mean, rms.std])
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(std, released_std(x), rtol=2e-3)
    assert std[3] == pytest.approx(0.1, rel=0.2)


def test_statistics_that_forget():
    """With a decay, a batch weighs decay^k after k more; a scalar's shape is ()."""
    batches = [RNG(k).normal(10 * k, 1 + k, 50) for k in range(4)]
    with new_session() as sess:
        rms = RunningMeanStd((), decay=0.5)
        sess.run(tf.global_variables_initializer())
        for batch in batches:
            rms.update(sess, batch)
        mean, std = sess.run([rms.mean, rms.std])
    weights = np.repeat([0.125, 0.25, 0.5, 1.0], 50)
    values = np.concatenate(batches)
    expected = np.average(values, weights=weights)
    assert mean == pytest.approx(expected, rel=1e-3)
    spread = np.sqrt(np.average((values - expected) ** 2, weights=weights))
    assert std == pytest.approx(spread, rel=1e-3)


def test_one_process_is_a_world():
    """Without mpirun, sums, means and moments are those of the data itself."""
    x = RNG(0).normal(3, 2, (10, 7))
    np.testing.assert_array_equal(comm.allsum(x), x)
    np.testing.assert_array_equal(comm.allmean(x), x)
    assert comm.allsum(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(comm.moments(x), (x.mean(), x.std()))
    assert comm.gather("x") == ["x"] and comm.broadcast({"y": 1}) == {"y": 1}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What two ranks found in mpi_jobs.everything."""
    folder = tmp_path_factory.mktemp("ranks")
    done = mpirun(HERE / "mpi_jobs.py", "everything", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return [dict(np.load(folder / f"rank{rank}.npz")) for rank in (0, 1)], folder


DATA = RNG(0).normal(2, 3, (2, 40, 5))  # as in mpi_jobs.everything: a rank's own half each


def test_ranks_average_gradients(ranks):
    """Both begin at rank 0's parameters and step along the mean gradient, to the same bits."""
    (first, second), _ = ranks
    np.testing.assert_array_equal(first["start"][:4], [0] * 4)
    np.testing.assert_array_equal(first["start"], second["start"])
    np.testing.assert_array_equal(first["theta"], second["theta"])
    expected = numpy_adam(first["start"].astype(np.float64), DATA.mean(axis=0), 0.1)
    np.testing.assert_allclose(first["theta"], expected, atol=1e-4)


def test_ranks_merge_statistics(ranks):
    """Unequal shares, decayed: what one process would compute on the union."""
    (first, second), _ = ranks
    with new_session() as sess:
        rms = RunningMeanStd((5,), decay=0.5)
        sess.run(tf.global_variables_initializer())
        rms.update(sess, np.concatenate([DATA[0, :30], DATA[1, :35]]))
        rms.update(sess, np.concatenate([DATA[0, 30:], DATA[1, 30:]]))
        mean, std = sess.run([rms.mean, rms.std])
    for rank in (first, second):
        np.testing.assert_allclose(rank["mean"], mean, rtol=1e-6)
        np.testing.assert_allclose(rank["std"], std, rtol=1e-6)
        np.testing.assert_allclose(rank["moments"], (DATA[:, :, 0].mean(), DATA[:, :, 0].std()))


def test_ranks_train_the_same_parameters(ranks):
    """After every iteration, the same bits on both ranks, and other bits than before."""
    (first, second), folder = ranks
    assert len(first["vectors"]) == 4
    np.testing.assert_array_equal(first["vectors"], second["vectors"])
    assert all((a != b).any() for a, b in zip(first["vectors"], first["vectors"][1:]))
    assert first["steps"] == second["steps"] == 3 * 2 * 4 * 4  # iterations, ranks, steps, games
    assert len(list(folder.glob("run/agent*/*.npz"))) == 8


def test_a_failing_rank_ends_the_job(tmp_path):
    """Rank 0 would wait for ever; the job ends within seconds instead, and tells why."""
    started = time.perf_counter()
    done = mpirun(HERE / "mpi_jobs.py", "one_raises", tmp_path, timeout=30)
    assert done.returncode != 0 and time.perf_counter() - started < 15
    assert "rank 1 has had enough" in done.stderr


def test_bad_input_ends_every_rank(tmp_path):
    """What rank 0 alone can see (a run of that name exists) leaves no rank waiting."""
    script = (f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); import run; "
              f"run.SAVE_DIR = {str(tmp_path)!r}; run.main(sys.argv[1:])")
    (tmp_path / "taken").mkdir()
    done = mpirun("-c", script, "--run", "taken", "--num-envs", "8", "--max-iters", "1",
                  "--timesteps-per-batch", "56", "--optim-batchsize", "56", timeout=40)
    assert done.returncode == 2
    assert done.stderr.count("--run taken: exists already") == 1
