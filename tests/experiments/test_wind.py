"""The wind: who is pushed, how, and what is counted."""

import json

import numpy as np
import pytest
from small import refused
from small_study import stopped_after
from tqdm import tqdm

from common.parameter_file import save_parameters
from evaluation import matches
from experiments import wind, windy
from gym_compete import find_game
from networks.loading import blank_entry


def calm_file(path, game, seat):
    """A parameter file of a network that never moves on purpose."""
    entry = blank_entry(game, -1.0)
    save_parameters(path, entry.vector, {**entry.header, "seat": seat})
    return path


@pytest.fixture
def files(tmp_path):
    """A wrestler and a walker."""
    return [calm_file(tmp_path / "wrestler.npz", "sumo-humans", "both"),
            calm_file(tmp_path / "walker.npz", "run-to-goal-humans", "both")]


def started(game, seat=0, force=400):
    """A game in the wind, one match, just begun; and its random generator."""
    made, rng = find_game(windy.windy(game, seat, force))(), np.random.default_rng(1)
    made.reset(0, rng)
    return made, rng


def observe(game):
    """Both seats' observations."""
    obs = tuple(np.zeros((1, size), np.float32) for size in game.ob_dims)
    game.observe(obs)
    return obs


def stand(game, rng, steps):
    """Plays steps with small random actions; yields before each."""
    for _ in range(steps):
        yield
        game.step([0.1 * rng.standard_normal((1, size)) for size in game.ac_dims])


def test_pushes_come_and_decay():
    """None before step 50, then F newtons every 50 steps, a tenth less each step."""
    game, rng = started("sumo-humans")
    sizes = [np.linalg.norm(game.sim.datas[0].xfrc_applied[game.seats[0].root, :2])
             for _ in stand(game, rng, 103)]
    expected = 51 * [0] + [400 * 0.9**k for k in range(50)] + [400, 360]
    assert sizes == pytest.approx(expected)
    assert np.count_nonzero(game.sim.datas[0].xfrc_applied) == 2
    game.reset(0, rng)
    assert not game.wind.any() and not game.sim.datas[0].xfrc_applied.any()


def test_half_of_the_pushes_point_inward():
    """In every match; the others outward, and all ways are possible."""
    rng = np.random.default_rng(0)
    angles = np.array([windy.draw_pushes(rng, 10) for _ in range(400)])
    assert ((np.cos(angles) > 0).sum(axis=1) == 5).all()
    assert np.histogram(angles % (2 * np.pi), 8, (0, 2 * np.pi))[0] == pytest.approx(500, rel=0.2)
    assert ((np.cos(angles) > 0).mean(axis=0) == pytest.approx(0.5, abs=0.1))


def test_the_way_inward():
    """A push at angle 0 points from where the robot stands to the field's middle."""
    game, _ = started("sumo-humans")
    game.pushes[:], game.steps[:] = 0, 50
    game.blow()
    me = game.seats[0]
    way = -np.array([me.x[0], me.y[0]])
    assert game.wind[0] == pytest.approx(400 * way / np.linalg.norm(way))


@pytest.mark.parametrize("name, unseen", [("sumo-humans", [*range(356, 382), 393]),
                                          ("run-to-goal-humans", range(356, 380))])
def test_the_opponent_is_gone(name, unseen):
    """Out of reach, out of the observation, and without any effect; the rest is as ever."""
    game, rng = started(name)
    twin = find_game(windy.windy(name, 0, 400))()
    twin.reset(0, np.random.default_rng(1))
    plain = find_game(name)()
    plain.reset(0, np.random.default_rng(1))
    ob, known = observe(game)[0][0], observe(plain)[0][0]
    hidden = np.zeros(len(ob), bool)
    hidden[list(unseen)] = True
    assert not ob[hidden].any() and known[hidden].all()
    assert np.array_equal(ob[~hidden], known[~hidden])
    acs = 0.2 * rng.standard_normal((60, 1, 17))
    for ac in acs:
        game.step([ac, np.zeros((1, 17))])
        twin.step([ac, -ac])
    assert game.seats[1].x[0] > 900 and not np.allclose(game.seats[1].qpos, twin.seats[1].qpos)
    assert np.allclose(game.seats[0].qpos, twin.seats[0].qpos, atol=1e-5)
    assert np.allclose(observe(game)[0], observe(twin)[0], atol=1e-2)


@pytest.mark.parametrize("name, seat, ahead", [("run-to-goal-humans", 0, 1),
                                               ("you-shall-not-pass", 1, -1)])
def test_a_racer_never_arrives(name, seat, ahead):
    """On its way it sees where it is, beyond the middle the middle; nobody wins."""
    game, _ = started(name, seat)
    for x, shown in ((-0.5, -0.5), (0.3, 0), (9, 0)):
        game.seats[seat].qpos[0, 0] = ahead * x
        assert observe(game)[seat][0, 0] == pytest.approx(ahead * shown)
    game.seats[seat].com[0, 0] = ahead * 9
    game.score([np.zeros((1, 17))] * 2)
    assert game.ending[0] == 0


