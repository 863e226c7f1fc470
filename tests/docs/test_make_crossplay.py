"""The page of cross-play: who takes part, what is played once, and what the tables say."""

from dataclasses import replace

import numpy as np
import pytest

from docs import make_crossplay
from docs.make_crossplay import find_entrants, play_pairs, section, write_section
from evaluation import tournament
from evaluation.entrants import collect

OPTIONS = {"seed": 3, "integrator": "RK4", "deterministic": False}
HOW = {"games": 4, "num_threads": 1, **OPTIONS}


@pytest.fixture
def entrants():
    """Three who can take both seats."""
    game, (random, zero) = collect(["random", "zero"], {}, "sumo-ants")
    vector = random.entry.vector + np.float32(1)
    return [replace(zero, label="third", entry=replace(zero.entry, vector=vector)), random, zero]


@pytest.fixture
def meetings(monkeypatch):
    """The pairs played, in which the first wins from seat 0 and nobody does from seat 1."""
    played = []

    def play_pair(game, entries, shares, *args, **options):
        played.append(tuple(entry.vector.tobytes() for entry in entries))
        return [{"game": g, "seat_of_a": seat, "winner": None if seat else 0, "ending": "fell",
                 "length": 5} for seat, numbers in shares.items() for g in numbers]

    monkeypatch.setattr(tournament, "play_pair", play_pair)
    return played


def test_all_take_part(shared):
    """OpenAI's of this game, ours without earlier ones, each with its seat, and two baselines."""
    found = [(entrant.label, entrant.seats)
             for entrant in find_entrants(str(shared / "zoo"), "run-to-goal-ants")]
    assert found == [
        ("OpenAI v1, seat 0", (0,)), ("OpenAI v1, seat 1", (1,)), ("ours", (0, 1)),
        ("ours, mlp, seat 0", (0,)), ("ours, mlp, seat 1", (1,)), ("random", (0, 1)),
        ("zero", (0, 1))]


def test_only_changed_pairs_are_played(entrants, meetings, tmp_path):
    """Again: none; with one replaced: its own two, and the other's result is the same."""
    first = play_pairs(str(tmp_path), "sumo-ants", entrants, **HOW)
    assert len(meetings) == 3
    assert play_pairs(str(tmp_path), "sumo-ants", entrants, **HOW) == first and len(meetings) == 3
    entry = entrants[0].entry
    new = replace(entrants[0], entry=replace(entry, vector=entry.vector + np.float32(1)))
    again = play_pairs(str(tmp_path), "sumo-ants", [new, *entrants[1:]], **HOW)
    assert len(meetings) == 5 and again[1, 2] == first[1, 2]
    with pytest.raises(ValueError, match="seed 3, not 4"):
        play_pairs(str(tmp_path), "sumo-ants", entrants, **{**HOW, "seed": 4})


def test_tables(entrants, meetings, tmp_path):
    """Wins stand in the winner's row, the best on top; of four games two are won and two tied."""
    text = section(entrants, play_pairs(str(tmp_path), "sumo-ants", entrants, **HOW), "How.")
    how, matrix, ratings = text.split("\n\n")
    assert how == "How."
    assert matrix.splitlines()[2:] == [
        "| third |  | 50 (50) | 50 (50) |", "| random | 0 (50) |  | 50 (50) |",
        "| zero | 0 (50) | 0 (50) |  |"]
    rows = [row.strip("| ").split(" | ") for row in ratings.splitlines()[2:]]
    assert [[row[0], *row[3:]] for row in rows] == [
        ["third", "4", "4", "0"], ["random", "2", "4", "2"], ["zero", "0", "4", "4"]]
    assert float(rows[0][1]) == -float(rows[2][1]) > 0 == float(rows[1][1])
    low, high = map(float, rows[0][2].split(" to "))
    assert low < float(rows[0][1]) < high


def test_the_other_sections_stay(tmp_path, monkeypatch):
    """Sections stand in the games' order, whichever was written last."""
    page = tmp_path / "page.md"
    for game, text in (("sumo-ants", "old"), ("run-to-goal-ants", "runs"), ("sumo-ants", "new")):
        write_section(str(page), game, text)
    monkeypatch.setattr(make_crossplay, "INTRO", "# Another head\n")
    write_section(str(page), "kick-and-defend", "kicks")
    assert page.read_text() == ("# Another head\n\n## run-to-goal-ants\n\nruns\n\n## sumo-ants\n\n"
                                "new\n\n## kick-and-defend\n\nkicks\n")
