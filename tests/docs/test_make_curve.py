"""The picture of a learning curve, for a game whose endings have names of their own."""

import shutil

import numpy as np
import pytest
from matplotlib.axes import Axes
from small import interrupt, old_file, refused

import load_parameter_run
from common.command_line import Parser
from docs import make_crossplay, make_curve, make_pictures, make_strength
from docs.make_curve import draw, endings
from evaluation import matches

PROGRESS = "iteration,run/timesteps,run/alpha,agent0/end_goal\n1,100,1,\n2,200,0.5,0.5\n"


def test_a_curve_of_any_game(tmp_path):
    """Rare endings are left out; iterations without a finished match are no fault."""
    log = {"iteration": np.array([1, 2, 3]), "run/timesteps": np.array([100, 200, 300]),
           "run/alpha": np.ones(3),
           "agent0/end_goal": np.array([np.nan, 0, 0.4]), "agent0/end_both_down": np.full(3, 0.5),
           "agent0/end_not_finite": np.full(3, 0.01)}
    shown = endings(log)
    assert list(shown) == ["goal", "both down"] and shown["goal"][0][1:] == [0, 0.2]
    log["agent1/end_goal"] = np.full(3, 0.75)  # its matches are others than agent0's
    shown = endings(log)
    assert [(name, style) for name, (_, style) in shown.items()] == [
        ("agent0: goal", "C0-"), ("agent0: both down", "C1-"), ("agent1: goal", "C0--")]
    assert shown["agent1: goal"][0] == [0.75] * 3
    out, (there, inode) = tmp_path / "curve.png", old_file(tmp_path / "there.png")
    out.symlink_to(there)  # stays a link
    draw(log, [0, 3], {("zero", "random"): [[(0.5, 0.5), (0.4, 0.4)], [(0.9, 0), (0.8, 0.1)]]}, out)
    assert out.is_symlink() and there.read_bytes().startswith(b"\x89PNG")
    assert there.stat().st_ino != inode  # written whole


@pytest.mark.parametrize("script, words", [
    (make_curve, ["--run", "nope", "--points", "2", "--games", "2", "--out", "x.png"]),
    (make_strength, ["nope", "--out", "x.png"]), (make_pictures, ["--zoo", "nope", "--out", "x"])])
def test_what_is_not_there_is_named(script, words, tmp_path, monkeypatch, capsys):
    """One line and exit code 2, nothing written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        script.main(words)
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.count("error:") == 1 and "nope: " in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", [make_crossplay, make_curve, make_pictures, make_strength])
def test_ctrl_c(script, monkeypatch):
    """It ends any of them without a traceback, exit code 130."""
    monkeypatch.setattr(Parser, "parse_args", interrupt)
    with pytest.raises(SystemExit) as end:
        script.main([])
    assert end.value.code == 130


@pytest.fixture
def run(tmp_path, players, monkeypatch):
    """The folder of a run of two iterations, each seat's snapshots from the first on."""
    monkeypatch.setattr(load_parameter_run, "SAVE_DIR", str(tmp_path))
    folder = tmp_path / "ants"
    for seat, path in enumerate(players):
        (folder / f"agent{seat}").mkdir(parents=True)
        for version in (0, 2):
            shutil.copy(path, folder / f"agent{seat}" / f"{version:06d}.npz")
    (folder / "progress.csv").write_text(PROGRESS)
    return folder


def curve(run, out="c.png", anchor=(), points=2):
    """The words that draw the run's curve."""
    return ["--run", run.name, "--points", points, "--games", 4, "--out", run.parent / out,
            *(["--anchor", *anchor] if anchor else [])]


