"""Every option of a training run."""

import argparse
import os
import time

from common.command_line import GAME_NAMES, Parser, number
from common.run_folder import lasting_paths, run_name
from selfplay.presets import DEFAULTS, PRESETS, preset

RULES = ("integrator", "draw_penalty", "mirror", "dense_forward", "dense_survive",
         "dense_goal_dist")
LIMITS = ("max_iters", "max_timesteps", "max_episodes", "max_seconds")


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


def plain_name(parser, run, save_dir):
    """The name of a new run; its path in saveparameters/ means the same."""
    name = os.path.normpath(run)
    name = run_name(save_dir, name) if os.sep in name else name
    if os.sep in name or name in (".", ".."):
        parser.error(f"--run {run}: must be a plain name, or a path right in saveparameters/")
    return name


def settle(parser, args, save_dir):
    """Fills in the preset; returns a dict of everything that makes the run."""
    config = lasting_paths(save_dir, vars(args))
    if args.run is not None:
        config["run"] = plain_name(parser, args.run, save_dir)
    config.pop("resume")
    config |= {key: value for key, value in DEFAULTS.items() if config[key] is None}
    defaults = preset(config["env"], config.pop("paper"), config["policy"])
    if any(config[limit] for limit in LIMITS):
        defaults = {key: value for key, value in defaults.items() if key not in LIMITS}
    config = {key: defaults.get(key) if value is None else value for key, value in config.items()}
    config["run"] = config["run"] or f"{config['env']}-{time.strftime('%Y%m%d-%H%M%S')}"
    return config
