"""Parameter files in plain NumPy: the graph's own actions, and refusals of what is none."""

import json
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import initialize, new_session

from common.parameter_file import load_parameters, save_parameters
from gym_compete import CompeteEnv, NumpyPolicy, OneSeat, find_game, numpy_views
from gym_compete.numpy_policy import KINDS, read_parameters
from networks import ant_view, humanoid_view
from networks.ant_view import MEMORY, RACE, SUMO
from networks.loading import POLICIES, find_policy
from policy import HumanoidPolicy

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = ("sumo-ants/agent0.npz", "run-to-goal-ants/mlp/agent1.npz")
HUMANOIDS = ("run-to-goal-humans", "you-shall-not-pass", "sumo-humans", "kick-and-defend")
RELEASED = ("run-to-goal-ants_agent1_v1.npy", "sumo-ants_v2.npy")


class Graph:
    """The same player as `policy.py` builds it, one observation at a time."""

    def __init__(self, sess, kind, args, vector, game):
        self.sess, self.ac_dim = sess, game.ac_dims[0]
        self.pi = find_policy(kind)("pi", game.ob_dims[0], self.ac_dim, **args)
        initialize(sess, self.pi).set(sess, vector)
        self.reset()

    def reset(self):
        self.state = self.pi.zero_state[None]

    def __call__(self, ob, noise):
        """(action, mean action)."""
        pi = self.pi
        ac, mean, self.state = self.sess.run([pi.ac, pi.mean, pi.state_out], {
            pi.ob: ob[None], pi.noise: noise[None], pi.state_in: self.state})
        return ac[0], mean[0]


def assert_same_actions(path, kind, args, name, seat, steps=6):
    """Two matches against a flailing opponent, with noise and by the mean."""
    env = CompeteEnv(name, integrator="Euler")
    game, rng = env.game, np.random.default_rng(3)
    noisy, mean = (NumpyPolicy(path, game, seat, deterministic=mean) for mean in (False, True))
    with new_session() as sess:
        graph = Graph(sess, kind, args, load_parameters(path)[0], game)
        for seed in (0, 1):
            obs, _ = env.reset(seed=seed)
            draws, twin = np.random.default_rng(seed), np.random.default_rng(seed)
            for player in (noisy, mean, graph):
                player.reset()
            for _ in range(steps):
                theirs, their_mean = graph(obs[seat], twin.standard_normal(graph.ac_dim))
                ac = noisy(obs[seat], draws)
                assert ac.dtype == np.float32 and np.abs(their_mean).max() > 0.001
                np.testing.assert_allclose(ac, theirs, rtol=1e-5, atol=1e-5)
                np.testing.assert_allclose(mean(obs[seat], draws), their_mean, rtol=1e-5, atol=1e-5)
                acs = [ac, rng.normal(0, 1, graph.ac_dim)][::1 - 2 * seat]
                obs, *_ = env.step(acs)


@pytest.mark.parametrize("kind, args, name, seat", [
    ("mlp", {"hid_size": 12, "num_hid_layers": 3}, "sumo-ants", 0),
    ("lstm", {"hid_size": 10}, "kick-and-defend", 1), ("ant", {}, "run-to-goal-ants", 1),
    ("ant", {"hid_size": 12, "num_hid_layers": 1}, "sumo-ants", 0),
    ("ant", {"hid_size": 12, "hide_pose": True}, "sumo-ants", 1),
    ("humanoid", {"hid_size": 12, "hide_pose": True}, "kick-and-defend", 0),
    *(("humanoid", {"hid_size": 12}, name, seat) for name in HUMANOIDS for seat in (0, 1))])
def test_the_graphs_actions(tmp_path, kind, args, name, seat):
    """To 1e-5, of networks whose every number is off its start."""
    game = find_game(name)()
    with new_session() as sess:
        pi = find_policy(kind)("pi", game.ob_dims[0], game.ac_dims[0], **args)
        vector = initialize(sess, pi, seed=5).get(sess)
    save_parameters(tmp_path / "a.npz", vector, {"game": name, "policy": kind, "policy_args": args})
    assert_same_actions(tmp_path / "a.npz", kind, args, name, seat)


