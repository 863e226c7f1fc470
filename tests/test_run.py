"""Both scripts as a user runs them: files, figures, watching, and every kind of bad input."""

import csv
import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small import ALONE, SMALL, refused

import load_parameter_run
import run
from common.parameter_file import load_parameters, save_parameters
from distributed_data import comm, cores
from selfplay import batch_plan
from selfplay.config import Config

REPOSITORY = Path(__file__).resolve().parents[1]
WALKER = f"{REPOSITORY}/parameters/run-to-goal-humans/earlier/08.4M/agent0.npz"
NOISE = re.compile(r"tensorflow|cuda|onednn|tensorrt|numa|xla|warning|rebuild", re.IGNORECASE)


def python(folder, *arguments):
    """Runs a script in a folder; returns the finished process."""
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=folder, text=True,
                          capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project in which a run named X has been trained; (folder, process)."""
    folder = tmp_path_factory.mktemp("project") / "copy"
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(
        ".*", "tests", "saveparameters", "__pycache__"))
    done = python(folder, "run.py", "--env", "run-to-goal-ants", *SMALL, "--max-iters", "2",
                  "--run", "X")
    return folder, done


# Training and watching


def test_training_is_quiet_and_ends_well(copy):
    """Exit code 0, a table an iteration, and not a word from TensorFlow."""
    _, done = copy
    assert done.returncode == 0, done.stderr
    noise = [line for line in (done.stdout + done.stderr).splitlines() if NOISE.search(line)]
    assert not noise
    assert "iteration 1" in done.stdout and "iteration 2" in done.stdout
    assert "done: 2 iterations" in done.stdout and "--run X" in done.stdout


def test_training_leaves_its_files(copy):
    """Configuration, logs, checkpoints and three snapshots per learner; nothing else."""
    saved = copy[0] / "saveparameters" / "X"
    names = {str(path.relative_to(saved)) for path in saved.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("events.out.tfevents")}
    assert len(events) == 1
    assert names - events == {"config.json", "progress.csv", "timing.csv", "checkpoint.npz",
                              "checkpoint-previous.npz", "lock"} | {
        f"agent{k}/{version:06d}.npz" for k in (0, 1) for version in range(3)}
    config = json.loads((saved / "config.json").read_text())
    assert config["env"] == "run-to-goal-ants" and config["num_envs"] == 8 and config["seed"] == 0
    assert config["max_iters"] == 2 and config["timesteps_per_batch"] == 240

    with open(saved / "progress.csv") as file, open(saved / "timing.csv") as timing:
        rows = [row | times for row, times in zip(csv.DictReader(file), csv.DictReader(timing),
                                                  strict=True)]
    assert [row["iteration"] for row in rows] == ["1", "2"]
    tags = {}
    for event in tf.train.summary_iterator(str(saved / events.pop())):
        for value in event.summary.value:
            tags.setdefault(event.step, {})[value.tag] = value.simple_value
    assert set(tags) == {1, 2}
    for row in rows:
        for tag, value in tags[int(row["iteration"])].items():
            np.testing.assert_allclose(value, float(row[tag]), rtol=1e-5)
    for k in (0, 1):
        for name in ("reward_move", "win_vs_pool", "kl", "clip_frac", "ev_tdlam"):
            assert f"agent{k}/{name}" in rows[0]
    assert float(rows[1]["run/timesteps"]) == 2 * 8 * 240 / 6


def test_snapshots_know_their_seat(copy):
    """The header says game, seat, network and version; the vector has a zoo vector's size."""
    for k in (0, 1):
        vector, header = load_parameters(copy[0] / f"saveparameters/X/agent{k}/000002.npz")
        assert vector.size == 24905
        assert header == {"game": "run-to-goal-ants", "seat": k, "policy": "mlp", "ob_dim": 122,
                          "policy_args": {"hid_size": 64}, "ac_dim": 8, "version": 2,
                          "iteration": 2, "curriculum": 0}


