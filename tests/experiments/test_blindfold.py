"""Blindfolded robots: what they no longer see, what they still do, and refusals."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import new_session
from small import refused

from common.command_line import MOST_MATCHES, InputError
from common.parameter_file import load_parameters, save_parameters
from experiments import blindfold
from gym_compete import NumpyPolicy, find_game
from networks.humanoid_view import POSE
from networks.loading import find_policy
from selfplay.warm_start import load_fitting

REPOSITORY = Path(__file__).resolve().parents[2]
GAME, OB, AC = "sumo-humans", 395, 17
THEIRS = slice(356, 380)  # the other's qpos in an observation (docs/games.md)


def humanoid_file(path, policy="humanoid", seat="both"):
    """A parameter file of small random networks whose actions are far from 0."""
    with new_session() as sess:
        pi = find_policy(policy)("pi", OB, AC, np.random.default_rng(5), hid_size=8)
        sess.run([v.initializer for v in pi.get_variables()])
        vector = np.concatenate([np.ravel(v) for v in sess.run(pi.get_variables())])
    vector[2 * OB + 4:-AC] += 0.1 * np.random.default_rng(6).standard_normal(
        vector.size - 2 * OB - 4 - AC)
    save_parameters(path, vector, {
        "game": GAME, "seat": seat, "policy": policy, "policy_args": {"hid_size": 8},
        "ob_dim": OB, "ac_dim": AC, "version": 3, "iteration": 3, "curriculum": 0.0})
    return str(path)


def observation(rng):
    """One of two robots that stand somewhere."""
    ob = 0.3 * rng.standard_normal(OB)
    for start in (3, THEIRS.start + 3):
        ob[start:start + 4] = [1, 0, 0, 0] + 0.2 * rng.standard_normal(4)
    ob[47:177] += np.tile([1] * 10, 13)  # masses, by which places are divided
    return ob.astype(np.float32)


def action(path, ob):
    """The mean action at a match's first step, in plain NumPy."""
    player = NumpyPolicy(path, find_game(GAME)(), 0, deterministic=True)
    player.reset()
    return player(ob)


def test_the_others_pose_is_not_seen(tmp_path):
    """Its height, attitude and joints change nothing, its place does; the average is kept."""
    old, new = humanoid_file(tmp_path / "old.npz"), str(tmp_path / "new.npz")
    blindfold.main([old, new, "--games", "1"])
    rng = np.random.default_rng(0)
    ob = observation(rng)
    posed, moved = ob.copy(), ob.copy()
    posed[THEIRS][2:] += 0.3 * rng.standard_normal(22)
    moved[THEIRS][:2] += 1
    assert np.abs(action(old, posed) - action(old, ob)).max() > 1e-3
    np.testing.assert_allclose(action(new, posed), action(new, ob), atol=1e-6)
    assert np.abs(action(new, moved) - action(new, ob)).max() > 1e-3
    header = load_parameters(old)[1]
    header["policy_args"]["hide_pose"] = True
    assert load_parameters(new)[1] == header


def test_training_goes_on_blindfolded(tmp_path):
    """A run with --hide-pose takes the file into its pool, without --hide-pose it refuses it."""
    old, new = humanoid_file(tmp_path / "old.npz"), str(tmp_path / "new.npz")
    blindfold.main([old, new, "--games", "1"])
    header = load_parameters(old)[1]
    hiding = header | {"policy_args": {"hid_size": 8, "hide_pose": True}}
    assert load_fitting(new, hiding, "--pool").vector.size == load_parameters(old)[0].size
    with pytest.raises(InputError, match="its hide_pose is True, the learner's False"):
        load_fitting(new, header, "--pool")


def test_the_average_stays(tmp_path, monkeypatch):
    """A first layer's output at the average view is what it was, in both nets."""
    path = humanoid_file(tmp_path / "old.npz")
    average = np.random.default_rng(1).standard_normal(116).astype(np.float32)
    monkeypatch.setattr(blindfold, "average_view", lambda *_: average)
    blindfold.main([path, str(tmp_path / "new.npz")])
    old, new = (load_parameters(tmp_path / name)[0] for name in ("old.npz", "new.npz"))
    size = 116 * 8 + 8 + 8 * 8 + 8  # of a net up to its head, of 1 and of AC numbers
    for start in (2 * OB + 4, 2 * OB + 4 + size + 8 + 1):
        (w0, b0), (w1, b1) = ((v[start:start + 928].reshape(116, 8), v[start + 928:start + 936])
                              for v in (old, new))
        np.testing.assert_allclose(average @ w1 + b1, average @ w0 + b0, atol=1e-5)
        changed = np.flatnonzero((w0 != w1).any(axis=1))
        assert list(changed) == POSE and not w1[POSE].any()


