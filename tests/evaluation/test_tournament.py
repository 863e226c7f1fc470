"""Round robins: who meets whom, the same on any threads, resuming, refusals; runs' histories."""

import csv
import json
import shutil

import numpy as np
import pytest
from small import ALONE, SMALL, refused

import load_parameter_run
import run
from common.parameter_file import load_parameters, save_parameters
from common.run_folder import choose_snapshots
from evaluation import commands
from evaluation.entrants import collect
from evaluation.seats import seatings, share_out
from evaluation.tournament import Tournament, find_pairs

QUICK = ["--integrator", "Euler", "--max-episodes", "3", "--seed", "5"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of runs: "self" of two iterations, and "best", a best response to its agent1."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SAVE_DIR", str(folder))
        run.main([*SMALL, "--run", "self", "--max-iters", "2"])
        run.main([*ALONE, "--run", "best", "--max-iters", "1", "--opponent",
                  str(folder / "self/agent1/000002.npz")])
    return folder


@pytest.fixture(autouse=True)
def home(trained, monkeypatch):
    """Runs are looked for among the trained ones."""
    monkeypatch.setattr(load_parameter_run, "SAVE_DIR", str(trained))


@pytest.fixture(scope="module")
def played(trained, tmp_path_factory):
    """A finished tournament's folder, and the command that played it."""
    out = tmp_path_factory.mktemp("tournament") / "out"
    files = [str(trained / f"self/{name}.npz")
             for name in ("agent0/000002", "agent1/000000", "agent1/000002")]
    command = ["--tournament", *files, "zero", *QUICK]
    load_parameter_run.main([*command, "--out", str(out), "--num-threads", "1"])
    return out, command


def contents(folder):
    """Every file of a tournament that numbers are in."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".png"}


def table(path):
    """A CSV file's rows."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_seats():
    """Seat 0 meets seat 1, once; those of both seats meet everybody, from either seat."""
    seats = [(0,), (0,), (1,), (0, 1), (0, 1)]
    assert list(find_pairs(seats)) == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3),
                                       (2, 4), (3, 4)]
    assert seatings((0,), (1,)) == [0] and seatings((1,), (0, 1)) == [1]
    assert seatings((0, 1), (0, 1)) == [0, 1] and seatings((1,), (1,)) == []
    assert share_out(range(3), [1]) == {1: [0, 1, 2]}
    assert share_out(range(1, 4), [0, 1]) == {0: [2], 1: [1, 3]}


