"""The picture of the shipped parameters' strength, from a tournament's tables."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.pyplot import subplots
from small import refused

from docs import make_strength
from evaluation.entrants import collect

GAME = "run-to-goal-ants"
SHIPPED = Path(make_strength.SHIPPED_DIR) / GAME
FILES = {
    "tournament.json": json.dumps({"game": GAME, "entrants": [
        {"label": label, "digest": entrant.digest()} for label, entrant in zip(
            ("08.0M/agent0", "first/agent0", "run-to-goal-ants/agent0", "zoo/agent0_v1"),
            collect([str(SHIPPED / name) for name in (
                "agent0.npz", "earlier/00.0M/agent0.npz", "mlp/agent0.npz", "mlp/agent1.npz")],
                {}, GAME)[1])]}),
    "ratings.csv": "entrant,rating,low,high\nfirst/agent0,-200,-250,-150\n"
                   "08.0M/agent0,200,150,250\nzoo/agent0_v1,0,-9,9\n"
                   "run-to-goal-ants/agent0,7,-9,9\n",
    "pairs.csv": "entrant,opponent,win_share\n08.0M/agent0,first/agent0,0.9\n"
                 "08.0M/agent0,zoo/agent0_v1,0.7\n08.0M/agent0,run-to-goal-ants/agent0,0.8\n"}


@pytest.fixture
def tournament(tmp_path):
    """A tournament's folder, in which what ships is called by other names."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: {name in the legend: x and y of its line}."""
    found = {}
    for name in ("plot", "errorbar"):
        monkeypatch.setattr(Axes, name, lambda axes, x, y, *args, label, **options: found.update(
            {label: (list(x), list(y))}))
    monkeypatch.setattr(Axes, "axhline", lambda axes, y, label=None, **options: found.update(
        {label: y}))
    monkeypatch.setattr(Axes, "legend", lambda axes, **options: None)  # of nothing
    return found


def test_what_ships_is_ours(tournament, drawn):
    """Whatever it is called, and nothing else; its steps are those of its own training."""
    make_strength.main([str(tournament), "--out", str(tournament / "strength.png")])
    steps = json.loads((SHIPPED / "made.json").read_text())["timesteps"] / 1e6
    assert drawn == {
        "ours": ([0, steps], [-200, 200]), "OpenAI's agent0 v1": 0, "run-to-goal-ants/agent0": 7,
        "against OpenAI's agent0 v1": ([steps], [0.7]), "against the untrained": ([steps], [0.9]),
        "against run-to-goal-ants/agent0": ([steps], [0.8]), None: 0.5}


def digest(game, name):
    """The digest of a file that ships."""
    path = str(SHIPPED.parent / game / name)
    return collect([path], {}, game)[1][0].digest()


def test_steps_of_the_champions_own_training():
    """By its stages: a snapshot from a stage's end has that end's, whatever its rounded name."""
    assert make_strength.find_ours("sumo-humans") == {
        digest("sumo-humans", name): 18.562048
        for name in ("agent0.npz", "earlier/18.6M/agent0.npz")}
    ants = make_strength.find_ours(GAME)
    assert [ants[digest(GAME, f"earlier/{name}/agent0.npz")] for name in (
        "00.0M", "02.0M", "08.0M", "17.9M", "40.2M")] == [0, 2, 8, 17.891328, 40.206336]


def test_other_trainings_are_not_ours():
    """Those that the champion does not come from, though they ship beside it."""
    game = "run-to-goal-humans"
    assert make_strength.find_ours(game) == {digest(game, "agent0.npz"): 28.254336}


@pytest.mark.parametrize("game", ["you-shall-not-pass", "kick-and-defend"])
def test_a_learner_per_seat(game, tournament, capfd):
    """Refused: two trainings have no steps in common."""
    (tournament / "tournament.json").write_text(FILES["tournament.json"].replace(GAME, game, 1))
    refused(make_strength.main, [tournament, "--out", tournament / "x.png"],
            f"a tournament of {game}, where each seat has a network of its own; must be of "
            "run-to-goal-ants, run-to-goal-humans, sumo-ants or sumo-humans", capfd)


def test_nothing_of_ours(tournament, capfd):
    """Refused: an old tournament may hold what no longer ships."""
    text = FILES["tournament.json"]
    for entrant in json.loads(text)["entrants"][:2]:
        text = text.replace(entrant["digest"], "0")
    (tournament / "tournament.json").write_text(text)
    refused(make_strength.main, [tournament, "--out", tournament / "x.png"],
            "has no entrant that ships in parameters/run-to-goal-ants", capfd)


def test_a_picture(tournament):
    """It is drawn from the tables alone."""
    out = tournament / "strength.png"
    make_strength.main([str(tournament), "--out", str(out)])
    assert out.read_bytes().startswith(b"\x89PNG")


def test_everyone_is_drawn(tournament):
    """As many of OpenAI's as there are; the two baselines under their own names."""
    others = ["zoo/v1", "zoo/v2", "zoo/v3", "random", "zero"]
    ours = {"entrant": "agent0", "opponent": "00.0M/agent0", "win_share": 0.9}
    steps = {"agent0": 42.0, "00.0M/agent0": 0.0}
    _, (left, right) = subplots(1, 2)
    make_strength.draw_ratings(left, [{"entrant": name, "rating": k, "low": k, "high": k}
                                      for k, name in enumerate([*others, *steps])], steps)
    make_strength.draw_shares(right, [ours, *(ours | {"opponent": name} for name in others)],
                              steps)
    names = ["OpenAI's v1", "OpenAI's v2", "OpenAI's v3", "random", "zero"]
    labels = [text for axes in (left, right) for text in axes.get_legend_handles_labels()[1]]
    against = [f"against {name}" for name in [*names, "the untrained"]]
    assert sorted(labels) == sorted(["ours", *names, *against])


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
    ("tournament.json", '{"game": "sumo-ants", "entrants": [{"label": 1}]}',
     "tournament.json: must be an object whose game is one of run-to-goal-ants"),
    ("ratings.csv", FILES["ratings.csv"].replace("200", "high"), "ratings.csv: no tournament's"),
    ("ratings.csv", "entrant,rating,low,high\n", "ratings.csv: has no rows"),
    ("pairs.csv", FILES["ratings.csv"], "pairs.csv: no tournament's table of entrant, opponent")])
def test_a_damaged_tournament(tournament, name, text, culprit, capfd):
    """One line that names the file."""
    (tournament / name).write_text(text)
    refused(make_strength.main, [tournament, "--out", tournament / "x.png"], culprit, capfd)


@pytest.mark.parametrize("out", ["x.txt", "nodir/x.png"])
def test_a_picture_that_cannot_be_written(tournament, out, capfd):
    """One line that names it."""
    refused(make_strength.main, [tournament, "--out", tournament / out], f"{out}: must ", capfd)
