"""Copies of environments play on by themselves: deepcopy, pickle, other processes, forks."""

import copy
import multiprocessing
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from fake_painter import FakePainter
from made_states import SIX, field

from gym_compete import GAMES, CompeteEnv, CompeteVectorEnv, parallel_env, rendering

STEPS, LIMIT = 9, 14  # before the copy, and of a match: matches end and start again in the copies


def vector(name):
    """Three matches, seat 1 of the second in a mirror, on two threads."""
    return CompeteVectorEnv(name, 3, 2, seed=4, mirror=True, max_episode_steps=LIMIT)


def tuples(name):
    """One match of `gymnasium.make` in wrappers that take tuples."""
    env = gymnasium.make(GAMES[name].env_id, max_episode_steps=LIMIT)
    return gymnasium.wrappers.Autoreset(gymnasium.wrappers.TransformReward(env, sum))


def dicts(name):
    """One match of PettingZoo's."""
    return parallel_env(name, max_episode_steps=LIMIT)


FACES = (vector, tuples, dicts)


def started(face, name):
    """An environment some steps into a match, on a curriculum."""
    env = face(name)
    env.reset(seed=4, options={"version": 900})
    play(env)
    return env


def play(env, steps=STEPS, seed=0):
    """All that some random steps return, to the last bit; a match that is over starts again."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        found.append(bits(env.step(actions(env, rng))))
        if getattr(env, "agents", None) == []:
            env.reset()
    return found


def actions(env, rng):
    """Random ones, in the shape that the face takes."""
    if isinstance(env, CompeteVectorEnv):
        return [rng.normal(0, 0.5, (env.num_envs, size)) for size in env.ac_dims]
    if isinstance(env, gymnasium.Env):
        return [rng.normal(0, 0.5, space.shape) for space in env.action_space]
    return {who: rng.normal(0, 0.5, space.shape) for who, space in env.action_spaces.items()}


def bits(thing):
    """A nest of arrays, tuples and dicts, with the arrays as bytes."""
    if isinstance(thing, dict):
        return {key: bits(value) for key, value in thing.items()}
    if isinstance(thing, (tuple, list)):
        return [bits(value) for value in thing]
    return np.asarray(thing).tobytes()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SIX)
def test_copies_play_on(name, face):
    """The same from there on as the original, beside it and without a trace in it."""
    env, alone = started(face, name), started(face, name)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    copies.append(copy.deepcopy(copies[0]))
    expected = play(alone, LIMIT, seed=1)
    assert len({str(step[0]) for step in expected}) == LIMIT  # the observations move
    for one in (*copies, env):
        assert play(one, LIMIT, seed=1) == expected
    for one in (*copies, env, alone):
        one.close()


def play_all(envs):
    """What each of them goes on with."""
    return [play(env, LIMIT, seed=1) for env in envs]


def test_in_another_process():
    """Sent to a process that shares nothing with this one."""
    envs = [started(face, name) for name, face in zip(SIX, FACES * 2)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(play_all, (envs,))
    assert found == play_all(envs)


def test_what_else_users_look_at():
    """A single match's `MjData` as it stands, its changed model, results and options."""
    env = started(tuples, "sumo-ants").unwrapped
    env.model.opt.gravity[2] = -5
    env.game.end(np.array([True]), "out", (1.0, -1.0), winner=0)
    for one in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert one.data.ncon == env.data.ncon and one.model is one.data.model is not env.model
        assert one.model.opt.gravity[2] == -5 and one.game.max_episode_steps == LIMIT
        for ours, theirs in ((one.data.xpos, env.data.xpos), (one.game.winner, env.game.winner),
                             (one.game.away, env.game.away), (one.game.down, env.game.down),
                             (one.game.seats[0].com_before, env.game.seats[0].com_before)):
            np.testing.assert_array_equal(ours, theirs)
        assert bits(one._infos()) == bits(env._infos()) and one.game.ending[0] > 0
        one.data.qpos[0] += 1
        assert one.data.qpos[0] != env.data.qpos[0]
    shallow = copy.copy(env.game)
    shallow.step([np.ones((1, 8))] * 2)
    assert (shallow.sim.datas[0].qpos != env.data.qpos).any()
    assert shallow.parts is not env.game.parts