def test_watching(copy):
    """Three matches of run X: a line each, a summary, and the same in the JSON file."""
    folder, _ = copy
    done = python(folder, "load_parameter_run.py", "--run", "X", "--max-episodes", "3",
                  "--json", "result.json", "--integrator", "Euler")
    assert done.returncode == 0, done.stderr
    assert not NOISE.search(done.stdout + done.stderr)
    result = json.loads((folder / "result.json").read_text())
    assert {"env", "games", "wins", "ties", "mean_length", "seed"} <= set(result)
    assert result["env"] == "run-to-goal-ants" and result["games"] == 3 and result["seed"] == 0
    assert sum(result["wins"]) + result["ties"] == 3
    matches = re.findall(r"match +(\d+): .*?(\d+) steps", done.stdout)
    assert sorted(int(number) for number, _ in matches) == [0, 1, 2]
    assert result["mean_length"] == pytest.approx(np.mean([int(steps) for _, steps in matches]))


def test_newest_run_is_watched_step_by_step(copy, monkeypatch, capfd):
    """Without --run the newest run plays; --verbose prints each step's rewards of both agents."""
    monkeypatch.setattr(load_parameter_run, "SAVE_DIR", str(copy[0] / "saveparameters"))
    load_parameter_run.main(["--max-episodes", "1", "--verbose", "--integrator", "Euler"])
    out = capfd.readouterr().out
    length = int(re.search(r"(\d+) steps", out)[1])
    for agent in (0, 1):
        lines = [line for line in out.splitlines()
                 if re.match(rf"match +0 step +\d+ agent{agent} .*reward_move.*reward_remaining",
                             line)]
        assert len(lines) == length


@pytest.mark.parametrize("script", ["run.py", "load_parameter_run.py"])
def test_help_is_quick(script):
    """--help imports neither TensorFlow nor MuJoCo, which take seconds."""
    done = python(REPOSITORY, "-X", "importtime", script, "--help")
    assert done.returncode == 0 and "--env" in done.stdout
    assert not re.search("tensorflow|mujoco", done.stderr)


def test_a_dry_run(tmp_path, monkeypatch, capfd):
    """Says what a run would, and leaves nothing."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "new", "--dry-run", "--optim-stepsize", "1e-5"])
    out = capfd.readouterr().out
    assert "run-to-goal-ants into saveparameters/new" in out and "dry run: all of this" in out
    assert not list(tmp_path.iterdir())
    (tmp_path / "taken").mkdir()
    refused(run.main, [*SMALL, "--run", "taken", "--dry-run"], "--run taken: exists already", capfd)


# Bad input


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Parameter files that do not fit, by name."""
    folder = tmp_path_factory.mktemp("files")
    header = {"game": "run-to-goal-ants", "seat": 0, "policy": "mlp", "ob_dim": 122, "ac_dim": 8,
              "policy_args": {"hid_size": 64}, "version": 0, "iteration": 0}
    zeros = np.zeros(24905, np.float32)
    zeros[:248] = 1  # filters of one sample

    def save(name, vector=zeros, **changes):
        save_parameters(folder / name, vector, {**header, **changes})

    save("good.npz")
    save("short.npz", zeros[:-1])
    save("humans.npz", game="run-to-goal-humans")
    save("nogame.npz", game="chess")
    save("listgame.npz", game=["run-to-goal-ants"])
    save("nopolicy.npz", policy="transformer")
    save("listpolicy.npz", policy=["mlp"])
    save("noargs.npz", policy_args=None)
    save("oddargs.npz", policy_args={"depth": 3})
    save("evilargs.npz", policy_args={"rng": 5})
    save("wordargs.npz", policy_args={"hid_size": "wide"})
    save("negative.npz", policy_args={"hid_size": -3})
    save("deep.npz", policy_args={"num_hid_layers": 3000})
    save("seated.npz", seat=1)
    save("nowhere.npz", seat=2)
    np.save(folder / "odd.npy", zeros[:77])
    (folder / "damaged.pkl").write_bytes(pickle.dumps(zeros)[:5000])
    (folder / "dict.pkl").write_bytes(pickle.dumps({"a": 1}))
    return folder


