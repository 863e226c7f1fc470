"""Plays two parameter files against each other: python load_parameter_run.py --param-paths A B"""

import argparse
import itertools
import os
import sys

from common import run_folder
from common.command_line import GAME_NAMES, Parser, file_error, number
from common.run_folder import RunFolder, find_place
from common.terminal import go_on_without_output, guarded
from evaluation import commands as many
from viewing import commands as showing

HERE = os.path.dirname(os.path.abspath(__file__))
SAVE_DIR, SHIPPED_DIR = os.path.join(HERE, "saveparameters"), os.path.join(HERE, "parameters")
# What is worth doing where nobody reads what is printed.
BESIDES_PRINTING = ("json", "csv", "watch", "video", "save_replay", "tournament", "history",
                    "report")


def make_parser():
    """The command line."""
    parser = Parser(prog="load_parameter_run.py", description=(
        "Plays parameter files against each other and counts wins. Without --param-paths: the "
        "newest run's latest snapshots, or what parameters/ ships if there is no run."))
    parser.add_argument("--param-paths", nargs=2, metavar=("A", "B"), help=(
        "Who sits in seat 0 and who in seat 1: files of ours (.npz), or of OpenAI's (.npy, .pkl)."))
    parser.add_argument("--run", help=(
        "Take the latest snapshots of this run, a name in saveparameters/ or a path."))
    parser.add_argument("--env", choices=GAME_NAMES, help="The game; default: what the files say.")
    parser.add_argument("--policy", metavar="MODULE:CLASS", action="append", default=[], help=(
        "Admit files that name this class as their network; may be given several times."))
    parser.add_argument("--max-episodes", type=number(int, 1), help=(
        "Games to play; default: 100, or those that --video and --save-replay need."))
    parser.add_argument("--seed", type=number(int, 0), default=0,
                        help="Seed; game g of a seed is always the same game. [0]")
    parser.add_argument("--deterministic", action="store_true",
                        help="Play the mean actions, without noise.")
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="RK4",
                        help="Physics; RK4 is that of the released games. [RK4]")
    parser.add_argument("--num-threads", type=number(int, 1),
                        help="Threads that step games; default: one a core.")
    parser.add_argument("--swap", action=argparse.BooleanOptionalAction, help=(
        "Play every other game with the seats swapped; default: where both files can sit in both "
        "seats (sumo) and are not the same."))
    parser.add_argument("--json", metavar="FILE", help="Write the result to this file too.")
    parser.add_argument("--csv", metavar="FILE", help="Write one row a game to this file.")
    parser.add_argument("--list", action="store_true", help=(
        "Show what can be played: shipped parameters, runs, and what is in --zoo."))
    parser.add_argument("--zoo", metavar="DIR", help="A folder of released policies for --list.")
    parser.add_argument("--verbose", action="store_true",
                        help="Print the rewards of every step.")
    many.add_options(parser)
    showing.add_options(parser)
    return parser


# Choosing the files


def choose_files(args):
    """Returns the two paths that the command line means; raises InputError if there are none."""
    from common.command_line import InputError

    if args.param_paths:
        if args.run:
            raise InputError("--run: not together with --param-paths")
        return args.param_paths
    runs = [find_place(SAVE_DIR, args.run)] if args.run else newest_runs()
    for run in runs:
        paths = latest_snapshots(run)
        if paths:
            return paths
    if args.run:
        names = ", ".join(os.path.basename(run) for run in newest_runs()) or "none yet"
        raise InputError(f"--run {args.run}: no such run with snapshots; there are: {names}")
    return shipped_parameters(args.env or GAME_NAMES[0])


def shipped_parameters(env_name):
    """What parameters/ ships for a game: seat 0's path and seat 1's, or one that plays both."""
    from common.command_line import InputError
    from evaluation.seats import seats_of
    from networks.loading import load_entry

    folder = os.path.join(SHIPPED_DIR, env_name)
    paths = [os.path.join(folder, f"agent{k}.npz") for k in (0, 1)]
    paths = [path for path in paths if os.path.exists(path)]
    if len(paths) == 2:
        return paths
    if not paths:
        raise InputError(f"nothing to play: no run in saveparameters/ and no {folder}; train one "
                         "with run.py or give --param-paths")
    if len(seats_of(load_entry(paths[0], env_name), env_name)) == 2:
        return paths * 2
    raise InputError(f"{folder} ships {os.path.basename(paths[0])} alone: say with --param-paths "
                     "who sits opposite")


def latest_snapshots(run):
    """Who played in seat 0 and seat 1 of a run in the end, or None: two paths."""
    return RunFolder(run).latest()


def newest_runs():
    """The runs in saveparameters/, newest first."""
    return [run.path for run in run_folder.newest_runs(SAVE_DIR, run_folder.CONFIG)]


# Telling


