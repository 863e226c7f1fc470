"""Matches against bare physics: how fast games are judged.

Plays games between two parameter files as load_parameter_run.py does, then replays the same states
and controls with bare mj_step calls on as many threads, and prints both times and their ratio.

    python benchmarks/matches.py A B --max-episodes 1000
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rollout import BarePhysics, Tape, tell  # noqa: E402

from common.command_line import GAME_NAMES, Parser, number
from distributed_data import device  # noqa: E402


def make_parser():
    """The command line."""
    parser = Parser(prog="benchmarks/matches.py", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs=2, metavar="FILE")
    parser.add_argument("--env", choices=GAME_NAMES)
    parser.add_argument("--max-episodes", type=number(int, 1), default=1000)
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    parser.add_argument("--json", metavar="FILE")
    return parser


def measure(args):
    """Plays and replays; returns the result dict."""
    from evaluation import matches
    from networks.loading import load_entries

    game, entries = load_entries(args.files, args.env)
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


def main(argv=None):
    """Measures, prints a table and writes --json."""
    args = make_parser().parse_args(argv)
    device.prepare()
    tell(measure(args), args.json)


if __name__ == "__main__":
    main()
