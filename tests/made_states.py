"""Helpers: matches put into constructed states, judged with or without physics."""

import mujoco
import numpy as np

from gym_compete import CompeteVectorEnv, find_game
from gym_compete.games import NOBODY

SIX = ("run-to-goal-ants", "run-to-goal-humans", "you-shall-not-pass", "sumo-ants", "sumo-humans",
       "kick-and-defend")


def field(name, num_envs, **options):
    """A game of `num_envs` matches, all just reset."""
    game = find_game(name)(num_envs, **options)
    for i in range(num_envs):
        game.reset(i, np.random.default_rng(i))
    return game


def still(game):
    """Actions of zeros."""
    return [np.zeros((game.num_envs, size)) for size in game.ac_dims]


def scramble(game, rng):
    """Random coordinates, centers of mass, contact forces; returns random actions out of range."""
    for name in ("qpos", "qvel", "subtree_com"):
        game.sim.columns[name][:] = rng.normal(0, 3, game.sim.columns[name].shape)
    game.sim.com_before[:] = rng.normal(0, 2, game.sim.com_before.shape)
    # From next to nothing to more than the cap of the contact cost.
    scale = 10 ** rng.uniform(-1, 3, (game.num_envs, 1, 1))
    game.sim.columns["cfrc_ext"][:] = scale * rng.normal(size=game.sim.columns["cfrc_ext"].shape)
    return [3 * high * rng.normal(size=(game.num_envs, len(high)))
            for high in (seat.ac_high for seat in game.seats)]


def forces(game, seat):
    """The seat's 13 x 6 contact forces, found by body names."""
    model = game.sim.models[0]
    mine = [i for i in range(model.nbody)
            if model.body(model.body_rootid[i]).name == f"agent{seat}/torso"]
    assert len(mine) == 13
    return game.sim.columns["cfrc_ext"][:, mine].reshape(game.num_envs, -1)


def outcome(game, i=0):
    """(ending, winner, reward_remaining of both) of match i."""
    winner = None if game.winner[i] == NOBODY else int(game.winner[i])
    return game.endings[game.ending[i]], winner, tuple(game.reward_remaining[:, i])


def many_resets(name, version=None, matches=2, rounds=150):
    """The game and the qpos, qvel and memory that follow many resets, [matches * rounds, ...]."""
    env = CompeteVectorEnv(name, matches, seed=5)
    found = {}
    for _ in range(rounds):
        env.reset(options={"version": version})
        arrays = {key: env.game.sim.columns[key] for key in ("qpos", "qvel")}
        arrays |= {key: getattr(env.game, key) for key in env.game.memory}
        for key, array in arrays.items():
            found.setdefault(key, []).append(array.copy())
    return env.game, {key: np.concatenate(arrays) for key, arrays in found.items()}


def assert_fills(values, low, high):
    """Values lie in [low, high] (the bounds may be arrays) and come near to both ends."""
    place = (values - low) / (high - low)
    assert place.min() >= 0 and place.max() <= 1
    assert place.min() < 0.05 and place.max() > 0.95


def turned_about_vertical(quat, angle, inside):
    """A rotation after (inside: before) a turn about the vertical (the torso's own axis)."""
    ours, theirs = np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)]), np.array(quat)
    product = np.zeros(4)
    mujoco.mju_mulQuat(product, *((theirs, ours) if inside else (ours, theirs)))
    return product


def level_turn(xy, angle):
    """A level vector, turned."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ xy


def turn_world(game, qpos, qvel, angle):
    """In place: both robots turned about the middle of the field."""
    for seat in game.seats:
        place, way = qpos[seat.qpos_slice], qvel[seat.qvel_slice]
        place[:2], way[:2] = level_turn(place[:2], angle), level_turn(way[:2], angle)
        place[3:7] = turned_about_vertical(place[3:7], angle, inside=False)
