"""Both scripts in any terminal: output that fails, any encoding, Ctrl-C, and any file name."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from flail import short_match
from small import SIZE, SMALL

import load_parameter_run
import run
from common import parameter_file
from common.terminal import Output
from evaluation import listing
from gym_compete import CAMERAS, Renderer, RenderingError
from viewing import film, recording

ROOT = Path(__file__).resolve().parents[2]
GAME = "run-to-goal-ants"
WILD = "12:30 50%d $x_ bü\nch\udcffer"  # all in one
PLAIN = "12:30 50%d $x_ b\\xfc\\nch\\udcffer"  # as an ASCII terminal shows it


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder with two players and a run, a best response to one of them; all have wild names."""
    folder, rng = tmp_path_factory.mktemp("house"), np.random.default_rng(0)
    made = folder / "runs" / WILD
    for seat, path in ((0, folder / f"{WILD}0.npz"), (1, folder / f"{WILD}1.npz"),
                       (0, made / "agent0/000000.npz"), (0, made / "agent0/000001.npz")):
        vector = rng.normal(0, 0.2, SIZE).astype(np.float32)
        vector[:248] = np.concatenate([[0, 1, 1], np.zeros(122), np.ones(123)])
        path.parent.mkdir(parents=True, exist_ok=True)
        parameter_file.save_parameters(path, vector, {
            "game": GAME, "seat": seat, "policy": "mlp", "policy_args": {"hid_size": 64},
            "ob_dim": 122, "ac_dim": 8, "iteration": int(path.stem) if seat == 0
            and path.stem.isdecimal() else 0})
    (made / "config.json").write_text(json.dumps({"opponent": str(folder / f"{WILD}1.npz")}))
    (made / "progress.csv").write_text("iteration,agent0/kl\n1,0.1\n2,0.1\n")
    return folder


@pytest.fixture
def jobs(house, tmp_path, monkeypatch):
    """The command line of each job, in a house of its own; matches are over at once."""
    for name in ("SAVE_DIR", "SHIPPED_DIR"):
        monkeypatch.setattr(load_parameter_run, name, str(house / "runs"))
    monkeypatch.chdir(tmp_path)
    players = [str(house / f"{WILD}{seat}.npz") for seat in (0, 1)]
    monkeypatch.setattr("evaluation.seats.play", Games())
    short = ["--max-episodes", "3"]
    return {
        "play": ["--param-paths", *players, *short],
        "json": ["--param-paths", *players, *short, "--json", "r.json", "--csv", "r.csv"],
        "list": ["--list"],
        "tournament": ["--tournament", *players, "zero", *short, "--out", WILD],
        "history": ["--history", WILD, "--tournament", "zero", *short, "--out", "h"],
        "exploit": ["--exploit", WILD, *short],
        "report": ["--report", WILD, "--out", f"{WILD}.html"]}


class Games:
    """Stands for `matches.play`: seat 0 wins every match; a signal comes after so many."""

    def __init__(self, signal_after=None, number=signal.SIGINT):
        self._left, self._number = signal_after, number

    def __call__(self, game, entries, numbers, seed=0, on_match=None, on_step=None, **options):
        results = []
        for number in numbers:
            if on_step:
                on_step(None, {})
            results.append({"game": number, "winner": 0, "length": 7, "ending": "touchdown",
                            "returns": [1.0, -1.0]})
            if on_match:
                on_match(results[-1])
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), self._number)
        return results


def broken():
    """A stream into a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    return open(write, "w")


def closed():
    """A stream that Python has closed."""
    stream = io.StringIO()
    stream.close()
    return stream


def call(main, arguments, stream, monkeypatch):
    """Runs a script with this standard output; returns its exit code and what stderr says."""
    told = io.TextIOWrapper(io.BytesIO(), "ascii")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", told)
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as end:
            code = end.code or 0
    told.flush()
    return code, told.buffer.getvalue().decode()


PRINTING = ("play", "list", "exploit")  # and nothing else


@pytest.mark.parametrize("job", ["play", "json", "list", "tournament", "history", "exploit",
                                 "report"])
def test_every_job_on_any_output(job, jobs, monkeypatch):
    """Closed, full, and of an encoding without the letters: never a traceback.

    What only prints ends quietly; what writes files writes them.
    """
    for stream in (broken(), closed()):
        code, err = call(load_parameter_run.main, jobs[job], stream, monkeypatch)
        assert (code, err) == (141 if job in PRINTING else 0, "")
    code, err = call(load_parameter_run.main, jobs[job], open("/dev/full", "w"), monkeypatch)
    assert code == (1 if job in PRINTING else 0)
    assert err == "output: No space left on device; nothing more is printed\n"
    if job == "json":
        assert json.loads(Path("r.json").read_text())["games"] == 3
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding)
        assert call(load_parameter_run.main, jobs[job], stream, monkeypatch) == (0, "")
        text = stream.buffer.getvalue().decode(encoding)
        if job != "history":
            assert PLAIN.replace("\\xfc", "\\xfc" if encoding == "ascii" else "ü") in text


def test_streams():
    """What a stream lacks it is spared, and what it says of itself stays."""
    text = io.StringIO()
    output = Output(text)
    assert output.write("ü\udcff") == 2 and text.getvalue() == "ü\\udcff"
    assert not output.isatty()
    with pytest.raises(SystemExit):
        Output(closed(), needed=True).write("x")


@pytest.mark.parametrize("main", [run.main, load_parameter_run.main], ids=["run", "load"])
def test_help_in_any_terminal(main, monkeypatch):
    """Narrow, ASCII, closed or full."""
    for columns in ("1", "20", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        stream = io.TextIOWrapper(io.BytesIO(), "ascii")
        assert call(main, ["--help"], stream, monkeypatch) == (0, "")
        assert b"--env" in stream.buffer.getvalue()
    assert call(main, ["--help"], broken(), monkeypatch) == (141, "")
    assert call(main, ["--help"], open("/dev/full", "w"), monkeypatch)[0] == 1


def test_training_outlives_its_terminal(tmp_path, monkeypatch):
    """`run.py | head` stops printing and nothing else."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    code, err = call(run.main, [*SMALL, "--run", "bücher", "--max-iters", "2"], broken(),
                     monkeypatch)
    assert (code, err) == (0, "")
    assert len((tmp_path / "bücher/progress.csv").read_text().splitlines()) == 3
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    code, err = call(run.main, ["--resume", "bücher", "--max-iters", "2"], stream, monkeypatch)
    assert (code, err) == (0, "") and b"resuming b\\xfccher" in stream.buffer.getvalue()


