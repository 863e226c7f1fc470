"""Matches against fixed opponents, and what the log says of them."""

import csv
import inspect

import numpy as np
import pytest
from helpers import new_session
from small import SIZE, SMALL
from tiny import HEADERS, tiny_run

import run
from common.command_line import InputError
from common.parameter_file import save_parameters
from evaluation import matches
from evaluation.anchors import Anchors
from gym_compete import CompeteVectorEnv
from networks.loading import STILL, ParameterFile, blank_entry, load_policy
from utils import Actors, Player


def entry(seed, seat=0, width=64):
    """An untrained network's parameters with filters that have counted."""
    rng = np.random.default_rng(seed)
    vector = rng.normal(0, 0.2, SIZE).astype(np.float32)
    vector[:248] = np.concatenate([[0, 1, 1], np.zeros(122), np.ones(123)])
    return ParameterFile("made", vector, {**HEADERS[seat], "policy_args": {"hid_size": width}})


def test_the_zero_opponent_does_not_move():
    """Its actions are zero to 1e-7, noise or not."""
    env = CompeteVectorEnv("run-to-goal-ants", 2, seed=0)
    env.reset()
    with new_session() as sess:
        still = blank_entry("run-to-goal-ants", STILL)
        player = Player(load_policy(sess, still, env, 0), [(0, slice(0, 2))])
        actors = Actors(sess, [player])
        actors.start()
        player.look(env.obs)
        output, = actors.act(np.random.default_rng(0))
        assert np.abs(output["ac"]).max() < 1e-7
    env.close()


def test_row_and_seats():
    """Shares add up, anchors carry their names, and other iterations say nothing."""
    learners = [entry(0), entry(1, seat=1)]
    anchors = Anchors("run-to-goal-ants", [e.header for e in learners], every=3, games=4,
                      integrator="Euler")
    vectors = [e.vector for e in learners]
    anchors.set_first_snapshots(vectors)
    names = ["agent0", "agent1"]
    row, quiet = anchors.row(3, names, vectors), anchors.row(4, names, vectors)
    assert set(row) == set(quiet) == {f"{agent}/{what}_v_{name}" for agent in names
                                      for what in ("win", "loss", "tie")
                                      for name in ("first", "zero")}
    for agent in names:
        for name in ("first", "zero"):
            shares = [row[f"{agent}/{what}_v_{name}"] for what in ("win", "loss", "tie")]
            assert sum(shares) == pytest.approx(1) and all(0 <= s <= 1 for s in shares)
    assert all(np.isnan(value) for value in quiet.values())
    assert anchors.row(3, names, vectors) == row


def test_wins_are_counted_for_the_learner(monkeypatch):
    """Whatever its seat, the learner's wins are its own; a learner of both seats plays both."""
    played = []

    def play(game, pair, numbers, seed, on_match, **options):
        played.append((pair[0].path, len(numbers)))
        winner = 0 if pair[0].path == "learner" else 1  # the learner always wins
        results = [{"winner": winner, "length": 1, "ending": "touchdown",
                    "returns": [0.0, 0.0]} for _ in numbers]
        for result in results:
            on_match(result)
        return results

    monkeypatch.setattr("evaluation.seats.play", play)
    for seat in (0, 1, "both"):
        header = {**HEADERS[0], "seat": seat}
        anchors = Anchors("sumo-ants", [header], every=1, games=7)
        anchors.set_first_snapshots([entry(0).vector])
        row = anchors.row(1, ["agent0"], [entry(0).vector])
        assert row["agent0/win_v_zero"] == 1 and row["agent0/loss_v_zero"] == 0
    assert played == [("learner", 7), ("zero-action opponent", 7), ("learner", 4),
                      ("first snapshot", 3), ("learner", 4), ("zero-action opponent", 3)]


def test_they_play_on_the_judged_physics(tmp_path, monkeypatch):
    """Whatever a run trains on, its anchors meet it on RK4."""
    played, signature = [], inspect.signature(matches.play)

    def play(*arguments, **options):
        call = signature.bind(*arguments, **options)
        call.apply_defaults()
        played.append(call.arguments["integrator"])
        results = [{"winner": None, "length": 1, "ending": "time-out",
                    "returns": [0.0, 0.0]}
                   for _ in call.arguments["games"]]
        for result in results:
            options["on_match"](result)
        return results

    monkeypatch.setattr("evaluation.seats.play", play)
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--integrator", "Euler", "--hid-size", "4", "--max-iters", "1",
              "--anchor-every", "1", "--anchor-games", "2"])
    assert played == ["RK4"] * 4


def test_files_as_anchors(tmp_path):
    """A file is named after itself; two of one name, or of another game, are refused."""
    paths = [tmp_path / "one.npz", tmp_path / "other" / "one.npz", tmp_path / "human.npz"]
    paths[1].parent.mkdir()
    for path in paths:
        save_parameters(path, entry(0).vector, HEADERS[0] | {"policy_args": {"hid_size": 64}})
    save_parameters(paths[2], entry(0).vector, HEADERS[0] | {"game": "run-to-goal-humans"})
    make = dict(game="run-to-goal-ants", headers=HEADERS, every=1)
    anchors = Anchors(**make, files=[str(paths[0])])
    anchors.set_first_snapshots([entry(0).vector, entry(1).vector])
    assert list(anchors.opponents(0)) == ["first", "zero"]  # one is for seat 0 as well
    assert list(anchors.opponents(1)) == ["first", "zero", "one"]
    with pytest.raises(InputError, match="one.npz: is for seat 0, where the learner sits"):
        Anchors(**make | {"headers": HEADERS[:1]}, files=[str(paths[0])])
    with pytest.raises(InputError, match="other/one.npz"):
        Anchors(**make, files=list(map(str, paths[:2])))
    with pytest.raises(InputError, match="human.npz"):
        Anchors(**make, files=[str(paths[2])])


def test_in_the_log_of_a_run(tmp_path):
    """Every second iteration has shares in progress.csv, the others nothing."""
    anchors = Anchors("run-to-goal-ants", HEADERS, every=2, games=2, integrator="Euler")
    tiny_run(tmp_path / "run", max_iters=4, anchors=anchors)
    with open(tmp_path / "run/progress.csv") as file:
        rows = list(csv.DictReader(file))
    shares = [float(row["agent1/tie_v_zero"]) for row in rows]
    assert np.isnan(shares).tolist() == [True, False, True, False]
