"""The command line of all experiments that train, and how they are carried out."""

import os
import sys

from common.command_line import (
    MOST_MATCHES,
    InputError,
    Parser,
    file_error,
    number,
    one_line,
)
from common.interrupts import Interrupts
from common.terminal import guarded, ignore_closed_output
from experiments.estimate import Bar, count_matches, describe_cost, kind
from experiments.folder import open_folder
from experiments.plan import Study
from experiments.runs import ROOT, TRIAL, Failed, Trainings, measure
from selfplay import config, run_lock

# Options of run.py that no user of an experiment may give it.
OWN = ("run", "resume", "dry_run", "env", "seed", "paper", "keep", "ranks", "opponent",
       "opponent_seat", "max_timesteps", "max_episodes", "max_seconds")


def base_parser(name, doc, scales):
    """The command line of `python -m experiments.NAME`, described by its docstring's first line.

    scales: what --scale chooses from, in words.
    """
    parser = Parser(prog=f"python -m experiments.{name}", description=doc.split("\n")[0])
    parser.add_argument("--scale", choices=("small", "medium", "paper"), default="small",
                        help=f"{scales} [small]")
    parser.add_argument("--out", metavar="DIR", help=(
        f"Folder of runs and results; the same command resumes there. [results/{name}-SCALE]"))
    return parser


def make_parser(experiment):
    """The command line of an experiment that trains."""
    parser = base_parser(experiment.name, experiment.doc,
                         "Minutes on two cores, hours, or the paper's settings and lengths.")
    parser.add_argument("--game", nargs="+", choices=experiment.games, metavar="GAME", help=(
        f"Any of {', '.join(experiment.games)}. [{' '.join(experiment.usual)}]"))
    parser.add_argument("--seeds", nargs="+", type=number(int, 0), default=[0], metavar="SEED",
                        help="Every arm is trained once with each. [0]")
    parser.add_argument("--points", type=number(int, 1), metavar="N", help=(
        "Snapshots of each run that are judged; default: the scale's."))
    parser.add_argument("--matches", type=number(int, 2, MOST_MATCHES), metavar="N", help=(
        "Matches per pair of learners that meet; default: the scale's."))
    parser.add_argument("--ranks", type=number(int, 1), metavar="N",
                        help="Train each run under mpirun -np N.")
    parser.epilog = "What follows -- goes to run.py: -- --num-envs 64 --max-iters 100"
    return parser


def read_study(parser, experiment, argv):
    """The `Study` that a command line asks for."""
    words, extra = split(argv)
    args = parser.parse_args(words)
    refuse_twice("--seeds", args.seeds)
    refuse_twice("--game", args.game or [])
    given = read_extra(extra, experiment.varies)
    scale = experiment.scales[args.scale]
    return Study(
        experiment, args.scale, tuple(args.game or experiment.usual), tuple(args.seeds),
        out_folder(args, experiment.name), given.get("max_iters", scale.iterations),
        args.points or scale.points, args.matches or scale.matches, tuple(extra),
        given.get("policy"), given.get("num_threads"), args.ranks)


def refuse_twice(option, values):
    """Raises InputError if an option names the same value twice."""
    if len(set(values)) < len(values):
        raise InputError(f"{option} {' '.join(map(str, values))}: names one of them twice")


