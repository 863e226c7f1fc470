"""The curriculum experiment at its smallest."""

import csv

import pytest
from small_study import IN_MATCHES, conduct_twice

from experiments import command, curriculum
from experiments.meetings import Outcome

EXTRA = ("--num-envs", "4", "--latest-share", "1", "--timesteps-per-batch", "24")


def test_curriculum(tmp_path, in_process, monkeypatch, capfd):
    """Interrupted and resumed it ends alike; the rings open as each arm's name says."""
    result = conduct_twice(curriculum.EXPERIMENT, IN_MATCHES, tmp_path, monkeypatch, capfd,
                           "--game", "sumo-humans", extra=EXTRA)
    radii = {}
    for arm in curriculum.ARMS:
        path = tmp_path / "one" / "runs" / f"sumo-humans-{arm}-seed0" / "progress.csv"
        with open(path, newline="") as file:
            radii[arm] = [float(row["run/ring_radius_max"]) for row in csv.DictReader(file)]
    assert radii["none"] == pytest.approx([1.6, 1.6]) and radii["curriculum"][0] == 1.6
    assert 1.9 < radii["curriculum"][1] < 3.5 and radii["full"] == [3.5, 3.5]
    curves = result["results"]["sumo-humans"]["curves"]
    assert [points[0]["games"] for points in curves["wrestler"].values()] == [4, 4, 4]


def test_roles_are_told_apart():
    """A kicker's wins are of matches that its arm played from seat 0, a keeper's from seat 1."""
    study = command.read_study(
        command.make_parser(curriculum.EXPERIMENT), curriculum.EXPERIMENT,
        ["--game", "kick-and-defend", "--points", "1", "--", "--max-iters", "1"])
    game = "kick-and-defend"
    outcomes = [Outcome(meeting, seat, *counts) for meeting in curriculum.meetings(study, game, 0)
                for seat, counts in ((0, (6, 3, 1)), (1, (2, 8, 0)))]
    curves = curriculum.conclude(study, game, outcomes).result["curves"]
    found = {role: {arm: (points[0]["share"], points[0]["games"]) for arm, points in arms.items()}
             for role, arms in curves.items()}
    # Seat 0 wins 6 of 10 where the first arm of a meeting sits there, 8 of 10 where the second.
    assert found["kicker"] == {"curriculum": (0.6, 20), "full": (0.7, 20), "none": (0.8, 20)}
    assert found["keeper"] == {"curriculum": (0.2, 20), "full": (0.25, 20), "none": (0.3, 20)}
