"""The picture of the shipped parameters' strength, from a tournament's tables."""

from contextlib import nullcontext

import pytest
from matplotlib.pyplot import subplots
from small import refused

from docs import make_strength

FILES = {
    "tournament.json": '{"game": "run-to-goal-ants"}',
    "ratings.csv": "entrant,seats,rating,low,high\n00.0M/agent0,0 1,-200,-250,-150\n"
                   "run-to-goal-ants/agent0,0 1,200,150,250\nzoo/run-to-goal-ants_v1,0,0,-9,9\n",
    "pairs.csv": "entrant,opponent,win_share\nrun-to-goal-ants/agent0,00.0M/agent0,0.9\n"
                 "run-to-goal-ants/agent0,zoo/run-to-goal-ants_v1,0.7\n"}


@pytest.fixture
def tournament(tmp_path):
    """A tournament's folder."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_picture(tournament):
    """It is drawn from the tables alone."""
    out = tournament / "strength.png"
    make_strength.main([str(tournament), "--out", str(out)])
    assert out.read_bytes().startswith(b"\x89PNG")


def test_everyone_is_drawn(tournament):
    """As many of OpenAI's as there are; the two baselines under their own names."""
    others = ["zoo/run-to-goal-ants_v1", "zoo/run-to-goal-ants_v2", "zoo/run-to-goal-ants_v3",
              "random", "zero"]
    ours = {"entrant": "run-to-goal-ants/agent0", "opponent": "00.0M/agent0", "win_share": 0.9}
    _, (left, right) = subplots(1, 2)
    make_strength.draw_ratings(left, [{"entrant": name, "seats": "seat 0", "rating": k}
                                      for k, name in enumerate(others)], "run-to-goal-ants")
    make_strength.draw_shares(right, [ours, *(ours | {"opponent": name} for name in others)],
                              "run-to-goal-ants")
    names = ["OpenAI's v1", "OpenAI's v2", "OpenAI's v3", "random", "zero"]
    labels = [text for axes in (left, right) for text in axes.get_legend_handles_labels()[1]]
    assert labels == [*names, *(f"against {name}" for name in [*names, "the untrained"])]


def test_a_link_stays(tournament):
    """The picture is written whole to where it points."""
    there, link = tournament / "there.png", tournament / "link.png"
    link.symlink_to(there)
    make_strength.main([str(tournament), "--out", str(link)])
    assert link.is_symlink() and there.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_fails(tournament, monkeypatch):
    """The one before is as it was."""
    out = tournament / "strength.png"
    out.write_text("old")

    def fail(figure, file, **options):
        with open(file, "wb") if isinstance(file, str) else nullcontext(file) as opened:
            opened.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(SystemExit):
        make_strength.main([str(tournament), "--out", str(out)])
    assert out.read_text() == "old" and not list(tournament.glob("*.tmp*"))


@pytest.mark.parametrize("name, text, culprit", [
    ("tournament.json", "[]", "tournament.json: must be an object whose game is one of run-to-"),
    ("tournament.json", "{", "tournament.json: must be an object"),
    ("tournament.json", "[" * 100_000, "tournament.json: must be an object"),
    ("tournament.json", '{"game": "chess"}', "tournament.json: must be an object"),
    ("ratings.csv", FILES["ratings.csv"].replace("200", "high"), "ratings.csv: no tournament's"),
    ("ratings.csv", "entrant,seats,rating,low,high\n", "ratings.csv: has no rows"),
    ("pairs.csv", FILES["ratings.csv"], "pairs.csv: no tournament's table of entrant, opponent")])
def test_a_damaged_tournament(tournament, name, text, culprit, capfd):
    """One line that names the file."""
    (tournament / name).write_text(text)
    refused(make_strength.main, [tournament, "--out", tournament / "x.png"], culprit, capfd)


@pytest.mark.parametrize("out", ["x.txt", "nodir/x.png"])
def test_a_picture_that_cannot_be_written(tournament, out, capfd):
    """One line that names it."""
    refused(make_strength.main, [tournament, "--out", tournament / out], f"{out}: must ", capfd)
