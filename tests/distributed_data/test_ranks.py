"""Adam and statistics against NumPy, and many ranks against one, under a real mpirun."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import alive, new_session
from tiny import MPIRUN, tiny_run

from distributed_data import MpiAdam, RunningMeanStd, comm, device
from distributed_data.running_mean_std import column_sums

HERE = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng


def mpirun(*command, ranks=2, timeout=120):
    """Runs python with these arguments on this many ranks; returns the finished process."""
    return subprocess.run([MPIRUN, "-np", str(ranks), sys.executable, *map(str, command)],
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
    """Twenty steps over two variables; its state goes out and in again."""
    gradients = RNG(0).normal(0, [1e-3, 1, 1e3, 1, 1, 1, 1e-2], (20, 7))
    with new_session() as sess:
        start = RNG(1).normal(0, 1, 7).astype(np.float32)
        variables = [tf.get_variable("w", initializer=start[:6].reshape(2, 3)),
                     tf.get_variable("b", initializer=start[6:])]
        adam = MpiAdam(variables)
        sess.run(tf.global_variables_initializer())
        adam.start(sess)
        for g in gradients:
            assert adam.update(g.astype(np.float32), 0.05)
        w, b = sess.run(variables)
        state = adam.get_state(sess)
        assert not adam.update(np.full(7, np.nan, np.float32), 0.05) and adam.t == 20
        adam.update(np.ones(7, np.float32), 0.05)
        adam.set_state(sess, state)
        for name, x in adam.get_state(sess).items():
            np.testing.assert_array_equal(x, state[name])
    expected = numpy_adam(start.astype(np.float64), gradients, 0.05)
    np.testing.assert_allclose(np.append(w, b), expected, atol=1e-4)
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


@pytest.mark.parametrize("shape", [(), (1,), (2,), (385,), (3, 2)])
def test_sums_by_blocks(shape):
    """A batch larger than a block has the same sums, to the last bit, as all of it at once."""
    x = RNG(0).normal(3, 10, (5000, *shape)).astype(np.float32)
    whole = np.asarray(x, np.float64)
    found = column_sums(x.reshape(5000, -1))
    np.testing.assert_array_equal(found[0], whole.sum(axis=0).ravel())
    np.testing.assert_array_equal(found[1], np.square(whole).sum(axis=0).ravel())


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
    assert comm.to_root("x") == ["x"] and comm.deal(lambda: ["x"]) == "x"


def test_one_process_leaves_mpi_alone(tmp_path, monkeypatch):
    """Two learners' threads sum side by side, which MPI need not allow: they never call it."""
    monkeypatch.setattr(comm, "WORLD", None)
    assert tiny_run(tmp_path / "run", max_iters=2).iteration == 2


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
    assert len(first["vectors"]) == 21
    np.testing.assert_array_equal(first["vectors"], second["vectors"])
    assert all((a != b).any() for a, b in zip(first["vectors"], first["vectors"][1:]))
    assert first["steps"] == second["steps"] == 20 * 2 * 4 * 4  # iterations, ranks, steps, games
    assert len(list(folder.glob("run/agent*/*.npz"))) == 42


def test_root_gathers_and_deals(ranks):
    """What only rank 0 needs reaches nobody else, and each rank gets its own share."""
    (first, second), _ = ranks
    assert first["all"].tolist() == [0, 1] and second["all"].tolist() == []
    assert first["one"].tolist() == [10] and second["one"].tolist() == [11]


