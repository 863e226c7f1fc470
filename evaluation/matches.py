"""Plays matches between parameter files."""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from distributed_data.device import make_session
from gym_compete import CompeteVectorEnv
from networks.loading import load_policy
from utils import Actors, Player

# Playing

SLOTS = 32  # games at a time, and the rows of a batch


class MatchNoise:
    """Action noise in which every match draws from the generator of the game it plays."""

    def __init__(self, rngs, silent):
        self.rngs, self._silent = rngs, silent

    def standard_normal(self, shape, dtype):
        """One row a match; zeros for mean actions."""
        noise = np.zeros(shape, dtype)
        if not self._silent:
            for row, rng in zip(noise, self.rngs):
                rng.standard_normal(dtype=dtype, out=row)
        return noise


def game_rngs(seed, game):
    """The two generators, of starts and of actions, that make game number `game` of a seed."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence([seed, game]).spawn(2)]


def play(game, entries, games, seed=0, *, deterministic=False, num_threads=1, num_envs=SLOTS,
         integrator="RK4", on_step=None, on_game=None, recorder=None):
    """Plays exactly these games of a seed; returns the list of their results in that order.

    entries: who sits in seat 0 and who in seat 1. games: how many, or a sequence of their numbers.
    They are shared out to `num_envs` slots beforehand, so that short games are not counted more
    often than long ones; a game is the same whatever is played beside it.
    on_step(env, games): called after every step, games being a dict of slot to game number;
    on_game(result): after every finished game; recorder: a `replay.Recorder` of some of them.

    A result is a dict: game, winner (0, 1 or None), length, ending, returns (two floats).
    """
    games = range(games) if isinstance(games, int) else games
    num_envs = max(1, min(num_envs, len(games)))
    rows = -(-num_envs // SLOTS) * SLOTS  # whatever is played beside it, a game rounds alike
    queues = [Queue(seed, games[i::num_envs]) for i in range(num_envs)]
    env = CompeteVectorEnv(game, num_envs, num_threads, integrator=integrator)
    with contextlib.closing(env), tf.Graph().as_default(), make_session() as sess:
        players = [Player(load_policy(sess, entry, env, seat), [(seat, slice(0, num_envs))],
                          rows=rows) for seat, entry in enumerate(entries)]
        actors = Actors(sess, players)
        actors.start()
        noise = MatchNoise([queue.noise for queue in queues], deterministic)
        env.np_randoms = [queue.starts for queue in queues]
        env.reset()
        env.np_randoms = [queue.next_starts for queue in queues]
        results, returns = {}, np.zeros((2, num_envs))
        while len(results) < len(games):
            for player in players:
                player.look(env.obs)
            acs = [output["ac"][:num_envs] for output in actors.act(noise)]
            if recorder:
                recorder.before_step(env, [queue.game for queue in queues], acs)
            _, rewards, terminated, truncated, infos = env.step(acs)
            returns += rewards
            if on_step:
                on_step(env, {i: q.game for i, q in enumerate(queues) if q.game is not None})
            actors.restart(terminated | truncated)
            for i in np.flatnonzero(terminated | truncated):
                queue = queues[i]
                if queue.game is not None:
                    results[queue.game] = _result(queue.game, i, env, infos, returns)
                    if on_game:
                        on_game(results[queue.game])
                returns[:, i] = 0
                queue.advance()
                noise.rngs[i], env.np_randoms[i] = queue.noise, queue.next_starts
    return [results[game] for game in games]


class Queue:
    """The games of one slot, one after the other; what follows them does not count.

    game: the number of the present one, None after the last. starts, noise: its generators;
    next_starts: that of the game which the environment will start by itself.
    """

    def __init__(self, seed, games):
        self._seed, self._games = seed, iter(games)
        self._next = self._draw()
        self.advance()

    def _draw(self):
        game = next(self._games, None)
        return game, *game_rngs(self._seed, 0 if game is None else game)

    def advance(self):
        """Moves on to the next game."""
        self.game, self.starts, self.noise = self._next
        self._next = self._draw()
        self.next_starts = self._next[1]


def _result(game, i, env, infos, returns):
    winner = int(infos["winner"][i])
    return {"game": game, "winner": winner if winner >= 0 else None,
            "length": int(infos["steps"][i]), "ending": env.game.endings[infos["ending"][i]],
            "returns": [float(r) for r in returns[:, i]]}
