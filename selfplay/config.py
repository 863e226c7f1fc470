"""Every option of a training run, one row each; the command line and config.json come from it."""

import argparse
import math
from dataclasses import asdict, dataclass, field, fields, replace

from common.command_line import GAME_NAMES, MOST_MATCHES, Parser, dashed, number
from selfplay import presets

RULES = ("integrator", "draw_penalty", "mirror", "dense_forward", "dense_survive",
         "dense_goal_dist", "dense_gap", "dense_push", "dense_kick")
LIMITS = ("max_iters", "max_timesteps", "max_episodes", "max_seconds")
FLAGS = {"opponents": "--old-versions"}  # if they differ from the option's name

WHAT, BATCH, OPTIM, PLAY = "what to train", "batch", "optimization", "self-play"
ANCHORS, DISK = "anchors: matches against opponents that never change", "disk"
STOP = "when to stop (one of)"
MOST_SAMPLES = 10**8
NO_COLUMN = object()


def option(section, default, *, paper=NO_COLUMN, help, **how):
    """A row of `Config`.

    section: of --help. default: the value on one machine; paper: the paper's, left out for options
    that are not in presets. help: one sentence. how: low, high, above and below (bounds, see
    `command_line.number`), choices, metavar, flags (more spellings).
    """
    about = {"section": section, "paper": default if paper is NO_COLUMN else paper,
             "preset": paper is not NO_COLUMN, "help": help, **how}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Config:
    """The options of a run; `presets` has other values for some games and networks.

    `paper` follows section 5.1; what that leaves open is as in OpenAI's released policies (log-std
    from 0, no floor, no early stop). None: not given.
    """

    env: str = option(WHAT, "run-to-goal-ants", choices=GAME_NAMES, help="The game.")
    policy: str = option(
        WHAT, None, paper=None, help="The network: mlp, lstm, ant or humanoid (both with a view "
        "from the robot's own body), or module:Class for your own (README).")
    hid_size: int = option(
        WHAT, None, paper=None, low=1, high=8192, help="Width of the network's hidden layers.")
    hide_pose: bool = option(
        WHAT, None, paper=None, help="Hide from the networks ant and humanoid how the other robot "
        "stands and holds its limbs: in self-play they come to rely on it and fall against "
        "unfamiliar opponents.")
    seed: int = option(WHAT, 0, low=0, help="Random seed; the same seed reproduces the run.")
    run: str = option(
        WHAT, None, help="Name of the folder in saveparameters/; default: game and time.")
    init: str = option(
        WHAT, None, paper=None, metavar="RUN", help="Start from trained parameters: a run in "
        "saveparameters/ (its newest snapshots), a folder of agentK.npz, or a file; another game's "
        "too if the network is the same. 'none': start at random.")
    init_seat: int = option(
        WHAT, None, paper=None, choices=(0, 1), help="Only this seat's learner starts from --init, "
        "the other one from random parameters; default: both.")
    draw_penalty: bool = option(
        WHAT, True, paper=True, help="Charge both agents 1000 if nobody scores, as in the paper "
        "(run-to-goal and sumo).")
    integrator: str = option(
        WHAT, "Euler", paper="RK4", choices=("RK4", "Euler"), help="Physics: Euler is 3.6 times "
        "faster; evaluation uses RK4.")

    num_envs: int = option(
        BATCH, 64, paper=128, low=1, high=65536, help="Matches that each worker plays at once.")
    num_threads: int = option(
        BATCH, None, low=1, high=1024, help="Threads of each worker, which step its matches; "
        "default: its share of the cores.")
    ranks: int = option(
        BATCH, None, low=1, high=1024, help="Workers on this machine, each a process (under "
        "mpirun), which share the preset's matches; default: as many as suit its cores, 1 with "
        "--num-threads.")
    timesteps_per_batch: int = option(
        BATCH, 3584, paper=409600, low=1, high=MOST_SAMPLES,
        help="Samples per learner per iteration, summed over workers.")

    optim_batchsize: int = option(
        OPTIM, 256, paper=5120, low=1, high=MOST_SAMPLES,
        help="Minibatch size, summed over workers.")
    optim_epochs: int = option(
        OPTIM, 6, paper=6, low=1, help="Passes over the batch per iteration.")
    optim_stepsize: float = option(
        OPTIM, 4e-4, paper=1e-3, low=0, above=True, help="Adam's step size; where the reward is "
        "never dense, also --optim-stepsize-final unless that is given.")
    optim_stepsize_final: float = option(
        OPTIM, 1e-4, paper=1e-3, low=0, above=True,
        help="Step size once the reward is annealed; linear in between; unless given, never above "
        "--optim-stepsize.")
    target_kl: float = option(
        OPTIM, 0.02, paper=0.0, low=0, help="Stop an iteration's epochs when the policy has moved "
        "1.5 times this far; 0: never.")
    adaptive_kl: float = option(
        OPTIM, 0.0, paper=0.0, low=0,
        help="Shrink the step size after iterations in which the policy moved more than twice this "
        "far, and let it grow back after those in which it moved less than half as far; 0: never; "
        "where the reward is never dense, also --adaptive-kl-final unless that is given.")
    adaptive_kl_final: float = option(
        OPTIM, None, paper=None, low=0, above=True,
        help="The same distance once the reward is annealed; linear in between; default: that of "
        "--adaptive-kl; unless given, never above it.")
    gamma: float = option(OPTIM, 0.995, paper=0.995, low=0, high=1, help="Discount per step.")
    gamma_dense: float = option(
        OPTIM, 0.99, paper=0.995, low=0, high=1,
        help="Discount while the reward is dense; linear in between; unless given, never above "
        "--gamma.")
    lam: float = option(
        OPTIM, 0.95, paper=0.95, low=0, high=1,
        help="Lambda of generalized advantage estimation.")
    clip_param: float = option(
        OPTIM, 0.2, paper=0.2, low=0, above=True,
        help="Clip the probability ratio at 1 plus or minus this.")
    entcoeff: float = option(OPTIM, 0.0, paper=0.0, low=0, help="Weight of an entropy bonus.")
    l2: float = option(
        OPTIM, 0.0, paper=0.0, low=0, help="Weight of the sum of squared parameters.")
    logstd: float = option(
        OPTIM, -0.65, paper=0.0, low=-20, high=5,
        help="Initial log standard deviation of the actions, where a learner begins from random "
        "parameters.")
    logstd_floor: float = option(
        OPTIM, -2.2, paper=-20.0, low=-20, high=5,
        help="Lower bound on the log standard deviation once the reward is annealed; unless "
        "given, never above --logstd-floor-dense.")
    logstd_floor_dense: float = option(
        OPTIM, -1.0, paper=-20.0, low=-20, high=5,
        help="The same bound while the reward is dense; linear in between; unless given, never "
        "below --logstd-floor.")
    ret_decay: float = option(
        OPTIM, 0.9, paper=1.0, low=0, high=1, above=True, help="Weight that past returns keep "
        "after one iteration (1: all returns count equally).")

    dense_iters: int = option(
        PLAY, 400, paper=0, low=0,
        help="Iterations of purely dense reward (alpha 1) before annealing starts.")
    anneal_iters: int = option(
        PLAY, 1200, paper=500, low=0, help="Iterations over which alpha, the weight of the dense "
        "reward, falls from 1 to --alpha-final.")
    dense_forward: float = option(
        PLAY, 1.0, paper=1.0, low=0,
        help="Weight of moving forward in the dense reward; 1: as released.")
    dense_survive: float = option(
        PLAY, 1.0, paper=1.0, low=0,
        help="Weight of staying up in the dense reward; 1: as released.")
    dense_goal_dist: float = option(
        PLAY, 1.0, paper=1.0, low=0,
        help="Weight, in the dense reward, of what a running humanoid, the walker or the kicker "
        "pays for the distance to the goal or the ball; 1: as released. What keeper and blocker "
        "earn for that distance has no weight.")
    dense_gap: float = option(
        PLAY, 0.0, paper=0.0, low=0,
        help="Weight, in the dense reward, of what a wrestler or the blocker pays for the distance "
        "to the other robot; 0: as released.")
    dense_push: float = option(
        PLAY, 0.0, paper=0.0, low=0,
        help="Weight, in the dense reward, of a wrestler's speed towards the other and of the "
        "other's speed out of the ring; 0: as released.")
    dense_kick: float = option(
        PLAY, 0.0, paper=0.0, low=0,
        help="Weight, in the dense reward, of the kicker's speed to the ball and of the ball's to "
        "the goal; 0: as released.")
    anneal_at: float = option(
        PLAY, 0.0, paper=0.0, low=0, high=1, below=True,
        help="Start annealing as soon as this share of the matches, averaged over some 20 "
        "iterations, ends in a touchdown, a goal or, in sumo, without a fall; 0: after "
        "--dense-iters.")
    alpha_final: float = option(
        PLAY, 0.0, paper=0.0, low=0, high=1, help="Weight of the dense reward after annealing; at "
        "0 only the end of a match counts.")
    shaping: float = option(
        PLAY, 0.0, low=0, help="Weight of a dense reward that lasts to the end and leaves the best "
        "policies unchanged (docs/games.md, Potential); 0: none.")
    curriculum_iters: int = option(
        PLAY, 2400, paper=0, low=0, help="Iterations over which sumo's rings or kick-and-defend's "
        "starts open from the narrowest to all; 0: as in the paper, at the pace of 409,600 samples "
        "per iteration.")
    curriculum_start: float = option(
        PLAY, None, low=0, metavar="POSITION", help="How far they are open when the run begins, in "
        "iterations of the paper (2996: all rings, 4383: all starts); default: as far as they were "
        "for the files of --init and --opponent, else 0.")
    curriculum_at: float = option(
        PLAY, 0.0, paper=0.0, low=0, high=1, below=True, help="Open them only while this share of "
        "the matches, averaged over some 20 iterations, ends in a goal or, in sumo, without a "
        "fall; 0: however the matches end.")
    delta: float = option(
        PLAY, 0.5, paper=0.5, low=0, high=1, help="Opponents are versions from "
        "Uniform(delta * latest, latest); 0.5: the latter half.")
    latest_share: float = option(
        PLAY, 0.75, paper=0.0, low=0, high=1,
        help="Share of the matches with current learners on both sides.")
    opponents: int = option(
        PLAY, 4, paper=8, low=2, high=1024, flags=("--opponents",), metavar="N",
        help="Older versions that each worker holds at once, at least two per seat and learner; a "
        "match keeps its opponent to the end, and a version without matches is replaced by a new "
        "one.")
    pool: list = option(
        PLAY, [], metavar="RUN", help="Opponents from elsewhere: all snapshots of another run, a "
        "folder of agentK.npz, or a file, all with the learners' own network; may be given several "
        "times, and each is met equally often.")
    pool_share: float = option(
        PLAY, 0.5, low=0, high=1, help="Share of the older versions that come from --pool.")
    pfsp: float = option(
        PLAY, 0.0, low=0, high=1000, metavar="POWER", help="Weigh each older version, and each "
        "file of --pool, by (1 - w)^POWER, where w is the learner's win rate against it, so "
        "opponents that beat it are met more often; 0: ignore results, as in the paper.")
    mirror: bool = option(
        PLAY, False, help="Mirror what seat 1 observes and does in every other match, so the two "
        "cannot agree on a side to pass on.")
    ensemble: int = option(
        PLAY, 1, low=1, high=26, help="Learners per seat. Each plays all learners of the other "
        "seat, current and older versions, and also itself if it plays both seats.")
    opponent: str = option(
        PLAY, None, metavar="FILE",
        help="Train a best response to this fixed opponent (a parameter file).")
    opponent_seat: int = option(
        PLAY, None, choices=(0, 1),
        help="The fixed opponent's seat; default: that of its file, else 1. Not in sumo, where the "
        "learner plays half of its matches in either seat.")

    anchor_every: int = option(
        ANCHORS, 400, paper=10, low=0, help="Iterations between evaluations, on RK4, against the "
        "first snapshot, a motionless opponent and --anchor; 0: never.")
    anchor_games: int = option(
        ANCHORS, 20, low=2, high=MOST_MATCHES, help="Matches per learner against each anchor.")
    anchor: list = option(
        ANCHORS, [], metavar="FILE",
        help="A further anchor, a parameter file; may be given several times.")

    keep: int = option(
        DISK, 50, low=0, help="Of the snapshots --delta can no longer draw, keep every N-th (1: "
        "all, 0: only the first).")

    max_iters: int = option(STOP, None, paper=5000, low=1, help="Iterations.")
    max_timesteps: int = option(
        STOP, None, low=1, help="Environment steps, summed over workers.")
    max_episodes: int = option(STOP, None, low=1, help="Finished matches.")
    max_seconds: float = option(
        STOP, 1200, paper=None, low=0, above=True, help="Wall time.")

    def as_dict(self):
        """The flat dict in config.json."""
        return asdict(self)

    @property
    def final_kl(self):
        """`adaptive_kl` once the reward is annealed; 0, as before, if the step size is fixed."""
        return self.adaptive_kl and (self.adaptive_kl_final or self.adaptive_kl)

    def replace(self, **changes):
        """The same run except for these options."""
        return replace(self, **changes)


