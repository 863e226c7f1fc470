"""The exploration experiment at its smallest, and what kill -9 does to it."""

import csv
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from small_study import OPTIONS, TINY, conduct

from common.command_line import GAME_NAMES
from experiments import command, exploration, runs
from selfplay import run_lock
from selfplay.config import make_parser
from selfplay.progress import Schedule
from selfplay.resolve import resolve_config

WORDS = ("--game", "sumo-humans")
EXTRA = ("--num-envs", "4", "--latest-share", "1", "--timesteps-per-batch", "48", "--max-iters",
         "6")


@pytest.mark.parametrize("scale", ("small", "medium", "paper"))
@pytest.mark.parametrize("game", GAME_NAMES)
def test_every_arm_trains_otherwise(game, scale, tmp_path):
    """Within each run alpha falls from 1 to 0, stays 1 or stays 0, whatever the preset says and
    whatever comes of the matches."""
    study = command.read_study(command.make_parser(exploration.EXPERIMENT), exploration.EXPERIMENT,
                               ["--scale", scale, "--game", game])
    parser, found = make_parser(), {}
    for run in study.runs():
        config = resolve_config(parser, parser.parse_args(run.words), tmp_path)
        assert config.anneal_at == 0
        schedule = [Schedule(SimpleNamespace(iteration=iteration), config.dense_iters,
                             config.anneal_iters, config.alpha_final)
                    for iteration in (0, study.iterations)]
        found[run.arm] = [each.alpha for each in schedule]
    assert found == {"annealed": [1, 0], "kept": [1, 1], "never": [0, 0]}


def test_killed_and_continued(tmp_path, in_process, monkeypatch):
    """kill -9 of the experiment while a run trains: the run ends cleanly by itself, and the same
    command ends as an undisturbed one."""
    monkeypatch.setattr(exploration, "OLD", 1)
    one, other = tmp_path / "one", tmp_path / "other"
    result = conduct(exploration.EXPERIMENT, one, *WORDS, extra=EXTRA)
    shutil.copytree(one / "runs", other / "runs")
    shutil.copy(one / "experiment.json", other)
    run = other / "runs" / "sumo-humans-never-seed0"
    shutil.rmtree(run)
    kill(other, run)
    deadline = time.monotonic() + 60
    while run_lock.holder(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not run_lock.holder(run) and 1 <= runs.iterations_done(run) <= 6
    shutil.copytree(one / "matches", other / "matches")
    assert conduct(exploration.EXPERIMENT, other, *WORDS, extra=EXTRA) == result
    for name in ("result.json", "table.md", *(f"runs/{run.name}/{file}" for file in (
            "progress.csv", "agent0/000006.npz"))):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert (one / "figure-sumo-humans.png").exists()
    check_alphas(one / "runs")
    check_curves(result["results"]["sumo-humans"]["curves"])


def kill(out, run):
    """Starts the experiment and kills it once the run has done its first iteration."""
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.exploration", *TINY, "--out", str(out), *WORDS, "--",
         *OPTIONS, *EXTRA], cwd=runs.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True)
    while runs.iterations_done(run) < 1 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -9, process.stderr.read()
    process.stderr.close()


def check_alphas(folder):
    """Each arm's alpha is what its name says."""
    alphas = {}
    for arm in exploration.ARMS:
        with open(folder / f"sumo-humans-{arm}-seed0" / "progress.csv", newline="") as file:
            alphas[arm] = [float(row["run/alpha"]) for row in csv.DictReader(file)]
    assert alphas["kept"] == 6 * [1] and alphas["never"] == 6 * [0]
    assert alphas["annealed"][0] == 1 > alphas["annealed"][-2] > alphas["annealed"][-1] == 0


def check_curves(curves):
    """The last version of each arm plays an older one, once from either seat."""
    assert list(curves) == list(exploration.ARMS)
    for point, in curves.values():
        assert point["version"] > 1 and point["wins"]["games"] == 2
        assert sum(point[what]["share"] for what in ("wins", "losses", "ties")) == 1
