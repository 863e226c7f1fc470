"""The commands besides play and replay: tournament, history, exploit, report, list.

What needs TensorFlow or MuJoCo is imported where it is used, so --help stays quick.
"""

import os
import sys
import time

from common.command_line import (
    GAME_NAMES,
    MOST_MATCHES,
    InputError,
    check_writable,
    number,
    one_line,
    rule,
)
from common.run_folder import find_place

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT_DIR = os.path.join(HERE, "tournaments")


# Options


def add_match_options(parser, usual_game="that of the files"):
    """The options that say how matches are played; usual_game: the default game, in words."""
    parser.add_argument("--env", choices=GAME_NAMES, help=f"The game; default: {usual_game}.")
    parser.add_argument("--policy", metavar="MODULE:CLASS", action="append", default=[], help=(
        "Accept files whose network is this class; may be repeated."))
    parser.add_argument("--seed", type=number(int, 0), default=0, help=(
        "Random seed; match g of a seed is always the same match on the same kind of processor. "
        "[0]"))
    parser.add_argument("--deterministic", action="store_true",
                        help="Play the mean actions, without noise.")
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="RK4",
                        help="Physics integrator; the released games use RK4. [RK4]")
    parser.add_argument("--num-threads", type=number(int, 1),
                        help="Threads that step matches; default: one per core.")


def add_rule_option(parser):
    """The option to play by other rules."""
    parser.add_argument("--rule", type=rule, metavar="NAME=VALUE", action="append", default=[],
                        help=("Play with this option of the game (docs/games.md), such as "
                              "touch_to_win=False; may be repeated."))


def read_rules(pairs):
    """The rules of the command line, {name: value}; InputError for one that is given twice."""
    rules = dict(pairs)
    if len(rules) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"--rule {twice}: given twice")
    return rules


def add_tournament_options(parser):
    """The options of `tournament`."""
    parser.add_argument("entrants", nargs="+", metavar="DIR_OR_FILE", help=(
        "Parameter files, folders of them, 'random' (actions from N(0, 1)) or 'zero' (never "
        "moves)."))
    _add_round_robin_options(parser)


def add_history_options(parser):
    """The options of `history`."""
    parser.add_argument("run", metavar="RUN", help="A run in saveparameters/ or a path.")
    parser.add_argument("--every", type=number(int, 1), metavar="K", help=(
        "Take the versions that K divides, and the last; default: about 8 per learner."))
    parser.add_argument("--against", nargs="+", default=[], metavar="DIR_OR_FILE", help=(
        "Play against these too: files, folders, 'random' or 'zero'."))
    _add_round_robin_options(parser)


def _add_round_robin_options(parser):
    parser.add_argument("--max-episodes", type=number(int, 1, MOST_MATCHES), default=100,
                        help="Matches per pair. [100]")
    parser.add_argument("--out", metavar="DIR", help=(
        "Folder of the results; name it again to continue; default: tournaments/GAME-TIME."))
    add_match_options(parser)


def add_exploit_options(parser):
    """The options of `exploit`."""
    parser.add_argument("run", metavar="RUN", help=(
        "The best response's run in saveparameters/ or a path."))
    parser.add_argument("--max-episodes", type=number(int, 1, MOST_MATCHES), default=100,
                        help="Matches per snapshot. [100]")
    parser.add_argument("--json", metavar="FILE", help="Also write the result to this file.")
    add_match_options(parser)


def add_report_options(parser):
    """The options of `report`."""
    parser.add_argument("folder", metavar="DIR",
                        help="A run in saveparameters/, or the path of a run or tournament.")
    parser.add_argument("--out", metavar="FILE", help="The page; default: DIR/report.html.")


def add_list_options(parser):
    """The options of `list`."""
    parser.add_argument("--zoo", metavar="DIR", help="Also show the policies in this folder.")


# Commands


def tournament(args):
    """Plays a round robin of the files that the command line names."""
    _start(args)
    play_tournament(args.entrants, {}, None, args.env, args.out, args.max_episodes,
                    args.num_threads, **_how_to_play(args))


