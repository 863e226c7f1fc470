"""Trains two robots by self-play: python run.py --env run-to-goal-ants"""

import argparse
import os
import shlex
import sys
import time
from functools import partial

import batch_plan
from cli import GAME_NAMES, Parser, number, one_line
from run_folder import lasting_paths, run_name
from terminal import go_on_without_output, guarded

SAVE_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saveparameters")
RULES = ("integrator", "draw_penalty", "mirror", "dense_forward", "dense_survive",
         "dense_goal_dist")
LIMITS = ("max_iters", "max_timesteps", "max_episodes", "max_seconds")

# One ordinary machine: what learned fastest there (README, "How the preset was found").
ONE_MACHINE = dict(
    num_envs=64, integrator="Euler", draw_penalty=True, timesteps_per_batch=3584,
    optim_batchsize=256, optim_epochs=6, optim_stepsize=4e-4, optim_stepsize_final=1e-4,
    target_kl=0.02, gamma=0.995, gamma_dense=0.99, lam=0.95, clip_param=0.2, entcoeff=0.0, l2=0.0,
    dense_iters=400, anneal_iters=1200, delta=0.5, latest_share=0.75, opponents=4, logstd=-0.65,
    logstd_floor=-2.2, logstd_floor_dense=-1.0, ret_decay=0.9, curriculum_iters=2400,
    anchor_every=400, max_seconds=1200)

# What no preset is about.
DEFAULTS = dict(env="run-to-goal-ants", seed=0, ensemble=1, alpha_final=0.0, mirror=False,
                dense_forward=1.0, dense_survive=1.0, dense_goal_dist=1.0, anneal_at=0.0,
                adaptive_kl=0.0, shaping=0.0, anchor_games=20, anchor=[], pool=[], pool_share=0.5,
                keep=50)

# The paper's values (section 5.1), for machines that can pay for them; what it leaves open is as
# OpenAI's released policies have it (hid_size 64, log-std from 0, no floor, no early stop).
PAPER = dict(
    num_envs=128, integrator="RK4", draw_penalty=True, timesteps_per_batch=409600,
    optim_batchsize=5120, optim_epochs=6, optim_stepsize=1e-3, optim_stepsize_final=1e-3,
    target_kl=0.0, gamma=0.995, gamma_dense=0.995, lam=0.95, clip_param=0.2, entcoeff=0.0, l2=0.0,
    dense_iters=0, anneal_iters=500, delta=0.5, latest_share=0.0, opponents=8, logstd=0.0,
    logstd_floor=-20.0, logstd_floor_dense=-20.0, ret_decay=1.0, curriculum_iters=0,
    anchor_every=10, max_iters=5000)

# Humanoids' motors reach +-0.4, ants' +-1. Tuned is run-to-goal-ants; a little, the
# blocker of you-shall-not-pass and sumo-ants.
HUMANOID = dict(logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8)

# Without a phase of purely dense reward the first ant that walks wins every race, and the other
# one learns to stand in its way; other games' ends need no walk.
NO_RACE = dict(dense_iters=0, anneal_iters=1600)

# Sumo's steps are a third as long, so that its noise must be larger to get an ant anywhere.
SUMO_ANTS = dict(logstd=0.0, logstd_floor_dense=-1.1, anneal_iters=600)

# Only the end of a match says something here: large batches, and little dense reward.
YOU_SHALL_NOT_PASS = dict(
    timesteps_per_batch=14336, optim_batchsize=1024, optim_stepsize=3e-4,
    optim_stepsize_final=1.5e-4, anneal_iters=60, logstd=-1.0, logstd_floor_dense=-1.6,
    logstd_floor=-2.2, anchor_every=200)

# Memory where the paper plays with it (section 5.1: 3 epochs); batches of whole chunks.
LSTM_BATCH = dict(timesteps_per_batch=2240, optim_batchsize=320)
LSTM_BATCH_SHARED = dict(timesteps_per_batch=4480, optim_batchsize=640)
LSTM_BATCH_SUMO_ANTS = dict(timesteps_per_batch=4480, optim_batchsize=320)

# Ants that feel their own bodies (`policy.AntPolicy`) walk after a third of the steps, so that many
# games at a time, which cost less each, are worth their larger batches.
ANT_RACE = dict(
    num_envs=256, latest_share=0.5, timesteps_per_batch=24576, optim_batchsize=1536,
    optim_epochs=4, optim_stepsize_final=2e-4, dense_iters=100, anneal_iters=400,
    logstd_floor=-2.0, anchor_every=200)