@pytest.mark.parametrize("closing", ["| true", ">&-", "2>&-", ">&- 2>&-"])
def test_real_pipes(closing, tmp_path):
    """As a shell closes them, from the start."""
    script = f"cd {ROOT}; {sys.executable} load_parameter_run.py --list {closing}"
    done = subprocess.run(["bash", "-c", f"{script}; echo ${{PIPESTATUS[0]}} >{tmp_path}/code"],
                          capture_output=True, text=True)
    assert done.stderr == "" and (tmp_path / "code").read_text() in ("0\n", "141\n")


# Ctrl-C


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_gives_what_was_counted(number, code, jobs, monkeypatch):
    """The summary is printed, --json and --csv hold the matches until then."""
    monkeypatch.setattr("evaluation.seats.play", Games(2, number))
    out = io.StringIO()
    found, err = call(load_parameter_run.main, jobs["json"], out, monkeypatch)
    assert found == code and "counting the matches so far" in err and "Traceback" not in err
    assert "2 matches of run-to-goal-ants" in out.getvalue()
    assert "ended early, after 2 of 3 matches: short ones" in out.getvalue()
    result = json.loads(Path("r.json").read_text())
    assert result["wins"] == [2, 0] and result["asked"] == 3
    with open("r.csv") as file:
        assert [row["game"] for row in csv.DictReader(file)] == ["0", "1"]


def test_an_interrupt_of_many(jobs, monkeypatch):
    """A tournament tells its finished pairs and how to go on, a best response its matches."""
    monkeypatch.setattr("evaluation.seats.play", Games(4))
    out = io.StringIO()
    code, err = call(load_parameter_run.main, jobs["tournament"], out, monkeypatch)
    assert code == 130 and "the same command with --out" in err
    assert sum(line.split()[-4:] == ["3", "3", "0", "0"] for line in out.getvalue().splitlines()
               ) == 1
    monkeypatch.setattr("evaluation.seats.play", Games(4))
    out = io.StringIO()
    code, _ = call(load_parameter_run.main, [*jobs["exploit"], "--json", "r.json"], out,
                   monkeypatch)
    assert code == 130 and "3 and 1 matches" in out.getvalue()
    assert "ended early, after 3 and 1 of 3 matches: short ones" in out.getvalue()
    result = json.loads(Path("r.json").read_text())
    rows = result["responses"]
    assert [(row["games"], row["wins"]) for row in rows] == [(3, 3), (1, 1)]
    assert result["asked"] == 3


def test_an_interrupt_elsewhere(jobs, monkeypatch):
    """Before there is anything to tell: exit code 130, and quiet."""
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "list_all", stop)
    assert call(load_parameter_run.main, ["--list"], io.StringIO(), monkeypatch) == (130, "")


# File names


@pytest.fixture(scope="module")
def opengl():
    """Skips where nothing can be drawn."""
    try:
        Renderer(recording.RecordedMatch(short_match(GAME, 2)).game, 64, 64).close()
    except RenderingError as error:
        pytest.skip(str(error))


def test_any_name_is_a_file_name(house, tmp_path, monkeypatch):
    """Two real matches of players with wild names, into files with such names."""
    monkeypatch.chdir(tmp_path)
    players = [str(house / f"{WILD}{seat}.npz") for seat in (0, 1)]
    code, err = call(load_parameter_run.main, [
        "--param-paths", *players, "--integrator", "Euler", "--max-episodes", "1", "--json=-x.json",
        "--csv", f"{WILD}.csv", "--save-replay", f"{WILD}.npz"], io.StringIO(), monkeypatch)
    assert (code, err) == (0, "")
    assert sorted(os.listdir()) == sorted(["-x.json", f"{WILD}.csv", f"{WILD}.npz"])
    assert json.loads(Path("-x.json").read_text())["paths"] == players
    names = recording.load(f"{WILD}.npz").header["names"]
    assert names[0].isprintable() and names[0].endswith("er0")


@pytest.mark.parametrize("name", ["12:30", "-x", WILD])
def test_any_name_is_a_films(opengl, name, tmp_path, monkeypatch):
    """No part of it is a protocol, an option or a pattern."""
    monkeypatch.setitem(film.FORMATS, ".mp4", (5, (160, 96)))
    monkeypatch.chdir(tmp_path)
    film.film(f"{name}.mp4", [short_match(GAME, 2)], CAMERAS["side"])
    assert os.listdir() == [f"{name}.mp4"] and os.path.getsize(f"{name}.mp4") > 500


def test_a_platform_in_the_environment(opengl, monkeypatch):
    """PYOPENGL_PLATFORM, which many guides advise to set, does not get in the way of EGL."""
    for platform in ("osmesa", "glx"):
        monkeypatch.setenv("PYOPENGL_PLATFORM", platform)
        renderer = Renderer(recording.RecordedMatch(short_match(GAME, 2)).game, 64, 64)
        assert renderer.render().any()
        renderer.close()
