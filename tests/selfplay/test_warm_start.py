"""Runs that begin with given parameters, or draw opponents from other runs."""

import shutil
from pathlib import Path

import numpy as np
from small import SMALL, refused

import run
from common.parameter_file import load_parameters, save_parameters
from selfplay import snapshots
from selfplay.warm_start import find_pool


def test_training_begins_with_given_parameters(tmp_path, monkeypatch, capfd):
    """--init takes a run's newest snapshots, filters and all, as version 0 of another run."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "old", "--max-iters", "2"])
    run.main([*SMALL, "--run", "new", "--max-iters", "1", "--init", "old", "--integrator", "RK4"])
    for name in ("agent0", "agent1"):
        old, new = (load_parameters(tmp_path / run_name / name / version)[0] for run_name, version
                    in (("old", "000002.npz"), ("new", "000000.npz")))
        assert np.array_equal(old, new)
        assert not np.array_equal(old, load_parameters(tmp_path / f"new/{name}/000001.npz")[0])
    (tmp_path / "old").rename(tmp_path / "moved")  # needed no more
    run.main(["--resume", "new", "--max-iters", "2"])


def test_opponents_join_from_another_run(tmp_path, monkeypatch, capfd):
    """--pool finds a run's snapshots, plays some of them, and resumes with them; bad ones are told.
    """
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "old", "--max-iters", "2"])
    drawn, load = [], snapshots.load_parameters
    monkeypatch.setattr(snapshots, "load_parameters", lambda path: drawn.append(path) or load(path))
    one, other = (tmp_path / f"old/agent{k}/000001.npz" for k in (0, 1))
    anchor = str(shutil.copy(other, tmp_path / "anchor.npz"))
    run.main([*SMALL, "--run", "new", "--pool", "old", "--pool-share", "1", "--anchor", anchor,
              "--max-iters", "2"])
    folders = {Path(path).relative_to(tmp_path).parts[:2] for path in drawn}
    assert {("old", "agent0"), ("old", "agent1")} <= folders
    drawn.clear()
    shutil.copy(one, one.with_name("000009.npz"))  # the other run has grown
    for path in other.parent.glob("*"):  # and thinned out
        path.unlink()
    run.main(["--resume", "new", "--max-iters", "3"])
    assert str(one.with_name("000009.npz")) not in drawn
    assert any("new/agent1" in path for path in drawn)
    *held, warning = (tmp_path / "new/warnings.txt").read_text().splitlines()
    assert all("gone or damaged; its games go on" in line for line in held)
    assert warning.startswith("iteration 3: --pool: gone") and "old/agent1/00000" in warning
    capfd.readouterr()
    for path in (anchor, str(one)):
        kept = Path(path).read_bytes()
        shutil.copy(one.with_name("000002.npz"), path)
        refused(run.main, ["--resume", "new", "--max-iters", "4"], f"{path}: is not what it", capfd)
        Path(path).write_bytes(kept)
    shutil.copy(anchor, other)
    for wrong, said in ((["--pool", "older"], "--pool older: no agent0"),
                        (["--pool", str(one)], "one learner's, but agent0 and agent1 train"),
                        (["--pool", "old", "--hid-size", "9"], "its policy args is"),
                        (["--pool", "old", "--ensemble", "2"], "--pool: not together"),
                        (["--pool", "old", "--opponent", str(one)], "--pool: not together")):
        refused(run.main, [*SMALL, "--run", "bad", "--max-iters", "1", *wrong], said, capfd)


def test_what_a_pool_may_be(tmp_path):
    """A run's or a learner's folder means all snapshots in it, a file itself alone."""
    header = {"game": "run-to-goal-ants", "seat": "both", "policy": "mlp", "ob_dim": 122,
              "ac_dim": 8, "policy_args": {"hid_size": 64}}
    folder = tmp_path / "old/agent0"
    folder.mkdir(parents=True)
    for version in (0, 10, 2):
        save_parameters(folder / f"{version:06d}.npz", np.ones(24905), header)
    places = ["old", str(tmp_path / "old"), str(folder), str(folder / "000002.npz"),
              "old/agent0/000002.npz"]
    pools, = find_pool(str(tmp_path), places, ["agent0"], [header])
    names = [[Path(path).stem for path in paths] for paths in pools]
    assert names == 3 * [["000000", "000002", "000010"]] + 2 * [["000002"]]
