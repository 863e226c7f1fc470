"""What every command line shares: the games' names, and one rank that speaks."""

import argparse
import math
import subprocess
import sys

import pytest

import load_parameter_run
import run
from common.command_line import GAME_NAMES, MOST, NOT_FILES, number, rule
from evaluation.entrants import ANCHORS
from gym_compete import GAMES
from selfplay import presets


@pytest.mark.parametrize("rank, lines", [("0", 1), ("1", 0)])
def test_one_rank_speaks(rank, lines, monkeypatch, capfd):
    """Under mpirun every rank refuses the command line, and one says so."""
    monkeypatch.setenv("PMI_RANK", rank)
    with pytest.raises(SystemExit) as end:
        run.main(["--env", "chess"])
    assert end.value.code == 2
    assert capfd.readouterr().err.count("\n") == lines


def test_names_are_games():
    """The names that --help knows are games of gym_compete, and each preset holds them all."""
    assert GAME_NAMES == tuple(GAMES)[:6]  # further ones are tests' own
    assert set(presets.POLICIES) == set(presets.MISSING) == set(GAME_NAMES)
    assert {game for game, _ in presets.ONE_MACHINE} == set(GAME_NAMES)


def test_players_without_a_file():
    """The words that are never looked for on the disk are the fixed players."""
    assert set(NOT_FILES) == set(ANCHORS)


@pytest.mark.parametrize("main, arguments, culprit", [
    (run.main, ["--init", "", "--dry-run"], "--init"),
    (run.main, ["--env", "sumo-ants", "--pool="], "--pool"),
    (load_parameter_run.main, ["--run", ""], "--run"),
    (load_parameter_run.main, ["--json=", "--shipped"], "--json"),
    (load_parameter_run.main, ["--param-paths", "zero", ""], "--param-paths"),
    (load_parameter_run.main, ["tournament", "", "zero"], "argument"),
])
def test_empty_arguments(main, arguments, culprit, capfd):
    """An empty name, as of a shell variable that is not set, is not taken for a missing one."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and f"{culprit}: must not be empty" in err


@pytest.mark.parametrize("arguments", [
    ["--param-paths", "nowhere.npz", "zero"], ["tournament", "zero", "nowhere.npz"],
    ["history", "nobody", "--against", "nowhere.npz"]])
def test_missing_files_come_first(arguments):
    """A file that is not there is refused before TensorFlow is imported."""
    code = ("import sys, load_parameter_run\n"
            "try:\n    load_parameter_run.main(sys.argv[1:])\n"
            "finally:\n    assert 'tensorflow' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "nowhere.npz: No such file" in done.stderr


@pytest.mark.parametrize("options, text, message", [
    ((int, 1), str(MOST + 1), f"must be at least 1 and at most {MOST}"),
    ((int, 0, math.inf), "9" * 20, f"must be at least 0 and at most {MOST}"),
    ((int, 1), "0", "must be at least 1"), ((int, 1, 5), "6", "must be at least 1 and at most 5"),
    ((float, 0), "-1", "must be at least 0")])
def test_numbers_out_of_bounds(options, text, message):
    """A whole number is one that ranges and arrays can count to."""
    with pytest.raises(argparse.ArgumentTypeError) as error:
        number(*options)(text)
    assert str(error.value) == f"{text}: {message}"


def test_numbers_within_bounds():
    """The bounds themselves; large floats have none; what a rule allows is the game's to say."""
    assert number(int, 1)(str(MOST)) == MOST and number(float, 0)("1e300") == 1e300
    assert rule("max_episode_steps=" + "9" * 20) == ("max_episode_steps", int("9" * 20))