OPTIONS = [row for row in fields(Config) if row.metadata]


def preset(game, paper=False, policy=None):
    """{option: value} of a preset, for the options that this game and network have.

    policy: that of --policy; None: the game's default (`presets.POLICIES`).
    """
    policy = policy or presets.POLICIES[game][paper]
    values = {row.name: row.metadata["paper"] if paper else row.default
              for row in OPTIONS if row.metadata["preset"]}
    values |= presets.row(game, paper, policy)
    values |= {"policy": policy, "hid_size": presets.HID_SIZES.get(policy)}
    return {name: value for name, value in values.items()
            if value is not None and name not in presets.MISSING[game]}


def from_dict(found):
    """The `Config` of a config.json; older files lack some options."""
    names = {row.name for row in fields(Config)}
    before = {"keep": 1, "curriculum_iters": None, "curriculum_at": 0.0, "draw_penalty": None,
              "dense_gap": None, "dense_push": None, "dense_kick": None}
    return Config(**before | {name: value for name, value in found.items() if name in names})


def flag(name):
    """How the command line spells an option."""
    return FLAGS.get(name, dashed(name))


def make_parser(argv=(), helps=None):
    """The command line; an option that is not given takes the preset's value.

    argv: --help shows the values for the --env and --policy in it. helps: {option: text} for
    options that mean something else to the caller.
    """
    game, policy = game_and_network(argv)
    parser = Parser(
        prog="run.py", description="Trains two robots by PPO self-play against their own past.",
        epilog=f"In brackets: the value on one machine / with --paper, for {game}.")
    values = [preset(game, paper, policy) for paper in (False, True)]
    groups = {}
    for row in OPTIONS:
        section = row.metadata["section"]
        if section not in groups:
            groups[section] = parser.add_argument_group(section)
            if section == STOP:
                groups[section] = groups[section].add_mutually_exclusive_group()
        add(groups[section], row, values, (helps or {}).get(row.name, row.metadata["help"]))
    groups[WHAT].add_argument(
        "--resume", nargs="?", const="", metavar="RUN", help="Resume this run (default: the "
        "newest) from its last checkpoint. Only the limits, --ranks (and with it --num-envs), "
        "--num-threads, --anchor-every and --keep may be changed, and the paths of --opponent and "
        "--anchor if these files have moved.")
    groups[WHAT].add_argument("--paper", action="store_true",
                              help="Take the paper's values instead of those for one machine.")
    groups[WHAT].add_argument("--dry-run", action="store_true", help="Check the options and all "
                              "files that they name, say what would be done, and stop.")
    return parser


def game_and_network(argv):
    """(game, network or None) that a command line names; the rest of it may be wrong."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--env", choices=GAME_NAMES, default=Config.env)
    finder.add_argument("--policy")
    try:
        found, _ = finder.parse_known_args(argv)
    except argparse.ArgumentError:
        return Config.env, None
    return found.env, found.policy


def add(group, row, values, text):
    """Adds an option; values: both presets' dicts, for its help; text: the help itself."""
    about = row.metadata
    how = {key: about[key] for key in ("choices", "metavar") if key in about}
    if about["preset"]:
        shown = [value.get(row.name, "-") for value in values]
        text += f" [{shown[0]} / {shown[1]}]" if shown != ["-", "-"] else ""
    elif row.default is not None and row.type is not list:
        text += f" [{row.default}]"
    if row.type is bool:
        how["action"] = argparse.BooleanOptionalAction
    elif row.type is list:
        how["action"] = "append"
    elif "low" in about:
        how["type"] = number(row.type, about["low"], about.get("high", math.inf),
                             about.get("above", False), about.get("below", False))
    else:
        how["type"] = row.type
    group.add_argument(flag(row.name), *about.get("flags", ()), dest=row.name, default=None,
                       help=text, **how)