def test_everyone_plays_in_its_seat(run, players, monkeypatch):
    """Both seats' snapshots meet the run's first ones and the anchors, and the legend says so."""
    met = []

    def play(game, entries, games, **options):
        met.append([entry.path for entry in entries])
        return [{"winner": 0}] * games

    named, plot = [], Axes.plot
    monkeypatch.setattr(matches, "play", play)
    monkeypatch.setattr(Axes, "plot", lambda *args, **options: named.append(
        options.get("label")) or plot(*args, **options))
    make_curve.main(list(map(str, curve(run, anchor=players))))
    assert [name for name in named if name and "beats" in name] == [
        "seat 0 beats the first snapshot opposite", "seat 1 beats the first snapshot opposite",
        "seat 0 beats flail1", "seat 1 beats flail0"]
    first, last = [[str(run / f"agent{seat}" / f"{v:06d}.npz") for seat in (0, 1)] for v in (0, 2)]
    assert met == [pair for anchor in (first, players) for version in (first, last)
                   for pair in ([version[0], anchor[1]], [anchor[0], version[1]])]
    assert (run.parent / "c.png").read_bytes().startswith(b"\x89PNG")


def test_few_snapshots_are_chosen_once():
    """In their order, however many points are asked for."""
    assert make_curve.choose([0, 1, 4], 4, 9) == [0, 1, 4]
    assert make_curve.choose([0, 1, 2, 3, 4], 4, 3) == [0, 2, 4]


def test_a_log_that_began_again(run, players, monkeypatch):
    """A snapshot is drawn at the steps of its own iteration; one that the log lacks is left out."""
    drawn = []
    (run / "progress.csv").write_text(PROGRESS.replace("\n1,", "\n4,").replace("\n2,", "\n5,"))
    for seat in (0, 1):
        for version in (4, 5, 6):
            shutil.copy(players[seat], run / f"agent{seat}" / f"{version:06d}.npz")
    monkeypatch.setattr(matches, "play", lambda *args, **options: [{"winner": 0}])
    monkeypatch.setattr(Axes, "plot", lambda axes, *args, **options: drawn.append(
        list(args[0]) if len(args) else []))
    monkeypatch.setattr(Axes, "legend", lambda axes, **options: None)
    make_curve.main(list(map(str, curve(run, points=9))))
    assert drawn[-2] == [0, 100 / 1e6, 200 / 1e6]  # the last one is the legend's


def test_bad_files_are_refused_before_any_match(run, players, monkeypatch, capfd):
    """Missing anchors or ones for the other seat, pictures that cannot be written: one line."""
    monkeypatch.setattr(matches, "play", pytest.fail)
    for options, culprit in (
            ({"anchor": ("nofile", "nofile")}, "nofile: No such file"),
            ({"anchor": players[::-1]}, f"{players[1]}: is for seat 1, not for seat 0"),
            ({"out": "nodir/c.png"}, "nodir/c.png: must be a file in a folder that exists"),
            ({"out": "c.txt"}, "c.txt: must end in .png")):
        refused(make_curve.main, curve(run, **options), culprit, capfd)


@pytest.mark.parametrize("progress, culprit", [
    (PROGRESS.split("\n")[0].encode(), "progress.csv: must have a row"),
    (b"\xff\n1\n", "progress.csv: damaged"),
    (PROGRESS.replace("200", "many").encode(), "progress.csv: damaged"),
    (PROGRESS.replace("iteration", "row").encode(), "in every row of the column iteration"),
    (PROGRESS.replace("alpha", "beta").encode(), "in every row of the column run/alpha")])
def test_a_damaged_log(run, progress, culprit, monkeypatch, capfd):
    """One line before any match."""
    monkeypatch.setattr(matches, "play", pytest.fail)
    (run / "progress.csv").write_bytes(progress)
    refused(make_curve.main, curve(run), culprit, capfd)


@pytest.mark.parametrize("lost", ["agent0", "agent0/000000.npz"])
def test_lost_snapshots(run, lost, monkeypatch, capfd):
    """Without the first ones there is no anchor."""
    monkeypatch.setattr(matches, "play", pytest.fail)
    (run / lost).rename(run / "elsewhere")
    refused(make_curve.main, curve(run), f"{run}: must have snapshots from 000000.npz", capfd)
