"""Judging two files: seats, swaps and tables."""

import csv
import json

import numpy as np
import pytest
from flail import EULER
from small import refused

from common.command_line import InputError
from common.parameter_file import save_parameters
from evaluation.results import describe, summarize_by_file, write_csv
from evaluation.seats import decide_swap, play_numbered
from load_parameter_run import main
from networks.loading import ParameterFile


def entries(*seats):
    """Entries whose headers name these seats; None: a released vector without one."""
    return [ParameterFile(f"file{i}.npz", None, {} if seat is None else {"seat": seat})
            for i, seat in enumerate(seats)]


@pytest.mark.parametrize("game, seats, default", [
    ("sumo-ants", ("both", "both"), True), ("sumo-ants", (None, "both"), True),
    ("run-to-goal-ants", (0, 1), False), ("run-to-goal-ants", (None, None), True),
    ("run-to-goal-ants", ("both", "both"), True), ("kick-and-defend", ("both", 1), False)])
def test_who_may_swap(game, seats, default):
    """Seats swap by default where both files can sit in both; elsewhere asking is refused."""
    made = entries(*seats)
    assert decide_swap(None, game, made) is default
    assert decide_swap(False, game, made) is False
    if default:
        assert decide_swap(True, game, made) is True
        assert decide_swap(None, game, [made[0], made[0]]) is False
    else:
        culprit = "file1.npz" if seats[0] == "both" else "file0.npz"
        with pytest.raises(InputError, match=f"--swap: {culprit}.* seat"):
            decide_swap(True, game, made)


def fake_play(game, entries, numbers, seed, *, on_match, **_):
    """File 0 always wins; in whichever seat it sits."""
    results = []
    for number in numbers:
        winner = [entry.path for entry in entries].index("file0.npz")
        returns = [1.0, 2.0] if winner else [2.0, 1.0]
        results.append({"game": number, "winner": winner if number else None, "length": 10,
                        "ending": "out", "returns": returns})
        on_match(results[-1])
    return results


def test_wins_follow_the_file(monkeypatch, tmp_path):
    """Every odd match is swapped; counts, returns and rows are of files, not of seats."""
    monkeypatch.setattr("evaluation.seats.play", fake_play)
    results = play_numbered("sumo-ants", entries("both", "both"), range(5), 0, True)
    assert [result["seat_of_a"] for result in results] == [0, 1, 0, 1, 0]
    assert [result["winner"] for result in results] == [None, 1, 0, 1, 0]
    summary = summarize_by_file("sumo-ants", results, 0, True, asked=5, integrator="Euler")
    assert summary["wins"] == [4, 0] and summary["ties"] == 1
    assert [part["wins"] for part in summary["by_seat"]] == [[2, 0], [2, 0]]
    assert [part["ties"] for part in summary["by_seat"]] == [1, 0]
    told = describe(summary, ["a.npz", "b.npz"])
    assert "4  A wins (a)" in told
    assert "A in seat 1, B in seat 0: A wins 2, B wins 0, ties 0 of 2 matches" in told
    assert "seed 0, Euler; out 5" in told and "early" not in told
    write_csv(tmp_path / "games.csv", results, 3)
    with open(tmp_path / "games.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["winner"] for row in rows] == ["tie", "A", "A", "A", "A"]
    assert [row["return_a"] for row in rows] == ["2.0"] * 5
    assert rows[1] == {"game": "1", "seed": "3", "seat_of_a": "1", "winner": "A", "ending": "out",
                       "length": "10", "return_a": "2.0", "return_b": "1.0"}


def test_a_table_and_how_it_was_made(players, tmp_path, monkeypatch, capfd):
    """--json says which matches were played, and how; --csv agrees with it, match by match."""
    monkeypatch.chdir(tmp_path)
    main(["--param-paths", *players, *EULER, "--max-episodes", "3", "--first-game", "4",
          "--deterministic", "--json", "r.json", "--csv", "r.csv"])
    summary = json.loads((tmp_path / "r.json").read_text())
    assert set(summary) == {"env", "games", "wins", "ties", "mean_length", "seed", "endings",
                            "intervals", "paths", "integrator", "deterministic", "first_game",
                            "asked"}
    assert [summary[key] for key in ("integrator", "deterministic", "first_game", "asked")] == [
        "Euler", True, 4, 3]
    assert "seed 0, Euler, mean actions; " in capfd.readouterr().out
    with open("r.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["game"] for row in rows] == ["4", "5", "6"]
    assert [sum(row["winner"] == who for row in rows) for who in "AB"] == summary["wins"]
    assert np.mean([int(row["length"]) for row in rows]) == summary["mean_length"]
    assert {row["seat_of_a"] for row in rows} == {"0"}


def test_swapping_seat_files_is_refused(players, capfd):
    """A file for one seat is told by its name."""
    refused(main, ["--param-paths", *players, "--swap"], f"--swap: {players[0]}: is for seat 0",
            capfd)


def test_a_file_of_another_game_is_refused(players, tmp_path, shared, capfd):
    """Ours by the header, released ones by their size."""
    path = str(tmp_path / "wrestler.npz")
    save_parameters(path, np.zeros(10, np.float32), {
        "game": "sumo-ants", "seat": "both", "policy": "mlp", "policy_args": {"hid_size": 64}})
    refused(main, ["--param-paths", players[0], path],
            "wrestler.npz: is for sumo-ants, not for run-to", capfd)
    released = str(shared / "zoo/sumo-ants_v1.npy")
    refused(main, ["--param-paths", players[0], released], "sumo-ants_v1.npy", capfd)
