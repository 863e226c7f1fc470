"""Plays two parameter files against each other: python load_parameter_run.py --param-paths A B

Other commands rate, list and replay: load_parameter_run.py tournament | history | exploit | report
| list | replay. Without one of these words it plays.
"""

import argparse
import itertools
import os
import sys
import textwrap

from common import run_folder
from common.command_line import (
    GAME_NAMES,
    MOST_MATCHES,
    NOT_FILES,
    InputError,
    Parser,
    check_apart,
    check_writable,
    dashed,
    file_error,
    number,
)
from common.files import write_json
from common.names import relative
from common.run_folder import RunFolder, find_place
from common.terminal import guarded, ignore_closed_output
from evaluation import commands as evaluating
from viewing import commands as viewing

HERE = os.path.dirname(os.path.abspath(__file__))
SAVE_DIR, SHIPPED_DIR = os.path.join(HERE, "saveparameters"), os.path.join(HERE, "parameters")
STAND_IN = "zero"  # plays a seat for which nothing ships


def add_play_options(parser):
    """The options of `play`."""
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--param-paths", nargs=2, metavar=("A", "B"), help=(
        "The players of seat 0 and seat 1: our files (.npz), OpenAI's (.npy, .pkl), 'random' or "
        "'zero' (never moves)."))
    files.add_argument("--run", help=(
        "Play the latest snapshots of this run: a name in saveparameters/ or a path."))
    files.add_argument("--shipped", action="store_true", help=(
        "Play what parameters/ ships, even if there are runs."))
    evaluating.add_match_options(
        parser, f"that of the files, or {GAME_NAMES[0]} for what ships")
    parser.add_argument("--max-episodes", type=number(int, 1, MOST_MATCHES), help=(
        "Matches to play; default: as many as --video and --save-replay need; 100 without them, "
        "at least 100 with --watch."))
    parser.add_argument("--first-game", metavar="G", type=number(int, 0), default=0,
                        help="Number of the first match. [0]")
    parser.add_argument("--swap", action=argparse.BooleanOptionalAction, help=(
        "Swap seats in every other match; default: if both files can sit in both seats (sumo, our "
        "racers) and they differ; never with --watch, --video or --save-replay, where A sits in "
        "seat 0."))
    evaluating.add_rule_option(parser)
    parser.add_argument("--json", metavar="FILE", help="Also write the result to this file.")
    parser.add_argument("--csv", metavar="FILE", help="Write one row per match to this file.")
    parser.add_argument("--verbose", action="store_true", help="Print the rewards of every step.")
    viewing.add_options(parser)


def play(args):
    """Plays, prints and shows the matches, shared among the ranks; rank 0 prints."""
    from common.interrupts import Interrupts
    from distributed_data import comm, device
    from evaluation.entrants import load_players
    from evaluation.matches import SLOTS, check_rules
    from evaluation.seats import check_seats, decide_swap

    viewing.refuse_idle(args)
    shown = viewing.is_requested(args)
    if shown:
        viewing.check(args)
    evaluating.admit_policies(args.policy)
    paths = comm.from_root(choose_files, args.param_paths, args.run, args.env, args.shipped)
    comm.from_root(check_outputs, args, paths)
    if not (args.param_paths or comm.RANK):
        print("playing", " v ".join(map(relative, paths)))
    game, entries = comm.from_root(load_players, paths, args.env, args.deterministic)
    rules = evaluating.read_rules(args.rule)
    comm.from_root(check_rules, game, rules)
    swapped = comm.from_root(decide_swap, False if shown else args.swap, game, entries)
    comm.from_root(check_seats, entries, game)
    count = args.max_episodes or viewing.matches_to_play(args)
    numbers = range(args.first_game, args.first_game + count)
    gallery = viewing.make_gallery(args, game, paths, numbers) if shown else None
    with Interrupts(comm.RANK == 0, "counting the matches so far, then stopping") as interrupts:
        results = play_matches(
            game, entries, numbers, args.seed, swapped, gallery, interrupts, args.verbose,
            deterministic=args.deterministic, integrator=args.integrator, rules=rules,
            num_threads=args.num_threads or device.share_of_cores(),
            num_envs=2 if args.verbose or args.watch else SLOTS)
    if results and not comm.RANK:
        write_results(args, game, results, count, swapped, paths, rules)
        if gallery:
            gallery.finish()
    if interrupts.asked:
        sys.exit(interrupts.code)


def check_outputs(args, players):
    """Raises InputError for results that cannot be written or share a file.

    players: paths, "random" and "zero".
    """
    outputs = {dashed(name): getattr(args, name)
               for name in ("json", "csv", "video", "save_replay")}
    for option in ("--json", "--csv"):
        if outputs[option]:
            check_writable(option, outputs[option])
    check_apart(outputs, [path for path in players if path not in NOT_FILES])


