"""Matches between parameter files: reading them, seating them, playing, counting."""

import contextlib
import functools
import json
from dataclasses import dataclass

import numpy as np
import tensorflow.compat.v1 as tf
from scipy.stats import binomtest

from cli import GAME_NAMES
from distributed_data.device import make_session
from distributed_data.mpi_adam import FlatVariables
from filenames import read_name
from gym_compete import GAMES, CompeteVectorEnv, find_game
from policy import POLICIES
from rollouts import Actors, Player
from utils import InputError, first_line, load_parameters

# What a released vector, which has no header, may be.
ZOO_NETWORKS = (("mlp", {"hid_size": 64}), ("lstm", {"hid_size": 128}))
# A network of more takes many seconds to build: no file can ask for that.
MOST_VARIABLES = 500

# Parameter files


@dataclass
class Entry:
    """A parameter file that is to play: its vector and the header, guessed for released vectors."""

    path: str
    vector: object
    header: dict


def load_entries(paths, env_name):
    """Reads the files and settles the game; returns (game name, entries)."""
    entries = [Entry(path, *load_parameters(path)) for path in paths]
    for entry in entries:
        game = entry.header.get("game")
        if entry.header and game not in list(GAMES):
            raise InputError(f"{entry.path}: its header names no game (found {shown(game)})")
        if env_name is None:
            env_name = game or read_name(entry.path).game
    if env_name is None:
        fitting = [name for name in GAME_NAMES
                   if all(zoo_network(name, e.vector.size) for e in entries)]
        if len(fitting) != 1:
            raise InputError(f"{entries[0].path}: {entries[0].vector.size} numbers fit "
                             f"{' or '.join(fitting) or 'no game'}; say which with --env")
        env_name = fitting[0]
    for entry in entries:
        check_entry(entry, env_name)
    return env_name, entries


def load_entry(path, env_name):
    """Reads one file, which must be for the game."""
    return load_entries([path], env_name)[1][0]


def check_entry(entry, env_name):
    """Refuses a file of another game or without a network; guesses a released vector's header."""
    if not entry.header:
        entry.header = guess_header(entry, env_name)
        return
    check_header(entry, env_name)


def guess_header(entry, env_name):
    """A header for a vector without one: its network by its size, its seat by its name."""
    size, named = entry.vector.size, read_name(entry.path)
    network = zoo_network(env_name, size)
    if network is None:
        raise InputError(f"{entry.path}: {size:,} numbers, but {env_name} takes "
                         f"{' or '.join(f'{s:,}' for s in zoo_sizes(env_name))}")
    if named.game not in (None, env_name):
        raise InputError(f"{entry.path}: is for {named.game}, not for {env_name}")
    header = {"game": env_name, "policy": network[0], "policy_args": network[1]}
    return header if named.seat is None else {**header, "seat": named.seat}


def check_header(entry, env_name):
    """Refuses a header that is for another game, misses a part or has a part that cannot be."""
    header, (ob_dims, ac_dims) = entry.header, game_dims(env_name)
    if header["game"] != env_name:
        raise InputError(f"{entry.path}: is for {header['game']}, not for {env_name}")
    if header.get("policy") not in list(POLICIES):
        raise InputError(f"{entry.path}: policy {shown(header.get('policy'))}: must be one of "
                         f"{', '.join(POLICIES)}; --policy module:Class admits others")
    if not isinstance(header.get("policy_args"), dict):
        raise InputError(f"{entry.path}: its header's policy_args is "
                         f"{shown(header.get('policy_args'))}, must be an object")
    for key, allowed in (("seat", (0, 1, "both")), ("ob_dim", ob_dims), ("ac_dim", ac_dims)):
        values = list(dict.fromkeys(map(json.dumps, allowed)))
        if key in header and json.dumps(header[key]) not in values:  # JSON: true is no 1
            raise InputError(f"{entry.path}: its header's {key} is {shown(header[key])}, must be "
                             f"{' or '.join(values)}")
    for key in ("version", "iteration"):
        if key in header and not (type(header[key]) is int and 0 <= header[key] < 2**53):
            raise InputError(f"{entry.path}: its header's {key} is {shown(header[key])}, must be "
                             "a whole number from 0 on")


def shown(value):
    """A header's value as JSON, cut to a part of a line."""
    return json.dumps(value)[:40]


def seats_of(entry, game):
    """The seats that an entry may take, (0,), (1,) or (0, 1): all that asks for seats asks here.

    One learner plays both seats of sumo. Elsewhere a file is for the seat of its header or, without
    one, of its name (`filenames.read_name`), and may take either where nothing says its seat.
    """
    seat = entry.header.get("seat")
    return (seat,) if seat in (0, 1) and not find_game(game).shared_policy else (0, 1)


def check_seats(entries, game):
    """InputError unless the first entry may sit in seat 0 and the second in seat 1."""
    for seat, entry in enumerate(entries):
        seats = seats_of(entry, game)
        if seat not in seats:
            raise InputError(f"{entry.path}: is for seat {seats[0]}, not for seat {seat}")


