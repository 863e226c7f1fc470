"""Runs that begin with given parameters, or draw opponents from other runs."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small import ALONE, SMALL, refused

import run
from common.command_line import InputError
from common.parameter_file import load_parameters, save_parameters
from common.run_folder import find_place
from gym_compete import find_game
from networks.loading import find_policy
from selfplay import snapshots
from selfplay.config import Config, make_parser
from selfplay.resolve import ROOT
from selfplay.warm_start import curriculum_remark, find_pool, load_init, pose_remark


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


def test_one_seat_begins_with_given_parameters(tmp_path, monkeypatch):
    """--init-seat: the other seat's learner begins as it would without --init, filters and all."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--run", "old", "--max-iters", "1"])
    old = str(tmp_path / "old/agent1/000001.npz")  # one file will do for one learner
    run.main([*SMALL, "--run", "new", "--max-iters", "1", "--init", old, "--init-seat", "1"])
    for name, source in (("agent0", "old/agent0/000000.npz"), ("agent1", old)):
        first, _ = load_parameters(tmp_path / f"new/{name}/000000.npz")
        assert np.array_equal(first, load_parameters(tmp_path / source)[0])
    run.main(["--resume", "new", "--max-iters", "2"])


@pytest.mark.parametrize("options, culprit", [
    (["--init-seat", "0"], "--init-seat: only together with --init"),
    (["--env", "sumo-ants", "--policy", "lstm", "--init", "x", "--init-seat", "0"],
     "--init-seat 0: in sumo-ants the network lstm has one learner, which plays both seats"),
    (["--init", "OLD", "--logstd", "-0.5"], "--logstd: not if all learners begin"),
    (["--init", "OLD", "--init-seat", "0", "--opponent", "OLD"],
     "--init-seat 0: is the seat of --opponent; the learner has seat 1"),
    (["--init", "OLD", "--logstd", "-0.5", "--opponent", "OLD"], "--logstd: not if all")])
def test_where_no_seat_can_begin_alone(options, culprit, tmp_path, monkeypatch, capfd):
    """Without --init, or with one learner for both seats; nor with other noise than its file's."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path / "runs"))
    for seat in (0, 1):
        save_parameters(str(tmp_path / f"agent{seat}.npz"), np.ones(24905), {
            "game": "run-to-goal-ants", "seat": seat, "policy": "mlp", "ob_dim": 122, "ac_dim": 8,
            "policy_args": {"hid_size": 64}})
    place = tmp_path / "agent0.npz" if "--opponent" in options else tmp_path
    small = ["--policy", "mlp"] if "OLD" in options else []
    refused(run.main, [*small, *(place if word == "OLD" else word for word in options)], culprit,
            capfd)


def test_one_learner_may_begin_with_other_noise(tmp_path, monkeypatch, capfd):
    """Who begins from random parameters; a preset's walker leaves its seat to an opponent."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path / "runs"))
    walker = "parameters/run-to-goal-humans/earlier/08.4M/agent0.npz"
    small = ["--num-envs", "8", "--timesteps-per-batch", "48", "--optim-batchsize", "24",
             "--anchor-every", "0", "--dry-run", "--logstd", "-0.5"]
    run.main(["--env", "you-shall-not-pass", *small])
    header = load_parameters(find_place(ROOT, walker))[1]
    vector = load_parameters(find_place(ROOT, walker))[0]
    save_parameters(str(tmp_path / "walker.npz"), vector,
                    {**header, "game": "you-shall-not-pass", "seat": 1})
    run.main(["--env", "you-shall-not-pass", *small, "--opponent", str(tmp_path / "walker.npz")])
    assert capfd.readouterr().out.count("dry run: all of this fits") == 2


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
    assert all("gone or damaged; its matches go on" in line for line in held)
    assert warning.startswith("iteration 3: --pool: gone or") and "old/agent1/00000" in warning
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
        small = ALONE if "--opponent" in wrong else SMALL
        refused(run.main, [*small, "--run", "bad", "--max-iters", "1", *wrong], said, capfd)


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


@pytest.mark.parametrize("changes, size, said", [
    ({"policy_args": {"hid_size": 9}}, 24905, "its policy args is {'hid_size': 9}, the learner's"),
    ({"policy_args": {"hid_size": 64, "hide_pose": True}}, 24905, "its hide_pose is True"),
    ({"policy": "lstm"}, 24905, "its policy is lstm, the learner's mlp"),
    ({"game": "sumo-ants"}, 24905, "its game is sumo-ants"), ({"seat": 1}, 24905, "its seat is 1"),
    ({}, 24904, "24,904 numbers, the network has 24,905"), (None, 7, "7 numbers, the network has")])