def test_games_of_all_ranks_meet_one_opponent(ranks):
    """Each rank's matches against older versions keep one to the end, and the log counts all."""
    found, folder = ranks
    for rank in found:
        assert set(rank["opponents"]) == {1} and rank["versions"] > 6
    assert [len(rank["opponents"]) for rank in found] == [80 // 6 + 80 // 11, 80 // 7 + 80 // 11]
    with open(folder / "run/progress.csv", newline="") as file:
        said = [row["run/opponents_per_game"] for row in csv.DictReader(file)]
    assert set(said) == {"1.0", "nan"} and said.count("nan") < 5


def test_games_of_all_ranks_weigh(ranks):
    """--pfsp counts the matches of both ranks, on both, and so does their checkpoint."""
    _, folder = ranks
    first, second = (dict(np.load(folder / f"weighed{rank}.npz")) for rank in (0, 1))
    np.testing.assert_array_equal(first["counts"], second["counts"])
    assert first["counts"].sum(axis=1).tolist() == (first["own"] + second["own"]).tolist()
    assert first["own"][1] > second["own"][1] > 0  # whose matches are longer
    kept = np.load(folder / "weighed/checkpoint.npz")["priorities/0-1-0"]
    np.testing.assert_array_equal(kept, first["counts"])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of `mpi_jobs.one_minibatch`, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("minibatch")
    assert mpirun(HERE / "mpi_jobs.py", "one_minibatch", folder, ranks=1).returncode == 0
    return folder, dict(np.load(folder / "1ranks0.npz"))


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_compute_what_one_does(alone, ranks):
    """The same data shared out: the same step, advantages and filters standardized over all."""
    folder, expected = alone
    done = mpirun(HERE / "mpi_jobs.py", "one_minibatch", folder, ranks=ranks)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [dict(np.load(folder / f"{ranks}ranks{rank}.npz")) for rank in range(ranks)]
    for each in found:
        np.testing.assert_array_equal(each["end"], found[0]["end"])
        np.testing.assert_allclose(each["losses"], found[0]["losses"])
    filters = 2 * 5 + 4  # sums of many samples: relative; parameters: absolute
    np.testing.assert_allclose(found[0]["end"][:filters], expected["end"][:filters], rtol=1e-6)
    np.testing.assert_allclose(found[0]["end"][filters:], expected["end"][filters:], rtol=0,
                               atol=1e-6)
    np.testing.assert_allclose(found[0]["losses"], expected["losses"], rtol=1e-4, atol=1e-6)
    assert np.abs(expected["end"] - expected["start"])[filters:].max() > 5e-4


def test_a_loss_that_is_not_finite_on_one_rank(tmp_path):
    """All ranks pass the step over and know which loss it was, as rank 0 writes the log."""
    done = mpirun(HERE / "mpi_jobs.py", "one_is_not_finite", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    faults = [(tmp_path / f"rank{rank}").read_text() for rank in (0, 1)]
    assert faults[0] == faults[1] == "pol_surr, kl"


@pytest.mark.parametrize("job,code,said", [
    ("one_raises", 1, "rank 1 on .* failed:\n(.*\n)*RuntimeError: rank 1 has had enough"),
    ("one_is_wrong", 2, "rank 1 on .*: the file on this host is damaged"),
    ("one_is_killed", 9, r"PID \d+ RUNNING AT"),
    ("all_are_wrong", 2, "^the file is damaged\n$")])
def test_a_failing_rank_ends_the_job(tmp_path, job, code, said):
    """Rank 0 would wait for ever; the job ends instead, and tells why, once."""
    done = mpirun(HERE / "mpi_jobs.py", job, tmp_path, timeout=60)
    assert done.returncode == code
    assert len(re.findall(said, done.stdout + done.stderr)) == 1


@pytest.mark.parametrize("with_mpirun", [False, True])
def test_ranks_end_with_their_launcher(tmp_path, with_mpirun):
    """The proxy that started them is killed, or mpirun too: no rank keeps waiting or spinning."""
    job = subprocess.Popen([MPIRUN, "-np", "2", sys.executable, HERE / "mpi_jobs.py", "all_wait",
                            tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files, deadline = [tmp_path / "rank0", tmp_path / "rank1"], time.monotonic() + 60
    while not all(file.exists() for file in files) and time.monotonic() < deadline:
        time.sleep(0.05)
    pids, proxies = zip(*(map(int, file.read_text().split()) for file in files))
    try:
        if with_mpirun:
            job.kill()
        os.kill(proxies[0], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(alive, pids))
    finally:
        for pid in filter(alive, pids):
            os.kill(pid, signal.SIGKILL)
        job.kill()
        job.wait()


def test_cores_are_shared_out(tmp_path):
    """Among the ranks of a host; one at least for each."""
    cores = len(os.sched_getaffinity(0))
    for ranks in (1, cores + 1):
        assert mpirun(HERE / "mpi_jobs.py", "cores", tmp_path, ranks=ranks).returncode == 0
        found = [(tmp_path / f"cores{rank}").read_text() for rank in range(ranks)]
        assert found == [f"{max(1, cores // ranks)} {rank}" for rank in range(ranks)]


def test_a_gpu_a_rank():
    """Each launcher's own name for the local rank chooses the GPU, modulo those there are."""
    script = """if True:
        import os
        from distributed_data import device
        for name in device.LOCAL_RANK_NAMES:
            for rank in "123":
                os.environ |= {"CUDA_VISIBLE_DEVICES": "3,5,7", name: rank}
                device.prepare()
                print(os.environ["CUDA_VISIBLE_DEVICES"])
            del os.environ[name]
        """
    unnamed = {key: value for key, value in os.environ.items()
               if key not in device.LOCAL_RANK_NAMES}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          cwd=HERE.parent, env=unnamed)
    assert done.stdout.split() == 3 * ["5", "7", "3"], done.stderr[-2000:]


def test_tensorflow_comes_without_keras():
    """Which takes a quarter of TensorFlow's own time; `tf.keras` is there for whoever asks."""
    assert "tensorflow" in sys.modules and "keras" not in sys.modules
    assert "TF_USE_LEGACY_KERAS" not in os.environ


LISTED = "GPU 0: NVIDIA H100 (UUID: GPU-1)\n  MIG 1g.10gb Device 0: (UUID: MIG-1)\n"
FAILED = "NVIDIA-SMI has failed because it could not reach the NVIDIA driver.\n"


@pytest.mark.parametrize("files,listing,visible,rank,seen,runs_on,told", [
    (2, None, None, 0, [], "CPU", True),
    (1, FAILED, None, 0, [], "CPU", True),
    (0, LISTED, None, 0, [], "CPU", True),
    (1, None, "0", 0, [], "CPU", True),
    (2, None, None, 1, [], "CPU", False),  # rank 0 of this host has said it
    (2, None, None, 1, ["GPU"], "GPU 1", False),
    (0, LISTED, None, 1, ["GPU"], "GPU 0", False),
    (1, LISTED, "", 0, [], "CPU", False),
    (1, LISTED, "-1", 0, [], "CPU", False),
    (0, FAILED, None, 0, [], "CPU", False),
    (0, None, "0", 0, [], "CPU", False),
    (0, None, None, 0, [], "CPU", False)])
def test_an_unused_gpu_is_told(tmp_path, monkeypatch, capfd, files, listing, visible, rank, seen,
                               runs_on, told):
    """A GPU that is there, not hidden, and not TensorFlow's: one line with what to install."""
    for k in range(files):
        (tmp_path / f"nvidia{k}").touch()
    if listing:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '%s' '{listing}'\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(device, "GPU_FILES", str(tmp_path / "nvidia[0-9]*"))
    monkeypatch.setattr(device, "local_rank", lambda: rank)
    monkeypatch.setattr(tf.config.experimental, "list_physical_devices", lambda kind: seen)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")  # to be put back as it was
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    device.count_gpus.cache_clear()
    assert device.prepare() == runs_on
    device.count_gpus.cache_clear()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == told
    assert all("pip install -r requirements-gpu.txt" in line for line in lines)


def test_matches_are_shared_out(tmp_path):
    """A seed's matches are the same whatever the number of ranks, and each is told once."""
    results = []
    for ranks in (1, 3):
        path = tmp_path / f"{ranks}.json"
        done = mpirun(HERE.parent / "load_parameter_run.py", "--env", "run-to-goal-ants",
                      "--max-episodes", "7", "--integrator", "Euler", "--json", path, ranks=ranks)
        assert done.returncode == 0, done.stderr[-2000:]
        assert sorted(re.findall(r"match +(\d):", done.stdout)) == list("0123456")
        results.append(path.read_text())
    assert results[0] == results[1]


def test_bad_input_ends_every_rank(tmp_path):
    """What rank 0 alone can see (a run of that name exists) leaves no rank waiting."""
    script = (f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); import run; "
              f"run.SAVE_DIR = {str(tmp_path)!r}; run.main(sys.argv[1:])")
    (tmp_path / "taken").mkdir()
    done = mpirun("-c", script, "--run", "taken", "--num-envs", "8", "--max-iters", "1",
                  "--timesteps-per-batch", "96", "--optim-batchsize", "96", timeout=40)
    assert done.returncode == 2
    assert done.stderr.count("--run taken: exists already") == 1


def test_ctrl_c_before_training_ends_every_rank(tmp_path):
    """As a terminal sends it, to mpirun and its ranks, while rank 1 waits for rank 0 in MPI."""
    script = f"""if True:
        import sys, time
        sys.path.insert(0, {str(HERE.parent)!r})
        import run
        from distributed_data import comm
        def slow(*args, resolve=run.resolve_config):
            if comm.RANK == 0:
                open("there", "w").close()
                time.sleep(60)
            return resolve(*args)
        run.resolve_config, run.SAVE_DIR = slow, "."
        run.main(["--max-iters", "1"])
        """
    job = subprocess.Popen([MPIRUN, "-np", "2", sys.executable, "-c", script], cwd=tmp_path,
                           start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "there").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # until the other one waits
    os.killpg(job.pid, signal.SIGINT)
    try:
        _, err = job.communicate(timeout=20)
        assert job.returncode == 130 and "Traceback" not in err
    finally:
        job.kill()


def test_a_missing_file_ends_every_rank():
    """Rank 0 alone looks for it, but all ranks end together: one line, without MPICH's own."""
    done = mpirun(HERE.parent / "load_parameter_run.py", "--env", "run-to-goal-ants",
                  "--param-paths", "nope.npz", "zero", timeout=60)
    assert done.returncode == 2
    assert done.stdout + done.stderr == (
        "load_parameter_run.py: error: nope.npz: No such file or directory\n")