@pytest.mark.parametrize("name, ground", [("sumo-humans", 0.5), ("run-to-goal-humans", 0)])
def test_what_is_a_fall(name, ground):
    """Half a meter over the ground, which is sumo's ring; else 500 steps end it."""
    game, _ = started(name)
    for height, steps, ending in ((0.51, 3, ""), (0.49, 3, "fell"), (0.51, 500, "time-out")):
        game.seats[0].z[:], game.steps[:] = ground + height, steps
        game.score([np.zeros((1, 17))] * 2)
        assert game.endings[game.ending[0]] == ending


def test_interrupted_and_resumed(tmp_path, files, monkeypatch, capfd):
    """The same result; its numbers are NumPy's of the episodes; the paper's stand beside them."""
    words = ["--wrestler", str(files[0]), "--walker", str(files[1]), "--forces", "300",
             "--episodes", "3", "--num-threads", "1"]
    monkeypatch.setattr(matches, "SLOTS", 3)
    one, other = tmp_path / "one", tmp_path / "other"
    wind.main([*words, "--out", str(one)])
    assert "6 episodes of at most 500 steps, at most about " in capfd.readouterr().out
    with stopped_after(monkeypatch, wind, "episode_lengths", 1), pytest.raises(SystemExit) as end:
        wind.main([*words, "--out", str(other)])
    assert end.value.code == 130 and "run the same command to resume" in capfd.readouterr().err
    wind.main([*words, "--out", str(other)])
    assert (one / "result.json").read_bytes() == (other / "result.json").read_bytes()
    assert (one / "figure-wind.png").exists()
    steps = json.loads((one / "result.json").read_text())["results"]["wind"]["steps"]
    for name in wind.PLAYERS:
        lengths = json.loads((one / "episodes" / f"{name}-300.json").read_text())
        assert len(lengths) == 3 and 10 < min(lengths) <= max(lengths) < 200
        assert steps[name]["300"]["mean"] == pytest.approx(np.mean(lengths), abs=0.01)
        assert steps[name]["300"]["std"] == pytest.approx(np.std(lengths), abs=0.01)
        half = 4.303 * np.std(lengths) / np.sqrt(2)  # the textbooks' quantile for three
        assert steps[name]["300"]["interval"] == pytest.approx(
            [np.mean(lengths) - half, np.mean(lengths) + half], abs=0.02)
    assert "| 327 " in (one / "table.md").read_text()


@pytest.mark.parametrize("text", ["[null, null]", '["9", "9"]', "[9]", "[9, 501]", "[0, 9]", "{}"])
def test_damaged_episodes(text, tmp_path, monkeypatch):
    """What cannot be two episodes' steps counts as not played."""
    path = tmp_path / "episodes" / "walker-300.json"
    path.parent.mkdir()
    path.write_text(text)
    monkeypatch.setattr(matches, "play", lambda *_, **__: [{"length": 7}, {"length": 8}])
    study = wind.Study("small", {}, (300,), 2, 0, 1, str(tmp_path))
    player = wind.Player("walker", "run-to-goal-humans", 0, [])
    assert wind.episode_lengths(study, player, 300, 1, tqdm(disable=True), None) == [7, 8]
    assert json.loads(path.read_text()) == [7, 8]
    monkeypatch.setattr(matches, "play", pytest.fail)
    assert wind.episode_lengths(study, player, 300, 1, tqdm(disable=True), None) == [7, 8]


def test_scales():
    """--help says what they are here, where nothing is trained."""
    text = " ".join(wind.make_parser().format_help().split())
    assert "20 episodes per force, or 200 as in the paper (medium is the same). [small]" in text
    assert "Minutes on two cores" not in text


def test_bad_input(tmp_path, files, monkeypatch, capfd):
    """One line that says which file is needed."""
    out = ["--out", tmp_path / "out"]
    monkeypatch.setattr(wind, "ROOT", tmp_path)
    refused(wind.main, out, "--wrestler: none ships; name a parameter file for sumo-humans", capfd)
    refused(wind.main, [*out, "--wrestler", files[0]],
            "--walker: none ships; name a parameter file for run-to-goal-humans or you", capfd)
    both = [*out, "--wrestler", files[0], "--walker"]
    refused(wind.main, [*both, "nowhere.npz"], "--walker nowhere.npz: no such file", capfd)
    refused(wind.main, [*both, files[0]], "is for sumo-humans, must be for run-to-goal", capfd)
    blocker = calm_file(tmp_path / "blocker.npz", "you-shall-not-pass", 0)
    refused(wind.main, [*both, blocker], "is the blocker's, who sits in seat 0", capfd)
    refused(wind.main, [*both, files[1], "--forces", "5", "5"], "--forces 5 5: names one", capfd)
    refused(wind.main, [*both, files[1], "--forces", "-5"], "-5: must be at least 0", capfd)
    refused(wind.main, [*both, files[1], "--episodes", "1"], "1: must be at least 2", capfd)
    refused(wind.main, [*both, files[1], "--episodes", "1000001"], "and at most 1000000", capfd)
    assert not list((tmp_path / "out").glob("episodes"))
