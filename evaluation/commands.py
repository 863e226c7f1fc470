"""Judging many at once: the command line's tournaments, histories, best responses and reports."""

import os
import sys
import time

from common.command_line import file_error, number, one_line
from common.run_folder import find_place

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT_DIR = os.path.join(HERE, "tournaments")
NOT_FOR_MANY = ("param_paths", "run", "verbose", "csv", "list", "swap", "watch", "video",
                "save_replay", "replay")
JOBS = ("tournament", "history", "exploit", "report")


def add_options(parser):
    """Adds the options of this file's jobs to the command line."""
    group = parser.add_argument_group("many")
    group.add_argument("--tournament", nargs="+", metavar="DIR_OR_FILE", help=(
        "Play a round robin of these parameter files, of all those in these folders, and of "
        "'random' (actions from N(0, 1)) and 'zero' (never moves); --max-episodes games a pair."))
    group.add_argument("--history", metavar="RUN", help=(
        "Play snapshots of this run against each other; with --tournament against those too."))
    group.add_argument("--every", type=number(int, 1), metavar="K", help=(
        "--history takes every K-th version; default: so that 8 a learner play."))
    group.add_argument("--exploit", metavar="RUN", help=(
        "How often this run, a best response (run.py --opponent FILE), beats its opponent."))
    group.add_argument("--report", metavar="DIR", help=(
        "Write a run's or a tournament's folder as one page, report.html."))
    group.add_argument("--out", metavar="PATH", help=(
        "The tournament's folder, the same one to go on with it, or the report's file; default: "
        "tournaments/GAME-TIME, DIR/report.html."))


def settle(parser, args):
    """Ends with one line and exit code 2 if the options of these jobs exclude each other."""
    chosen = [f"--{job}" for job in JOBS if getattr(args, job)]
    if len(chosen) > 1 and set(chosen) != {"--tournament", "--history"}:
        parser.error(f"{chosen[1]}: not together with {chosen[0]}")
    taken = [f"--{name.replace('_', '-')}" for name in NOT_FOR_MANY
             if getattr(args, name) not in (None, False)]
    if chosen and taken:
        parser.error(f"{taken[0]}: not together with {chosen[0]}")
    if args.every and not args.history:
        parser.error("--every: only together with --history")
    if args.out and not set(chosen) & {"--tournament", "--history", "--report"}:
        parser.error("--out: only together with --tournament, --history or --report")
    if args.json and chosen and chosen != ["--exploit"]:
        parser.error(f"--json: not together with {chosen[0]}, which writes files of its own")


def write_report(parser, args, save_dir):
    """Writes the page; needs neither TensorFlow nor MPI."""
    from common.command_line import InputError
    from evaluation.report import write_page

    try:
        print(one_line(write_page(find_place(save_dir, args.report), args.out)))
    except InputError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(file_error(error))


def run_job(args, save_dir):
    """Does what the command line says, but for reports; InputError under more than one rank."""
    from common.command_line import InputError
    from distributed_data import comm

    if comm.SIZE > 1:
        raise InputError("--tournament, --history and --exploit: run on one rank, without mpirun")
    if args.exploit:
        from distributed_data import device
        from evaluation.exploit import print_exploit

        print_exploit(find_place(save_dir, args.exploit), args.env, args.max_episodes, args.json,
                      seed=args.seed, integrator=args.integrator, deterministic=args.deterministic,
                      num_threads=args.num_threads or device.share_of_cores())
        return
    play_tournament(args, save_dir)


def play_tournament(args, save_dir):
    """Plays what is missing of the tournament, under a progress bar, and writes its results."""
    from common.interrupts import Interrupts
    from common.run_folder import choose_snapshots
    from evaluation.entrants import collect
    from evaluation.tournament import Tournament, pair_table, rating_table

    run = args.history and find_place(save_dir, args.history)
    snapshots = choose_snapshots(run, args.every) if run else {}
    game, entrants = collect(args.tournament or [], snapshots, args.env)
    out = args.out or os.path.join(OUT_DIR, f"{game}-{time.strftime('%Y%m%d-%H%M%S')}")
    title = f"{game}: history of {os.path.basename(os.path.abspath(run))}" if run else game
    tournament = Tournament(out, game, entrants, args.max_episodes, title, seed=args.seed,
                            integrator=args.integrator, deterministic=args.deterministic)
    with Interrupts(task="telling what has been played, then stopping") as interrupts:
        try:
            play_missing(tournament, args.num_threads, interrupts.check)
        except KeyboardInterrupt:
            print(pair_table(tournament))
            print(f"stopped; the same command with --out {one_line(out)} goes on", file=sys.stderr)
            sys.exit(interrupts.code)
    print(rating_table(tournament.conclude()))
    print(f"{len(tournament.pairs)} pairs, {len(tournament.pairs) * args.max_episodes:,} games of "
          f"{game}, seed {args.seed}: {one_line(out)}")


def play_missing(tournament, num_threads, on_step):
    """Plays the pairs that are missing; the bar counts the games of all pairs.

    on_step: called after every step.
    """
    from tqdm import tqdm

    from distributed_data import device

    labels = [entrant.label for entrant in tournament.entrants]
    with tqdm(total=len(tournament.pairs) * tournament.games, unit="game", disable=None,
              initial=len(tournament.results()) * tournament.games) as bar:
        tournament.play(num_threads or device.share_of_cores(),
                        lambda i, j: bar.set_description(f"{labels[i]} v {labels[j]}"),
                        lambda result: bar.update(), lambda *_: on_step())