def vector_size(game, policy, policy_args):
    """How many numbers a network for the game has."""
    with tf.Graph().as_default():
        pi = POLICIES[policy]("pi", *game_sizes(game), **policy_args)
        return sum(v.shape.num_elements() for v in pi.get_variables())


def game_sizes(game):
    """(ob_dim, ac_dim) of a game."""
    ob_dims, ac_dims = game_dims(game)
    return ob_dims[0], ac_dims[0]


@functools.cache
def game_dims(game):
    """The seats' ob_dims and ac_dims of a game."""
    probe = find_game(game)()
    return tuple(probe.ob_dims), tuple(probe.ac_dims)


def zoo_network(game, size):
    """The (policy, arguments) whose vector for the game has this size, or None."""
    return next((network for network, length in zip(ZOO_NETWORKS, zoo_sizes(game))
                 if length == size), None)


@functools.cache
def zoo_sizes(game):
    """How many numbers each of `ZOO_NETWORKS` has for the game."""
    return [vector_size(game, *network) for network in ZOO_NETWORKS]


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
            acs = [output[0][:num_envs] for output in actors.act(noise)]
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


def build_policy(entry, name, env, seat):
    """Builds the entry's network for a seat, in a variable scope of that name.

    Raises InputError as soon as it takes more numbers than the file has.
    """
    header, size = entry.header, entry.vector.size
    budget = Budget(size)
    try:
        with tf.variable_scope(tf.get_variable_scope(), custom_getter=budget.spend):
            pi = POLICIES[header["policy"]](name, env.ob_dims[seat], env.ac_dims[seat],
                                            **header["policy_args"])
    except Exception as error:  # whatever arguments a file may name
        if budget.left < 0:
            raise InputError(f"{entry.path}: {size:,} numbers, but its network takes "
                             "more") from None
        raise InputError(f"{entry.path}: its header does not make a network "
                         f"({first_line(error)})") from None
    taken = sum(v.shape.num_elements() for v in pi.get_variables())
    if taken != size:
        raise InputError(f"{entry.path}: {size:,} numbers, but its network takes {taken:,}")
    return pi


class Budget:
    """Stops the building of a network that takes more than `left` numbers or `MOST_VARIABLES`."""

    def __init__(self, left):
        self.left, self._variables = left, 0

    def spend(self, getter, name, *args, **kwargs):
        """As TensorFlow's `custom_getter`: makes a variable and takes its numbers off."""
        variable = getter(name, *args, **kwargs)
        self.left -= variable.shape.num_elements()
        self._variables += 1
        if self.left < 0 or self._variables > MOST_VARIABLES:
            raise ValueError(f"it has more than {MOST_VARIABLES} variables")
        return variable


def load_policy(sess, entry, env, seat):
    """Builds the entry's network for a seat and loads its vector."""
    pi = build_policy(entry, f"pi{seat}", env, seat)
    fill_policy(sess, pi, FlatVariables(pi.get_variables()), entry)
    return pi


def fill_policy(sess, pi, variables, entry):
    """Loads the entry's vector into a network; InputError for filters that divide by nothing."""
    variables.set(sess, entry.vector)
    filters = sess.run([x for rms in (pi.ob_rms, pi.ret_rms) for x in (rms.mean, rms.std)])
    if not all(np.isfinite(x).all() for x in filters):
        raise InputError(f"{entry.path}: its filters have counted nothing to divide by")


def check_networks(entries, game):
    """Builds every network and loads every vector, for files that play much later or often."""
    alike = {}
    for entry in entries:
        what = [entry.header["policy"], entry.header["policy_args"], entry.vector.size]
        alike.setdefault(json.dumps(what, sort_keys=True), []).append(entry)
    probe = find_game(game)()
    for group in alike.values():
        with tf.Graph().as_default(), make_session() as sess:
            pi = build_policy(group[0], "pi", probe, 0)
            variables = FlatVariables(pi.get_variables())
            for entry in group:
                fill_policy(sess, pi, variables, entry)


def summarize(game, results, seed):
    """The result as a dict for --json; intervals are Wilson's, 95 %."""
    counts = tally(results)
    endings = {}
    for result in results:
        endings[result["ending"]] = endings.get(result["ending"], 0) + 1
    return {"env": game, "games": len(results), **counts,
            "mean_length": float(np.mean([result["length"] for result in results])), "seed": seed,
            "endings": endings,
            "intervals": [wilson(n, len(results)) for n in (*counts["wins"], counts["ties"])]}


def tally(results):
    """Who has won how often: {"wins": [two counts], "ties": count}."""
    wins = [sum(result["winner"] == who for result in results) for who in (0, 1)]
    return {"wins": wins, "ties": len(results) - sum(wins)}


def wilson(count, total):
    """95 % interval of a share, [low, high]."""
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]
