"""The command lines of load_parameter_run.py: its commands, and their spellings of old."""

import subprocess
import sys
from pathlib import Path

import pytest

import load_parameter_run
from load_parameter_run import COMMANDS, parse

ROOT = Path(load_parameter_run.__file__).parent


@pytest.mark.parametrize("old, new", [
    ("--tournament a b zero --max-episodes 3 --out x", "tournament a b zero --max-episodes 3 "
                                                       "--out x"),
    ("--seed 4 --tournament a b --deterministic", "tournament a b --seed 4 --deterministic"),
    ("--tournament=a", "tournament a"),
    ("--history run --every 3", "history run --every 3"),
    ("--every 3 --history=run", "history run --every 3"),
    ("--history run --tournament zero a --out h", "history run --against zero a --out h"),
    ("--tournament zero a --history run", "history run --against zero a"),
    ("--exploit run --json r.json --env sumo-ants", "exploit run --json r.json --env sumo-ants"),
    ("--integrator Euler --exploit run", "exploit run --integrator Euler"),
    ("--report run --out page.html", "report run --out page.html"),
    ("--out page.html --report=run", "report run --out page.html"),
    ("--list", "list"), ("--zoo z --list", "list --zoo z"),
    ("--replay m.npz --video m.mp4 --camera top", "replay m.npz --video m.mp4 --camera top"),
    ("--watch --replay=m.npz", "replay m.npz --watch"),
    ("--param-paths a b --no-swap", "play --param-paths a b --no-swap"),
    ("", "play"),
])
def test_old_spellings(old, new):
    """Each means what the command means: the same command with the same values."""
    assert parse(old.split())[::2] == parse(new.split())[::2]


@pytest.mark.parametrize("line, culprit", [
    ("--tournament", "DIR_OR_FILE"), ("--history --seed 1", "RUN"), ("--exploit", "RUN"),
    ("--report", "DIR"), ("--replay", "FILE"), ("tournament a --csv x", "--csv"),
    ("history run --json x", "--json"), ("exploit run --out x", "--out"),
    ("list --seed 1", "--seed"), ("replay m.npz --save-replay x", "--save-replay"),
    ("report run --max-episodes 3", "--max-episodes"), ("--run a --param-paths b c", "--run"),
    ("matches", "matches"), ("--every 2", "--every"), ("--zoo z", "--zoo"),
])
def test_an_option_of_another_command(line, culprit, capfd):
    """Refused in one line that names it, exit code 2."""
    with pytest.raises(SystemExit) as end:
        parse(line.split())
    err = capfd.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1 and culprit in err


def test_every_command_has_its_own_help(capfd):
    """Which holds its own options only; that of play names the other commands."""
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            parse([command, "--help"])
        out = capfd.readouterr().out
        assert ("--param-paths" in out) == (command == "play")
        assert ("--camera" in out) == (command in ("play", "replay"))
        assert ("--seed" in out) == (command in ("play", "tournament", "history", "exploit"))
        assert command != "play" or all(f"\n  {name}  " in out for name in COMMANDS)


def test_help_of_all_commands_imports_little():
    """Neither TensorFlow nor MuJoCo, MPI or NumPy."""
    code = ("import sys, load_parameter_run as l\nfor c in l.COMMANDS: l.make_parser(c)."
            "format_help()\nassert not {'tensorflow', 'mujoco', 'mpi4py', 'numpy'} "
            "& set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
