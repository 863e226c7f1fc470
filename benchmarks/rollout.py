"""Rollouts against bare physics: how much of the time is MuJoCo's own.

Alternates short blocks of the real rollout generator (observations, rewards, resets, inference of
learners and opponents, bookkeeping) with blocks of bare mj_step calls that replay the very same
states and controls on as many threads, in one run, and prints the median rates and their ratio.
Bare is what a plain loop gets: MuJoCo as it comes, one MjData per match.

    python -m benchmarks.rollout --env run-to-goal-ants sumo-ants --num-threads 1 2
"""

import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np

from benchmarks import bench
from common.command_line import GAME_NAMES, InputError, number
from common.terminal import guarded
from distributed_data import device

BLOCK = 16  # environment steps of all matches in one block
VARIED = ("env", "policy", "num_envs", "num_threads")


def make_parser():
    """The command line."""
    parser = bench.make_parser("rollout", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, nargs="+", default=["run-to-goal-ants"])
    parser.add_argument("--policy", choices=("mlp", "lstm"), nargs="+", default=["mlp"])
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="RK4")
    parser.add_argument("--num-envs", type=number(int, 2), nargs="+", default=[512])
    parser.add_argument("--num-threads", type=number(int, 1), nargs="+", default=[2])
    parser.add_argument("--opponents", type=number(int, 2), default=8)
    parser.add_argument("--latest-share", type=number(float, 0, 1), default=0.75)
    parser.add_argument("--blocks", type=number(int, 1), default=5,
                        help=f"Blocks of {BLOCK} steps of each kind, after one of warm-up.")
    return parser


class Tape:
    """What a game's simulation is made to do: controls, and the states in which matches start."""

    def __init__(self, game):
        self.game, self.ctrls, self.places = game, [], [{}]
        self._step, self._reset = game.sim.step, game.reset
        game.sim.step, game.reset = self.step, self.reset

    def start(self):
        """Forgets everything, and notes where every match stands."""
        self.ctrls, self.places = [], [dict(enumerate(self.game.sim.get_state()))]

    def step(self, ctrl):
        """Notes the controls."""
        self.ctrls.append(ctrl.copy())
        self.places.append({})
        self._step(ctrl)

    def reset(self, i, *args):
        """Notes where the new match starts."""
        import mujoco

        from gym_compete.simulation import FULL_STATE

        self._reset(i, *args)
        model = self.game.sim.models[i]
        row = self.places[-1][i] = np.empty(mujoco.mj_stateSize(model, FULL_STATE))
        mujoco.mj_getState(model, self.game.sim.datas[i], row, FULL_STATE)


class BarePhysics:
    """The same matches as an environment's, with nothing but mj_step."""

    def __init__(self, sim, num_threads):
        import mujoco

        self._mj_step, self._set_state, self._sim = mujoco.mj_step, mujoco.mj_setState, sim
        self._start_clock = mujoco.set_mjcb_time
        self.datas = [mujoco.MjData(model) for model in sim.models]
        self.num_threads, self._pool = num_threads, ThreadPoolExecutor(num_threads)

    def _work(self, worlds, ctrl):
        models, datas, skip = self._sim.models, self.datas, self._sim.frame_skip
        for i in worlds:
            datas[i].ctrl[:] = ctrl[i]
            self._mj_step(models[i], datas[i], skip)

    def replay(self, places, ctrls):
        """Seconds for stepping all matches through ctrls [steps, N, nu].

        places: per step, {match: the full state that it is put in before the step}.
        """
        from gym_compete.simulation import FULL_STATE, stop_clock

        self._start_clock(None)
        started = time.perf_counter()
        for place, ctrl in zip(places, ctrls):
            for i, row in place.items():
                self._set_state(self._sim.models[i], self.datas[i], row, FULL_STATE)
            worlds = iter(range(len(self.datas)))
            for future in [self._pool.submit(self._work, worlds, ctrl)
                           for _ in range(self.num_threads)]:
                future.result()
        seconds = time.perf_counter() - started
        stop_clock()
        return seconds


def measure(args):
    """Runs both kinds of blocks, of one game and one of everything else; returns a dict."""
    import tensorflow.compat.v1 as tf

    from gym_compete import CompeteVectorEnv
    from networks.loading import find_policy
    from selfplay.seating import seat_players
    from utils import traj_segment_generator

    env = CompeteVectorEnv(args.env, args.num_envs, args.num_threads, 0,
                           integrator=args.integrator)
    sim, tape = env.game.sim, Tape(env.game)
    bare = BarePhysics(sim, args.num_threads)
    rng, seconds = np.random.default_rng(0), {"physics": [], "rollout": []}
    with tf.Graph().as_default(), device.make_session() as sess:
        seatings = seat_players(args.num_envs, args.latest_share, args.opponents,
                                env.game.shared_policy)
        players = [seating.player(find_policy(args.policy)(
            f"pi{i}", env.ob_dims[seating.seat], env.ac_dims[seating.seat], rng))
            for i, seating in enumerate(seatings)]
        sess.run(tf.global_variables_initializer())
        seg_gen = traj_segment_generator(players, env, sess, BLOCK, rng, lambda: 0.5)
        next(seg_gen)
        for block in range(1 + args.blocks):
            tape.start()
            started = time.perf_counter()
            next(seg_gen)
            rollout = time.perf_counter() - started
            physics = bare.replay(tape.places, tape.ctrls)
            if block >= 1:
                seconds["rollout"].append(rollout)
                seconds["physics"].append(physics)
    env.close()
    steps = BLOCK * args.num_envs
    rates = {f"{what}_steps_per_s": steps / statistics.median(times)
             for what, times in seconds.items()}
    ratio = statistics.median(p / r for p, r in zip(seconds["physics"], seconds["rollout"]))
    return {**{name: getattr(args, name) for name in VARIED}, **rates, "ratio": ratio}


def check_opponents(args):
    """Raises InputError where the opponents cannot share the matches against older versions."""
    for num_envs in args.num_envs:
        older = num_envs - round(args.latest_share * num_envs)
        if older % 2:
            raise InputError(f"--num-envs {num_envs}: {older} of them play against older versions "
                             f"(--latest-share {args.latest_share:g}), must be an even number")
        fitting = [n for n in range(2, older + 1, 2) if older % n == 0]
        if older and min(args.opponents, older) not in fitting:  # at most one per match
            raise InputError(f"--opponents {args.opponents}: must be one of "
                             f"{', '.join(map(str, fitting))} for --num-envs {num_envs}")


def measure_all(args):
    """Every combination of what was given several times; returns the result dict."""
    check_opponents(args)
    device.prepare()
    rows = [measure(SimpleNamespace(**{**vars(args), **dict(zip(VARIED, values))}))
            for values in itertools.product(*(getattr(args, name) for name in VARIED))]
    return {"integrator": args.integrator, "opponents": args.opponents, "rows": rows}


def print_result(result):
    """Prints a result dict as a table."""
    from tabulate import tabulate

    print(tabulate(result["rows"], headers="keys", floatfmt=",.3f", intfmt=","))
    print(f"{result['integrator']}, {result['opponents']} opponents")


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure_all, print_result, argv)


if __name__ == "__main__":
    main()
