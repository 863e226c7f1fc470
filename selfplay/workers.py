"""How many workers train a run on this machine, and how many matches each of them plays."""

import json
import os
import sys
from typing import NamedTuple

from common.command_line import RANK_NAMES, InputError
from common.files import open_stored
from common.run_folder import CHECKPOINT, PREVIOUS, find_run
from distributed_data import cores
from selfplay import batch_plan, run_lock
from selfplay.build import fit_batch, plays_both_seats
from selfplay.resolve import resolve_config

# A rank with fewer matches or samples spends more on TensorFlow calls than it saves (cluster.md).
LEAST_MATCHES, LEAST_SAMPLES = 64, 256
# A step's physics, which a rank's threads share, takes this many times as long as its Python: two
# ranks of one thread made 1.2 times as many steps as one rank of two threads (cluster.md).
PHYSICS = 4.0
MOST_PER_CORE = 2  # ranks, for a run that began on a larger machine
MOST_STARTED = 8  # ranks per core that are started here on request


class Network(NamedTuple):
    """What a batch depends on: attributes of the network's class."""

    chunk: int = 1
    either_seat: bool = False


NETWORKS = {  # written down, because the classes need TensorFlow
    "mlp": Network(), "lstm": Network(chunk=10), "ant": Network(either_seat=True),
    "humanoid": Network(either_seat=True)}


def start(parser, args, save_dir):
    """Starts `python run.py`'s workers, waits for them, and ends this process with their exit code.

    It returns if this process is to train itself, alone (then it sets `args.ranks` to 1) or as one
    that mpirun has started. One line says what was chosen; bad input ends the process as
    `Parser.error` does.
    """
    from distributed_data import launch  # here, so --help stays quick

    if any(name in os.environ for name in RANK_NAMES):
        return launch.obey()
    mpirun = launch.find_mpirun()
    try:
        ranks = choose(parser, args, save_dir)
        threads = threads_of(args, save_dir)
    except InputError as error:
        parser.error(str(error))
    remark, most = "", MOST_STARTED * cores.count()
    if ranks > most:
        parser.error(f"--ranks {ranks}: must be at most {most} on this machine's "
                     f"{cores.count()} cores; with mpirun you may start more")
    if ranks > 1 and not mpirun:
        if args.ranks:
            parser.error(f"--ranks {ranks}: there is no mpirun; 1 needs none")
        ranks, remark = 1, "; there is no mpirun for more"
    print(describe(ranks, threads) + remark, flush=True)
    if ranks > 1:
        sys.exit(launch.supervise([mpirun, "-np", str(ranks), sys.executable, *sys.orig_argv[1:],
                                   f"--ranks={ranks}"]))
    args.ranks = 1


def choose(parser, args, save_dir):
    """The number of workers: the given one, the run's own, or what suits this machine.

    If only --num-threads is given, one. Bad input ends the process, or raises InputError.
    """
    if args.resume is not None:
        own = own_number(find_run(save_dir, args.resume, "--resume"), "ranks") or 1
        return args.ranks or (own if begins_again(own) else 1)
    config = resolve_config(parser, args, save_dir)
    refuse_names(config, save_dir)
    free = [name for name in batch_plan.OPTIONS if vars(args)[name] is None]
    ranks = args.ranks or (1 if args.num_threads else suitable(config, free, cores.count()))
    if config.policy in NETWORKS and (args.ranks or len(free) < len(batch_plan.OPTIONS)):
        refuse_batch(config, free, ranks)
    return ranks


def threads_of(args, save_dir):
    """The given number of threads of each worker, or the run's own; None: a share of the cores."""
    if args.num_threads or args.resume is None:
        return args.num_threads
    return own_number(find_run(save_dir, args.resume, "--resume"), "num_threads")


def refuse_names(config, save_dir):
    """Raises InputError for an unknown network or a run that exists: as training would, but early.
    """
    if config.policy not in NETWORKS and ":" not in config.policy:
        raise InputError(f"--policy {config.policy}: must be one of {', '.join(NETWORKS)}, or "
                         "module:Class")
    folder = os.path.join(save_dir, config.run)
    if os.path.exists(folder):
        run_lock.refuse_taken(folder)