def tell_step(env, games):
    """The rewards of every match's last step; games: slot to game number."""
    infos = env.infos
    for i, game in games.items():
        for seat, parts in enumerate(infos["parts"]):
            named = {name: part[i] for name, part in parts.items()}
            named |= {name: infos[name][seat, i] for name in ("reward_move", "reward_remaining")}
            print(f"game {game:4d} step {infos['steps'][i]:4d} agent{seat} "
                  + " ".join(f"{name} {value:.4f}" for name, value in named.items()))


def run_matches(args):
    """Does what the command line says, games shared out among the ranks; rank 0 tells."""
    from common.command_line import InputError
    from common.interrupts import Interrupts
    from distributed_data import comm
    from evaluation.seats import check_seats, decide_swap
    from networks.loading import admit_policy, load_entries

    for option, path in (("--json", args.json), ("--csv", args.csv)):
        if path:
            comm.from_root(showing.check_writable, option, path)
    if showing.wanted(args):
        showing.check(args)
    if args.replay:
        print(showing.show_replay(args))
        return
    for name in args.policy:
        try:
            admit_policy(name)
        except ValueError as error:
            raise InputError(f"--policy {name}: {error}") from None
    if any(getattr(args, job) for job in many.JOBS):
        many.run_job(args, SAVE_DIR)
        return
    paths = comm.from_root(choose_files, args)
    game, entries = comm.from_root(load_entries, paths, args.env)
    swap = False if showing.wanted(args) else args.swap
    swapped = comm.from_root(decide_swap, swap, game, entries)
    comm.from_root(check_seats, entries, game)
    gallery = showing.Gallery(args, game, paths) if showing.wanted(args) else None
    with Interrupts(comm.RANK == 0, "counting the games so far, then stopping") as interrupts:
        results = play_games(args, game, entries, swapped, gallery, interrupts)
    if results and not comm.RANK:
        tell_results(args, game, results, swapped, paths)
        if gallery:
            gallery.finish()
    if interrupts.asked:
        sys.exit(interrupts.code)


def tell_results(args, game, results, swapped, paths):
    """Counts, prints and writes what has been played."""
    from common.files import write_json
    from evaluation.results import describe, summarize_by_file, write_csv

    summary = summarize_by_file(game, results, args.seed, swapped)
    print(describe(summary, paths))
    if args.json:
        write_json(args.json, {**summary, "paths": list(paths)})
    if args.csv:
        write_csv(args.csv, results, args.seed)


def play_games(args, game, entries, swapped, gallery, interrupts):
    """Plays the command line's games under a progress bar; returns all ranks' results on rank 0.

    After an interrupt, or in a window that is closed, before the last game: those of the games
    until then.
    """
    from tqdm import tqdm

    from distributed_data import comm, device
    from evaluation.matches import SLOTS
    from evaluation.results import format_game
    from evaluation.seats import judge

    first = args.first_game
    games = range(first + comm.RANK, first + args.max_episodes, comm.SIZE)  # this rank's
    hidden = True if comm.RANK else None  # None: where there is no terminal
    done = []
    with tqdm(total=len(games), desc="playing", unit="game", disable=hidden) as bar:
        def on_game(result):
            bar.write(format_game(result, swapped), file=sys.stdout)
            bar.update()
            done.append(result)
            if gallery and not gallery.take(result, interrupts.check):
                raise WindowClosed

        def on_step(env, playing):
            interrupts.check()
            if args.verbose:
                tell_step(env, playing)

        try:
            judge(game, entries, games, args.seed, swapped, on_game,
                  deterministic=args.deterministic,
                  num_threads=args.num_threads or device.share_of_cores(),
                  num_envs=2 if args.verbose or args.watch else SLOTS, integrator=args.integrator,
                  on_step=on_step, recorder=gallery and gallery.recorder)
        except (WindowClosed, KeyboardInterrupt):
            pass
    found = comm.to_root(done) or []
    return sorted(itertools.chain(*found), key=lambda result: result["game"])


class WindowClosed(Exception):
    """Whoever watched has closed the window."""


def tell_list(parser, args):
    """Prints what can be played."""
    from common.command_line import InputError
    from evaluation.listing import list_all

    try:
        print(list_all(SHIPPED_DIR, SAVE_DIR, args.zoo))
    except InputError as error:
        parser.error(str(error))


@guarded
def main(argv=None):
    """Parses the command line and plays; bad input ends with one line and exit code 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    many.settle(parser, args)
    if any(getattr(args, name) for name in BESIDES_PRINTING):
        go_on_without_output()
    if args.report:
        many.write_report(parser, args, SAVE_DIR)
        return
    if args.list:
        tell_list(parser, args)
        return
    if args.max_episodes is None:
        args.max_episodes = showing.games_needed(args) or 100
    from distributed_data import comm, device

    if comm.SIZE > 1:  # a rank that left alone would keep the others waiting
        go_on_without_output()
    comm.abort_together()
    device.prepare()  # TensorFlow takes seconds: not before the command line has been understood
    from common.command_line import InputError

    try:
        run_matches(args)
    except InputError as error:
        comm.end_all(parser.line(error), 2)
    except OSError as error:
        comm.end_all(parser.line(file_error(error)), 2)


if __name__ == "__main__":
    main()