def test_a_pool_of_several_networks(changes, size, said, tmp_path):
    """An older file of another network is named; one that is damaged, is never drawn."""
    header = {"game": "run-to-goal-ants", "seat": 0, "policy": "mlp",
              "policy_args": {"hid_size": 64}}
    for version in range(3):
        save_parameters(tmp_path / f"{version:06d}.npz", np.ones(24905), header)
    (tmp_path / "000000.npz").write_bytes(b"PK, and then nothing")
    [[paths]] = find_pool("", [str(tmp_path)], ["agent0"], [header])
    assert len(paths) == 3
    other = tmp_path / "000001.npz"
    if changes is None:  # a vector alone
        with open(other, "wb") as file:
            np.save(file, np.ones(size))
    else:
        save_parameters(other, np.ones(size), header | changes)
    with pytest.raises(InputError, match=f"--pool .*000001.npz: {said}"):
        find_pool("", [str(tmp_path)], ["agent0"], [header])


def network(game, policy, seat, ob_dim, ac_dim, folder):
    """A parameter file of random numbers in the folder, and its header; filters count 1."""
    header = {"game": game, "seat": seat, "policy": policy, "policy_args": {"hid_size": 4},
              "ob_dim": ob_dim, "ac_dim": ac_dim}
    with tf.Graph().as_default(), tf.Session() as sess:
        pi = find_policy(policy)("pi", ob_dim, ac_dim, np.random.default_rng(0), hid_size=4)
        sess.run(tf.global_variables_initializer())
        parts = [value + 1 for value in sess.run(pi.get_variables())]
    vector = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    save_parameters(str(folder / "agent0.npz"), vector, header)
    return header, vector


def test_who_hides_the_pose(tmp_path):
    """Such a learner can start from one that sees it, but meets only its own kind in a pool."""
    header, vector = network("sumo-ants", "ant", "both", 137, 8, tmp_path)
    path, args = str(tmp_path / "agent0.npz"), header["policy_args"] | {"hide_pose": True}
    [entry] = load_init("", path, ["agent0"], [header | {"policy_args": args}])
    np.testing.assert_array_equal(entry.vector, vector)
    with pytest.raises(InputError, match="its hide_pose is False, the learner's True"):
        find_pool("", [path], ["agent0"], [header | {"policy_args": args}])
    save_parameters(path, vector, header | {"policy_args": args})
    with pytest.raises(InputError, match="its hide_pose is True, the learner's False"):
        find_pool("", [path], ["agent0"], [header])


@pytest.mark.parametrize("game,ob_dim", [("run-to-goal-humans", 380), ("kick-and-defend", 384)])
def test_a_start_with_other_eyes_is_announced(tmp_path, game, ob_dim):
    """A preset may hide what the file of --init saw: the user reads it; nothing else is said."""
    header, vector = network("run-to-goal-humans", "humanoid", "both", 380, 17, tmp_path)
    path = str(tmp_path / "agent0.npz")
    learner = {**header, "game": game, "ob_dim": ob_dim, "seat": 0}
    args = {False: header["policy_args"], True: header["policy_args"] | {"hide_pose": True}}
    for hidden, line in ((False, "saw the other's pose, which this run hides; --no-hide-pose"),
                         (True, "did not see the other's pose, this run does; --hide-pose")):
        save_parameters(path, vector, header | {"policy_args": args[hidden]})
        for wanted in (False, True):
            mine = learner | {"policy_args": args[wanted]}
            init = load_init("", path, ["agent0"], [mine])
            remark = pose_remark([None, *init], [None, SimpleNamespace(header=mine)])
            assert (line in remark) == (hidden != wanted) == bool(remark)


@pytest.mark.parametrize("words, position, said", [
    ("--curriculum-at 0.2", 2996, "--curriculum-at: does nothing, the run begins at position 2996"),
    ("--curriculum-at 0.2 --curriculum-iters 0", 5000,
     "--curriculum-iters and --curriculum-at: do nothing, the run begins at position 5000 and all"),
    ("--curriculum-at 0.2 --curriculum-iters 9", 2995, ""), ("", 5000, ""),
    ("--curriculum-at 0", 5000, ""), ("--curriculum-at 0.2 --resume", 5000, "")])
def test_a_curriculum_that_is_idle_is_announced(words, position, said):
    """Where all rings are open from the start, whoever asks for a pace or a condition reads it."""
    args = make_parser().parse_args(["--env", "sumo-ants", *words.split()])
    found = curriculum_remark(args, Config(curriculum_start=position), find_game("sumo-ants")())
    assert found.startswith(said) and bool(found) == bool(said)


