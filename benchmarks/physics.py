"""Levers in the physics: what each saves of MuJoCo's time, and how far the robots go astray.

Records matches under random controls or, with --play, whole ones between parameter files; then
replays them with one lever moved at a time, on one thread, in short blocks that alternate between
all variants and are spread over the recording. "Astray" is the largest difference of any coordinate
of any match from what it is with nothing moved, after 1 and after 40 environment steps without a
reset: 0 is the same bits; physics that differ in rounding alone are chaotic too.

Under random controls humanoids soon lie on the floor, so their physics are measured in play:

    python -m benchmarks.physics --env run-to-goal-ants
    python -m benchmarks.physics --play parameters/run-to-goal-humans/agent0.npz
"""

import statistics
import time

import numpy as np

from benchmarks import bench
from common.command_line import GAME_NAMES, InputError, number
from common.terminal import guarded
from distributed_data import device

BLOCK, FAR = 4, 40  # environment steps in a block, and those after which matches are compared
SETTLE = 20  # environment steps that are not replayed: robots are placed above the floor
FLAGS = {"islands off": "ISLAND", "warm start off": "WARMSTART", "mid-phase off": "MIDPHASE",
         "sensors off": "SENSOR", "equality and friction loss off": ("EQUALITY", "FRICTIONLOSS"),
         "Euler, damping explicit": "EULERDAMP"}
OPTIONS = {"Newton": {"solver": "mjSOL_NEWTON"}, "conjugate gradients": {"solver": "mjSOL_CG"},
           "100 iterations": {"iterations": 100}, "50 iterations": {"iterations": 50},
           "20 iterations": {"iterations": 20}, "tolerance 1e-6": {"tolerance": 1e-6},
           "dense Jacobian": {"jacobian": "mjJAC_DENSE"},
           "sparse Jacobian": {"jacobian": "mjJAC_SPARSE"},
           "Newton, sparse Jacobian": {"solver": "mjSOL_NEWTON", "jacobian": "mjJAC_SPARSE"},
           "elliptic friction cones": {"cone": "mjCONE_ELLIPTIC"},
           "Euler": {"integrator": "mjINT_EULER"},
           "Euler, damping explicit": {"integrator": "mjINT_EULER"},
           "implicitfast": {"integrator": "mjINT_IMPLICITFAST"},
           "Euler, Newton": {"integrator": "mjINT_EULER", "solver": "mjSOL_NEWTON"}}
ENUMS = {"integrator": "mjtIntegrator", "solver": "mjtSolver", "jacobian": "mjtJacobian",
         "cone": "mjtCone"}
NAMES = ["as it is", "as it is, again", "clock off", "one data for all matches", *OPTIONS,
         *(name for name in FLAGS if name not in OPTIONS), "Euler, half the time step"]


def make_parser():
    """The command line."""
    parser = bench.make_parser("physics", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES,
                        help="The game. [that of the files, or run-to-goal-ants]")
    parser.add_argument("--play", nargs="+", metavar="FILE",
                        help=(
                            "Parameter files (or 'random', 'zero') of both seats, or one for both, "
                            "instead of N(0, .5)."))
    parser.add_argument("--num-envs", type=number(int, 1), default=32)
    parser.add_argument("--steps", type=number(int, FAR), default=64,
                        help="Environment steps that are replayed, in all blocks together.")
    parser.add_argument("--rounds", type=number(int, 1), default=2,
                        help="How often all of them are replayed.")
    return parser


class Recording:
    """What happened in a vectorized environment: a recorder for `evaluation.matches.play` too.

    starts: a list of [num_envs, size], the full states before each step; ctrls: of [num_envs, nu].
    """

    def __init__(self):
        self.sim, self.starts, self.ctrls = None, [], []

    def before_step(self, env, playing, acs):
        """Notes the states and what is about to be done."""
        self.sim = env.game.sim
        self.starts.append(self.sim.get_state())
        self.ctrls.append(np.concatenate(acs, axis=1))


def record_random(env_name, num_envs, steps):
    """Plays with controls from N(0, 0.5^2); returns a `Recording`."""
    from gym_compete import CompeteVectorEnv

    env, recording = CompeteVectorEnv(env_name, num_envs, 1, 0), Recording()
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(steps):
        acs = [0.5 * rng.standard_normal((num_envs, size), dtype=np.float32)
               for size in env.ac_dims]
        recording.before_step(env, None, acs)
        env.step(acs)
    return recording