def test_ants_legs_are_not_seen(tmp_path):
    """As the training's `hide_pose` hides them, but for the average in the biases."""
    path = str(REPOSITORY / "parameters/sumo-ants/earlier/52.5M/agent0.npz")
    new = str(tmp_path / "new.npz")
    blindfold.main([path, new, "--games", "1"])
    rng = np.random.default_rng(0)
    ob = 0.3 * rng.standard_normal(137).astype(np.float32)
    ob[3] = ob[110] = 1
    posed = ob.copy()
    posed[114:122] += 0.3  # hips and ankles

    def first(path, ob):
        player = NumpyPolicy(path, find_game("sumo-ants")(), 0, deterministic=True)
        return player(ob)

    assert np.abs(first(path, posed) - first(path, ob)).max() > 1e-3
    np.testing.assert_allclose(first(new, posed), first(new, ob), atol=1e-6)


@pytest.mark.parametrize("policy, seat, culprit", [
    ("mlp", "both", "kind mlp, must be ant or humanoid"), (None, "both", "No such file")])
def test_what_cannot_be_blindfolded(tmp_path, policy, seat, culprit, capfd):
    """Other networks and missing files: one line, and nothing is written."""
    path = humanoid_file(tmp_path / "f.npz", policy, seat) if policy else tmp_path / "none.npz"
    refused(blindfold.main, [path, tmp_path / "out.npz"], culprit, capfd)
    assert not (tmp_path / "out.npz").exists()


RACERS = REPOSITORY / "parameters/run-to-goal-ants"


@pytest.mark.parametrize("seat", [0, 1])
def test_it_sits_opposite_its_opponent(seat, tmp_path, monkeypatch):
    """Where it can take both seats, whichever the opponent leaves."""
    sat = []
    monkeypatch.setattr("evaluation.matches.play", lambda game, entries, *_, on_step, **options: (
        sat.append([Path(entry.path) for entry in entries]),
        on_step(SimpleNamespace(obs=np.zeros((2, 1, 122))), {0: 0})))
    files = [RACERS / "agent0.npz", RACERS / f"mlp/agent{seat}.npz"]
    blindfold.main([str(files[0]), str(tmp_path / "new.npz"), "--against", str(files[1])])
    assert sat == [files if seat else files[::-1]] and (tmp_path / "new.npz").exists()


def test_an_opponent_in_the_same_seat(tmp_path, capfd):
    """Refused where there is no seat in which it can be met; without one, an opponent is needed."""
    path, out = tmp_path / "racer.npz", tmp_path / "out.npz"
    vector, header = load_parameters(RACERS / "agent0.npz")
    save_parameters(path, vector, header | {"seat": 0})
    refused(blindfold.main, [path, out, "--against", RACERS / "mlp/agent0.npz"],
            f"mlp/agent0.npz: is for seat 0, as {path} is; must be for seat 1", capfd)
    refused(blindfold.main, [path, out], "is for seat 0 alone; name an opponent for seat 1 with "
            "--against", capfd)
    assert not out.exists()


def test_a_released_opponent(shared, tmp_path):
    """A vector of OpenAI's for either seat will do."""
    out = tmp_path / "new.npz"
    blindfold.main([str(RACERS / "agent0.npz"), str(out), "--games", "1", "--against",
                    str(shared / "zoo/run-to-goal-ants_agent0_v1.npy")])
    assert load_parameters(out)[1]["policy_args"]["hide_pose"] is True


def test_a_missing_opponent_is_noticed_at_once(tmp_path, monkeypatch, capfd):
    """Before TensorFlow takes its seconds."""
    monkeypatch.setattr("distributed_data.device.prepare", lambda: pytest.fail("loads TensorFlow"))
    path = humanoid_file(tmp_path / "f.npz")
    refused(blindfold.main, [path, tmp_path / "out.npz", "--against", "nowhere.npz"],
            "nowhere.npz: No such file", capfd)


@pytest.mark.parametrize("out, culprit", [
    ("f.npz", "f.npz: is a file to read"), ("against.npz", "against.npz: is a file to read"),
    ("no/out.npz", "OUT"), ("link.npz", "link.npz: is a file to read"),
    ("astray.npz", "OUT"), ("x" * 253, "OUT")])
def test_where_it_cannot_be_written(out, culprit, tmp_path, monkeypatch, capfd):
    """Not over what is read, and not where there is no folder; told before any match."""
    names = ("f.npz", "against.npz")
    paths = [humanoid_file(tmp_path / name) for name in names]
    (tmp_path / "link.npz").symlink_to(tmp_path / "f.npz")
    (tmp_path / "astray.npz").symlink_to(tmp_path / "nowhere" / "f.npz")
    monkeypatch.setattr(blindfold, "average_view", lambda *_: pytest.fail("plays"))
    before = [(tmp_path / name).read_bytes() for name in names]
    refused(blindfold.main, [paths[0], tmp_path / out, "--against", paths[1], "--games", "1"],
            culprit, capfd)
    assert [(tmp_path / name).read_bytes() for name in names] == before


def test_too_many_matches(tmp_path, capfd):
    """As many as one command may play, told before the file is read."""
    refused(blindfold.main, ["nowhere.npz", tmp_path / "out.npz", "--games", MOST_MATCHES + 1],
            f"{MOST_MATCHES + 1}: must be at least 1 and at most {MOST_MATCHES}", capfd)