def split(argv):
    """(words before --, words after it)."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1:]


def read_extra(extra, varies):
    """What the words for run.py say, {option: value}; InputError for those that are not theirs."""
    found = vars(config.make_parser(extra).parse_args(extra))
    given = {name: value for name, value in found.items()
             if value is not None and value is not False}
    for name in given:
        if name in varies:
            raise InputError(f"{config.flag(name)}: is what this experiment varies")
        if name in OWN:
            raise InputError(f"{config.flag(name)}: is the experiment's to choose; "
                             "it takes --game, --seeds, --scale, --ranks, --out and -- --max-iters")
    return given


def out_folder(args, name):
    """The folder that --out names, or the usual one."""
    return os.path.abspath(args.out or os.path.join(ROOT, "results", f"{name}-{args.scale}"))


def run(experiment, argv=None):
    """Carries out what the command line says; exit codes are those of run.py."""
    parser = make_parser(experiment)
    carry_out(parser, lambda words: read_study(parser, experiment, words), conduct, argv)


def carry_out(parser, read, work, argv=None):
    """Calls work(study, check) with the study of read(words); bad input ends in one line."""
    guarded(lambda words: _carry_out(parser, read, work, words))(
        list(sys.argv[1:] if argv is None else argv))


def _carry_out(parser, read, work, words):
    try:
        study = read(words)
        ignore_closed_output()
        open_folder(study.out, study.manifest())
        with Interrupts(task="stopping cleanly") as interrupts:
            try:
                work(study, interrupts.check)
            except KeyboardInterrupt:
                print("stopped; run the same command to resume", file=sys.stderr)
                sys.exit(interrupts.code)
        print(f"done: {one_line(os.path.join(study.out, 'table.md'))}")
    except InputError as error:
        parser.error(str(error))
    except (Failed, OSError) as error:
        text = file_error(error) if isinstance(error, OSError) else str(error)
        print(parser.line(text), file=sys.stderr)
        sys.exit(1)
    finally:
        run_lock.release_all()


# Carrying it out


def conduct(study, check):
    """Trains what is missing, plays what is missing, and writes the results."""
    from experiments import meetings, results

    runs, trainings = study.runs(), Trainings(study.out, study.ranks, check)
    print(describe(study, runs), flush=True)
    rehearse(study, runs, trainings)
    paces = try_out(study, runs, trainings)
    matches = count_matches(study, paces)
    print(describe_cost(study, runs, paces, matches), flush=True)
    with Bar(runs, paces, study, matches) as bar:
        for item in runs:
            bar.name(item.name)
            trainings.train(item, study.iterations, lambda done, item=item: bar.run(item, done))
        check()
        outcomes = play(study, meetings, bar, check)
    results.write(study.out, study.manifest(), {
        game: study.experiment.conclude(study, game, outcomes[game]) for game in study.games},
        [notes(study)])


def describe(study, runs):
    """What will be trained, in words."""
    arms = "; ".join(f"{game}: {', '.join(study.arms(game))}" for game in study.games)
    seeds = ", ".join(map(str, study.seeds))
    return (f"{study.experiment.name} ({arms}): {len(runs)} runs of {study.iterations:,} "
            f"iterations, seed(s) {seeds}, into {one_line(study.out)}")


def rehearse(study, runs, trainings):
    """Has run.py check a run of each kind, so bad options are refused before any training."""
    first = {}
    for item in runs:
        first.setdefault(kind(study, item), item)
    for item in first.values():
        trainings.rehearse(item)


def try_out(study, runs, trainings):
    """Trains one run of each kind for a few iterations; returns {kind: `runs.Pace`}."""
    found = {}
    for item in runs:
        if kind(study, item) not in found:
            trainings.train(item, min(TRIAL, study.iterations))
            found[kind(study, item)] = measure(trainings.folder(item))
    return found


def play(study, meetings, bar, check):
    """Plays all meetings that have not been played yet; returns {game: list of `Outcome`s}."""
    from distributed_data import device

    device.prepare()  # TensorFlow only now: the runs above are processes of their own
    from evaluation.commands import admit_policies

    admit_policies([study.policy] if ":" in (study.policy or "") else [])
    threads, outcomes = study.num_threads or device.share_of_cores(), {}
    for game in study.games:
        outcomes[game] = []
        for seed in study.seeds:
            bar.name(f"{game} seed {seed}: matches")
            matches = meetings.Matches(study, game, seed, study.matches)
            bar.matches_found(matches.done)
            outcomes[game] += matches.play(threads, lambda result: bar.match_played(), check)
    return outcomes


def notes(study):
    """What the numbers are, for the foot of the tables."""
    what = ("Student's over seeds" if len(study.seeds) > 1 else "Wilson's over matches, one seed")
    extra = f", run.py with {' '.join(study.extra)}" if study.extra else ""
    return (f"{study.iterations:,} iterations per run, {study.matches} matches per pair of "
            f"learners that meet, RK4; seeds {', '.join(map(str, study.seeds))}{extra}. "
            f"In brackets: 95 % intervals ({what}).")
