"""Going on from a checkpoint: the same bytes as without the kill, and what is refused."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny import MPIRUN

import learn
import run
from common import files, parameter_file
from common.command_line import NotFinite
from selfplay import checkpoint
from selfplay.checkpoint import NAME, PREVIOUS, read_checkpoint, write_checkpoint
from selfplay.config import Config
from utils import add_vtarg_and_adv

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); import run; "
          "run.SAVE_DIR = sys.argv[1]; run.main(sys.argv[2:])")
GAMES = {
    "mlp": ("--policy", "mlp", "--timesteps-per-batch", "240", "--optim-batchsize", "60"),
    "lstm": ("--policy", "lstm", "--env", "sumo-ants", "--shaping", "300", "--pfsp", "2",
             "--timesteps-per-batch", "480", "--optim-batchsize", "120"),
    "ant": ("--policy", "ant", "--timesteps-per-batch", "480", "--optim-batchsize", "120")}
SMALL = ("--num-envs", "8", "--num-threads", "2", "--latest-share", "0.5", "--opponents", "4",
         "--hid-size", "8", "--anchor-every", "6", "--anchor-games", "2")
ITERATIONS = 6


def start(folder, *arguments, ranks=1, itself=False):
    """Starts run.py with runs kept in a folder, as the leader of its own group of processes.

    itself: whether it starts its ranks, as users have it do.
    """
    many = [MPIRUN, "-np", str(ranks)] if ranks > 1 and not itself else []
    words = [*many, sys.executable, "-c", SCRIPT, str(folder)]
    if itself:
        words = [sys.executable, str(folder / "run.py")]
        if not (folder / "run.py").exists():  # its own saveparameters/, which is the folder
            (folder / "run.py").symlink_to(ROOT / "run.py")
            (folder / "saveparameters").symlink_to(folder)
    return subprocess.Popen([*words, *arguments], start_new_session=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def finish(process, code=0):
    """Waits for it; returns what it has written."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out + err


def kill_soon_after(process, path, longest):
    """kill -9 for the whole group at a random moment after a file has come into being."""
    for _ in range(1200):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(random.uniform(0, longest))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def contents(folder):
    """Bytes of all that a run repeats exactly: parameter files and progress.csv."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in [*folder.glob("agent*/*"), folder / "progress.csv"]}


@pytest.mark.parametrize("kind, ranks", [("mlp", 2), ("lstm", 2), ("ant", 1)])
def test_killed_and_resumed_is_straight(tmp_path, kind, ranks):
    """kill -9 in the iteration after the third: the end is the same, byte for byte.

    Also if run.py starts the ranks itself: as many as it is told to, or as the run had.
    """
    itself, told = kind == "mlp", ["--ranks", str(ranks)]
    options = (*GAMES[kind], *SMALL, "--anchor-every", "2", "--max-iters", str(ITERATIONS))
    straight = start(tmp_path, *options, "--run", "straight", *told * itself, ranks=ranks,
                     itself=itself)
    killed = start(tmp_path, *options, "--run", "killed", ranks=ranks)
    kill_soon_after(killed, tmp_path / "killed/agent0/000003.npz", 0.2)
    finish(straight)
    expected = contents(tmp_path / "straight")
    assert f"agent0/{ITERATIONS:06d}.npz" in expected
    said = finish(start(tmp_path, "--resume", "killed", ranks=ranks, itself=itself))
    found = contents(tmp_path / "killed")
    assert "resuming killed after iteration" in said and "new matches" not in said
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


# One small run, gone on with in many ways


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with a run of two iterations, "made"."""
    folder = tmp_path_factory.mktemp("small")
    finish(start(folder, *GAMES["mlp"], *SMALL, "--max-iters", "2", "--run", "made"))
    return folder


@pytest.fixture
def copy(small, tmp_path, monkeypatch):
    """A copy of it, where `run.main` looks for runs."""
    shutil.copytree(small / "made", tmp_path / "made")
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    return tmp_path / "made"


def refused(capsys, *arguments):
    """The line with which run.py refuses; nothing on disk may have changed."""
    before = {path: path.read_bytes() for path in Path(run.SAVE_DIR).rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as caught:
        run.main(list(arguments))
    err = capsys.readouterr().err
    assert caught.value.code == 2 and err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in Path(run.SAVE_DIR).rglob("*")
                      if path.is_file()}
    return err


