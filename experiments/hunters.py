"""Hunters find a champion's weaknesses, and the main learner trains until they are gone.

    python -m experiments.hunters --run NAME --init RUN [--rounds 3] [any option of run.py]

Each round first trains a hunter: a best response that begins as the champion and plays against it
(one per seat where each seat has a learner of its own). Matches on RK4 show how it fares; one that
wins more than it loses joins the pool. Then the main learner continues from the champion, and some
of its opponents are from the pool: the hunters that have joined, the champions so far, and what
--pool names, other seeds' runs for example. Its last snapshots are the next champion.

Every stage is a run of its own in saveparameters/, NAME-hunter1, NAME-main1 and so on; NAME/ has
what is done, the champions and the pool. After an interruption or a kill, run the same
command to resume; with more --rounds it continues after the last.
"""

import os
import sys

import run
from common.command_line import MOST, MOST_MATCHES, RANK_NAMES, InputError, number
from common.run_folder import find_place, lasting_paths
from common.terminal import guarded, ignore_closed_output
from experiments import stages
from selfplay import config, run_lock
from selfplay.resolve import plain_name

MOST_ROUNDS = 1000
OWN = {"rounds": (3, MOST_ROUNDS, "Rounds, each a hunter and then the main learner."),
       "hunter_steps": (2_000_000, MOST, "Environment steps of a hunter."),
       "main_steps": (4_000_000, MOST, "Environment steps of the main learner per round."),
       "games": (200, MOST_MATCHES, "Matches that judge a hunter.")}
HELP = {"run": "Name of the stages, with endings, and of the folder with their results.",
        "init": "The first champion, from which the first stages start: a run in saveparameters/ "
        "(its newest snapshots), a folder of agentK.npz, or a file."}
SWITCHES = ("paper", "dry_run")
NOT_HERE = {**dict.fromkeys(config.LIMITS, "--hunter-steps and --main-steps say how long"),
            "resume": "the same command resumes by itself",
            "dry_run": "the options are checked before the first stage begins",
            "init_seat": "a champion holds both seats",
            "ensemble": "each seat has one champion", "opponent": "it is the champion",
            "opponent_seat": "a hunter is trained for each"}


def make_parser(argv=()):
    """The command line: run.py's, and how long the stages are."""
    parser = config.make_parser(argv, HELP)
    parser.prog = "python -m experiments.hunters"
    parser.description = " ".join(__doc__.split("\n\n")[0].split())
    parser.epilog += f" Not here: {', '.join(map(config.flag, NOT_HERE))}."
    group = parser.add_argument_group("hunters")
    for name, (default, most, text) in OWN.items():
        group.add_argument(config.flag(name), type=number(int, 1, most), default=default,
                           metavar="N", help=f"{text} [{default:,}]")
    return parser


def read_plan(parser, args):
    """(name, plan, options): the stages' name, `OWN`'s values and --ranks, what else was given.

    Raises InputError for what does not fit.
    """
    given = {key: value for key, value in vars(args).items() if value is not None}
    given = {key: value for key, value in given.items() if value or key not in SWITCHES}
    for name, why in NOT_HERE.items():
        if name in given:
            raise InputError(f"{config.flag(name)}: not here, {why}")
    for name, what in (("run", "a name for the stages"), ("init", "the first champion")):
        if name not in given:
            raise InputError(f"--{name}: must be given, {what}")
    for what in given.get("pool", ()):
        if not os.path.exists(find_place(run.SAVE_DIR, what)):
            raise InputError(f"--pool {what}: there is no such run, folder or file")
    if any(name in os.environ for name in RANK_NAMES[:2]):
        raise InputError("starts its workers itself: leave mpirun out and give --ranks")
    stages.mpirun(args.ranks)
    name = plain_name(parser, given.pop("run"), run.SAVE_DIR)
    plan = {key: given.pop(key, None) for key in (*OWN, "ranks")}
    return name, plan, lasting_paths(run.SAVE_DIR, given)


@guarded
def main(argv=None):
    """Carries out the rounds; exit codes as run.py's, 130 if a stage was stopped."""
    parser = make_parser(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args(argv)
    ignore_closed_output()
    try:
        with parser.refusing():
            plan = read_plan(parser, args)
            from experiments.rounds import Rounds

            Rounds(*plan).go()
    except stages.Ended as ended:
        if ended.code > 128:
            print("stopped; run the same command to resume", file=sys.stderr)
        sys.exit(ended.code)
    finally:
        run_lock.release_all()


if __name__ == "__main__":
    main()
