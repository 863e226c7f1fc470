"""Plays matches between parameter files."""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from common.command_line import InputError
from distributed_data.device import make_session
from gym_compete import CompeteVectorEnv, find_game
from networks.loading import load_policy
from utils import Actors, Player

SLOTS = 32  # matches played at once, and rows per batch


class MatchNoise:
    """Action noise: each slot's row comes from the generator of its current match."""

    def __init__(self, slots, silent):
        self._slots, self._silent = slots, silent

    def standard_normal(self, shape, dtype):
        """One row per match; zeros for mean actions."""
        noise = np.zeros(shape, dtype)
        if not self._silent:
            for row, slot in zip(noise, self._slots):
                slot.noise.standard_normal(dtype=dtype, out=row)
        return noise


def match_rngs(seed, number):
    """The generators of starts and of actions for this match of a seed."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence([seed, number]).spawn(2)]


def play(game, entries, games, seed=0, *, deterministic=False, num_threads=1, num_envs=SLOTS,
         integrator="RK4", rules=None, on_step=None, on_match=None, recorder=None):
    """Plays exactly these matches of a seed; returns the list of their results in that order.

    entries: the players of seats 0 and 1. games: how many matches, or a sequence of their numbers.
    They are dealt to `num_envs` slots beforehand, so short matches do not crowd out long ones; a
    match is the same whatever is played beside it.
    rules: further options of the game, such as {"touch_to_win": False}.
    on_step(env, playing): called after every step, playing being a dict of slot to match number;
    on_match(result): after every match; recorder: a `recording.Recorder` of some of them.

    A result is a dict: game (the match's number), winner (0, 1 or None), length, ending, returns
    (two floats).
    """
    numbers = range(games) if isinstance(games, int) else games
    num_envs = max(1, min(num_envs, len(numbers)))
    rows = -(-num_envs // SLOTS) * SLOTS  # so a match's rounding does not depend on the others
    slots = [Slot(seed, numbers[i::num_envs]) for i in range(num_envs)]
    env = CompeteVectorEnv(game, num_envs, num_threads, integrator=integrator, **rules or {})
    with contextlib.closing(env), tf.Graph().as_default(), make_session() as sess:
        players = [Player(load_policy(sess, entry, env, seat), [(seat, slice(0, num_envs))],
                          rows=rows) for seat, entry in enumerate(entries)]
        actors = Actors(sess, players)
        actors.start()
        results = {}
        for result in _play(env, actors, MatchNoise(slots, deterministic), slots, len(numbers),
                            on_step, recorder):
            results[result["game"]] = result
            if on_match:
                on_match(result)
    return [results[number] for number in numbers]


def _play(env, actors, noise, slots, count, on_step, recorder):
    """Yields the results of all `count` matches of the slots as they end."""
    returns = np.zeros((2, env.num_envs))
    env.on_start = lambda i: slots[i].start_next()
    env.reset()
    while count:
        playing = [slot.number for slot in slots]
        for player in actors.players:
            player.look(env.obs)
        acs = [output["ac"][:env.num_envs] for output in actors.act(noise)]
        if recorder:
            recorder.before_step(env, playing, acs)
        _, rewards, terminated, truncated, infos = env.step(acs)
        returns += rewards
        if on_step:
            on_step(env, {i: number for i, number in enumerate(playing) if number is not None})
        over = terminated | truncated
        actors.restart(over)
        for i in np.flatnonzero(over):
            if playing[i] is not None:
                count -= 1
                yield _result(playing[i], i, env, infos, returns)
        returns[:, over] = 0


def check_rules(game, rules):
    """Raises InputError for options that the game does not have, and for their bad values."""
    try:
        find_game(game)(**rules)
    except ValueError as error:
        raise InputError(f"--rule {error}") from None


class Slot:
    """The matches that one slot of the environment plays, one after the other.

    number: of the current match, None after the last one: what is played then does not count;
    noise: generator of its action noise.
    """

    def __init__(self, seed, numbers):
        self._seed, self._numbers = seed, iter(numbers)
        self.number = self.noise = None

    def start_next(self):
        """Moves on to the next match; returns the generator that its reset draws from."""
        self.number = next(self._numbers, None)
        starts, self.noise = match_rngs(self._seed, 0 if self.number is None else self.number)
        return starts


def _result(number, i, env, infos, returns):
    winner = int(infos["winner"][i])
    return {"game": number, "winner": winner if winner >= 0 else None,
            "length": int(infos["steps"][i]), "ending": env.game.endings[infos["ending"][i]],
            "returns": [float(r) for r in returns[:, i]]}