def test_before_the_first_reset_and_after_closing():
    """Copies of what is not being played are playable all the same."""
    fresh = CompeteVectorEnv("run-to-goal-ants", 2, 2, seed=0)
    closed = copy.deepcopy(fresh)
    closed.close()
    expected = bits(fresh.reset()[0])
    assert bits(copy.deepcopy(closed).reset()[0]) == expected


@pytest.mark.parametrize("part, refused", [
    (lambda game: game.sim, "a Simulation is copied only with its game"),
    (lambda game: game.seats[0], "a Seat is copied only with its game"),
    (lambda game: rendering.Viewer.__new__(rendering.Viewer), "a window cannot be copied")])
def test_parts_that_are_no_use_alone(part, refused):
    """They would be views of the original, or its window."""
    part = part(field("run-to-goal-ants", 1))
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=refused):
            way(part)


def test_copies_draw_for_themselves(monkeypatch):
    """Each with a process of its own, what it plays itself; the window stays the original's."""
    monkeypatch.setattr(rendering, "Painter", FakePainter)
    env = CompeteEnv("run-to-goal-ants", "rgb_array", 64, 48)
    env.reset(seed=0)
    other = copy.deepcopy(env)
    other.step(other.action_space.sample())
    painters = [one._renderer._painter for one in (env, other)]
    for one, painter in zip((env, other), painters):
        assert one.render().shape == (48, 64, 3)
        np.testing.assert_array_equal(painter.requests[-1][-30:], one.data.qpos)
    assert (painters[0].requests[-1][-30:] != painters[1].requests[-1][-30:]).any()
    env.render_mode, env._viewer = "human", object()
    assert copy.deepcopy(env)._viewer is None


FORK = """
import os, signal, sys, time
import numpy as np
from gym_compete import CompeteVectorEnv, rendering

def play():
    return [games.step([np.full((4, 8), 0.1)] * 2)[0][0].tobytes() for _ in range(3)]

games = CompeteVectorEnv("run-to-goal-ants", 4, num_threads=3, seed=0)
games.reset()
play()
model = games.game.sim.models[0]
os.environ["REQUEST"] = str(8 * (6 + 3 * model.ngeom + model.nq))
rendering.PAINTER = sys.argv[1]
renderer = rendering.Renderer(games.game, 64, 48)
painter = renderer.render()[0, 0].tobytes()
(source, sink), (wait, go) = os.pipe(), os.pipe()
child = os.fork()
signal.alarm(20)
found = b"".join(play())
if child == 0:
    os.close(go)
    os.read(wait, 1)
    own = renderer.render()[0, 0].tobytes()
    os.write(sink, bytes([len(games.game.sim._pool._threads), own == painter]) + found)
    games.close()
    sys.exit()
os.close(sink)
assert renderer.render()[0, 0].tobytes() == painter
before = time.monotonic()
renderer.close()
assert time.monotonic() - before < 4, "the child keeps the parent's drawing process alive"
os.close(go)
threads, shared, *theirs = open(source, "rb").read()
assert threads == 2 and not shared and bytes(theirs) == found
assert os.waitpid(child, 0)[1] == 0
print("same")
"""
PAINTER = """
import os, sys
size, answer = int(os.environ["REQUEST"]), os.getpid().to_bytes(3) * 64 * 48
source = sys.stdin.buffer
source.read(int.from_bytes(source.read(8), "little"))
sys.stdout.buffer.write(b"!")
sys.stdout.flush()
while len(source.read(size)) == size:
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
"""


def test_forked(tmp_path):
    """A child has threads and a drawing process of its own, and leaves the parent's alone."""
    (tmp_path / "painter.py").write_text(PAINTER)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK, tmp_path / "painter.py"],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout == "same\n" and not done.stderr