# Choosing the files


def choose_files(param_paths=None, run=None, env=None, shipped=False):
    """Returns the paths of the players of seat 0 and seat 1; raises InputError if there are none.

    param_paths: these two; run: the latest snapshots of this run; shipped: what parameters/ ships
    for the game `env`. Without any of them: those of the newest run (of that game, where env names
    one), or else what ships.
    """
    if param_paths:
        return param_paths
    if shipped:
        return shipped_parameters(env or GAME_NAMES[0])
    for folder in [find_place(SAVE_DIR, run)] if run else newest_runs(env):
        paths = latest_snapshots(folder)
        if paths:
            return paths
    if run:
        names = ", ".join(map(os.path.basename, newest_runs())) or "none yet"
        raise InputError(f"--run {run}: no such run with snapshots; there are: {names}")
    return shipped_parameters(env or GAME_NAMES[0])


def shipped_parameters(env_name):
    """What parameters/ ships for a game: seat 0's path and seat 1's, or one that plays both.

    If only one seat's file ships, `STAND_IN` plays the other seat, and a line says so.
    """
    from evaluation.seats import seats_of
    from networks.loading import load_entry

    folder = os.path.join(SHIPPED_DIR, env_name)
    paths = [os.path.join(folder, f"agent{k}.npz") for k in (0, 1)]
    paths = [path for path in paths if os.path.exists(path)]
    if len(paths) == 2:
        return paths
    if not paths:
        raise InputError(f"nothing to play: no files of {env_name} ship yet; train some with "
                         "run.py or give --param-paths")
    seats = seats_of(load_entry(paths[0], env_name), env_name)
    if len(seats) == 2:
        return paths * 2
    print(f"{env_name}: nothing ships for seat {1 - seats[0]}, so '{STAND_IN}', which never moves, "
          "plays it", flush=True)
    return [*paths, STAND_IN] if seats == (0,) else [STAND_IN, *paths]


def latest_snapshots(run):
    """The newest snapshots in seat 0 and seat 1 of a run: two paths, or None without any."""
    return RunFolder(run).latest()


def newest_runs(env=None):
    """The runs in saveparameters/, newest first; env: only those of this game."""
    runs = run_folder.newest_runs(SAVE_DIR)
    return [run.path for run in runs if env in (None, (run.config or {}).get("env", env))]


# Playing


class WindowClosed(Exception):
    """The viewer has closed the window."""


def play_matches(game, entries, numbers, seed, swapped, gallery, interrupts, verbose, **options):
    """Plays matches under a progress bar; returns the results of all ranks on rank 0.

    numbers: range of the matches' numbers; gallery: a `Gallery` or None; options: of
    `play_numbered`. An interrupt or a closed window ends it early: then the results so far.
    """
    from tqdm import tqdm

    from distributed_data import comm
    from evaluation.results import format_match
    from evaluation.seats import play_numbered

    mine = numbers[comm.RANK::comm.SIZE]
    hidden = True if comm.RANK else None  # None: where there is no terminal
    done = []
    with tqdm(total=len(mine), desc="playing", unit="match", disable=hidden) as bar:
        def on_match(result):
            bar.write(format_match(result, swapped), file=sys.stdout)
            bar.update()
            done.append(result)
            if gallery:
                gallery.take(result, interrupts.check)
                if not gallery.is_open:
                    raise WindowClosed

        def on_step(env, playing):
            interrupts.check()
            if verbose:
                print_step(env, playing)

        try:
            play_numbered(game, entries, mine, seed, swapped, on_match, on_step=on_step,
                          recorder=gallery and gallery.recorder, **options)
        except (WindowClosed, KeyboardInterrupt):
            pass
    found = comm.to_root(done) or []
    return sorted(itertools.chain(*found), key=lambda result: result["game"])


def print_step(env, playing):
    """Prints the rewards of every match's last step; playing: slot to match number."""
    infos = env.infos
    for i, match in playing.items():
        for seat, parts in enumerate(infos["parts"]):
            named = {name: part[i] for name, part in parts.items()}
            named |= {name: infos[name][seat, i] for name in ("reward_move", "reward_remaining")}
            print(f"match {match:4d} step {infos['steps'][i]:4d} agent{seat} "
                  + " ".join(f"{name} {value:.4f}" for name, value in named.items()))


def write_results(args, game, results, asked, swapped, paths, rules):
    """Prints the summary of the matches and writes the files that were asked for.

    asked: how many matches were to be played.
    """
    from evaluation.results import describe, summarize_by_file, write_csv

    summary = summarize_by_file(
        game, results, args.seed, swapped, integrator=args.integrator,
        deterministic=args.deterministic, first_game=args.first_game, asked=asked)
    print(describe(summary, paths))
    if args.json:
        write_json(args.json, {**summary, **({"rules": rules} if rules else {}),
                               "paths": list(paths)})
    if args.csv:
        write_csv(args.csv, results, args.seed)