@pytest.mark.parametrize("arguments,culprit", [
    (("--gamma", "0.5"), "--gamma 0.5: the run has 0.995"),
    (("--env", "sumo-ants"), "--env sumo-ants: the run has run-to-goal-ants"),
    (("--policy", "lstm"), "--policy lstm: the run has mlp"),
    (("--seed", "7"), "--seed 7: the run has 0"),
    (("--ensemble", "2"), "--ensemble 2: the run has 1"),
    (("--draw-penalty",), None),
    (("--init", "none"), None),
    (("--pool", "x", "--pool", "y"), "--pool x --pool y: the run has []"),
    (("--no-draw-penalty",), "--no-draw-penalty: the run has True"),
    (("--no-hide-pose",), None),
    (("--hide-pose",), "--hide-pose: the run has None"),
    (("--anchor-every", "0"), "--anchor-every: cannot be turned on or off"),
    (("--run", "other"), "--run: not together with --resume"),
    (("--paper",), "--paper: not together with --resume")])
def test_what_may_not_change(copy, capsys, arguments, culprit):
    """Each option that makes a run is refused by name; the run's own value is no change."""
    if culprit is None:
        run.main(["--resume", "made", *arguments])
        assert "done: 2 iterations" in capsys.readouterr().out
    else:
        assert culprit in refused(capsys, "--resume", "made", *arguments)


def test_a_file_to_begin_with_stays(copy, capsys):
    """The refusal has the option as it was typed."""
    identity, arrays, _ = read_checkpoint(str(copy))
    identity["config"]["init"] = "old"
    write_checkpoint(str(copy), identity, arrays)
    said = refused(capsys, "--resume", "made", "--init", "none")
    assert "--init none: the run has old" in said


def test_anchors_that_are_off_stay_off(tmp_path, monkeypatch, capsys):
    """The words that began a run are no change; on they cannot be turned."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    off = ["--anchor-every", "0"]
    run.main([*GAMES["mlp"], *SMALL[:-2], *off, "--max-iters", "1", "--run", "quiet"])
    run.main(["--resume", "quiet", *off])
    assert "done: 1 iterations" in capsys.readouterr().out
    assert "cannot be turned on or off" in refused(capsys, "--resume", "quiet", "--anchor-every",
                                                   "1")


def test_limits_may_change(copy, capsys):
    """More iterations, other threads and another `keep`; the newest run needs no name."""
    run.main(["--resume", "--max-iters", "3", "--num-threads", "1", "--keep", "1"])
    assert "done: 3 iterations" in capsys.readouterr().out
    assert (copy / "agent1/000003.npz").exists()
    lines = (copy / "progress.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["iteration", "1", "2", "3"]
    assert len((copy / "timing.csv").read_text().splitlines()) == 4


def test_tensorboard_has_neither_gaps_nor_doubles(copy):
    """Events of rows written after the checkpoint go; each iteration is there once."""
    import tensorflow.compat.v1 as tf
    for end in ("3", "4"):
        run.main(["--resume", "made", "--max-iters", end])
    (copy / NAME).unlink()  # as if the last iteration's checkpoint had never been written
    run.main(["--resume", "made", "--max-iters", "5"])
    steps = [event.step for path in sorted(copy.glob("events.*"), key=os.path.getmtime)
             for event in tf.train.summary_iterator(str(path)) if event.summary.value]
    assert sorted(steps) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("harm", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_passed_over(copy, capsys, harm):
    """The previous one takes its place, and that is said; without one the run is refused."""
    path = copy / NAME
    with zipfile.ZipFile(path) as arrays:  # the zip's own headers hold bits that mean nothing
        largest = max(arrays.infolist(), key=lambda array: array.compress_size)
    raw = bytearray(path.read_bytes())
    raw[largest.header_offset + largest.compress_size // 2] ^= 4
    path.write_bytes({"truncated": bytes(raw[:-1000]), "flipped": bytes(raw), "empty": b"",
                      "text": b"no checkpoint"}[harm])
    run.main(["--resume", "made", "--max-iters", "2"])
    said = capsys.readouterr().out
    assert "checkpoint.npz is damaged" in said and "after iteration 1" in said
    for name in (NAME, PREVIOUS):
        (copy / name).write_bytes(b"no checkpoint")
    assert f"{PREVIOUS} is damaged" in refused(capsys, "--resume", "made")


def test_refused_for_what_they_are(copy, capsys):
    """Another network, a missing log, no checkpoint, no run."""
    identity, arrays, _ = read_checkpoint(str(copy))
    config = identity["config"]
    identity["config"] = {**config, "hid_size": 9}
    write_checkpoint(str(copy), identity, arrays)
    assert "is not a MlpPolicy" in refused(capsys, "--resume", "made")
    assert "no such run" in refused(capsys, "--resume", "unmade")
    for name in (NAME, PREVIOUS):
        (copy / name).unlink()
    (copy / "lock").unlink()
    assert "--init made" in refused(capsys, "--resume", "made")
    (copy.parent / "elsewhere").mkdir()
    away = str(copy.rename(copy.parent / "elsewhere/away"))
    said = refused(capsys, "--resume", away)
    assert f"--resume {away}: it has no checkpoint" in said and f"--init {away}" in said
    assert "lock" not in os.listdir(away)  # it might have been anything
    assert "no run in saveparameters/ has a checkpoint" in refused(capsys, "--resume")


@pytest.mark.parametrize("ranks", [2, 3])
def test_more_ranks_go_on(small, tmp_path, ranks):
    """With new matches, the learners and the log as they were; what does not divide is refused."""
    shutil.copytree(small / "made", tmp_path / "made")
    before = (tmp_path / "made/progress.csv").read_text().splitlines()
    process = start(tmp_path, "--resume", "made", "--max-iters", "4", ranks=ranks)
    said = finish(process, 0 if ranks == 2 else 2)
    assert f"was trained by 1 worker(s), resumes with {ranks}: with new matches" in said
    after = (tmp_path / "made/progress.csv").read_text().splitlines()
    assert after[:3] == before
    if ranks == 3:
        assert "--timesteps-per-batch" in said and after == before
        return
    assert [line.split(",")[0] for line in after[3:]] == ["3", "4"]
    identity, arrays, _ = read_checkpoint(str(tmp_path / "made"))
    assert identity["config"]["ranks"] == 2 and "rank1/rngs/noise" in arrays
    assert str(arrays["rank0/rngs/noise"]) != str(arrays["rank1/rngs/noise"])
    assert len(set(arrays["rank0/rollouts/env/np_randoms"])
               | set(arrays["rank1/rollouts/env/np_randoms"])) == 2 * len(
                   arrays["rank0/rollouts/env/np_randoms"])


def test_another_format(copy, capsys, monkeypatch):
    """A later version's checkpoint is refused by its number."""
    identity, arrays, _ = read_checkpoint(str(copy))
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    write_checkpoint(str(copy), identity, arrays)
    monkeypatch.undo()
    monkeypatch.setattr(run, "SAVE_DIR", str(copy.parent))
    assert "has format 99, this version reads 1" in refused(capsys, "--resume", "made")