@pytest.mark.parametrize("size", [RACE, SUMO])
def test_the_graphs_view(size, rng):
    """Of ants turned and thrown about in every way, at a match's first step and later."""
    ob = rng.normal(0, 1, (200, size)).astype(np.float32)
    memory = np.hstack([ob[:, 107:122] + rng.normal(0, 0.1, (200, 15)), np.ones((200, 1))])
    acs = rng.normal(0, 1, (200, 8)).astype(np.float32)
    for quat in (ob[:, 3:7], ob[:, 110:114], memory[:, 3:7]):
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    with new_session() as sess:
        before = tf.placeholder(tf.float32, [None, MEMORY])
        ob_in = tf.placeholder(tf.float32, [None, size])
        features, quarters, after = ant_view.ant_view(ob_in, before)
        graph = [features, ant_view.motor_actions(tf.constant(acs), quarters), after, quarters]
        for mine, theirs in ((None, np.zeros((200, MEMORY))), (memory, memory)):
            *found, turns = sess.run(graph, {ob_in: ob, before: theirs})
            assert turns.sum(axis=0).min() > 20  # all four ways to name the legs
            features, back, after = numpy_views.ant_view(ob.astype(float), mine)
            for ours, theirs in zip((features, back(acs), after), found):
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [size for size, _ in HumanoidPolicy.sizes])
def test_the_graphs_humanoid_view(size, rng):
    """Of robots thrown about in every way: features, their mirror image, memory and actions."""
    ob, acs = rng.normal(0, 1, (50, size)), rng.normal(0, 1, (100, 17)).astype(np.float32)
    start = 45 if size == humanoid_view.KICK else 47
    ob[:, start + 9:start + 130:10] = rng.uniform(1, 5, (50, 13))  # masses
    ob = ob.astype(np.float32)
    seen = numpy_views.humanoid_view(ob.astype(float), None)[2] + rng.normal(0, 0.01, (50, 28))
    seen[:, 3:7] /= np.linalg.norm(seen[:, 3:7], axis=1, keepdims=True)
    with new_session() as sess:
        before = tf.placeholder(tf.float32, [None, humanoid_view.MEMORY])
        ob_in = tf.placeholder(tf.float32, [None, size])
        features, reflect, after = humanoid_view.humanoid_view(ob_in, before)
        image = humanoid_view.mirrored_actions(tf.constant(acs[50:]))
        graph = [tf.concat([features, reflect(features)], 0), (acs[:50] + image) / 2, after]
        for mine in (None, seen):
            theirs = np.zeros((50, humanoid_view.MEMORY)) if mine is None else mine
            found = sess.run(graph, {ob_in: ob, before: theirs})
            features, back, after = numpy_views.humanoid_view(ob.astype(float), mine)
            for ours, theirs in zip((features, back(acs), after), found):
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", SHIPPED)
def test_what_ships(path):
    """Trained numbers in real matches."""
    path = REPOSITORY / "parameters" / path
    header = load_parameters(path)[1]
    seat = 0 if header["seat"] == "both" else header["seat"]
    assert_same_actions(path, header["policy"], header["policy_args"], header["game"], seat)


@pytest.mark.parametrize("path", RELEASED)
def test_what_was_released(shared, path):
    """Vectors without a header: their size says what they are."""
    name = path.split("_")[0]
    kind, args = ("lstm", {"hid_size": 128}) if "sumo" in path else ("mlp", {"hid_size": 64})
    assert_same_actions(shared / "zoo" / path, kind, args, name, int("agent1" in path))


def test_every_policy_is_known():
    """Each name that files of ours can have."""
    assert set(KINDS) == {"mlp", "lstm", "ant", "humanoid"} <= set(POLICIES)


def written(folder, vector, **header):
    """The path of a file for run-to-goal-ants with this vector."""
    header = {"game": "run-to-goal-ants", "policy": "mlp", "policy_args": {}} | header
    np.savez(folder / "x.npz", parameters=vector, header=np.array(json.dumps(header)))
    return folder / "x.npz"


GOOD = np.ones(24905, np.float32)  # an MLP's for run-to-goal-ants


@pytest.mark.parametrize("vector, header, message", [
    (GOOD[:-1], {}, "24,904 numbers: its network for run-to-goal-ants takes another size"),
    (np.append(GOOD, [1, 1]), {}, "24,907 numbers: its network for run-to-goal-ants takes"),
    (GOOD, {"game": "sumo-ants"}, "is for 'sumo-ants', not for 'run-to-goal-ants'"),
    (GOOD, {"seat": 1}, "is for seat 1, not for seat 0"),
    (GOOD, {"policy": "mine:Net"}, "policy 'mine:Net': must be one of mlp, lstm, ant, humanoid"),
    (GOOD, {"policy": []}, "policy .*: must be one of mlp, lstm, ant, humanoid"),
    (GOOD, {"policy_args": None}, "not a parameter file, .npz or .npy .its header is incomplete"),
    (GOOD, {"policy_args": {"width": 3}}, "its header does not make a network"),
    (GOOD, {"policy_args": {"hid_size": 10**12}}, "takes another size"),
    (GOOD, {"policy_args": {"hid_size": -64}}, "does not make a network .a layer of -64"),
    (GOOD, {"policy_args": {"hid_size": 0}}, "does not make a network .a layer of 0"),
    (GOOD, {"policy_args": {"num_hid_layers": 10**12}}, "takes another size"),
    (GOOD, {"policy_args": {"hid_size": "64"}}, "its header does not make a network"),
    (np.where(np.arange(24905) == 247, 0, GOOD), {}, "its filter has counted nothing to divide by"),
    (GOOD * np.inf, {}, "not a parameter file, .npz or .npy .not a flat vector of finite numbers"),
    (GOOD[None], {}, "not a flat vector of finite numbers"),
    (np.ones(24905, int), {}, "not a flat vector of finite numbers")])