BAD_RUNS = [
    (["--env", "chess"], "chess"),
    (["--frobnicate", "1"], "--frobnicate"),
    (["--max-iters", "1", "--max-seconds", "5"], "--max-seconds"),
    (["--max-iters", "0"], "--max-iters"),
    (["--num-envs", "-8"], "--num-envs"),
    (["--num-threads", "0"], "--num-threads"),
    (["--optim-stepsize", "-1"], "--optim-stepsize"),
    (["--optim-stepsize", "nan"], "--optim-stepsize"),
    (["--gamma", "1.5"], "--gamma"),
    (["--delta", "2"], "--delta"),
    (["--seed", "-1"], "--seed"),
    (["--num-envs", "many"], "--num-envs"),
    (["--logstd", "nan"], "--logstd"),
    (["--logstd-floor", "inf"], "--logstd-floor"),
    (["--timesteps-per-batch", "5"], "--timesteps-per-batch 5"),
    (["--timesteps-per-batch", "24" + 12 * "0"], "must be at least 1 and at most 100000000"),
    (["--optim-batchsize", "24" + 12 * "0"], "must be at least 1 and at most 100000000"),
    (["--timesteps-per-batch", "241"], "does not fit --num-envs 8, --latest-share 0.5; 240 or 246"),
    (["--optim-batchsize", "241"], "--optim-batchsize 241"),
    (["--opponents", "3"], "--old-versions 3"),
    (["--max-seconds", "inf"], "--max-seconds"),
    (["--env", "you-shall-not-pass", "--draw-penalty"], "--draw-penalty: not in you-"),
    (["--run", "taken"], "--run taken"),
    (["--policy", "transformer"], "--policy transformer: must be one of mlp, lstm"),
    (["--policy", "nowhere:Net"], "--policy nowhere:Net"),
    (["--ensemble", "3"], "--num-envs 8: does not fit --ensemble 3; 12 would"),
    (["--ensemble", "2", "--opponent", "a.npz"], "--opponent: not together with --ensemble"),
    (["--opponent", "missing.npz"], "missing.npz"),
    (["--opponent-seat", "1"], "--opponent-seat: only together with --opponent"),
    (["--env", "sumo-ants", "--opponent", "a.npz", "--opponent-seat", "1"],
     "--opponent-seat: in sumo-ants the learner plays half of its matches in either seat"),
    (["--anchor", "missing.npz", "--anchor-every", "0"], "--anchor: only together with"),
    (["--pool-share", "0.3"], "--pool-share: only together with --pool"),
    (["--pool-share", "0"], "--pool-share: only together with --pool"),
    (["--anchor-games", "9", "--anchor-every", "0"], "--anchor-games: only together with"),
    (["--pool", "missing", "--latest-share", "1"], "--pool: not with --latest-share 1"),
    (["--opponents", "2", "--latest-share", "1"], "--old-versions: not with --latest-share 1, no"),
    (["--env", "run-to-goal-humans", "--policy", "humanoid", "--mirror"],
     "--mirror: not with humanoid in seat 1, whose mean action is left-right symmetric; mlp, lstm"),
    (["--env", "run-to-goal-humans", "--policy", "humanoid", "--mirror", "--opponent", WALKER,
      "--opponent-seat", "0"], "--mirror: not with humanoid in seat 1"),
    (["--env", "you-shall-not-pass", "--mirror", "--opponent",
      f"{REPOSITORY}/parameters/you-shall-not-pass/agent1.npz"], "--mirror: not with humanoid in"),
    (["--dense-iters", "1" + 20 * "0"], "--dense-iters"),
    (["--hid-size", "1000000"], "--hid-size"),
    (["--ensemble", "27"], "--ensemble"),
    (["--policy", "narrow_policy:Narrow", "--hid-size", "4"],
     "unexpected keyword argument 'hid_size'"),
    (["--anchor", "missing.npz"], "missing.npz"),
    (["--init", "missing"], "--init missing: no agent0"),
    (["--init", "taken"], "--init taken: no agent0"),
    (["--init", __file__], "not a parameter file"),
    (["--run", "../outside"], "--run ../outside"),
    (["--run", "."], "--run ."),
    (["--run", "x" * 300], "--run xxx"),
]


def named(table):
    """The table as parameters, named after the command lines."""
    return [pytest.param(*row, id=" ".join(row[0])[:40]) for row in table]