def history(args, save_dir):
    """Plays a run's snapshots against each other."""
    from common.run_folder import choose_snapshots

    _start(args)
    run = find_place(save_dir, args.run)
    play_tournament(args.against, choose_snapshots(run, args.every), run, args.env, args.out,
                    args.max_episodes, args.num_threads, **_how_to_play(args))


def exploit(args, save_dir):
    """Counts a best response's wins over its opponent."""
    from distributed_data import device
    from evaluation.exploit import print_exploit

    if args.json:
        check_writable("--json", args.json)
    _start(args)
    print_exploit(find_place(save_dir, args.run), args.env, args.max_episodes, args.json,
                 num_threads=args.num_threads or device.share_of_cores(), **_how_to_play(args))


def report(args, save_dir):
    """Writes the page and prints its path."""
    from evaluation.report import write_page

    if args.out:
        if not args.out.lower().endswith(".html"):
            raise InputError(f"--out {args.out}: must end in .html")
        check_writable("--out", args.out)
    print(one_line(write_page(find_place(save_dir, args.folder), args.out)))


def print_list(args, shipped_dir, save_dir):
    """Prints what can be played."""
    from evaluation import listing

    print(listing.list_all(shipped_dir, save_dir, args.zoo))


def admit_policies(names):
    """Makes files of these classes ("module:Class") playable; raises InputError for bad ones."""
    from networks.loading import admit_policy

    for name in names:
        try:
            admit_policy(name)
        except ValueError as error:
            raise InputError(f"--policy {name}: {error}") from None


def _start(args):
    from distributed_data import comm

    if comm.SIZE > 1:
        raise InputError("runs on one rank only: start it without mpirun")
    admit_policies(args.policy)


def _how_to_play(args):
    """Keywords of `matches.play` that all of these commands share."""
    return {"seed": args.seed, "integrator": args.integrator, "deterministic": args.deterministic}


def play_tournament(files, snapshots, run, env, out, games, num_threads, *, seed, integrator,
                    deterministic):
    """Plays the missing pairs of a tournament, under a progress bar, and writes its results.

    files: paths, folders, "random" and "zero"; snapshots: {path: learner} of the folder `run`,
    {} and None without one; env: name of the game or None; out: folder or None; games: matches per
    pair; num_threads: None for one per core.
    """
    from common.interrupts import Interrupts
    from evaluation.entrants import collect
    from evaluation.tournament import Tournament, pair_table, rating_table

    game, entrants = collect(files, snapshots, env)
    out = out or os.path.join(OUT_DIR, f"{game}-{time.strftime('%Y%m%d-%H%M%S')}")
    title = f"{game}: history of {os.path.basename(os.path.abspath(run))}" if run else game
    played = Tournament(out, game, entrants, games, title, seed=seed, integrator=integrator,
                        deterministic=deterministic)
    with Interrupts(task="printing the results so far, then stopping") as interrupts:
        try:
            play_missing(played, num_threads, interrupts.check)
        except KeyboardInterrupt:
            print(pair_table(played))
            print(f"stopped; the same command with --out {one_line(out)} resumes it",
                  file=sys.stderr)
            sys.exit(interrupts.code)
    print(rating_table(played.conclude()))
    print(f"{len(played.pairs)} pairs, {len(played.pairs) * games:,} matches of {game}, seed "
          f"{seed}: {one_line(out)}")


def play_missing(played, num_threads, on_step):
    """Plays the missing pairs; the bar counts the matches of all pairs.

    on_step: called after every step.
    """
    from tqdm import tqdm

    from distributed_data import device

    labels = [entrant.label for entrant in played.entrants]
    with tqdm(total=len(played.pairs) * played.games, unit="match", disable=None,
              initial=len(played.results()) * played.games) as bar:
        played.play(num_threads or device.share_of_cores(),
                    lambda i, j: bar.set_description(f"{labels[i]} v {labels[j]}"),
                    lambda result: bar.update(), lambda *_: on_step())
