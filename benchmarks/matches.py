"""Matches against bare physics: how fast matches are judged.

Plays two parameter files against each other as load_parameter_run.py does, then replays the same
states and controls with bare mj_step calls on as many threads, and prints both times and their
ratio.

    python -m benchmarks.matches A B --max-episodes 1000
"""

import time

from benchmarks import bench
from benchmarks.rollout import BarePhysics, Tape
from common.command_line import GAME_NAMES, MOST_MATCHES, number
from common.terminal import guarded
from distributed_data import device


def make_parser():
    """The command line."""
    parser = bench.make_parser("matches", __doc__)
    parser.add_argument("files", nargs=2, metavar="FILE",
                        help="The players: parameter files, 'random' or 'zero'.")
    parser.add_argument("--env", choices=GAME_NAMES)
    parser.add_argument("--max-episodes", type=number(int, 1, MOST_MATCHES), default=1000)
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    return parser


def measure(args):
    """Plays and replays; returns the result dict."""
    device.prepare()  # before anything imports TensorFlow
    from evaluation import matches
    from evaluation.entrants import load_players
    from evaluation.seats import check_seats
    from networks.loading import check_networks

    game, entries = load_players(args.files, args.env)
    check_seats(entries, game)
    check_networks(entries, game)
    tapes, make = [], matches.CompeteVectorEnv

    def taped(*arguments, **options):
        env = make(*arguments, **options)
        tapes.append((Tape(env.game), env.game.sim))
        return env

    matches.CompeteVectorEnv = taped
    started = time.perf_counter()
    results = matches.play(game, entries, args.max_episodes, num_threads=args.num_threads)
    seconds = time.perf_counter() - started
    tape, sim = tapes[0]
    physics = BarePhysics(sim, args.num_threads).replay(tape.places, tape.ctrls)
    return {"env": game, "games": len(results), "num_threads": args.num_threads,
            "seconds": seconds, "games_per_s": len(results) / seconds,
            "bare_physics_seconds": physics, "ratio": physics / seconds}


def print_result(result):
    """Prints a result dict, a line for each figure."""
    bench.print_table([[name, f"{value:,.3f}" if isinstance(value, float) else value]
                       for name, value in result.items() if name != "machine"], ["", ""])


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv, inputs=lambda args: args.files)


if __name__ == "__main__":
    main()
