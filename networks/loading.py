"""Builds networks from names and parameter files."""

import functools
import importlib
import json
import re
from dataclasses import dataclass, replace

import numpy as np
import tensorflow.compat.v1 as tf

from common.command_line import GAME_NAMES, InputError
from common.filenames import read_name
from common.files import first_line
from common.parameter_file import load_parameters
from distributed_data.device import make_session
from distributed_data.variables import FlatVariables
from gym_compete import GAMES, find_game
from networks.inputs import kept_tensors

# What a header may name: the place of its class, which is imported when needed.
POLICIES = {"mlp": "policy:MlpPolicy", "lstm": "policy:LSTMPolicy", "ant": "policy:AntPolicy",
            "humanoid": "policy:HumanoidPolicy"}

CONTRACT = ("name", "ob_dim", "ac_dim", "ob", "noise", "state_in", "new", "ac_taken", "ac", "vpred",
            "state_out", "logp", "entropy", "recurrent", "chunk", "state_dim", "zero_state",
            "ob_rms", "ret_rms", "logstd", "value_head", "unrolled", "update_ret_rms",
            "get_variables", "get_trainable_variables")
# What a released vector, which has no header, may be.
ZOO_NETWORKS = (("mlp", {"hid_size": 64}), ("lstm", {"hid_size": 128}))
# A network with more takes many seconds to build; files must not cause that.
MOST_VARIABLES = 500
STILL = -20.0  # log standard deviation of a `blank_entry` that never moves: 2e-9


def admit_policy(name, size=None, **options):
    """Finds a class as `find_policy` does and allows it in headers from now on; returns it."""
    made = find_policy(name, size, **options)
    POLICIES.setdefault(name, name)
    return made


def find_policy(name, size=None, **options):
    """Returns the class of a name in `POLICIES` or of "module:Class".

    size: (ob_dim, ac_dim) of the game to play, if known; options: what instances will be made
    with. Raises ValueError if there is no such class, if it cannot play the game, or if its
    instances lack part of the contract.
    """
    made = import_class(POLICIES[name]) if name in POLICIES else try_policy(name, size, **options)
    sizes = getattr(made, "sizes", None)
    if size and sizes and size not in sizes:
        raise ValueError(f"plays games of {' or '.join(str(ob) for ob, _ in sizes)} observations, "
                         f"this one has {size[0]}")
    return made


def import_class(place):
    """The class at "module:Class"."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def try_policy(place, size=None, **options):
    """Imports "module:Class", builds one and runs it, to check the contract.

    Raises ValueError for any fault.
    """
    if not place.partition(":")[2]:
        raise ValueError(f"must be one of {', '.join(POLICIES)}, or module:Class")
    missing = []
    try:
        made = import_class(place)
        size = (getattr(made, "sizes", None) or [size or (5, 2)])[0]
        with tf.Graph().as_default():
            pi = made("pi", *size, np.random.default_rng(0), **options)
            missing += [part for part in CONTRACT if not hasattr(pi, part)]
            if not missing:
                check_shapes(pi)
    except Exception as error:  # whatever a user's module may do
        raise ValueError(f"cannot be built ({type(error).__name__}: {reason(error)})") from None
    if missing:
        raise ValueError(f"lacks {', '.join(missing)} (see the head of policy.py)")
    return made


def reason(error):
    """What an exception says, in one line; TensorFlow's begin with where it happened."""
    what = re.search(r"(.+)\n\t \[\[", str(error))
    return what[1] if what else first_line(error)


def check_shapes(pi, chunks=2):
    """Runs a network on noise, as it acts and as it is updated; ValueError for a wrong shape."""
    rng = np.random.default_rng(0)
    with make_session() as sess:
        sess.run(tf.global_variables_initializer())
        for net, rows in ((pi, chunks), (pi.unrolled(), chunks * pi.chunk)):
            feeds = {net.ob: rng.standard_normal((rows, pi.ob_dim)),
                     net.noise: rng.standard_normal((rows, pi.ac_dim))}
            if pi.recurrent:
                feeds |= {net.state_in: np.tile(pi.zero_state, (chunks, 1)),
                          net.new: np.zeros(rows, bool)}
            names, tensors, wanted = zip(*outputs(net, rows, chunks))
            for name, found, shape in zip(names, sess.run(tensors, feeds), wanted):
                if found.shape != shape:
                    raise ValueError(f"the shape of {name} is {found.shape}, must be {shape}")


def outputs(net, rows, chunks):
    """Yields (name, tensor, shape that it must have) for a batch of that many rows and chunks."""
    yield "ac", net.ac, (rows, net.ac_dim)
    yield "vpred", net.vpred, (rows,)
    yield "logp", net.logp, (rows,)
    if net.recurrent:
        yield "state_out", net.state_out, (chunks, net.state_dim)
    if hasattr(net, "mean"):  # if it has one column, `ac` has all the same
        yield "the mean action", net.mean, (rows, net.ac_dim)
    for tensor in kept_tensors(net).values():
        yield "what its view keeps", tensor, (rows, tensor.shape[-1])