@pytest.mark.parametrize("arguments,culprit", named(BAD_RUNS))
def test_run_refuses(arguments, culprit, tmp_path, monkeypatch, capfd):
    """One line, exit code 2, and no half-made run left behind."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    (tmp_path / "taken").mkdir()
    name = [] if "--run" in arguments else ["--run", "new"]
    limit = [] if any(a.startswith("--max") for a in arguments) else ["--max-iters", "1"]
    small = ALONE if "--opponent" in arguments else SMALL
    refused(run.main, small + name + limit + arguments, culprit, capfd)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


BAD_MATCHES = [
    (["good.npz", "missing.npz"], "missing.npz"),
    (["good.npz", "short.npz"], "short.npz"),
    (["good.npz", "humans.npz"], "humans.npz"),
    (["nogame.npz", "good.npz"], "nogame.npz"),
    (["listgame.npz", "good.npz"], "listgame.npz"),
    (["good.npz", "nopolicy.npz"], "nopolicy.npz"),
    (["good.npz", "listpolicy.npz"], "listpolicy.npz"),
    (["good.npz", "noargs.npz"], "noargs.npz"),
    (["good.npz", "oddargs.npz"], "oddargs.npz"),
    (["good.npz", "evilargs.npz"], "evilargs.npz"),
    (["good.npz", "wordargs.npz"], "wordargs.npz"),
    (["good.npz", "negative.npz"], "negative.npz"),
    (["good.npz", "nowhere.npz"], "nowhere.npz: its header's seat is 2"),
    (["good.npz", "good.npz"], "good.npz: is for seat 0, not for seat 1"),
    (["seated.npz", "seated.npz"], "seated.npz: is for seat 1, not for seat 0"),
    (["deep.npz", "seated.npz"], "deep.npz"),
    (["odd.npy", "good.npz"], "odd.npy"),
    (["odd.npy", "odd.npy"], "odd.npy"),
    (["good.npz", "damaged.pkl"], "damaged.pkl"),
    (["dict.pkl", "good.npz"], "dict.pkl"),
    ([".", "good.npz"], "directory"),
    (["good.npz", "good.npz", "--max-episodes", "-1"], "--max-episodes"),
    (["good.npz", "good.npz", "--env", "chess"], "chess"),
    (["good.npz", "good.npz", "--run", "X"], "--run"),
    (["good.npz"], "--param-paths"),
]


@pytest.mark.parametrize("arguments,culprit", named(BAD_MATCHES))
def test_watching_refuses(arguments, culprit, files, monkeypatch, capfd):
    """Files that are missing, damaged, of another game or size: the line names the file."""
    monkeypatch.chdir(files)
    refused(load_parameter_run.main, ["--param-paths", *arguments], culprit, capfd)


def test_watching_refuses_an_unknown_run(tmp_path, monkeypatch, capfd):
    """The line says which run is not there; nothing at all to play is told too."""
    for name in ("SAVE_DIR", "SHIPPED_DIR"):
        monkeypatch.setattr(load_parameter_run, name, str(tmp_path))
    refused(load_parameter_run.main, ["--run", "nobody"], "--run nobody", capfd)
    refused(load_parameter_run.main, [], "nothing to play", capfd)


def test_what_ships(files, tmp_path, monkeypatch, capfd):
    """One file sits in both seats where it can; where it cannot, `zero` sits in the other."""
    monkeypatch.setattr(load_parameter_run, "SHIPPED_DIR", str(tmp_path))
    monkeypatch.setattr(load_parameter_run, "SAVE_DIR", str(tmp_path / "none"))
    alone = tmp_path / "run-to-goal-ants" / "agent0.npz"
    alone.parent.mkdir()
    vector, header = load_parameters(files / "good.npz")
    save_parameters(alone, vector, {**header, "seat": "both"})
    assert load_parameter_run.shipped_parameters("run-to-goal-ants") == [str(alone)] * 2
    sumo = tmp_path / "sumo-ants" / "agent0.npz"
    sumo.parent.mkdir()
    save_parameters(sumo, np.ones(26825), {**header, "game": "sumo-ants", "ob_dim": 137,
                                           "seat": "both"})
    assert load_parameter_run.shipped_parameters("sumo-ants") == [str(sumo)] * 2
    save_parameters(alone, vector, header)
    for seat, own in ((0, header), (1, {**header, "seat": 1})):
        save_parameters(alone, vector, own)
        load_parameter_run.main(["--env", "run-to-goal-ants", "--max-episodes", "1",
                                 "--integrator", "Euler"])
        out = capfd.readouterr().out
        assert out.startswith(f"run-to-goal-ants: nothing ships for seat {1 - seat}, so 'zero'")
        assert f"seat {1 - seat} wins (zero)" in out and f"seat {seat} wins (agent0)" in out
    refused(load_parameter_run.main, ["--shipped", "--env", "sumo-humans"],
            "no files of sumo-humans ship yet", capfd)


def test_baselines_that_need_more(capfd):
    """Their words alone name no game, and a random one without noise would not be random."""
    refused(load_parameter_run.main, ["--param-paths", "zero", "random"], "--env", capfd)
    refused(load_parameter_run.main, ["--param-paths", "zero", "random", "--env", "sumo-ants",
                                      "--deterministic"], "random: all its actions", capfd)


@pytest.mark.parametrize("path", ["no/such/folder/result.json", "."])
def test_result_that_cannot_be_written(path, files, monkeypatch, capfd):
    """An impossible --json is told in one line before any match is played."""
    monkeypatch.chdir(files)
    refused(load_parameter_run.main,
            ["--param-paths", "good.npz", "good.npz", "--json", path], f"--json {path}:", capfd)


def test_a_script_refuses_as_a_process():
    """The same as a user sees it: one line on stderr, nothing on stdout, exit code 2."""
    done = python(REPOSITORY, "load_parameter_run.py", "--param-paths", "a.npz", "b.npz")
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(r"load_parameter_run.py: error: a.npz: .*\n", done.stderr)


# Self-play's variants


SEVENTH = """
import sys
from common import command_line
command_line.GAME_NAMES += ("tag-ants",)
from selfplay import presets
presets.POLICIES["tag-ants"] = "mlp", "mlp"
presets.MISSING["tag-ants"] = (*presets.NOT_IN_A_RACE, "draw_penalty", "dense_forward",
                               "dense_survive", "dense_goal_dist")