def test_an_idle_curriculum_by_the_command_line(tmp_path, monkeypatch, capfd):
    """One line of a dry run says so."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main(["--env", "sumo-ants", *SMALL, "--curriculum-start", "5000", "--curriculum-at", "0.2",
              "--dry-run"])
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if "curriculum" in line] == [
        "--curriculum-at: does nothing, the run begins at position 5000 and all is open from 2996 "
        "on"]


def test_a_walker_starts_in_other_games(tmp_path):
    """Where features are the same it acts as it did; a learner of both seats starts each seat."""
    _, vector = network("run-to-goal-humans", "humanoid", "both", 380, 17, tmp_path)
    rng = np.random.default_rng(1)
    view = {"you-shall-not-pass": 113, "sumo-humans": 116, "kick-and-defend": 127}
    for game, ob_dim in (("you-shall-not-pass", 380), ("sumo-humans", 395),
                         ("kick-and-defend", 384)):
        names = ["agent0"] if game == "sumo-humans" else ["agent0", "agent1"]
        headers = [{"game": game, "seat": "both" if len(names) == 1 else seat, "ob_dim": ob_dim,
                    "policy": "humanoid", "policy_args": {"hid_size": 4}, "ac_dim": 17}
                   for seat in range(len(names))]
        for entry, header in zip(load_init("", str(tmp_path), names, headers), headers):
            assert entry.header["seat"] == header["seat"] and entry.header["game"] == game
            if ob_dim == 380:
                assert np.array_equal(entry.vector, vector)
                continue
            before, now = 3 + 2 * 380 + 1, 3 + 2 * ob_dim + 1
            size, features = view[game], rng.standard_normal(110)
            old = vector[before:before + 113 * 4].reshape(113, 4)
            new = entry.vector[now:now + size * 4].reshape(size, 4)
            np.testing.assert_array_equal(features @ new[:110], features @ old[:110])
            assert not new[110:].any()
            assert np.array_equal(entry.vector[now + size * 4:now + size * 4 + 20],
                                  vector[before + 113 * 4:before + 113 * 4 + 20])
            assert np.array_equal(entry.vector[-17:], vector[-17:])


def test_what_cannot_start_in_another_game(tmp_path):
    """Other inputs without common features, other networks and a missing seat are refused."""
    kick, _ = network("kick-and-defend", "mlp", 0, 384, 17, tmp_path)
    race = {**kick, "game": "run-to-goal-humans", "ob_dim": 380}
    with pytest.raises(InputError, match="for kick-and-defend, where the network mlp has other"):
        load_init("", str(tmp_path), ["agent0"], [race])
    save_parameters(tmp_path / "odd.npz", np.ones(59039), {
        **race, "policy_args": {"depth": 2}, "game": "you-shall-not-pass"})
    with pytest.raises(InputError, match="odd.npz: its header does not make a network"):
        load_init("", str(tmp_path / "odd.npz"), ["agent0"],
                  [{**race, "policy_args": {"hid_size": 64}}])
    with pytest.raises(InputError, match="its policy is mlp, the learner's humanoid"):
        load_init("", str(tmp_path), ["agent0"], [{**race, "policy": "humanoid"}])
    with pytest.raises(InputError, match="one learner's, but agent0 and agent1 train"):
        load_init("", str(tmp_path / "agent0.npz"), ["agent0", "agent1"], [kick, kick])
    with pytest.raises(InputError, match="no agent1 there"):
        load_init("", str(tmp_path), ["agent0", "agent1"], [race, {**race, "seat": 1}])


def test_a_race_starts_another(tmp_path, monkeypatch, capfd):
    """By the command line: walkers of the race walk on in you-shall-not-pass, in both seats."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    small = ["--policy", "humanoid", "--hid-size", "4", "--num-envs", "8", "--latest-share", "0.5",
             "--timesteps-per-batch", "48", "--optim-batchsize", "24", "--max-iters", "1",
             "--anchor-every", "0"]
    run.main(["--env", "run-to-goal-humans", *small, "--run", "race"])
    run.main(["--env", "you-shall-not-pass", *small, "--run", "pass", "--init", "race"])
    old, _ = load_parameters(tmp_path / "race/agent0/000001.npz")
    for name in ("agent0", "agent1"):
        vector, header = load_parameters(tmp_path / f"pass/{name}/000000.npz")
        assert np.array_equal(old, vector) and header["seat"] == int(name[-1])


def test_a_filter_of_another_game_begins_anew(tmp_path, monkeypatch):
    """Where observations have another size: it is primed in the new game, as without --init."""
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    small = [*SMALL, "--policy", "narrow_policy:Sharing", "--max-iters", "1"]
    run.main([*small, "--run", "race"])
    run.main([*small, "--env", "sumo-ants", "--run", "sumo", "--init", "race/agent0"])
    run.main([*small, "--env", "sumo-ants", "--run", "fresh"])
    filters = slice(3, 3 + 2 * 137 + 1)
    found, fresh = (load_parameters(tmp_path / f"{name}/agent0/000000.npz")[0]
                    for name in ("sumo", "fresh"))
    assert found[filters][-1] == pytest.approx(1600, abs=0.1)  # 100 steps of both in 8 matches
    assert np.array_equal(found[filters], fresh[filters])
    assert not np.array_equal(found[filters.stop:], fresh[filters.stop:])
