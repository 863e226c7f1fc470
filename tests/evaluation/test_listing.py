"""The list of what can be played."""

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
from flail import GAME
from small import refused

import load_parameter_run
import run
from common.command_line import GAME_NAMES
from common.parameter_file import save_parameters
from evaluation import listing


def test_list(tmp_path, monkeypatch, capfd):
    """Shipped files, each learner's newest snapshot, released files; damaged ones say so."""
    header = {"game": GAME, "policy": "mlp", "policy_args": {}, "version": 1}
    for name, seat, iteration in (("shipped/run-to-goal-ants/agent0", 0, 99),
                                  ("save/mine/agent1/000007", 1, 7),
                                  ("save/mine/agent1/000123", 1, 123)):
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_parameters(path, np.zeros(3, np.float32),
                        {**header, "seat": seat, "iteration": iteration})
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    np.save(zoo / "sumo-humans_v3.npy", np.zeros(3, np.float32))
    (zoo / "broken.npy").write_text("nothing")
    os.utime(zoo / "sumo-humans_v3.npy", (time.time() - 3 * 86400 - 60,) * 2)
    for name, folder in (("SHIPPED_DIR", "shipped"), ("SAVE_DIR", "save")):
        monkeypatch.setattr(load_parameter_run, name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    load_parameter_run.main(["--list", "--zoo", "zoo"])
    lines = {line.split("  ")[-1].strip(): line.split() for line
             in capfd.readouterr().out.splitlines()}
    assert lines["shipped/run-to-goal-ants/agent0.npz"][:3] == [GAME, "0", "99"]
    newest = "save/mine/agent1/000123.npz (newest of 2)"
    assert lines[newest][:3] == [GAME, "1", "123"]
    assert lines["zoo/sumo-humans_v3.npy"][:5] == ["sumo-humans", "both", "v3", "3", "d"]
    broken, = (key for key in lines if key.startswith("zoo/broken.npy: not a parameter file"))
    assert "save/mine/agent1/000007.npz" not in " ".join(lines)


def test_how_strong_a_file_is(tmp_path):
    """Of what ships by the matches noted in made.json, for those very bytes; of a run by its log.

    Matches against itself say nothing; a tie is half a win.
    """
    path = tmp_path / "shipped" / GAME / "agent0.npz"
    path.parent.mkdir(parents=True)
    save_parameters(path, np.zeros(3, np.float32), {"game": GAME, "policy": "mlp",
                                                    "policy_args": {}})
    rows = [("weak", 9, 0, 1), ("strong", 3, 7, 0), ("strong", 4, 6, 0),
            ("tying", 2, 0, 8), ("agent0.npz", 1, 1, 8)]
    (path.parent / "made.json").write_text(json.dumps({"results": {"agent0.npz": {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "matches": [dict(zip(("against", "wins", "losses", "ties"), row)) for row in rows]}}}))
    (tmp_path / "save/mine/agent1").mkdir(parents=True)
    (tmp_path / "save/mine/agent1/000050.npz").write_bytes(path.read_bytes())
    (tmp_path / "save/mine/progress.csv").write_text(
        "iteration,agent1/win_v_first\n20,0.25\n40,0.85\n41,nan\n")
    said = listing.list_all(str(tmp_path / "shipped"), str(tmp_path / "save"))
    assert "  wins 35 % of 20 v strong  " in said
    assert "  wins 85 % v first (iteration 40)  " in said
    path.write_bytes(path.read_bytes() + b" ")
    for damage in ("1\n", "iteration,agent1/win_v_first\n20,much\n", "a\0b"):
        (tmp_path / "save/mine/progress.csv").write_text(damage)
        said = listing.list_all(str(tmp_path / "shipped"), str(tmp_path / "save"))
        assert "wins" not in said and len(said.splitlines()) == 4


def test_what_ships_is_what_was_measured():
    """Every result in a made.json is of the file beside it, and the list shows it."""
    notes = list(Path(run.__file__).parent.glob("parameters/*/made.json"))
    measured = [note.with_name(name) for note in notes
                for name in json.loads(note.read_text())["results"]]
    assert {path.parent.name for path in measured} == set(GAME_NAMES)
    for path in measured:
        assert listing.strength_in_notes(str(path)).startswith("wins ")


def test_list_of_nothing(tmp_path, capfd):
    """An empty house says what to do; a zoo that is no folder is refused."""
    assert "nothing to play yet" in listing.list_all(str(tmp_path), str(tmp_path))
    refused(load_parameter_run.main, ["--list", "--zoo", tmp_path / "none"], "none: no such folder",
            capfd)