ANT_SUMO = ANT_RACE | dict(
    dense_iters=0, anneal_iters=300, logstd_floor=-2.2, curriculum_iters=1000)

NETWORKS = {"mlp": dict(hid_size=64), "lstm": dict(hid_size=128, optim_epochs=3),
            "ant": dict(hid_size=128), "humanoid": dict(hid_size=128)}

# The paper's best delta, where it gives one (table 1).
DELTAS = {"sumo-ants": 0.0, "sumo-humans": 0.5}


def preset(game, paper, policy=None):
    """The settings that hold where the command line says nothing.

    policy: what --policy says; by themselves ants get their own network on one machine, and the
    games that need memory an LSTM.
    """
    sumo, kick = game.startswith("sumo"), game == "kick-and-defend"
    ants = game.endswith("ants") and not paper
    policy = policy or ("ant" if ants else "lstm" if sumo or kick else "mlp")
    values = {**(PAPER if paper else ONE_MACHINE), "delta": DELTAS.get(game, 0.5), "policy": policy}
    values |= NETWORKS.get(policy, {})  # nothing is known of a user's network
    if not paper:
        values |= one_machine(game, policy)
    if kick:
        values["anneal_iters"] *= 2
    if not game.startswith(("run-to-goal", "sumo")):
        values.pop("draw_penalty")
    if not (sumo or kick):
        values.pop("curriculum_iters")
    return values


def one_machine(game, policy):
    """What is different from ONE_MACHINE for a game and a network."""
    race, sumo, ants = game.startswith("run-to-goal"), game.startswith("sumo"), game[-4:] == "ants"
    values = {} if race and ants else {"max_seconds": 7200}
    values |= {} if race else NO_RACE
    values |= {} if ants else HUMANOID
    values |= {"sumo-ants": SUMO_ANTS, "you-shall-not-pass": YOU_SHALL_NOT_PASS}.get(game, {})
    if policy == "lstm" and sumo:
        values |= LSTM_BATCH_SUMO_ANTS if ants else LSTM_BATCH_SHARED
    elif policy == "lstm":
        values |= LSTM_BATCH
    elif policy == "ant" and ants:
        values |= ANT_SUMO if sumo else ANT_RACE
    return values


PRESETS = {name: {game: preset(game, name == "paper") for game in GAME_NAMES}
           for name in ("one-machine", "paper")}


