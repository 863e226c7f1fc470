"""How many workers python run.py starts, and what it says and refuses before it does."""

import io
import json
import re
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import run
from common.command_line import GAME_NAMES, RANK_NAMES
from distributed_data import cores, launch
from networks.loading import POLICIES, find_policy
from selfplay import batch_plan, workers
from selfplay.config import Config, make_parser

ROOT = Path(__file__).resolve().parents[2]


def choose(words, save_dir="nowhere"):
    """The number for a command line."""
    words = words.split()
    parser = make_parser(words)
    return workers.choose(parser, parser.parse_args(words), str(save_dir))


@pytest.fixture
def machine(monkeypatch):
    """Function that says how many cores there are."""
    def have(count):
        monkeypatch.setattr(cores, "count", lambda: count)

    have(2)
    return have


@pytest.mark.parametrize("words, count, ranks", [
    ("", 1, 1), ("", 2, 2), ("", 4, 4), ("", 5, 4), ("", 6, 2), ("", 8, 4), ("", 64, 4),
    ("--paper", 2, 2), ("--paper", 64, 2),  # of 128 matches
    ("--paper --env sumo-humans", 2, 2),  # in chunks of 10 steps
    ("--env kick-and-defend", 2, 2), ("--policy mlp", 2, 1), ("--policy lstm", 2, 1),
    ("--num-envs 128", 2, 2), ("--num-envs 64", 4, 4), ("--num-envs 63", 2, 1),
    ("--num-envs 100", 4, 2),
    ("--timesteps-per-batch 24576", 2, 2), ("--timesteps-per-batch 24570", 2, 1),
    ("--optim-batchsize 1537", 2, 1), ("--optim-batchsize 510", 2, 1),
    ("--optim-batchsize 512", 2, 2), ("--ensemble 2", 2, 2), ("--num-threads 1", 2, 1),
    ("--num-threads 1 --ranks 2", 2, 2), ("--ranks 3", 2, 3), ("--ranks 1", 2, 1),
    ("--policy my:Net --paper", 2, 1)])
def test_what_suits_the_machine(machine, words, count, ranks):
    """All cores where matches and batch divide and each has enough to do; else fewer ranks."""
    machine(count)
    assert choose(words) == ranks


@pytest.mark.parametrize("game", GAME_NAMES)
def test_workers_share_what_one_would_do(machine, game):
    """The preset's numbers as they are, except for its matches, of which each plays its share."""
    for paper in (False, True):
        words = ["--env", game, *["--paper"] * paper]
        parser = make_parser(words)
        one = workers.resolve_config(parser, parser.parse_args(words), "nowhere")
        each = workers.share_matches(one, 2, batch_plan.OPTIONS)
        assert choose(" ".join(words)) == 2 and each.num_envs == one.num_envs // 2
        wanted = {name: getattr(each, name) for name in batch_plan.OPTIONS}
        for shared in (False, True):
            layout = batch_plan.Layout(2, workers.NETWORKS[one.policy].chunk, shared)
            assert batch_plan.fit({}, wanted, layout) == wanted
        assert workers.share_matches(one, None, batch_plan.OPTIONS) == one  # mpirun -np 2
        assert workers.share_matches(one, 2, ()) == one  # --num-envs is given


def test_chunks_are_the_networks():
    """They are written down where TensorFlow is not there to ask."""
    networks = {name: find_policy(name) for name in POLICIES if ":" not in name}
    assert workers.NETWORKS == {
        name: (network.chunk, network.either_seat) for name, network in networks.items()}