def test_results(played):
    """Tables agree with each other and with the matches; blanks where nobody could meet."""
    out, _ = played
    pairs = table(out / "pairs.csv")
    assert all(int(row["wins"]) + int(row["losses"]) + int(row["ties"]) == 3 for row in pairs)
    labels = {row["entrant"] for row in pairs}
    assert labels == {"agent0/000002", "agent1/000000", "agent1/000002", "zero"}
    matrix = {row["entrant"]: row for row in table(out / "matrix.csv")}
    for row in pairs:
        assert float(matrix[row["entrant"]][row["opponent"]]) == pytest.approx(
            int(row["wins"]) / 3, abs=1e-4)
    blanks = sum(value == "" for row in matrix.values() for value in row.values())
    assert blanks == 16 - len(pairs) == 4 + 2  # itself, and agent1's two against each other
    rows = json.loads((out / "ratings.json").read_text())
    assert [row["rating"] for row in rows] == sorted((row["rating"] for row in rows), reverse=True)
    assert all(row["low"] < row["rating"] < row["high"] for row in rows)
    assert (out / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_resumes_and_gives_the_same_on_two_threads(played, tmp_path, capfd):
    """What is finished stays; what is missing or cut short is played, to the same bytes."""
    out, command = played
    before, copy = contents(out), tmp_path / "copy"
    shutil.copytree(out, copy)
    pairs = sorted((copy / "pairs").iterdir())
    pairs[0].write_text("[")
    pairs[1].unlink()
    kept = pairs[2].stat().st_mtime_ns
    load_parameter_run.main([*command, "--out", str(copy), "--num-threads", "2"])
    assert contents(copy) == before and pairs[2].stat().st_mtime_ns == kept
    assert "5 pairs, 15 matches of run-to-goal-ants, seed 5" in capfd.readouterr().out


PAIR = {"seats": [0, 1], "games": 3, "wins": [1, 1], "ties": 1, "steps": 90, "endings": {}}


@pytest.mark.parametrize("change", [
    {"seats": [0, 2]}, {"seats": [0]}, {"seats": None}, {"games": 4}, {"games": "3"},
    {"wins": [3]}, {"wins": [3, 1]}, {"ties": 2}, {"ties": None}, {"steps": "90"}])
def test_what_is_no_pairs_result(change, tmp_path):
    """Valid JSON of another kind counts as not played."""
    _, entrants = collect(["random", "zero"], {}, "sumo-ants")
    fresh = Tournament(str(tmp_path / "new"), "sumo-ants", entrants, 3, "", seed=0,
                       integrator="RK4", deterministic=False)
    path = tmp_path / "new" / "pairs" / "000-001.json"
    path.write_text(json.dumps([PAIR]))
    assert fresh.results() == {(0, 1): [PAIR]}
    lacking = {key: value for key, value in PAIR.items() if key not in change}
    for thing in ([PAIR | change], [lacking], [{}], [1], [None], [[]], {}, 1, "text"):
        path.write_text(json.dumps(thing))
        assert fresh.results() == {}


def test_resumes_with_other_labels(played, tmp_path):
    """A tournament whose entrants had other names for people is the same tournament."""
    out, command = played
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    manifest = json.loads((copy / "tournament.json").read_text())
    for k, entrant in enumerate(manifest["entrants"]):
        entrant["label"] = f"old{k}"
    (copy / "tournament.json").write_text(json.dumps(manifest))
    load_parameter_run.main([*command, "--out", str(copy)])
    assert contents(copy) == contents(out)


def test_stopped(played, tmp_path, monkeypatch, capfd):
    """Ctrl-C says how to resume."""
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("evaluation.seats.play", stop)
    with pytest.raises(SystemExit) as stopped:
        load_parameter_run.main([*played[1], "--out", str(tmp_path / "new")])
    assert stopped.value.code == 130
    assert f"--out {tmp_path / 'new'} resumes it" in capfd.readouterr().err


@pytest.mark.parametrize("change,culprit", [
    (["--seed", "6"], "seed 5, not 6"), (["--max-episodes", "4"], "games 3, not 4"),
    (["--integrator", "RK4"], "integrator Euler, not RK4")])
def test_another_tournament_in_the_folder(played, change, culprit, capfd):
    """Refused by what differs, and nothing is touched."""
    out, command = played
    before = contents(out)
    refused(load_parameter_run.main, [*command, *change, "--out", str(out)], culprit, capfd)
    assert contents(out) == before


def test_another_entrant_of_the_same_name(played, trained, tmp_path, capfd):
    """A file whose numbers have changed is named."""
    out, command = played
    vector, header = load_parameters(trained / "self/agent0/000002.npz")
    changed = tmp_path / "agent0" / "000002.npz"
    changed.parent.mkdir()
    save_parameters(changed, vector + np.float32(1e-3), header)
    command = [str(changed) if "agent0" in word else word for word in command]
    refused(load_parameter_run.main, [*command, "--out", str(out)], "entrant agent0/000002", capfd)


def test_history(trained, tmp_path, monkeypatch):
    """Snapshots of a run by learner and iteration, default folder, and the picture."""
    assert len(choose_snapshots(str(trained / "self"))) == 6
    assert [path[-10:] for path in choose_snapshots(str(trained / "self"), every=3)] == [
        "000000.npz", "000002.npz"] * 2
    monkeypatch.setattr(commands, "OUT_DIR", str(tmp_path))
    load_parameter_run.main(["--history", "self", "--every", "3", *QUICK, "--max-episodes", "1"])
    out, = tmp_path.iterdir()
    rows = table(out / "ratings.csv")
    assert {(row["series"], row["iteration"]) for row in rows} == {
        ("agent0", "0"), ("agent0", "2"), ("agent1", "0"), ("agent1", "2")}
    assert (out / "history.png").exists()


def test_exploit(trained, tmp_path, capfd):
    """A best response is counted against the opponent that its run names, from its own seat."""
    path = tmp_path / "result.json"
    load_parameter_run.main(["--exploit", "best", *QUICK, "--json", str(path)])
    result = json.loads(path.read_text())
    assert result["champion"] == str(trained / "self/agent1/000002.npz")
    assert [row["iteration"] for row in result["responses"]] == [0, 1]
    assert all(row["wins"] + row["losses"] + row["ties"] == 3 for row in result["responses"])
    told = capfd.readouterr().out
    assert "iteration 1 wins" in told and "early" not in told
    assert {key: value for key, value in result.items() if key not in ("champion", "responses")
            } == {"seed": 5, "integrator": "Euler", "deterministic": False, "asked": 3}


def test_exploit_replaces_nothing_that_it_reads(trained, monkeypatch, capfd):
    """Neither the opponent nor a snapshot nor the configuration; nothing is played."""
    monkeypatch.setattr("evaluation.exploit.play_pair", pytest.fail)
    for name in ("self/agent1/000002.npz", "best/config.json", "best/agent0/000001.npz"):
        path = trained / name
        before = path.read_bytes()
        refused(load_parameter_run.main, ["exploit", "best", *QUICK, "--json", path],
                f"--json {path}: is a file to read", capfd)
        assert path.read_bytes() == before


@pytest.mark.parametrize("arguments,culprit", [
    (["--tournament", "random", "zero"], "--env"),
    (["--tournament", "nowhere.npz"], "nowhere.npz"),
    (["--tournament", "EMPTY"], "no parameter files"),
    (["--tournament", "SELF/agent0"], "nobody can meet"),
    (["--tournament", "SELF/agent0", "random", "--deterministic"], "--deterministic"),
    (["--tournament", "SELF/agent0", "zero", "--env", "sumo-ants"], "not for sumo-ants"),
    (["--tournament", "SELF/agent0", "zero", "--out", "SELF"], "no tournament"),
    (["--tournament", "zero", "--exploit", "self"], "--exploit"),
    (["--tournament", "zero", "--run", "self"], "--run"),
    (["--history", "self", "--video", "x.mp4"], "--video"),
    (["--every", "2"], "--every"),
    (["--out", "x"], "--out"),
    (["--history", "nobody"], "nobody"),
    (["--exploit", "self"], "is not a best response"),
    (["--exploit", "nobody"], "nobody"),
    (["--report", "nobody"], "nobody"),
    (["--report", "EMPTY"], "neither a run"),
    (["--report", "SELF", "--out", "SELF/config.json"], "config.json: must end in .html"),
    (["--report", "SELF", "--out", "no/such/page.html"], "--out no/such/page.html: must be"),
])
def test_refusals(arguments, culprit, trained, tmp_path, capfd):
    """One line that names the culprit, exit code 2."""
    places = {"EMPTY": str(tmp_path), "SELF": str(trained / "self")}
    for name, place in places.items():
        arguments = [word.replace(name, place) for word in arguments]
    refused(load_parameter_run.main, arguments, culprit, capfd)