def make_parser():
    """The command line; an option that is not given takes the preset's value."""
    parser = Parser(
        prog="run.py", description="Trains two robots by PPO self-play against their own past.",
        epilog="Numbers in brackets: default preset / --paper, for run-to-goal-ants.")

    default, paper = (PRESETS[name]["run-to-goal-ants"] for name in PRESETS)

    def add(group, name, kind, text, **options):
        key = name.removeprefix("--").replace("-", "_")
        if key in default or key in paper:
            text += f" [{default.get(key, '-')} / {paper.get(key, '-')}]"
        if kind is not None:
            options["type"] = kind
        group.add_argument(name, help=text, **options)

    game = parser.add_argument_group("what to train")
    add(game, "--env", str, "The game. [run-to-goal-ants]", choices=GAME_NAMES)
    add(game, "--policy", str, "The network: mlp, lstm, ant (an ant's view from its own "
        "body), or module:Class for one of your own (README).")
    add(game, "--hid-size", number(int, 1), "Width of the network's hidden layers.")
    add(game, "--seed", number(int, 0), "Seed of all chance: the same seed, the same run. [0]")
    add(game, "--run", str, "Name of the folder in saveparameters/; default: game and time.")
    add(game, "--init", str, "Begin with these parameters instead of random ones: a run in "
        "saveparameters/ (its newest snapshots), a folder of agentK.npz, or a file.",
        metavar="RUN")
    add(game, "--resume", str, "Go on with this run, by default the newest, where its last "
        "checkpoint is; only limits, --num-threads, --anchor-every and --keep may change, and the "
        "paths of --opponent and --anchor if these files have moved.",
        nargs="?", const="", metavar="RUN")
    game.add_argument("--paper", action="store_true",
                      help="Take the paper's values instead of those for one machine.")
    add(game, "--draw-penalty", None, "Charge both agents 1000 where nobody scores, as in the "
        "paper (run-to-goal and sumo).", action=argparse.BooleanOptionalAction)
    add(game, "--integrator", str, "Physics: Euler is 3.6 times faster, RK4 is what games are "
        "judged on.", choices=("RK4", "Euler"))

    batch = parser.add_argument_group("batch")
    add(batch, "--num-envs", number(int, 1), "Games that each worker plays at a time.")
    add(batch, "--num-threads", number(int, 1), "Threads that step games; default: one a core.")
    add(batch, "--timesteps-per-batch", number(int, 1),
        "Samples an iteration for each learner, over all workers.")

    optim = parser.add_argument_group("optimization")
    add(optim, "--optim-batchsize", number(int, 1), "Samples a minibatch, over all workers.")
    add(optim, "--optim-epochs", number(int, 1), "Passes over the batch in an iteration.")
    add(optim, "--optim-stepsize", number(float, 0, above=True), "Adam's step size.")
    add(optim, "--optim-stepsize-final", number(float, 0, above=True),
        "Step size once annealed; between, linear.")
    add(optim, "--target-kl", number(float, 0),
        "Stop an iteration's epochs when the policy has moved 1.5 times this far; 0: never.")
    add(optim, "--adaptive-kl", number(float, 0), "Shrink the step size after iterations in which "
        "the policy moved over twice this far, let it grow back after those under half; 0: never. "
        "[0]")
    add(optim, "--gamma", number(float, 0, 1), "Discount a step.")
    add(optim, "--gamma-dense", number(float, 0, 1),
        "Discount while the reward is dense; between, linear.")
    add(optim, "--lam", number(float, 0, 1), "Lambda of generalized advantage estimation.")
    add(optim, "--clip-param", number(float, 0, above=True),
        "How far from 1 the probability ratio still counts.")
    add(optim, "--entcoeff", number(float, 0), "Weight of an entropy bonus.")
    add(optim, "--l2", number(float, 0), "Weight of the sum of squared parameters.")
    logstd = number(float, -20, 5)
    add(optim, "--logstd", logstd, "Initial log standard deviation of the actions.")
    add(optim, "--logstd-floor", logstd, "The log-std never falls below this once annealed.")
    add(optim, "--logstd-floor-dense", logstd, "The same at alpha 1; between, linear.")
    add(optim, "--ret-decay", number(float, 0, 1, above=True),
        "What past returns weigh in the return filter after one iteration; 1: all alike.")

    play = parser.add_argument_group("self-play")
    add(play, "--dense-iters", number(int, 0),
        "Iterations of purely dense reward (alpha 1) before annealing starts.")
    add(play, "--anneal-iters", number(int, 0),
        "Iterations over which alpha, the weight of the dense reward, falls from 1 to its end.")
    for part, what in (("forward", "way made"), ("survive", "standing"),
                       ("goal-dist", "the distance to goal or ball")):
        add(play, f"--dense-{part}", number(float, 0), f"Weight of {what} in the dense reward; 1: "
            "as released. [1]")
    add(play, "--anneal-at", number(float, 0, 1), "Start annealing as soon as this share of the "
        "games ends in a touchdown, a goal or, in sumo, without a fall; 0: after --dense-iters. "
        "[0]")
    add(play, "--alpha-final", number(float, 0, 1),
        "Weight of the dense reward from then on; at 0 only the end of a match counts. [0]")
    add(play, "--curriculum-iters", number(int, 0),
        "Iterations in which sumo's rings or kick-and-defend's places open from the narrowest to "
        "all; 0: as in the paper, at the pace of 409,600 samples an iteration. [sumo-ants: 1000 / "
        "0]")
    add(play, "--curriculum-start", number(float, 0), "How far they are open when the run begins, "
        "in iterations of the paper (2996: all rings, 4383: all places); default: as far as the "
        "files of --init and --opponent say, else 0.", metavar="POSITION")
    add(play, "--shaping", number(float, 0), "Weight of a dense reward that stays to the end and "
        "leaves the best policies what they are (docs/games.md, Potential); 0: none. [0]")
    add(play, "--delta", number(float, 0, 1),
        "Opponents come from Uniform(delta * latest, latest) versions; 0.5: the latter half.")
    add(play, "--latest-share", number(float, 0, 1),
        "Share of the games that seat current learners on both sides.")
    add(play, "--opponents", number(int, 2),
        "Older versions that each worker holds at a time, at least two for each seat and learner; "
        "a game keeps its opponent to the end, and a version without games gives way to a new one.")
    add(play, "--pool", str, "Opponents from elsewhere: all snapshots of another run, a folder of "
        "agentK.npz, or a file, with the learners' own network; given several times, each is met "
        "equally often.",
        action="append", metavar="RUN")
    add(play, "--pool-share", number(float, 0, 1), "Share of the older versions that come from "
        "--pool. [0.5]")
    add(play, "--mirror", None, "In every other game seat 1 sees and moves in a mirror, so that "
        "the two cannot agree on which side they pass. [False]",
        action=argparse.BooleanOptionalAction)
    add(play, "--ensemble", number(int, 1), "Learners a seat, all in one pool; each plays all "
        "those of the other seat, current and older, and itself where one plays both. [1]")
    add(play, "--opponent", str, "Parameter file of an outsider that holds one seat for good: "
        "train a best response to it.", metavar="FILE")
    add(play, "--opponent-seat", int, "The outsider's seat; default: what its file says, else 1.",
        choices=(0, 1))

    anchor = parser.add_argument_group("anchors: games against opponents that never change")
    add(anchor, "--anchor-every", number(int, 0), "Iterations between evaluations, on "
        "RK4, against the first snapshot, a motionless opponent and --anchor; 0: never.")
    add(anchor, "--anchor-games", number(int, 2), "Games a learner against each anchor. [20]")
    add(anchor, "--anchor", str, "A further anchor, a parameter file; may be given several times.",
        action="append", metavar="FILE")

    disk = parser.add_argument_group("disk")
    add(disk, "--keep", number(int, 0), "Of the snapshots too old for --delta to draw, keep every "
        "so many'th; 1: all, 0: the first alone. [50]")

    limits = parser.add_argument_group("when to stop (one of)").add_mutually_exclusive_group()
    add(limits, "--max-iters", number(int, 1), "Iterations.")
    add(limits, "--max-timesteps", number(int, 1), "Environment steps of all workers together.")
    add(limits, "--max-episodes", number(int, 1), "Finished games.")
    add(limits, "--max-seconds", number(float, 0, above=True), "Wall time.")
    return parser