sys.path.insert(0, "tests")
import example_game, run
run.SAVE_DIR = sys.argv[1]
run.main([*sys.argv[2:], "--env", "run-to-goal-ants", "--dry-run"])
run.main([*sys.argv[2:], "--env", "tag-ants", "--max-iters", "1", "--run", "tag"])
run.main(["--env", "tag-ants", "--dense-gap", "1"])
"""


def test_a_seventh_game(tmp_path):
    """With the rows that docs/extending.md asks for, it trains, and so do the others."""
    done = python(REPOSITORY, "-c", SEVENTH, tmp_path, *SMALL)
    assert "dry run: all of this fits" in done.stdout and "done: 1 iterations" in done.stdout
    assert load_parameters(tmp_path / "tag/agent1/000001.npz")[1]["game"] == "tag-ants"
    assert done.stderr == ("run.py: error: --dense-gap: not in tag-ants, only in "
                           "you-shall-not-pass, sumo-ants, sumo-humans\n")


def test_a_best_response_is_trained_and_watched(tmp_path, monkeypatch, capfd):
    """An outsider's file takes its seat by its header; watching seats it again."""
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "first", "--max-iters", "1"])
    outsider = str(tmp_path / "first/agent0/000001.npz")
    run.main([*ALONE, "--run", "second", "--max-iters", "1", "--opponent", outsider,
              "--anchor-every", "1", "--anchor-games", "2", "--anchor", outsider])
    assert [path.name for path in (tmp_path / "second").glob("agent*")] == ["agent1"]
    header = (tmp_path / "second/progress.csv").read_text().splitlines()[0].split(",")
    assert {"agent1/win_v_000001", "agent1/tie_v_zero"} <= set(header)
    assert not any(name.startswith("agent0") for name in header)
    capfd.readouterr()
    load_parameter_run.main(["--run", "second", "--max-episodes", "1", "--integrator", "Euler"])
    out = capfd.readouterr().out
    assert "first/agent0/000001.npz" in out and "second/agent1/000001.npz" in out


def test_ants_share_one_learner(tmp_path, monkeypatch, capfd):
    """By default one learner plays both seats of the race, is watched in both, meets its past."""
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path))
    small = [*SMALL[:SMALL.index("--policy")], "--timesteps-per-batch", "480", "--hid-size", "8"]
    run.main([*small, "--run", "one", "--max-iters", "2", "--anchor-every", "2", "--anchor-games",
              "3"])
    last = capfd.readouterr().out.splitlines()[-1]
    assert re.search(r" % of 3 matches against its first snapshot \(iteration 2\)\. Watch: ", last)
    assert [path.name for path in (tmp_path / "one").glob("agent*")] == ["agent0"]
    header = load_parameters(tmp_path / "one/agent0/000002.npz")[1]
    assert header["seat"] == "both" and header["policy"] == "ant"
    assert "agent0/tie_v_first" in (tmp_path / "one/progress.csv").read_text()
    capfd.readouterr()
    load_parameter_run.main(["--run", "one", "--max-episodes", "1", "--integrator", "Euler"])
    assert capfd.readouterr().out.count("one/agent0/000002.npz") == 2
    small.remove("--latest-share"), small.remove("0.5")
    run.main([*small, "--run", "two", "--max-iters", "1", "--opponent",
              str(tmp_path / "one/agent0/000002.npz")])  # who need not sit in both
    assert [path.name for path in (tmp_path / "two").glob("agent*")] == ["agent0"]
    assert load_parameters(tmp_path / "two/agent0/000001.npz")[1]["seat"] == 0