def test_another_outsider(small, tmp_path, monkeypatch, capsys):
    """A best response goes on against the same parameters, and is refused another's."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    outsider = tmp_path / "outsider.npz"
    shutil.copy(small / "made/agent1/000001.npz", outsider)
    alone = [*SMALL[:4], *SMALL[8:]]  # without old versions
    run.main([*GAMES["mlp"], *alone, "--max-iters", "1", "--run", "made", "--opponent",
              str(outsider)])
    run.main(["--resume", "made", "--max-iters", "2"])
    capsys.readouterr()
    shutil.copy(small / "made/agent1/000002.npz", outsider)
    said = refused(capsys, "--resume", "made", "--max-iters", "3")
    assert f"--opponent {outsider}: is not what it was" in said


# Signals


@pytest.mark.parametrize("number,ranks,itself", [
    (signal.SIGINT, 1, False), (signal.SIGTERM, 1, False), (signal.SIGINT, 2, False),
    (signal.SIGINT, 2, True)])
def test_one_signal_ends_in_good_order(tmp_path, number, ranks, itself):
    """The iteration is finished and written, exit code 0, one line on how to go on."""
    process = start(tmp_path, *GAMES["mlp"], *SMALL, "--max-iters", "100000", "--run", "long",
                    *["--ranks", "2"] * itself, ranks=ranks, itself=itself)
    for _ in range(1200):
        if len(list((tmp_path / "long/agent0").glob("*.npz"))) > 2:  # old ones are thinned out
            break
        time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(number)
    said = finish(process)
    assert "Resume: python run.py --resume long" in said
    assert said.count("finishing this iteration") == 1
    _, arrays, remark = read_checkpoint(str(tmp_path / "long"))
    last = max(int(path.stem) for path in (tmp_path / "long/agent0").glob("*.npz"))
    assert not remark and arrays["progress/iteration"] == last
    assert not list((tmp_path / "long").rglob("*.tmp*"))


def test_a_second_signal_stops_at_once(tmp_path):
    """In the middle of a long iteration; the last checkpoint stays good."""
    process = start(tmp_path, *GAMES["mlp"], *SMALL, "--max-iters", "9", "--run", "long",
                    "--timesteps-per-batch", "240000")
    for _ in range(1200):
        if (tmp_path / "long" / NAME).exists():
            break
        time.sleep(0.05)
    assert process.poll() is None
    time.sleep(1)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    finish(process, 130)
    assert read_checkpoint(str(tmp_path / "long"))[1]["progress/iteration"] == 0


# What fails on the way


ADVICE = ". Resume from the last good checkpoint: python run.py --resume made"


def failed(capsys, *arguments):
    """What a run that fails writes to stderr, as lines; exit code 1."""
    with pytest.raises(SystemExit) as caught:
        run.main(list(arguments))
    assert caught.value.code == 1
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("file", ["agent1/000004.npz", "checkpoint-new.npz"])
def test_a_full_disk(copy, capsys, monkeypatch, file):
    """Half of a file, then no space: the iteration before stays whole and is gone on from."""
    def full(path, write):
        if path.endswith(file) and os.path.exists(copy / "agent0/000004.npz"):
            with open(f"{path}.tmp1", "wb") as half:
                half.write(b"PK")
            raise OSError(28, "No space left on device", path)
        return whole(path, write)

    whole = files.write_whole
    for module in (parameter_file, checkpoint):
        monkeypatch.setattr(module, "write_whole", full)
    lines = failed(capsys, "--resume", "made", "--max-iters", "5")
    assert lines == [f"run.py: error: {copy / file}: No space left on device{ADVICE}"]
    assert read_checkpoint(str(copy))[1]["progress/iteration"] == 3
    for module in (parameter_file, checkpoint):
        monkeypatch.setattr(module, "write_whole", whole)
    run.main(["--resume", "made", "--max-iters", "5"])
    assert "after iteration 3" in capsys.readouterr().out and not list(copy.rglob("*.tmp*"))


def test_a_full_disk_before_the_first_checkpoint(copy, capsys, monkeypatch):
    """There is nothing to resume; the other run that has a checkpoint is not named."""
    def full(path, write):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(parameter_file, "write_whole", full)
    lines = failed(capsys, *GAMES["mlp"], *SMALL, "--max-iters", "1", "--run", "new")
    path = copy.parent / "new/agent0/000000.npz"
    assert lines == [f"run.py: error: {path}: No space left on device"]


def test_a_breakdown_with_a_step_size_that_adapts(tmp_path, monkeypatch):
    """The advice names both values that decide how large the next run's steps will be."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    (tmp_path / "made").mkdir()
    (tmp_path / "made/checkpoint.npz").touch()
    for kl, smaller in ((0.0, ""), (0.04, "a smaller --adaptive-kl than 0.04 or ")):
        config = Config(run="made", optim_stepsize=2e-3, adaptive_kl=kl)
        assert run.failure(NotFinite("kl not finite"), config, 1) == (
            "kl not finite. Resumed, it would fail again; begin a new run with --init made and "
            f"{smaller}a smaller --optim-stepsize than 0.002")


def test_learning_that_breaks_down(copy, capsys, monkeypatch):
    """Advantages that are no numbers: three iterations are told of, then the run ends."""
    def broken(seg, gamma, lam):
        add_vtarg_and_adv(seg, gamma, lam)
        seg["adv"][0, 0] = np.nan

    monkeypatch.setattr(learn, "add_vtarg_and_adv", broken)
    lines = failed(capsys, "--resume", "made", "--max-iters", "9")
    told = [line for line in lines if line.startswith("iteration")]
    assert told == (copy / "warnings.txt").read_text().splitlines()
    assert told[0] == "iteration 3: agent0: segment (adv) not finite, step not taken"
    assert told[-1].startswith("iteration 5: ")
    assert lines[-1].endswith(
        "3 times in a row. Resumed, it would fail again; begin a new run with --init made and a "
        "smaller --optim-stepsize than 0.0004")
    assert read_checkpoint(str(copy))[1]["progress/iteration"] == 4