def test_bad_files_are_named(tmp_path, vector, header, message):
    """One line, whatever is wrong."""
    path = written(tmp_path, vector, **header)
    with pytest.raises(ValueError, match=message) as error:
        NumpyPolicy(path, find_game("run-to-goal-ants")())
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("name, seat, message", [
    ("run-to-goal-ants_agent1_v1.npy", 0, "is for seat 1, not for seat 0"),
    ("run-to-goal-ants_agent1_v1.npy", 1, None), ("run-to-goal-ants_v12.npy", 1, None),
    ("sumo-ants_v1.npy", 0, "is for 'sumo-ants', not for 'run-to-goal-ants'"),
    ("you-shall-not-pass_agent1_v1.npy", 1, "is for 'you-shall-not-pass', not for 'run-to-goal-"),
    ("mine_v1.npy", 0, None), ("agent1_parameters-v1.npy", 0, None)])
def test_released_names_say_game_and_seat(tmp_path, name, seat, message):
    """Vectors have no header; other names say nothing."""
    np.save(tmp_path / name, GOOD)
    game = find_game("run-to-goal-ants")()
    if message is None:
        NumpyPolicy(tmp_path / name, game, seat)
        return
    with pytest.raises(ValueError) as error:
        NumpyPolicy(tmp_path / name, game, seat)
    assert str(error.value).startswith(f"{tmp_path / name}: {message}")


@pytest.mark.parametrize("kind, name, message", [
    ("ant", "sumo-humans", "plays games of 122 or 137 .*, this one has 395"),
    ("humanoid", "sumo-ants", "plays games of 380 or 395 or 384 .*, this one has 137")])
def test_games_that_a_view_does_not_know(tmp_path, kind, name, message):
    path = written(tmp_path, GOOD, game=name, policy=kind)
    with pytest.raises(ValueError, match=message):
        NumpyPolicy(path, find_game(name)())


@pytest.mark.parametrize("raw, message", [
    (b"", "0 bytes"), (b"PK\x03\x04nonsense", "not a parameter file"),
    (b"\x80\x04\x95", "not a parameter file"),
    (b"# Games\n", "not a parameter file, .npz or .npy .it begins like neither.$"),
    (None, "No such file or directory")])
def test_what_is_no_file_of_parameters(tmp_path, raw, message):
    """Damaged bytes, and pickles, which could execute anything."""
    path = tmp_path / "x.npy"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        read_parameters(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_could_unpack_to_anything(tmp_path, method):
    """A few hundred bytes that hide 64 MB, by a method that NumPy never uses, stay packed."""
    with zipfile.ZipFile(written(tmp_path, GOOD)) as good:
        members = {name: good.read(name) for name in good.namelist()}
    path = tmp_path / "packed.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw + bytes(2**26) * (name == "header.npy"))
    tracemalloc.start()
    try:
        for make in (NumpyPolicy, lambda path, game: OneSeat("run-to-goal-ants", 1, path)):
            with pytest.raises(ValueError, match="packed.npz: .*a method that NumPy never uses"):
                make(str(path), find_game("run-to-goal-ants")())
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def test_pickled_objects_are_not_read(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="not a parameter file.*allow_pickle=False"):
        read_parameters(tmp_path / "x.npy")


ALONE = """
import sys
import tracemalloc
import zipfile
from gym_compete import NumpyPolicy, OneSeat
env = OneSeat("sumo-ants", 0, sys.argv[1])
env.reset(seed=0)
env.step(env.action_space.sample())
print(sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "policy", "utils"}))
"""


def test_without_tensorflow():
    """And without any of the scripts beside the package."""
    path = REPOSITORY / "parameters" / "sumo-ants" / "agent0.npz"
    found = subprocess.run([sys.executable, "-c", ALONE, path], capture_output=True, text=True)
    assert found.stdout == "[]\n", found.stderr
