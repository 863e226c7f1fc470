"""The list of what can be played."""

import os
import time

import numpy as np
from flail import GAME, refused

import load_parameter_run
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


def test_list_of_nothing(tmp_path, capfd):
    """An empty house says what to do; a zoo that is no folder is refused."""
    assert "nothing to play yet" in listing.list_all(str(tmp_path), str(tmp_path))
    refused(["--list", "--zoo", str(tmp_path / "none")], "none: no such folder", capfd)