def test_a_run_keeps_its_ranks(machine, tmp_path):
    """--resume takes the run's own number, unless it is far too many for this machine."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made/checkpoint.npz").touch()
    for found, ranks in (({"ranks": 3}, 3), ({"ranks": 4}, 4), ({"ranks": 5}, 1), ({}, 1),
                         ({"ranks": "2"}, 1), ({"ranks": None}, 1), ([], 1)):
        (tmp_path / "made/config.json").write_text(json.dumps(found))
        for words in ("--resume made", "--resume", "--resume made --num-threads 1"):
            assert choose(words, tmp_path) == ranks
        assert choose("--resume made --ranks 2", tmp_path) == 2
    (tmp_path / "made/config.json").write_text("damaged")
    assert choose("--resume made", tmp_path) == 1
    for name, ranks in (("checkpoint-previous.npz", 2), ("checkpoint.npz", 3)):
        np.savez(tmp_path / "made" / name, header=json.dumps({"config": {"ranks": ranks}}))
        assert choose("--resume made", tmp_path) == ranks


@pytest.fixture
def started(machine, monkeypatch):
    """Command lines that were to be run under mpirun."""
    commands = []
    for name in RANK_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launch, "find_mpirun", lambda: "mpirun")
    monkeypatch.setattr(launch, "supervise", lambda command: commands.append(command) or 7)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-u", "run.py", "WORDS"])
    return commands


def start(words, save_dir="nowhere"):
    """`workers.start` for a command line; returns the exit code, None where it goes on."""
    words = words.split()
    parser = make_parser(words)
    try:
        return workers.start(parser, parser.parse_args(words), str(save_dir))
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("words, ranks, said", [
    ("", 2, "2 workers of 1 thread (of 2 cores)\n"),
    ("--ranks 1", 1, "1 worker of 2 threads (of 2 cores)\n"),
    ("--ranks 3 --num-threads 2", 3, "3 workers of 2 threads (of 2 cores)\n"),
    ("--num-threads 1", 1, "1 worker of 1 thread (of 2 cores)\n")])
def test_what_is_started(started, words, ranks, said, capsys):
    """This Python with these words, under mpirun; one line says so, and its exit code is ours."""
    assert start(words) == (7 if ranks > 1 else None)
    assert started == [] if ranks == 1 else [["mpirun", "-np", str(ranks), sys.executable, "-u",
                                              "run.py", "WORDS", f"--ranks={ranks}"]]
    assert capsys.readouterr() == (said, "")


@pytest.mark.parametrize("found, words, threads", [
    ({"num_threads": 1}, "", "1 thread"), ({"num_threads": 1}, "--num-threads 3", "3 threads"),
    ({"num_threads": None}, "", "2 threads"), ({}, "", "2 threads")])
@pytest.mark.parametrize("file", ["config.json", "checkpoint.npz"])
def test_a_run_keeps_its_threads(started, file, found, words, threads, tmp_path, capsys):
    """The line tells what a resumed run will use: its own number, unless another is given."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made/config.json").write_text(json.dumps(found))
    if file != "config.json":
        (tmp_path / "made/config.json").unlink()
        np.savez(tmp_path / "made" / file, header=json.dumps({"config": found}))
    assert start(f"--resume made {words}", tmp_path) is None
    assert capsys.readouterr() == (f"1 worker of {threads} (of 2 cores)\n", "")


