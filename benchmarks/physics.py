"""Levers in the physics: what each saves of MuJoCo's time, and how far the robots go astray.

Records games with random controls, then replays them with one lever moved at a time, on one thread,
in short blocks that alternate between all variants. "Astray" is the largest difference of any
coordinate of any game from what it is with nothing moved, after 1 and after 40 environment steps
without a reset: 0 is the same bits; physics that differ in rounding alone are chaotic too.

    python -m benchmarks.physics --env run-to-goal-ants --steps 64
"""

import statistics
import time

import numpy as np

from benchmarks import bench
from common.command_line import GAME_NAMES, number

BLOCK, FAR = 4, 40  # environment steps in a block, and those after which games are compared
FLAGS = {"islands off": "ISLAND", "warm start off": "WARMSTART", "mid-phase off": "MIDPHASE",
         "sensors off": "SENSOR", "equality and friction loss off": ("EQUALITY", "FRICTIONLOSS"),
         "Euler, damping explicit": "EULERDAMP"}
OPTIONS = {"Newton": {"solver": "mjSOL_NEWTON"}, "conjugate gradients": {"solver": "mjSOL_CG"},
           "100 iterations": {"iterations": 100}, "20 iterations": {"iterations": 20},
           "tolerance 1e-6": {"tolerance": 1e-6}, "dense Jacobian": {"jacobian": "mjJAC_DENSE"},
           "sparse Jacobian": {"jacobian": "mjJAC_SPARSE"},
           "Euler": {"integrator": "mjINT_EULER"},
           "Euler, damping explicit": {"integrator": "mjINT_EULER"},
           "implicitfast": {"integrator": "mjINT_IMPLICITFAST"}}
NAMES = ["as it is", "as it is, again", "clock off", "one data for all games", *OPTIONS,
         *(name for name in FLAGS if name not in OPTIONS), "Euler, half the time step"]


def make_parser():
    """The command line."""
    parser = bench.make_parser("physics", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, default="run-to-goal-ants")
    parser.add_argument("--num-envs", type=number(int, 1), default=64)
    parser.add_argument("--steps", type=number(int, FAR), default=64,
                        help="Environment steps of the recorded games.")
    parser.add_argument("--rounds", type=number(int, 1), default=2,
                        help="How often all of them are replayed.")
    return parser


def record(env_name, num_envs, steps):
    """Plays with controls from N(0, 0.5^2); returns (models, frame_skip, starts, ctrls).

    starts: [steps, num_envs, size] full states before each step; ctrls [steps, num_envs, nu].
    """
    from gym_compete import CompeteVectorEnv

    env = CompeteVectorEnv(env_name, num_envs, 1, 0)
    env.reset()
    rng, starts, ctrls = np.random.default_rng(0), [], []
    for _ in range(20 + steps):
        acs = [0.5 * rng.standard_normal((num_envs, size), dtype=np.float32)
               for size in env.ac_dims]
        starts.append(env.game.sim.get_state())
        ctrls.append(np.concatenate(acs, axis=1))
        env.step(acs)
    return env.game.sim.models, env.game.sim.frame_skip, starts[20:], ctrls[20:]


class Variant:
    """The recorded games with one lever moved."""

    def __init__(self, name, models, frame_skip):
        import mujoco

        self.name, self.frame_skip, self.seconds = name, frame_skip, []
        copies = {id(model): model.__copy__() for model in models}
        for model in copies.values():
            self._move(model.opt, mujoco)
        self.models = [copies[id(model)] for model in models]
        self.datas = [mujoco.MjData(model) for model in self.models]
        if name == "one data for all games":
            self.datas = self.datas[:1] * len(models)

    def _move(self, opt, mujoco):
        flags = FLAGS.get(self.name, ())
        for flag in (flags,) if isinstance(flags, str) else flags:
            opt.disableflags |= getattr(mujoco.mjtDisableBit, f"mjDSBL_{flag}").value
        for key, value in OPTIONS.get(self.name, {}).items():
            kind = {"integrator": "mjtIntegrator", "solver": "mjtSolver",
                    "jacobian": "mjtJacobian"}.get(key)
            setattr(opt, key, getattr(getattr(mujoco, kind), value) if kind else value)
        if self.name == "Euler, half the time step":
            opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
            opt.timestep, self.frame_skip = opt.timestep / 2, 2 * self.frame_skip

    def replay(self, states, ctrls):
        """Steps the games from states [N, size] through ctrls [T, N, nu]; returns [T, N, nq]."""
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
    models, frame_skip, starts, ctrls = record(args.env, args.num_envs, args.steps)
    variants = [Variant(name, models, frame_skip) for name in NAMES]
    courses = {v.name: v.replay(starts[0], ctrls[:FAR]) for v in variants}
    for variant in variants:
        variant.seconds.clear()
    for _ in range(args.rounds):
        for start in range(0, args.steps - BLOCK + 1, BLOCK):
            for variant in variants if start % (2 * BLOCK) else variants[::-1]:
                variant.replay(starts[start], ctrls[start:start + BLOCK])
    usual = variants[0]
    rows = []
    for variant in variants:
        off = np.abs(courses[variant.name] - courses[usual.name]).max(axis=2)
        ratios = [a / b for a, b in zip(variant.seconds, usual.seconds)]
        rows.append({"lever": variant.name, "us a step": 1e6 * statistics.median(variant.seconds),
                     "time": statistics.median(ratios), "astray after 1": off[0].max(),
                     f"after {FAR}, median": float(np.median(off[-1]))})
    return {"env": args.env, "num_envs": args.num_envs, "rows": rows}


def print_result(result):
    """Prints a result dict as a table."""
    from tabulate import tabulate

    print(tabulate(result["rows"], headers="keys", floatfmt=("", ",.1f", ".3f", ".0e", ".0e")))
    print(f"{result['env']}, {result['num_envs']} games")


def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv)


if __name__ == "__main__":
    main()
