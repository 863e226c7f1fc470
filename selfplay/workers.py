"""How many workers train a run on this machine, and how many games each of them plays."""

import json
import os
import sys
from typing import NamedTuple

from common.command_line import RANK_NAMES, InputError
from common.run_folder import CHECKPOINT, PREVIOUS, find_run
from distributed_data import cores
from selfplay import batch_plan, run_lock
from selfplay.build import fit_batch, plays_both_seats
from selfplay.config import settle

# A rank of fewer games or samples pays more for each TensorFlow call than it saves (cluster.md).
LEAST_GAMES, LEAST_SAMPLES = 64, 256
# A step's physics, which a rank's threads share, takes this many times what Python adds to it:
# two ranks of one thread made 1.2 times the steps of one rank of two threads (cluster.md).
PHYSICS = 4.0
MOST_PER_CORE = 2  # ranks of a run that began on a larger machine


class Network(NamedTuple):
    """What a batch depends on, as the network's class has it."""

    chunk: int = 1
    either_seat: bool = False


NETWORKS = {  # for where there is no TensorFlow to ask the classes
    "mlp": Network(), "lstm": Network(chunk=10), "ant": Network(either_seat=True),
    "humanoid": Network(either_seat=True)}


def start(parser, args, save_dir):
    """Starts `python run.py`'s workers, waits for them, and ends this process with their exit code.

    It returns where this process is to train: alone, or as one of those that mpirun has started.
    One line says what was chosen; bad input ends the process as `Parser.error` does.
    """
    from distributed_data import launch  # here, so --help stays quick

    if any(name in os.environ for name in RANK_NAMES):
        return launch.obey()
    mpirun = launch.find_mpirun()
    try:
        ranks = choose(parser, args, save_dir)
    except InputError as error:
        parser.error(str(error))
    if ranks > 1 and not mpirun and args.ranks:
        parser.error(f"--ranks {ranks}: there is no mpirun; 1 needs none")
    lacking, ranks = ranks > 1 and not mpirun, ranks if mpirun else 1
    print(describe(ranks, args.num_threads) + ("; there is no mpirun for more" * lacking),
          flush=True)
    if ranks > 1:
        sys.exit(launch.supervise([mpirun, "-np", str(ranks), sys.executable, *sys.orig_argv[1:],
                                   f"--ranks={ranks}"]))


def choose(parser, args, save_dir):
    """The number of workers: the given one, the run's own, or what suits this machine.

    Where only --num-threads is given, one. Bad input ends the process, or raises InputError.
    """
    if args.resume is not None:
        own = own_ranks(find_run(save_dir, args.resume, "--resume"))
        return args.ranks or (own if begins_again(own) else 1)
    config = settle(parser, args, save_dir)
    refuse_names(config, save_dir)
    free = [name for name in batch_plan.OPTIONS if vars(args)[name] is None]
    ranks = args.ranks or (1 if args.num_threads else suitable(config, free, cores.count()))
    if config.policy in NETWORKS and (args.ranks or len(free) < len(batch_plan.OPTIONS)):
        refuse_batch(config, free, ranks)
    return ranks


def refuse_names(config, save_dir):
    """Raises InputError for an unknown network or a run that exists: as training would, but soon.
    """
    if config.policy not in NETWORKS and ":" not in config.policy:
        raise InputError(f"--policy {config.policy}: must be one of {', '.join(NETWORKS)}, or "
                         "module:Class")
    folder = os.path.join(save_dir, config.run)
    if os.path.exists(folder):
        run_lock.refuse_taken(folder)


def refuse_batch(config, free, ranks):
    """Raises InputError if so many workers cannot divide the batch: `build.plan_batch`, but soon.

    free: those of `batch_plan.OPTIONS` that may adapt.
    """
    from gym_compete import find_game

    game, network = find_game(config.env)(), NETWORKS[config.policy]
    outsider = config.opponent is not None
    fit_batch(share_games(config, ranks, free), free, batch_plan.World(
        ranks, network.chunk, plays_both_seats(game, network, outsider), config.ensemble, outsider))


def own_ranks(run):
    """How many workers a run on disk had, by its config.json, else its checkpoints; 1 if unknown.

    run: a `RunFolder`.
    """
    found = run.config or next(filter(None, map(_read_config, (
        os.path.join(run.path, name) for name in (CHECKPOINT, PREVIOUS)))), {})
    return found["ranks"] if isinstance(found.get("ranks"), int) else 1


def _read_config(checkpoint):
    """The configuration in a checkpoint, None if it is gone or damaged."""
    import numpy as np

    try:
        with np.load(checkpoint, allow_pickle=False) as arrays:
            return json.loads(str(arrays["header"]))["config"]
    except Exception:  # damaged bytes make the readers fail in a dozen ways
        return None


def begins_again(ranks):
    """Whether `python run.py --resume` starts as many workers as the run had."""
    return 1 <= ranks <= MOST_PER_CORE * cores.count()


def suitable(config, free, count):
    """The fastest number of workers, on so many cores, that can share what one would do.

    free: those of `batch_plan.OPTIONS` that may adapt. For a network that is not in `NETWORKS`,
    whose batches may be special, 1.
    """
    if config.policy not in NETWORKS:
        return 1
    given, wanted = batch_plan.asked(config, free)
    worlds = [batch_plan.World(1, NETWORKS[config.policy].chunk, shared, config.ensemble,
                               config.opponent is not None) for shared in (False, True)]
    plans = [batch_plan.search(given, wanted, world) for world in worlds]
    fitting = [] if None in plans else [
        ranks for ranks in range(2, count + 1)
        if all(divides(ranks, plan, "num_envs" in given, world)
               for plan, world in zip(plans, worlds))]
    return max([1, *fitting], key=lambda ranks: pace(ranks, count // ranks))


def divides(ranks, plan, each, world):
    """Whether so many workers have enough to do, in equal parts, if one would follow the plan.

    each: whether every worker plays the plan's games, else they share them.
    """
    games = plan["num_envs"] / (1 if each else ranks)
    if games < LEAST_GAMES or games % 1 or plan["optim_batchsize"] < ranks * LEAST_SAMPLES:
        return False
    parts = {**plan, "num_envs": int(games)}
    return batch_plan.search(parts, parts, world._replace(ranks=ranks)) is not None


def pace(ranks, threads):
    """Steps per second of ranks with so many threads each, relative to one without physics."""
    return ranks / (1 + PHYSICS / threads)


def share(games, ranks):
    """How many of so many games each worker plays."""
    return max(1, games // ranks)


def share_games(config, ranks, free, before=1):
    """The configuration of each of --ranks workers, who play the games of the `before` ones.

    ranks: None where the user's own mpirun has started them: then each plays --num-envs.
    """
    if ranks is None or "num_envs" not in free:
        return config
    return config.replace(num_envs=share(before * config.num_envs, ranks))


def check(ranks, size):
    """Raises InputError if --ranks is another number than that of the workers there are."""
    if ranks not in (None, size):
        raise InputError(f"--ranks {ranks}: {size} worker(s) have been started; leave it out, or "
                         f"mpirun -np {ranks} starts so many")


def describe(ranks, threads=None):
    """A number of workers in words."""
    count = cores.count()
    threads = threads or max(1, count // ranks)
    return (f"{ranks} rank{'s' * (ranks > 1)} of {threads} thread{'s' * (threads > 1)} "
            f"(of {count} core{'s' * (count > 1)})")