def test_a_hostile_checkpoint_says_nothing(tmp_path):
    """One that hides 64 MB in a few hundred bytes is not unpacked for its number of ranks."""
    (tmp_path / "made").mkdir()
    header = io.BytesIO()
    np.save(header, np.array(json.dumps({"config": {"ranks": 2}}) + " " * 2**24))
    with zipfile.ZipFile(tmp_path / "made/checkpoint.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("header.npy", header.getvalue())
    tracemalloc.start()
    try:
        assert choose("--resume made", tmp_path) == 1
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("words", ["--resume large", "--resume large --ranks 1"])
def test_one_worker_plays_the_matches_of_many(started, words, tmp_path):
    """A run of more workers than this machine can take goes on with all of their matches."""
    (tmp_path / "large").mkdir()
    (tmp_path / "large/config.json").write_text('{"ranks": 5}')
    parser = make_parser()
    args = parser.parse_args(words.split())
    workers.start(parser, args, str(tmp_path))
    each = Config(num_envs=128)
    assert workers.share_matches(each, args.ranks, ["num_envs"], 5).num_envs == 640 and not started


@pytest.mark.parametrize("name", RANK_NAMES)
def test_nobody_starts_twice(started, name, monkeypatch, capsys):
    """What a launcher has started trains."""
    monkeypatch.setenv(name, "0")
    assert start("--ranks 2") is start("") is None
    assert started == [] and capsys.readouterr() == ("", "")


def test_without_mpirun(started, monkeypatch, capsys):
    """One rank with all threads, which is said; more cannot be asked for."""
    monkeypatch.setattr(launch, "find_mpirun", lambda: None)
    assert start("") is None and start("--ranks 1") is None
    assert capsys.readouterr().out.splitlines() == [
        "1 worker of 2 threads (of 2 cores); there is no mpirun for more",
        "1 worker of 2 threads (of 2 cores)"]
    assert start("--ranks 2") == 2 and started == []
    assert capsys.readouterr() == (
        "", "run.py: error: --ranks 2: there is no mpirun; 1 needs none\n")


def test_far_more_than_the_cores(started, capsys):
    """A slip of the keyboard must not start a thousand processes."""
    words = "--num-envs 1 --timesteps-per-batch {} --optim-batchsize {} --ranks {}"
    assert start(words.format(272, 136, 17)) == 2 and started == []
    assert "--ranks 17: must be at most 16 on this machine's 2 cores" in capsys.readouterr().err
    assert start(words.format(256, 128, 16)) == 7 and len(started) == 1


def test_another_number_than_there_are(tmp_path, monkeypatch, capsys):
    """Where run.py is not a script, or mpirun has started others: one line, exit code 2."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        run.main(["--ranks", "3", "--max-iters", "1"])
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1
    assert "--ranks 3: 1 worker(s) have been started" in err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("words, said", [
    ("--ranks 0", "--ranks: 0: must be at least 1"), ("--resume nobody", "--resume nobody: there"),
    ("--ranks 2 --run a/b", "--run a/b: must be a plain name"),
    ("--policy transformer", "--policy transformer: must be one of mlp, lstm, ant, humanoid")])
def test_bad_words_start_nothing(words, said):
    """As a user sees it: at once, without TensorFlow, MPI or MuJoCo."""
    done = subprocess.run([sys.executable, "-X", "importtime", "run.py", *words.split()], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    line, = (line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert said in line and not re.search("tensorflow|mpi4py|mujoco|numpy", done.stderr)


@pytest.mark.parametrize("words, culprit", [
    ("--ranks 3 --num-envs 10 --timesteps-per-batch 100",
     "--timesteps-per-batch 100: does not fit --num-envs 10, 3 workers; 96 or 108 would"),
    ("--env sumo-ants --num-envs 256 --latest-share 0.5 --timesteps-per-batch 1000",
     "--timesteps-per-batch 1000: does not fit --num-envs 256, --latest-share 0.5; 768 or 1152"),
    ("--timesteps-per-batch 24575",
     "--timesteps-per-batch 24575: does not fit the matches; 24570 or 24576 would"),
    ("--env sumo-humans --policy lstm --ranks 2 --optim-batchsize 30",
     "--optim-batchsize 30: does not fit 2 workers, the network's chunks of 10 steps"),
    ("--policy mlp --ensemble 20 --ranks 8",
     "--num-envs 8: does not fit 8 workers, --ensemble 20; 20 would"),
    ("--old-versions 999", "--old-versions 999: does not fit the matches; 512 would")])
def test_refused_before_anything_starts(started, words, culprit, capsys):
    """A batch that cannot be divided, in the words in which the workers would refuse it."""
    assert start(words) == 2 and started == []
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"run.py: error: {culprit}")