# The command line

# Command: summary, function that adds its options, function that does it.
COMMANDS = {
    "play": ("Play two parameter files against each other and count wins; without --param-paths "
             "or --run: the newest run's latest snapshots, or, without any run, the shipped "
             "parameters.", add_play_options, play),
    "tournament": ("Play a round robin of many parameter files and rate them.",
                   evaluating.add_tournament_options, evaluating.tournament),
    "history": ("Play a run's snapshots against each other and rate them.",
                evaluating.add_history_options, lambda args: evaluating.history(args, SAVE_DIR)),
    "exploit": ("Count how often a best response (run.py --opponent FILE) beats its opponent.",
                evaluating.add_exploit_options, lambda args: evaluating.exploit(args, SAVE_DIR)),
    "report": ("Sum up the folder of a run or a tournament on one page, report.html.",
               evaluating.add_report_options, lambda args: evaluating.report(args, SAVE_DIR)),
    "list": ("Show what can be played: shipped parameters and runs.",
             evaluating.add_list_options,
             lambda args: evaluating.print_list(args, SHIPPED_DIR, SAVE_DIR)),
    "replay": ("Show a recorded match, or simulate it again and compare every bit of its states.",
               viewing.add_replay_options, viewing.replay),
}
NO_RANKS = ("report", "list")  # these need neither MPI nor TensorFlow
NO_NETWORKS = (*NO_RANKS, "replay")
WRITING = ("tournament", "history", "report")  # worth doing even if nobody reads the output
WRITING_OPTIONS = ("json", "csv", "watch", "video", "save_replay")


def make_parser(command="play"):
    """The command line of a command."""
    summary, add_options, _ = COMMANDS[command]
    parser = Parser(prog=f"load_parameter_run.py {command}", description=summary)
    if command == "play":
        parser.prog = "load_parameter_run.py"
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = textwrap.fill(summary, 78)
        parser.epilog = "commands (each has its own --help; play is the default):\n" + "\n".join(
            f"  {name:12s}{about.partition(';')[0].rstrip('.')}"
            for name, (about, *_) in COMMANDS.items())
    add_options(parser)
    return parser


def translate_old(words):
    """Turns the last release's spellings (--tournament A B, --list, ...) into commands."""
    options = [word.partition("=")[0] for word in words]
    old = [name for name in options if name.startswith("--") and name[2:] in COMMANDS]
    if not old or words[0] in COMMANDS:
        return words
    chosen = "--history" if {*old} == {"--history", "--tournament"} else old[0]
    at, rest = options.index(chosen), list(words)
    value = rest.pop(at).partition("=")[2]
    if chosen == "--history":
        rest = [word.replace("--tournament", "--against", 1) if name == "--tournament" else word
                for word, name in zip(rest, options[:at] + options[at + 1:])]
    if chosen == "--tournament":  # its files may stand where they are
        rest[at:at] = [value] if value else []
        return ["tournament", *rest]
    if not value and chosen != "--list" and at < len(rest) and not rest[at].startswith("-"):
        value = rest.pop(at)
    return [chosen[2:], *([value] if value else []), *rest]


def parse(argv):
    """Parses a command line: (command, parser, namespace); without a command it is `play`'s."""
    words = translate_old(list(argv))
    command = words.pop(0) if words and words[0] in COMMANDS else "play"
    parser = make_parser(command)
    return command, parser, parser.parse_args(words)


@guarded
def main(argv=None):
    """Parses the command line and does what it says; bad input ends in one line and exit code 2."""
    command, parser, args = parse(sys.argv[1:] if argv is None else argv)
    if command in WRITING or any(getattr(args, name, None) for name in WRITING_OPTIONS):
        ignore_closed_output()
    end = parser.error
    if command not in NO_RANKS:
        end = start_ranks(parser)
    try:
        if command not in NO_NETWORKS:
            from distributed_data import comm, device

            comm.from_root(check_named_files, args)  # the other ranks need not have the files
            device.prepare()  # TensorFlow takes seconds: only once the command line is understood
        COMMANDS[command][2](args)
    except InputError as error:
        end(str(error))
    except OSError as error:
        end(file_error(error))


def check_named_files(args):
    """Raises OSError for a player's file that does not exist."""
    words = (getattr(args, name, None) or () for name in ("param_paths", "entrants", "against"))
    for word in itertools.chain(*words):
        if word not in NOT_FILES:
            os.stat(word)


def start_ranks(parser):
    """Makes the ranks end together; returns the function that ends them all with one line."""
    from distributed_data import comm

    if comm.SIZE > 1:  # a rank that left alone would keep the others waiting
        ignore_closed_output()
    comm.abort_together()
    return lambda message: comm.end_all(parser.line(message), 2)


if __name__ == "__main__":
    main()
