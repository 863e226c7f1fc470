"""The benchmarks that are run by hand, at their smallest: they work, and their sums add up."""

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def measure(tmp_path, script, *arguments):
    """Runs a benchmark; returns what --json says."""
    path = tmp_path / "result.json"
    done = subprocess.run([sys.executable, FOLDER / script, *arguments, "--json", path],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())
    assert result["machine"] in done.stdout
    return result


def test_iteration(tmp_path):
    """All parts together are the iteration; physics and the update take most of it."""
    result = measure(tmp_path, "iteration.py", "--iters", "1", "--warm-up", "1")
    assert sum(result["parts"].values()) == pytest.approx(result["seconds"])
    shares = result["shares"]
    assert shares["physics: bare mj_step"] + shares["update"] > 0.4
    assert all(spent > 0 for part, spent in result["parts"].items()
               if part != "simulation beyond that")


def test_start(tmp_path):
    """Every command answers; a training's first row comes after its first line."""
    seconds = measure(tmp_path, "start.py", "--starts", "1")["seconds"]
    *answers, line, row = seconds.values()
    assert len(answers) == 5 and max(answers) < line < row


def test_memory(tmp_path):
    """A small batch: the peak never falls from stage to stage, and the run is noted."""
    result = measure(tmp_path, "memory.py", "--env", "run-to-goal-ants",
                     "--timesteps-per-batch", "1280", "--iters", "6", "--every", "2")
    sizes = list(result["peak"]["stages"].values())
    assert len(sizes) == 5 and sizes == sorted(sizes) and sizes[0] > 1e8
    assert result["growth"]["iterations"] == [2, 4, 6]


@pytest.mark.skipif(not importlib.util.find_spec("stable_baselines3"),
                    reason="needs stable-baselines3")
def test_peers(tmp_path):
    """Every contender collects and updates."""
    result = measure(tmp_path, "peers.py", "--batch", "128", "--minibatch", "64", "--rounds", "1",
                     "--sb3-envs", "2")
    assert len(result["contenders"]) == 3
    for rates in result["contenders"].values():
        assert rates["collecting_steps_per_s"] > rates["whole_steps_per_s"] > 0


def test_rollout(tmp_path):
    """Every combination is a row; no rollout is faster than its physics by much."""
    result = measure(tmp_path, "rollout.py", "--num-envs", "8", "16", "--opponents", "2",
                     "--blocks", "1")
    assert [row["num_envs"] for row in result["rows"]] == [8, 16]
    assert all(0.05 < row["ratio"] < 1.5 for row in result["rows"])


def test_physics(tmp_path):
    """What changes no bits changes none; Euler's steps are others, and cheaper."""
    result = measure(tmp_path, "physics.py", "--num-envs", "2", "--steps", "40", "--rounds", "1")
    rows = {row["lever"]: row for row in result["rows"]}
    for lever in ("as it is, again", "clock off", "one data for all games"):
        assert rows[lever]["after 40, median"] == 0
    assert rows["Euler"]["time"] < 0.7 and rows["Euler"]["astray after 1"] > 0


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
def test_update(tmp_path):
    """Both compute the same; the script would say so if they did not."""
    result = measure(tmp_path, "update.py", "--case", "mlp, run-to-goal-ants", "--blocks", "1")
    assert [row["apart"] < 1e-3 < row["ratio"] for row in result["rows"]] == [True]


def test_update_of_ours_alone(tmp_path):
    """Without PyTorch the ants' network is measured too, in minibatches of the sizes asked for."""
    result = measure(tmp_path, "update.py", "--ours-only", "--blocks", "1", "--minibatch", "25",
                     "40", "--case", "ant, run-to-goal-ants")
    assert [(row["batch"], row["minibatch"]) for row in result["rows"]] == [(200, 25), (320, 40)]
    assert all(row["ours: samples/s"] > 0 for row in result["rows"])


def test_the_gpu_script_runs_what_there_is():
    """Each of its commands is understood by the script that it names."""
    done = subprocess.run(["bash", FOLDER / "gpu.sh", "--list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    for command in commands:
        script = next(word for word in command if word.endswith(".py"))
        arguments = command[command.index(script) + 1:]
        if "pytest" not in command:
            load(FOLDER.parent / script).make_parser().parse_args(arguments)
    assert sum(int(command[0]) for command in commands) < 600  # seconds, the limits of all parts
    assert len(commands) == 5


def load(path):
    """A script as a module, with its own folder importable while it loads."""
    spec = importlib.util.spec_from_file_location(f"a_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