@pytest.mark.parametrize("changes, said", [
    ({"game": "run-to-goal-humans"}, "its header's ob_dim is 122, must be 380"),
    ({"seat": 1}, "its seat is 1"),
    ({"policy_args": {"hid_size": 32}}, "its policy args is"), ({}, "24,904 numbers")])
def test_training_refuses_to_begin_with_another_network(changes, said, files, tmp_path,
                                                        monkeypatch, capfd):
    """A file of another seat, shape or size, or of another game by its header, is named."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path / "runs"))
    vector, header = load_parameters(files / "good.npz")
    for name, seat in (("agent0", 0), ("agent1", 1)):
        save_parameters(tmp_path / f"{name}.npz", vector[:-1] if not changes else vector,
                        {**header, "seat": seat, **changes})
    refused(run.main, [*SMALL, "--max-iters", "1", "--init", tmp_path], said, capfd)
    assert not (tmp_path / "runs").exists()


def test_what_is_not_given_adapts(tmp_path, monkeypatch, capfd):
    """Three matches: share, batch and minibatch follow, in one line, and config.json holds them."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main(["--policy", "mlp", "--num-envs", "3", "--optim-batchsize", "500", "--run", "three",
              "--timesteps-per-batch", "600", "--max-iters", "1"])
    out = capfd.readouterr().out
    line = "adapted to --num-envs 3, --timesteps-per-batch 600, --optim-batchsize 500: "
    assert out.startswith(line) and out.count("adapted") == 1
    config = json.loads((tmp_path / "three/config.json").read_text())
    assert [config[name] for name in batch_plan.OPTIONS] == [3, 1 / 3, 2, 600, 500]


def test_what_two_learners_have_learned(tmp_path, monkeypatch):
    """The last line names both, at the last iteration that was evaluated."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    config = Config(run="two", anchor_games=20)
    assert run.learned(config) == ""
    (tmp_path / "two").mkdir()
    (tmp_path / "two/progress.csv").write_text(
        "iteration,agent0/win_v_first,agent1/win_v_first\n"
        "1000,0.5,0\n1200,0.75,1.0\n1201,nan,nan\n")
    assert run.learned(config) == ("Wins: agent0 75 %, agent1 100 % of 20 matches against the "
                                   "other seat's first snapshot (iteration 1,200). ")
    (tmp_path / "two/progress.csv").write_text(  # an ensemble, each of whom plays both seats
        "iteration,agent0a/win_v_first,agent0b/win_v_first\n400,0.5,1.0\n")
    assert run.learned(config) == ("Wins: agent0a 50 %, agent0b 100 % of 20 matches against "
                                   "agent0a's first snapshot (iteration 400). ")


@pytest.mark.parametrize("here, launcher", [(4, ""), (2, "mpirun -np 4 ")])
def test_how_to_resume(here, launcher, monkeypatch):
    """By run.py alone if all four ranks are on one host, which has the cores for them."""
    monkeypatch.setattr(cores, "count", lambda: 4)
    monkeypatch.setattr(comm, "HOST", SimpleNamespace(Get_size=lambda: here))
    assert run.resuming(Config(run="two"), 4) == f"{launcher}python run.py --resume two"


def test_an_ensemble_is_trained_and_watched(tmp_path, monkeypatch, capfd):
    """Two learners per seat have folders of their own; watching seats the first of each."""
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "many", "--max-iters", "1", "--ensemble", "2"])
    assert sorted(path.name for path in (tmp_path / "many").glob("agent*")) == [
        "agent0a", "agent0b", "agent1a", "agent1b"]
    capfd.readouterr()
    load_parameter_run.main(["--run", "many", "--max-episodes", "1", "--integrator", "Euler"])
    out = capfd.readouterr().out
    assert "many/agent0a/000001.npz" in out and "many/agent1a/000001.npz" in out
