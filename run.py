"""Trains two robots by self-play: python run.py --env run-to-goal-ants"""

import os
import shlex
import sys
from functools import partial

from common.command_line import one_line
from common.terminal import go_on_without_output, guarded
from selfplay import batch_plan
from selfplay.config import LIMITS, RULES, make_parser, settle

SAVE_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saveparameters")


def train(config, free=(), resumed=None):
    """Builds environment, networks and anchors from a configuration, and trains.

    free: those of `batch_plan.OPTIONS` that adapt to the others. resumed: arrays of the checkpoint
    to go on from.
    """
    from distributed_data import comm, device

    hardware = device.prepare()
    from common.command_line import InputError
    from evaluation.anchors import Anchors
    from gym_compete import find_game
    from learn import compete_learn
    from networks.loading import find_policy
    from selfplay.seating import learner_names

    threads = config["num_threads"] or device.share_of_cores()
    settings = {key: value for key, value in config.items() if value is not None}
    policy_args = {key: settings.pop(key) for key in ("hid_size",) if key in settings}
    options = {**policy_args, **{key: settings.pop(key) for key in ("logstd", "ret_decay")}}
    settings["num_threads"] = threads
    game = find_game(config["env"])()
    try:
        policy = find_policy(config["policy"], game.ob_dims[0], game.ac_dims[0])
    except ValueError as error:
        raise InputError(f"--policy {settings.pop('policy')}: {error}") from None

    def policy_fn(name, seat, rng):
        return policy(name, env.ob_dims[seat], env.ac_dims[seat], rng, **options)

    outsider = find_outsider(settings)
    shared = game.shared_policy or (game.alike_seats and not outsider
                                    and getattr(policy, "either_seat", False))
    names = learner_names(shared, config["ensemble"], outsider and outsider[0])
    world = batch_plan.World(
        comm.SIZE, getattr(policy, "chunk", 1), shared, config["ensemble"], bool(outsider))
    plan = plan_batch(config, free, resumed is not None, world)
    config, settings = config | plan, settings | plan
    env = make_env(settings)
    seats = [int(name[len("agent")]) for name in names]
    headers = [{"game": config["env"], "seat": "both" if shared else seat,
                "policy": settings["policy"], "policy_args": policy_args,
                "ob_dim": env.ob_dims[seat], "ac_dim": env.ac_dims[seat]} for seat in seats]
    every, games, files = (settings.pop(f"anchor{key}") for key in ("_every", "_games", ""))
    anchors = comm.from_root(partial(Anchors, config["env"], headers, every, games, files,
                                     num_threads=threads)) if every else None
    init = find_init(settings, names, headers, resumed)
    start = find_start(settings, env.game, [*(init or ()), *(outsider or ())[1:]], resumed)
    settings["pool"] = find_strangers(settings, names, headers, outsider, resumed)
    for key in ("env", "policy", "num_envs", "num_threads", "ranks"):
        settings.pop(key, None)
    lines = comm.to_root(f"{comm.name()}: {config['num_envs']} games on {threads} thread(s), "
                        f"networks on {hardware}")
    if comm.RANK == 0:
        place = one_line(os.path.join("saveparameters", config["run"]))
        print("\n".join([f"{config['env']} into {place}", *lines]), flush=True)
    run_dir = os.path.join(SAVE_DIR, settings.pop("run"))
    return compete_learn(
        env, policy_fn, run_dir, headers, {**config, "ranks": comm.SIZE, "curriculum_start": start},
        outsider=outsider, anchors=anchors, init=init and [entry.vector for entry in init],
        curriculum_start=start, resumed=resumed, **settings)


def plan_batch(config, free, resumed, world):
    """The values of `batch_plan.OPTIONS`; rank 0 says which of the free ones had to adapt.

    A run that is resumed keeps its own unless other ranks need another number of games.
    """
    from common.command_line import InputError
    from distributed_data import comm

    wanted = {name: config[name] for name in batch_plan.OPTIONS}
    if resumed and not free:
        return wanted
    given = {name: value for name, value in wanted.items() if name not in free}
    fixed = batch_plan.OPTIONS[1:] if resumed else ()
    try:
        plan = comm.from_root(batch_plan.settle, given, wanted, world, fixed)
    except ValueError as error:
        raise InputError(str(error)) from None
    line = batch_plan.adaptations(plan, given, wanted, world)
    if line and comm.RANK == 0:
        print(line, flush=True)
    return plan


def make_env(settings):
    """This rank's games; takes the rules out of the settings."""
    import numpy as np

    from common.command_line import InputError
    from distributed_data import comm
    from gym_compete import CompeteVectorEnv

    rules = {key: settings.pop(key) for key in RULES if key in settings}
    seeds = np.random.SeedSequence([settings["seed"], 2, comm.RANK])
    try:
        return CompeteVectorEnv(
            settings["env"], settings["num_envs"], settings["num_threads"],
            seeds.generate_state(settings["num_envs"]), **rules)
    except ValueError as error:  # a rule that this game has not
        raise InputError(f"--env {settings['env']}: {error}") from None


