"""What every command line shares: the games' names, and one rank that prints."""

import argparse
import math
import os
import subprocess
import sys

import pytest

import load_parameter_run
import run
from common.command_line import (
    GAME_NAMES,
    MOST,
    NOT_FILES,
    InputError,
    check_writable,
    number,
    rule,
)
from common.files import write_json
from evaluation.entrants import BASELINES
from gym_compete import GAMES
from selfplay import presets


@pytest.mark.parametrize("rank, lines", [("0", 1), ("1", 0)])
def test_one_rank_prints(rank, lines, monkeypatch, capfd):
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
    assert set(NOT_FILES) == set(BASELINES)


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


def test_a_link_is_judged_by_its_target(tmp_path):
    """There the file is written: that folder must exist, and the link's own does not matter."""
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "nowhere" / "x.json")
    with pytest.raises(InputError, match=f"--json {link}: must be a file in a folder that exists"):
        check_writable("--json", link)
    link.unlink()
    link.symlink_to("there/x.json")
    check_writable("--json", link)
    write_json(link, 1)
    assert (tmp_path / "there" / "x.json").read_text() == "1\n"


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_name_has_room_for_its_suffix(letter, tmp_path):
    """What is refused cannot be written, because of the temporary file beside it; the rest can."""
    suffix = f".tmp{os.getpid()}"
    most = os.pathconf(tmp_path, "PC_NAME_MAX") - len(suffix)
    fits = tmp_path / (letter * (most // len(letter.encode())))
    check_writable("--json", fits)
    write_json(fits, 1)
    link, long = tmp_path / "link", fits.with_name(fits.name + letter)
    link.symlink_to(long)
    for path in (long, link):
        with pytest.raises(InputError, match=f"{path}: must have a name of at most {most} bytes"):
            check_writable("--json", path)
        with pytest.raises(OSError):
            write_json(path, 1)