# Parameter files


@dataclass
class ParameterFile:
    """A parameter file to play: its vector and its header, which is guessed for released ones."""

    path: str
    vector: object
    header: dict


def load_entries(paths, env_name):
    """Reads the files and determines the game; returns (game name, entries)."""
    entries = [ParameterFile(path, *load_parameters(path)) for path in paths]
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
                             f"{' or '.join(fitting) or 'no game'}; name it with --env")
        env_name = fitting[0]
    return env_name, [replace(entry, header=header_of(entry, env_name)) for entry in entries]


def load_entry(path, env_name):
    """Reads one file, which must be for the game."""
    return load_entries([path], env_name)[1][0]


def header_of(entry, env_name):
    """The entry's header, guessed for released vectors; InputError if it cannot play the game."""
    if not entry.header:
        return guess_header(entry, env_name)
    check_header(entry, env_name)
    return entry.header


def guess_header(entry, env_name):
    """A header for a vector without one: network from its size, seat from its name."""
    size, named = entry.vector.size, read_name(entry.path)
    if named.game not in (None, env_name):
        raise InputError(f"{entry.path}: is for {named.game}, not for {env_name}")
    network = zoo_network(env_name, size)
    if network is None:
        raise InputError(f"{entry.path}: {size:,} numbers, but {env_name} takes "
                         f"{' or '.join(f'{s:,}' for s in zoo_sizes(env_name))}")
    header = {"game": env_name, "policy": network[0], "policy_args": network[1]}
    return header if named.seat is None else {**header, "seat": named.seat}


def check_header(entry, env_name):
    """Raises InputError for a header of another game, or with a missing or impossible part."""
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
        if key in header and json.dumps(header[key]) not in values:  # in JSON, true is not 1
            raise InputError(f"{entry.path}: its header's {key} is {shown(header[key])}, must be "
                             f"{' or '.join(values)}")
    for key in ("version", "iteration"):
        if key in header and not (type(header[key]) is int and 0 <= header[key] < 2**53):
            raise InputError(f"{entry.path}: its header's {key} is {shown(header[key])}, must be "
                             "a whole number of at least 0")


def shown(value):
    """A header's value as JSON, cut to fit in a line."""
    return json.dumps(value)[:40]


def vector_size(game, policy, policy_args):
    """Length of the vector of a network for the game."""
    with tf.Graph().as_default():
        pi = find_policy(policy)("pi", *game_sizes(game), **policy_args)
        return sum(v.shape.num_elements() for v in pi.get_variables())


def first_variables(header):
    """The header's network before any training, weights 0: its variables in order, as arrays."""
    with tf.Graph().as_default(), make_session() as sess:
        pi = find_policy(header["policy"])("pi", *game_sizes(header["game"]),
                                           **header["policy_args"])
        sess.run(tf.global_variables_initializer())
        return sess.run(pi.get_variables())


def blank_entry(game, logstd, name="blank"):
    """An opponent that never learns: mean 0 for any observation, standard deviation exp(logstd).

    A vector begins with the filters (sum, sum of squares and count of the returns, then of the
    observations) and ends with the log standard deviations.
    """
    (policy, policy_args), (ob_dim, ac_dim) = ZOO_NETWORKS[0], game_sizes(game)
    vector = np.zeros(vector_size(game, policy, policy_args), np.float32)
    returns_count, observations_count = 2, 3 + 2 * ob_dim
    vector[[returns_count, observations_count]] = 1
    vector[-ac_dim:] = logstd
    return ParameterFile(name, vector, {
        "game": game, "seat": "both", "ob_dim": ob_dim, "ac_dim": ac_dim, "policy": policy,
        "policy_args": policy_args})


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
    """Length of the vector of each of `ZOO_NETWORKS` for the game."""
    return [vector_size(game, *network) for network in ZOO_NETWORKS]


def build_policy(entry, name, env, seat):
    """Builds the entry's network for a seat, in a variable scope of that name.

    Raises InputError as soon as it needs more numbers than the file has.
    """
    header, size = entry.header, entry.vector.size
    budget = Budget(size)
    try:
        with tf.variable_scope(tf.get_variable_scope(), custom_getter=budget.spend):
            pi = find_policy(header["policy"])(name, env.ob_dims[seat], env.ac_dims[seat],
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
    """Stops building a network that needs more than `left` numbers or `MOST_VARIABLES`."""

    def __init__(self, left):
        self.left, self._variables = left, 0

    def spend(self, getter, name, *args, **kwargs):
        """A `custom_getter` for TensorFlow: makes a variable and subtracts its size."""
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
    """Loads the entry's vector into a network; InputError for filters that divide by 0."""
    variables.set(sess, entry.vector)
    filters = sess.run([x for rms in (pi.ob_rms, pi.ret_rms) for x in (rms.mean, rms.std)])
    if not all(np.isfinite(x).all() for x in filters):
        raise InputError(f"{entry.path}: its filters have counted nothing to divide by")


def check_networks(entries, game):
    """Builds every network and loads every vector, so bad files are refused before any play."""
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
