"""The curriculum experiment at its smallest."""

import csv

import pytest
from small_study import IN_MATCHES, conduct_twice

from experiments import curriculum

EXTRA = ("--num-envs", "4", "--latest-share", "1", "--timesteps-per-batch", "24")


def test_curriculum(tmp_path, in_process, monkeypatch, capfd):
    """Broken off and gone on with it ends alike; the starts open as each arm's name says."""
    result = conduct_twice(curriculum.EXPERIMENT, IN_MATCHES, tmp_path, monkeypatch, capfd,
                           "--game", "kick-and-defend", extra=EXTRA)
    ranges = {}
    for arm in curriculum.ARMS:
        path = tmp_path / "one" / "runs" / f"kick-and-defend-{arm}-seed0" / "progress.csv"
        with open(path, newline="") as file:
            ranges[arm] = [float(row["run/ball_range"]) for row in csv.DictReader(file)]
    assert ranges["none"] == pytest.approx([0.05, 0.05]) and ranges["curriculum"][0] == 0.05
    assert ranges["curriculum"][1] > 0.4 and min(ranges["full"]) >= 4
    curves = result["results"]["kick-and-defend"]["curves"]
    assert list(curves) == ["kicker", "keeper"]
    for role in curves.values():  # against two arms, two games each
        assert [points[0]["games"] for points in role.values()] == [4, 4, 4]