def refuse_batch(config, free, ranks):
    """Raises InputError if the workers cannot divide the batch: as `build.plan_batch`, but early.

    free: those of `batch_plan.OPTIONS` that may adapt.
    """
    from gym_compete import find_game

    game, network = find_game(config.env)(), NETWORKS[config.policy]
    outsider = config.opponent is not None
    fit_batch(share_matches(config, ranks, free), free, batch_plan.Layout(
        ranks, network.chunk, plays_both_seats(game, network, outsider), config.ensemble, outsider))


def own_number(run, name):
    """A number of a run's configuration, by its config.json, else its checkpoints, else None.

    run: a `RunFolder`.
    """
    found = run.config or next(filter(None, map(_read_config, (
        os.path.join(run.path, file) for file in (CHECKPOINT, PREVIOUS)))), {})
    return found[name] if isinstance(found.get(name), int) else None


def _read_config(checkpoint):
    """The configuration in a checkpoint, None if it is gone or damaged."""
    try:
        with open_stored(checkpoint) as arrays:
            return json.loads(str(arrays["header"]))["config"]
    except Exception:  # damaged bytes make the readers fail in a dozen ways
        return None


def begins_again(ranks):
    """Whether `python run.py --resume` starts as many workers as the run had."""
    return 1 <= ranks <= MOST_PER_CORE * cores.count()


def suitable(config, free, count):
    """The fastest number of workers, on `count` cores, that can share what one would do.

    free: those of `batch_plan.OPTIONS` that may adapt. For a network that is not in `NETWORKS`,
    whose batches may be special, 1.
    """
    if config.policy not in NETWORKS:
        return 1
    given, wanted = batch_plan.given_and_wanted(config, free)
    layouts = [batch_plan.Layout(1, NETWORKS[config.policy].chunk, shared, config.ensemble,
                                 config.opponent is not None) for shared in (False, True)]
    plans = [batch_plan.search(given, wanted, layout) for layout in layouts]
    fitting = [] if None in plans else [
        ranks for ranks in range(2, count + 1)
        if all(divides(ranks, plan, "num_envs" in given, layout)
               for plan, layout in zip(plans, layouts))]
    return max([1, *fitting], key=lambda ranks: pace(ranks, count // ranks))


def divides(ranks, plan, each, layout):
    """Whether the plan of one worker gives that many enough to do, in equal parts.

    each: whether every worker plays all the plan's matches, else they share them.
    """
    matches = plan["num_envs"] / (1 if each else ranks)
    if matches < LEAST_MATCHES or matches % 1 or plan["optim_batchsize"] < ranks * LEAST_SAMPLES:
        return False
    parts = {**plan, "num_envs": int(matches)}
    return batch_plan.search(parts, parts, layout._replace(ranks=ranks)) is not None


def pace(ranks, threads):
    """Steps per second of that many ranks and threads each, relative to one without physics."""
    return ranks / (1 + PHYSICS / threads)


def share(matches, ranks):
    """How many of the matches each worker plays."""
    return max(1, matches // ranks)


def share_matches(config, ranks, free, before=1):
    """The configuration of each of --ranks workers, which share the matches of the `before` ones.

    ranks: None if the user's own mpirun has started them; then each plays --num-envs.
    """
    if ranks is None or "num_envs" not in free:
        return config
    return config.replace(num_envs=share(before * config.num_envs, ranks))


def check(ranks, size):
    """Raises InputError if --ranks is not the number of workers that have been started."""
    if ranks not in (None, size):
        raise InputError(f"--ranks {ranks}: {size} worker(s) have been started; leave it out, or "
                         f"start with mpirun -np {ranks}")


def describe(ranks, threads=None):
    """A number of workers in words."""
    count = cores.count()
    threads = threads or max(1, count // ranks)
    return (f"{ranks} worker{'s' * (ranks > 1)} of {threads} thread{'s' * (threads > 1)} "
            f"(of {count} core{'s' * (count > 1)})")
