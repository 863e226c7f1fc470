"""The curriculum's position: presets that open in time, and runs that never close it again."""

import csv
import json

import numpy as np
import pytest

import run
from common.command_line import InputError
from common.parameter_file import load_parameters
from gym_compete import CompeteVectorEnv, find_game
from networks.loading import ParameterFile
from selfplay.config import from_dict, preset
from selfplay.curriculum import Curriculum, position_of
from selfplay.warm_start import find_start

TINY = ["--env", "sumo-ants", "--policy", "mlp", "--hid-size", "4", "--integrator", "Euler",
        "--num-envs", "8", "--latest-share", "0.5", "--timesteps-per-batch", "120",
        "--optim-batchsize", "60", "--anchor-every", "0"]
# Slow ones, on one core: what the shipped sumo-ants took for an iteration (parameters/README.md),
# else 2,560 steps by docs/performance.md's rates.
SECONDS = {("sumo-ants", "ant"): 3.8, ("sumo-ants", "lstm"): 0.8, ("sumo-humans", "lstm"): 1.2,
           ("kick-and-defend", "lstm"): 1.4}


@pytest.mark.parametrize("name,policy", SECONDS)
def test_presets_open_in_time(name, policy):
    """From the narrowest to wide open within 60 % of the preset's time on one core."""
    game, values = find_game(name)(), preset(name, False, policy)
    curriculum = Curriculum(game.curriculum_end, 0, values["curriculum_iters"])
    length = values["max_seconds"] / SECONDS[name, policy]
    figures = [next(iter(game.opened(curriculum.at(i)).values())) for i in range(int(length))]
    assert (np.diff(figures) >= 0).all()
    everything = next(iter(game.opened(None).values()))
    assert figures[int(0.25 * length)] < everything
    assert figures[int(0.6 * length)] == figures[-1] == everything
    game.sim.close()


def test_the_papers_pace():
    """--paper moves one position an iteration of 409,600 samples, whatever the batch's size."""
    paper = preset("sumo-ants", True)
    whole = Curriculum(2996, 0, paper["curriculum_iters"], paper["timesteps_per_batch"])
    assert [whole.at(i) for i in (0, 1, 2995, 2996, 4000)] == [0, 1, 2995, 2996, 2996]
    assert Curriculum(2996, 10, 0, 16384).at(100) == pytest.approx(14)
    assert "curriculum_iters" not in preset("run-to-goal-ants", True)


@pytest.mark.parametrize("header,position", [
    ({"curriculum": 55.5, "version": 3}, 55.5), ({"version": 7, "iteration": 7}, 7), ({}, 2996),
    ({"iteration": 9}, 9), ({"curriculum": 10**400}, 2996)])
def test_positions_of_files(header, position):
    """The header's own, else the iteration of an old file; released files are wide open."""
    assert position_of(ParameterFile("file", None, header), 2996) == position


@pytest.mark.parametrize("wrong", ["wide", -1, True, None, float("nan")])
def test_positions_that_are_none(wrong):
    """What is no position is refused with the file's name."""
    with pytest.raises(InputError, match="file: its curriculum position is"):
        position_of(ParameterFile("file", None, {"curriculum": wrong}), 2996)


def test_no_run_closes_it_again(tmp_path, monkeypatch):
    """--init and --resume with other limits go on from where the rings were."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*TINY, "--run", "one", "--curriculum-iters", "4", "--max-iters", "2"])
    run.main([*TINY, "--run", "two", "--curriculum-iters", "8", "--init", "one", "--max-iters",
              "1"])
    run.main(["--resume", "two", "--max-iters", "2"])
    radii = []
    for name in ("one", "two"):
        with open(tmp_path / name / "progress.csv") as file:
            radii += [float(row["run/ring_radius_max"]) for row in csv.DictReader(file)]
    shares = np.array([0, 0.25, 0.5, 0.625])
    np.testing.assert_allclose(radii, 2.5 + 0.1 * np.exp(2.996 * shares))
    header = load_parameters(tmp_path / "two/agent0/000002.npz")[1]
    assert header["curriculum"] == 0.75 * 2996
    assert json.loads((tmp_path / "two/config.json").read_text())["curriculum_start"] == 0.5 * 2996


def test_filters_see_the_starts_that_are_played(tmp_path, monkeypatch):
    """The steps that fill them are in the narrowest ring, too, as is all that follows."""
    radii, reset = [], CompeteVectorEnv.reset
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    monkeypatch.setattr(CompeteVectorEnv, "reset", lambda env, *args: (
        reset(env, *args), radii.extend(env.game.radius)))
    run.main([*TINY, "--run", "one", "--max-iters", "1"])
    assert len(radii) == 2 * 8 and max(radii) <= 2.6


def test_it_opens_by_achievements():
    """Iterations with too few achievements do not open it; what is open stays open."""
    curriculum = Curriculum(4383, 100, 4383, required=0.3)
    positions = []
    for iteration, achieved in enumerate([0.0, 0.29, 0.3, 0.5, 0.1, 0.4]):
        positions.append(curriculum.at(iteration))
        curriculum.note(achieved)
    assert positions == [100, 100, 100, 101, 102, 102] and curriculum.at(6) == 103
    again = Curriculum(4383, 100, 4383, required=0.3)
    again.set_state(curriculum.get_state())
    assert again.at(6) == 103
    again.set_state({})  # a checkpoint that is older than the option
    assert again.at(6) == 106


def test_a_run_opens_by_achievements(tmp_path, monkeypatch):
    """Where too few matches end as they should, rings stay closed, after --resume too."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    options = [*TINY, "--curriculum-iters", "4", "--curriculum-at", "0.9"]
    run.main([*options, "--run", "held", "--max-iters", "2"])
    run.main(["--resume", "held", "--max-iters", "3"])
    with open(tmp_path / "held/progress.csv") as file:
        assert [float(row["run/ring_radius_max"]) for row in csv.DictReader(file)] == 3 * [2.6]
    assert load_parameters(tmp_path / "held/agent0/000003.npz")[1]["curriculum"] == 0


def test_where_runs_begin():
    """Where the furthest file stands that they build on, or where --curriculum-start says."""
    sumo, race = (find_game(name)() for name in ("sumo-ants", "run-to-goal-ants"))
    files = [ParameterFile("file", None, {"curriculum": position}) for position in (70, 90)]
    released = ParameterFile("file", None, {"game": "sumo-ants", "policy": "lstm"})
    assert find_start(from_dict({}), sumo, [], None) == 0
    assert find_start(from_dict({}), sumo, files, None) == 90
    assert find_start(from_dict({}), sumo, [released], None) == 2996
    assert find_start(from_dict({"curriculum_start": 5.0}), sumo, files, None) == 5
    assert find_start(from_dict({}), race, files, None) == 0
    assert find_start(from_dict({"curriculum_start": 5.0}), sumo, [], {}) == 5
    assert find_start(from_dict({}), sumo, [], {}) == 0  # a run that is older than the option
    for game in (sumo, race):
        game.sim.close()
