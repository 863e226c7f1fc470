"""Makes a trained robot stop looking at how its opponent stands.

    python -m experiments.blindfold parameters/GAME/agent0.npz blind.npz

In self-play a robot meets only robots that stand as it does, and comes to lean on that: it falls
before strangers, untouched. This sets the first layers' weights on the other's pose to zero
(`policy.BodyPolicy.pose`) and adds what they contribute on average, over a few matches against
--against, to the biases. The robot still sees where the other is and how fast it moves in the
plane. Training with `run.py --hide-pose` never shows the pose in the first place; such a run may
begin as the file written here (`--init`) and meet it (`--pool`).
"""

import os

import numpy as np

from common.command_line import (
    MOST_MATCHES,
    InputError,
    Parser,
    check_apart,
    check_writable,
    number,
    one_line,
)
from common.terminal import ignore_closed_output, script_of

NETS = ("vf", "pol")


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m experiments.blindfold",
                    description=__doc__.split("\n")[0])
    parser.add_argument("file", metavar="FILE", help="Parameters of a network ant or humanoid.")
    parser.add_argument("out", metavar="OUT", help="Where to write the blindfolded ones.")
    parser.add_argument("--against", metavar="FILE2", help=(
        "The opponent in the matches that are averaged; default: FILE itself."))
    parser.add_argument("--games", type=number(int, 1, MOST_MATCHES), default=8,
                        help="Matches to average over. [8]")
    parser.add_argument("--seed", type=number(int, 0), default=7, help="Their random seed. [7]")
    return parser


def blindfold(entry, view):
    """The entry's vector [P] with the other's pose masked.

    entry: a `ParameterFile`; view: the average features [n], whose effect stays, in the biases.
    """
    import tensorflow.compat.v1 as tf

    vector = entry.vector.copy()
    with tf.Graph().as_default():
        pi = make_policy(entry)
        variables, pose = pi.get_variables(), list(pi.pose)
    ends = np.cumsum([v.shape.num_elements() for v in variables])
    parts = {v.op.name: part.reshape(v.shape)  # writes through to the vector
             for v, part in zip(variables, np.split(vector, ends[:-1]))}
    for net in NETS:
        w, b = (parts[f"pi/{net}fc1/{name}"] for name in "wb")
        b += view[pose] @ w[pose]
        w[pose] = 0
    return vector


def make_policy(entry):
    """The entry's network, in the current graph."""
    from networks.loading import find_policy, game_sizes

    header = entry.header
    return find_policy(header["policy"])("pi", *game_sizes(header["game"]), **header["policy_args"])


def average_view(entry, opponent, seat, games, seed):
    """The features' mean [n] over this many matches on Euler; a humanoid's with mirror images.

    entry, opponent: `ParameterFile`s. The first sits in `seat`, or in both if they are the same.
    Steps are seen without the view's memory, so the other's velocity reads 0; only its vertical
    part is masked, which averages about 0 anyway.
    """
    import tensorflow.compat.v1 as tf

    from distributed_data.device import make_session
    from evaluation.matches import play

    seats = (0, 1) if entry is opponent else (seat,)
    obs = []

    def on_step(env, playing):
        obs.extend(env.obs[s][i].copy() for i in playing for s in seats)

    play(entry.header["game"], [entry, opponent] if seat == 0 else [opponent, entry], games, seed,
         integrator="Euler", on_step=on_step)
    obs = np.array(obs, np.float32)
    with tf.Graph().as_default(), make_session() as sess:
        pi = make_policy(entry)
        features, _ = pi.view(pi.ob, tf.zeros([tf.shape(pi.ob)[0], pi.view_memory]))
        return sess.run(features, {pi.ob: obs}).mean(axis=0)


def find_seat(entry, opponent, game):
    """A seat in which the entry can meet the opponent; InputError if there is none."""
    from evaluation.seats import seatings, seats_of

    own, theirs = (seats_of(each, game) for each in (entry, opponent))
    if seats := seatings(own, theirs):
        return seats[0]
    if opponent is entry:
        raise InputError(f"{entry.path}: is for seat {own[0]} alone; name an opponent for seat "
                         f"{1 - own[0]} with --against")
    raise InputError(f"--against {opponent.path}: is for seat {own[0]}, as {entry.path} is; must "
                     f"be for seat {1 - own[0]}")


def run(args):
    """Reads, blindfolds and writes."""
    from distributed_data import device

    ignore_closed_output()
    inputs = [args.file, *([args.against] if args.against else [])]
    for path in inputs:
        os.stat(path)  # before TensorFlow takes its seconds
    check_writable("OUT", args.out)
    check_apart({"OUT": args.out}, inputs)
    device.prepare()
    from common.parameter_file import save_parameters
    from networks.loading import POLICIES, check_networks, find_policy, load_entries

    game, (entry, *others) = load_entries(inputs, None)
    kinds = [kind for kind in POLICIES if getattr(find_policy(kind), "pose", ())]
    if entry.header["policy"] not in kinds:
        raise InputError(f"{args.file}: has a network of kind {entry.header['policy']}, must be "
                         f"{' or '.join(kinds)}")
    opponent = others[0] if others else entry
    seat = find_seat(entry, opponent, game)
    check_networks([entry, opponent], game)
    view = average_view(entry, opponent, seat, args.games, args.seed)
    policy_args = entry.header["policy_args"] | {"hide_pose": True}
    save_parameters(args.out, blindfold(entry, view), entry.header | {"policy_args": policy_args})
    print(f"{one_line(os.path.normpath(args.out))}: {one_line(args.file)}, blindfolded")


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
