"""The pictures of the games: what is refused before the first is drawn."""

import pytest
from small import refused

from docs import make_pictures


@pytest.fixture
def nothing_is_drawn(monkeypatch):
    """Fails the test if a picture is drawn."""
    monkeypatch.setattr(make_pictures, "shoot", pytest.fail)


def test_bad_input(nothing_is_drawn, tmp_path, capfd):
    """A second game that is none, a folder that is a file: one line that names it."""
    readme = tmp_path / "README.md"
    readme.write_text("# Another\n")
    for words, culprit in (
            (["run-to-goal-ants", "nogame", "--out", tmp_path], "GAME nogame: must be one of"),
            (["run-to-goal-ants", "--out", readme], f"--out {readme}: must be a folder")):
        refused(make_pictures.main, words, culprit, capfd)


def test_a_damaged_policy(nothing_is_drawn, tmp_path, capfd):
    """It is named before the game that comes first is drawn."""
    damaged = tmp_path / "sumo-ants_v1.npy"
    damaged.write_bytes(b"damaged")
    refused(make_pictures.main, ["run-to-goal-ants", "sumo-ants", "--zoo", tmp_path, "--out",
                                 tmp_path], f"{damaged}: not a parameter file", capfd)


def test_a_match_that_ends_too_soon(players, tmp_path, monkeypatch, capfd):
    """Of a step that never comes there is no picture, and one line says so."""
    for seat, path in enumerate(players):
        (tmp_path / f"run-to-goal-ants_agent{seat}_v1.npy").symlink_to(path)
    monkeypatch.setitem(make_pictures.STEPS, "run-to-goal-ants", (10_000, 1))
    refused(make_pictures.main, ["run-to-goal-ants", "--zoo", tmp_path, "--out", tmp_path],
            "--seed 1: its match of run-to-goal-ants ends before step 10000", capfd)