def find_outsider(settings):
    """Takes --opponent out of the settings: None or (seat, `matches.Entry`)."""
    from common.command_line import InputError
    from distributed_data import comm
    from evaluation.seats import seats_of
    from networks.loading import check_networks, load_entry

    path, seat = settings.pop("opponent", None), settings.pop("opponent_seat", None)
    if path is None:
        if seat is not None:
            raise InputError("--opponent-seat: only together with --opponent")
        return None
    if settings["ensemble"] > 1:
        raise InputError("--opponent: not together with --ensemble, there is no pool")
    entry = comm.from_root(load_entry, path, settings["env"])
    seats = seats_of(entry, settings["env"])
    if seat not in (None, *seats):
        raise InputError(f"--opponent-seat {seat}: {path} is for seat {seats[0]}")
    comm.from_root(check_networks, [entry], settings["env"])
    return (seats[-1] if seat is None else seat), entry


def find_init(settings, names, headers, resumed):
    """Takes --init out of the settings: None or one `Entry` a learner, on every rank."""
    from distributed_data import comm
    from selfplay.warm_start import load_init

    init = settings.pop("init", None)
    if init is None or resumed is not None:  # who goes on is beyond where it began
        return None
    return comm.from_root(load_init, SAVE_DIR, init, names, headers)


def find_start(settings, game, built_on, resumed):
    """Takes --curriculum-start out of the settings: the position at which the run begins.

    built_on: the parameter files that it goes on from or answers to; the furthest counts.
    """
    from common.command_line import InputError
    from selfplay.curriculum import position_of

    start = settings.pop("curriculum_start", None)
    if resumed is not None:
        return start or 0.0  # old runs all began there
    for option, value in (("start", start), ("iters", settings.get("curriculum_iters"))):
        if value is not None and not game.curriculum_end:
            raise InputError(f"--curriculum-{option}: {game.name} has no curriculum, sumo-ants, "
                             "sumo-humans and kick-and-defend have")
    if start is not None or not game.curriculum_end:
        return start or 0.0
    return max((position_of(entry, game.curriculum_end) for entry in built_on), default=0.0)


def find_strangers(settings, names, headers, outsider, resumed):
    """Takes --pool out of the settings: None or a `Pool`, on every rank.

    The checkpoint of a run that goes on says which files it has.
    """
    from common.command_line import InputError
    from distributed_data import comm
    from selfplay.pool import Pool
    from selfplay.warm_start import find_pool

    places = settings.pop("pool", None)
    if places and settings["ensemble"] > 1:
        raise InputError("--pool: not together with --ensemble")
    if places and outsider and resumed is None:
        raise InputError("--pool: not together with --opponent, nobody else is met")
    if not places or outsider:
        return None
    if resumed is not None and "pool/files" in resumed:
        return Pool(SAVE_DIR)
    return comm.from_root(lambda: Pool(SAVE_DIR, find_pool(SAVE_DIR, places, names, headers)))


def settle_and_train(parser, args):
    """Settles what the command line means, for a new run or an old one, and trains.

    Returns (config, progress).
    """
    from distributed_data import comm

    comm.abort_together()
    free = [name for name in batch_plan.OPTIONS if vars(args)[name] is None]
    if args.resume is None:
        config = comm.broadcast(settle(parser, args, SAVE_DIR).as_dict())  # the clock names the run
        return config, train(config, free)
    from selfplay.resume import settle_resumed

    config, arrays, remark = comm.from_root(settle_resumed, SAVE_DIR, vars(args), LIMITS)
    if comm.RANK == 0:
        print(f"{remark + '; ' if remark else ''}going on with {one_line(config['run'])} after "
              f"iteration {arrays['progress/iteration']}", flush=True)
    new_games = config["ranks"] != comm.SIZE  # which may be as many as fit
    free = [name for name in free if new_games and name in ("num_envs", "opponents")]
    return config, train(config, free, arrays)


@guarded
def main(argv=None):
    """Parses the command line and trains; where its output is closed, it trains on without a word.

    Exit codes: 0 done, or stopped by a signal; 2 bad input, told in one line; 1 when the disk or
    the learning has failed, told in one line; 130 when stopped before the training began.
    """
    parser = make_parser(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args(argv)
    go_on_without_output()
    from common.command_line import InputError
    from distributed_data import comm
    from selfplay import run_lock
    from selfplay.ppo import NotFinite

    try:
        config, progress = settle_and_train(parser, args)
    except InputError as error:
        comm.end_all(parser.line(error), 2)
    except (NotFinite, OSError) as error:
        comm.end_all(parser.line(f"{error}; python run.py --resume goes on from the last good "
                                 "checkpoint"), 1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        run_lock.let_go()

    if comm.RANK == 0:
        what = "stopped after" if progress.interrupted else "done:"
        many = f"mpirun -np {comm.SIZE} " if comm.SIZE > 1 else ""
        name = one_line(shlex.quote(config["run"]))
        then = f"Go on: {many}python run.py --resume {name}" if progress.interrupted else (
            f"Watch: python load_parameter_run.py --run {name}")
        print(f"{what} {progress.iteration} iterations, {progress.timesteps:,} steps, "
              f"{progress.episodes:,} games in {progress.seconds:,.0f} s. {then}")


if __name__ == "__main__":
    main()