def plain_name(parser, run):
    """The name of a new run; its path in saveparameters/ means the same."""
    name = os.path.normpath(run)
    name = run_name(SAVE_DIR, name) if os.sep in name else name
    if os.sep in name or name in (".", ".."):
        parser.error(f"--run {run}: must be a plain name, or a path right in saveparameters/")
    return name


def settle(parser, args):
    """Fills in the preset; returns a dict of everything that makes the run."""
    config = lasting_paths(SAVE_DIR, vars(args))
    if args.run is not None:
        config["run"] = plain_name(parser, args.run)
    config.pop("resume")
    config |= {key: value for key, value in DEFAULTS.items() if config[key] is None}
    defaults = preset(config["env"], config.pop("paper"), config["policy"])
    if any(config[limit] for limit in LIMITS):
        defaults = {key: value for key, value in defaults.items() if key not in LIMITS}
    config = {key: defaults.get(key) if value is None else value for key, value in config.items()}
    config["run"] = config["run"] or f"{config['env']}-{time.strftime('%Y%m%d-%H%M%S')}"
    return config


def train(config, free=(), resumed=None):
    """Builds environment, networks and anchors from a configuration, and trains.

    free: those of `batch_plan.OPTIONS` that adapt to the others. resumed: arrays of the checkpoint
    to go on from.
    """
    from distributed_data import comm, device

    hardware = device.prepare()
    from anchors import Anchors
    from gym_compete import find_game
    from league import learner_names
    from learn import compete_learn
    from policy import find_policy
    from utils import InputError

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
    from distributed_data import comm
    from utils import InputError

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

    from distributed_data import comm
    from gym_compete import CompeteVectorEnv
    from utils import InputError

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
    from distributed_data import comm
    from matches import check_networks, load_entry, seats_of
    from utils import InputError

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
    from warm_start import load_init

    init = settings.pop("init", None)
    if init is None or resumed is not None:  # who goes on is beyond where it began
        return None
    return comm.from_root(load_init, SAVE_DIR, init, names, headers)


def find_start(settings, game, built_on, resumed):
    """Takes --curriculum-start out of the settings: the position at which the run begins.

    built_on: the parameter files that it goes on from or answers to; the furthest counts.
    """
    from curriculum import position_of
    from utils import InputError

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
    from distributed_data import comm
    from pool import Pool
    from utils import InputError
    from warm_start import find_pool

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
        config = comm.broadcast(settle(parser, args))  # the clock names the run
        return config, train(config, free)
    from resume import settle_resumed

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
    parser = make_parser()
    args = parser.parse_args(argv)
    go_on_without_output()
    import run_lock
    from distributed_data import comm
    from utils import InputError, NotFinite

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