def record_play(files, env_name, num_envs, steps):
    """Plays a match in each environment to its end; returns (name of the game, `Recording`).

    Raises InputError unless there are one or two files that may take their seats, and if no match
    lasts so many steps.
    """
    if len(files) > 2:
        raise InputError(f"--play: {len(files)} files: must be 1 or 2")
    device.prepare()  # before anything imports TensorFlow
    from evaluation.entrants import load_players
    from evaluation.matches import play
    from evaluation.seats import check_seats
    from networks.loading import check_networks

    game, entries = load_players(files, env_name)
    entries = (entries * 2)[:2]
    check_seats(entries, game)
    check_networks(entries, game)
    recording = Recording()
    play(game, entries, num_envs, num_envs=num_envs, recorder=recording)
    if len(recording.starts) < steps:
        raise InputError(f"--play: its longest match has {len(recording.starts)} steps, must have "
                         f"{steps}: give other files or more --num-envs")
    return game, recording


class Variant:
    """The recorded matches with one lever moved."""

    def __init__(self, name, models, frame_skip):
        import mujoco

        self.name, self.frame_skip, self.seconds = name, frame_skip, []
        copies = {id(model): model.__copy__() for model in models}
        for model in copies.values():
            self._move(model.opt, mujoco)
        self.models = [copies[id(model)] for model in models]
        self.datas = [mujoco.MjData(model) for model in self.models]
        if name == "one data for all matches":
            self.datas = self.datas[:1] * len(models)

    def _move(self, opt, mujoco):
        flags = FLAGS.get(self.name, ())
        for flag in (flags,) if isinstance(flags, str) else flags:
            opt.disableflags |= getattr(mujoco.mjtDisableBit, f"mjDSBL_{flag}").value
        for key, value in OPTIONS.get(self.name, {}).items():
            kind = ENUMS.get(key)
            setattr(opt, key, getattr(getattr(mujoco, kind), value) if kind else value)
        if self.name == "Euler, half the time step":
            opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
            opt.timestep, self.frame_skip = opt.timestep / 2, 2 * self.frame_skip

    def replay(self, states, ctrls):
        """Steps the matches from states [N, size] through ctrls [T, N, nu]; returns [T, N, nq]."""
        import mujoco

        from gym_compete.simulation import FULL_STATE, stop_clock

        mujoco.set_mjcb_time(None)
        if self.name == "clock off":
            stop_clock()
        states, found, seconds = states.copy(), [], 0.0
        for ctrl in ctrls:
            qpos = []
            for i, (model, data) in enumerate(zip(self.models, self.datas)):
                started = time.thread_time()
                mujoco.mj_setState(model, data, states[i], FULL_STATE)
                data.ctrl[:] = ctrl[i]
                mujoco.mj_step(model, data, self.frame_skip)
                mujoco.mj_getState(model, data, states[i], FULL_STATE)
                seconds += time.thread_time() - started
                qpos.append(data.qpos.copy())
            found.append(qpos)
        self.seconds.append(seconds / len(ctrls) / len(self.datas))
        stop_clock()
        return np.array(found)


def measure(args):
    """Replays everything with every lever; returns the result dict."""
    game, least = args.env or "run-to-goal-ants", SETTLE + args.steps
    if args.play:
        game, recording = record_play(args.play, args.env, args.num_envs, least)
    else:
        recording = record_random(game, args.num_envs, least)
    sim, starts, ctrls = recording.sim, recording.starts[SETTLE:], recording.ctrls[SETTLE:]
    variants = [Variant(name, sim.models, sim.frame_skip) for name in NAMES]
    courses = {v.name: v.replay(starts[0], ctrls[:FAR]) for v in variants}
    for variant in variants:
        variant.seconds.clear()
    places = np.linspace(0, len(starts) - BLOCK, args.steps // BLOCK).astype(int)
    for k, start in enumerate(np.tile(places, args.rounds)):
        for variant in variants[::-1] if k % 2 else variants:
            variant.replay(starts[start], ctrls[start:start + BLOCK])
    return {"env": game, "num_envs": args.num_envs, "play": args.play,
            "rows": [compare(variant, variants[0], courses) for variant in variants]}


def compare(variant, usual, courses):
    """A variant's row: its time and how far its matches go astray, against the usual physics.

    courses: {name of a variant: coordinates [T, N, nq] of its matches}.
    """
    off = np.abs(courses[variant.name] - courses[usual.name]).max(axis=2)
    ratios = [a / b for a, b in zip(variant.seconds, usual.seconds)]
    return {"lever": variant.name, "us per step": 1e6 * statistics.median(variant.seconds),
            "time": statistics.median(ratios), "astray after 1": off[0].max(),
            f"after {FAR}, median": float(np.median(off[-1]))}


def print_result(result):
    """Prints a result dict as a table."""
    from tabulate import tabulate

    print(tabulate(result["rows"], headers="keys", floatfmt=("", ",.1f", ".3f", ".0e", ".0e")))
    how = " and ".join(result["play"]) if result["play"] else "random controls"
    print(f"{result['env']}, {result['num_envs']} matches, {how}")


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv, inputs=lambda args: args.play or ())


if __name__ == "__main__":
    main()
