"""Environments against peers: robot steps per second and core, and the share of bare physics.

Every row alternates short blocks of one contender with blocks of bare mj_step calls (MuJoCo as it
comes, an MjData for each environment) under the same controls on as many threads; the rounds go
through all rows in turn, and figures are medians. Actions are uniformly random and drawn before
the clock starts. The contenders:

- ours: CompeteVectorEnv.step, two robots per environment, on RK4 and Euler;
- EnvPool: Ant-v4 and Humanoid-v4;
- mujoco.rollout: our models and Gymnasium's, states alone, no observations or rewards;
- Stable-Baselines3: DummyVecEnv on Gymnasium's Ant-v5 and Humanoid-v5, always one thread.

Robots under random actions fall. Every contender resets at its own ends, so they do not simulate
the same play: humanoids of Gymnasium and EnvPool start anew as soon as they fall, ours lie until
the match is over, and mujoco.rollout starts anew with each block. Compare contenders by their ratio
to their own physics. Bare physics follows ours, Gymnasium's and mujoco.rollout's states. EnvPool's
cannot be read: there it steps Gymnasium's model under the same actions, and starts anew, without
noise, where EnvPool does. EnvPool brings its own MuJoCo. A step of EnvPool that only resets is not
counted.

A contender that is not installed is skipped. The script was tried with envpool 1.2.5 and
stable-baselines3 2.9.2.

    python -m benchmarks.env_peers --num-threads 1 --seconds 0.5
"""

import importlib.util
import statistics
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks import bench
from benchmarks.rollout import BarePhysics, Tape
from common.command_line import number
from common.terminal import guarded
from distributed_data import device

GAMES = ("run-to-goal-ants", "run-to-goal-humans")
INTEGRATORS = ("RK4", "Euler")
ROBOTS = ("Ant", "Humanoid")
SB3 = "stable-baselines3 gymnasium[mujoco]"
NEEDS = {"envpool": ("envpool",), SB3: ("stable_baselines3", "imageio")}  # to install: to import
WARM_UP = 5  # environment steps, from which a block's length follows


def make_parser():
    """The command line."""
    parser = bench.make_parser("env_peers", __doc__)
    parser.add_argument("--num-envs", type=number(int, 1), default=64)
    parser.add_argument("--num-threads", type=number(int, 1), default=1)
    parser.add_argument("--seconds", type=number(float, 0.001), default=0.5,
                        help="Approximate length of a block.")
    parser.add_argument("--rounds", type=number(int, 1), default=5,
                        help="Blocks of each kind per row, after one of warm-up.")
    return parser


# Every contender has `sim` (models, frame_skip), `robots` per environment, `num_threads`, and
# `block(steps)`: its seconds, its environment steps, and places and ctrls for BarePhysics.replay.


class Ours:
    """CompeteVectorEnv as run.py steps it."""

    robots = 2

    def __init__(self, args, game, integrator):
        from gym_compete import CompeteVectorEnv

        self.num_threads = args.num_threads
        self._env = CompeteVectorEnv(game, args.num_envs, args.num_threads, 0,
                                     integrator=integrator)
        self._env.reset()
        self.sim, self._tape = self._env.game.sim, Tape(self._env.game)
        self._rng = np.random.default_rng(0)

    def block(self, steps):
        """Steps all matches."""
        actions = draw(self._rng, self.sim, steps)
        seats = np.split(actions, 2, axis=2)
        self._tape.start()
        started = time.perf_counter()
        for acs in zip(*seats):
            self._env.step(acs)
        seconds = time.perf_counter() - started
        return seconds, steps * self._env.num_envs, self._tape.places, self._tape.ctrls


class EnvPool:
    """EnvPool's synchronous mode, and Gymnasium's model for the bare physics."""

    robots = 1

    def __init__(self, args, robot):
        import envpool
        import mujoco

        self.num_threads = args.num_threads
        self._env = envpool.make(f"{robot}-v4", env_type="gymnasium", num_envs=args.num_envs,
                                 num_threads=args.num_threads, seed=0)
        self._env.reset()
        self.sim = gymnasium_sim(robot, args.num_envs)
        self._start = full_state(mujoco.MjData(self.sim.models[0]), self.sim.models[0])
        self._ended, self._rng = np.zeros(args.num_envs, bool), np.random.default_rng(0)

    def block(self, steps):
        """Steps all environments; those that have ended reset instead."""
        ctrls, ended = draw(self._rng, self.sim, steps), [self._ended]
        started = time.perf_counter()
        for acs in ctrls:
            _, _, terminated, truncated, _ = self._env.step(acs)
            ended.append(terminated | truncated)
        seconds = time.perf_counter() - started
        self._ended = ended.pop()
        places = [dict.fromkeys(np.flatnonzero(new), self._start) for new in ended]
        return seconds, steps * len(self._ended) - int(np.sum(ended)), places, ctrls


class Rollout:
    """mujoco.rollout from the same states in every block."""

    robots = 1

    def __init__(self, args, sim, starts, robots):
        import mujoco
        from mujoco import rollout

        self.sim, self.robots, self.num_threads = sim, robots, args.num_threads
        self._rollout = rollout.Rollout(nthread=args.num_threads)
        self._datas = [mujoco.MjData(sim.models[0]) for _ in range(args.num_threads)]
        self._starts, self._rng = dict(enumerate(starts)), np.random.default_rng(0)
        kind = mujoco.mjtState.mjSTATE_FULLPHYSICS
        self._physics = np.empty((len(starts), mujoco.mj_stateSize(sim.models[0], kind)))
        for model, start, row in zip(sim.models, starts, self._physics):
            data = mujoco.MjData(model)
            mujoco.mj_setState(model, data, start, mujoco.mjtState.mjSTATE_INTEGRATION)
            mujoco.mj_getState(model, data, row, kind)

    @classmethod
    def of_ours(cls, args, game, integrator):
        """Two robots, at the start of a match."""
        sim = Ours(args, game, integrator).sim
        return cls(args, sim, sim.get_state(), 2)

    @classmethod
    def of_gymnasium(cls, args, robot):
        """One robot, in its model's own pose."""
        import mujoco

        sim = gymnasium_sim(robot, args.num_envs)
        starts = [full_state(mujoco.MjData(model), model) for model in sim.models]
        return cls(args, sim, starts, 1)

    def block(self, steps):
        """One call for all environments and steps."""
        ctrls = draw(self._rng, self.sim, steps)
        repeated = np.repeat(ctrls.swapaxes(0, 1), self.sim.frame_skip, axis=1)
        started = time.perf_counter()
        self._rollout.rollout(self.sim.models, self._datas, self._physics, repeated)
        seconds = time.perf_counter() - started
        return seconds, steps * len(self._starts), [self._starts] + [{}] * (steps - 1), ctrls


class Dummy:
    """Stable-Baselines3's loop over Gymnasium's environments."""

    robots = num_threads = 1

    def __init__(self, args, robot):
        import gymnasium
        from stable_baselines3.common.vec_env import DummyVecEnv

        self._env = DummyVecEnv([partial(gymnasium.make, f"{robot}-v5")] * args.num_envs)
        self._env.seed(0)
        self._env.reset()
        self._bodies = [env.unwrapped for env in self._env.envs]
        self.sim = SimpleNamespace(models=[body.model for body in self._bodies],
                                   frame_skip=self._bodies[0].frame_skip)
        self._rng = np.random.default_rng(0)

    def _states(self, which):
        return {i: full_state(self._bodies[i].data, self._bodies[i].model) for i in which}

    def block(self, steps):
        """Steps all environments, which reset in the same step."""
        ctrls, places = draw(self._rng, self.sim, steps), [self._states(range(self._env.num_envs))]
        started = time.perf_counter()
        for acs in ctrls:
            _, _, done, _ = self._env.step(acs)
            places.append(self._states(np.flatnonzero(done)))
        seconds = time.perf_counter() - started
        return seconds, steps * self._env.num_envs, places, ctrls


def draw(rng, sim, steps):
    """Random controls within the motors' range, [steps, N, nu]."""
    low, high = sim.models[0].actuator_ctrlrange.T
    return rng.uniform(low, high, (steps, len(sim.models), len(low)))


def full_state(data, model):
    """An MjData's full state, as BarePhysics takes it."""
    import mujoco

    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(model, kind))
    mujoco.mj_getState(model, data, state, kind)
    return state


def gymnasium_sim(robot, num_envs):
    """Gymnasium's model of a robot for so many environments."""
    import mujoco

    folder = Path(importlib.util.find_spec("gymnasium").origin).parent / "envs/mujoco/assets"
    model = mujoco.MjModel.from_xml_path(str(folder / f"{robot.lower()}.xml"))
    return SimpleNamespace(models=[model] * num_envs, frame_skip=5)


def contenders():
    """(name, its key of NEEDS or None, args -> contender) of every row."""
    ours = [(game, integrator) for game in GAMES for integrator in INTEGRATORS]
    return [
        *((f"ours, {game}, {integrator}", None,
           partial(Ours, game=game, integrator=integrator)) for game, integrator in ours),
        *((f"EnvPool, {robot}-v4", "envpool", partial(EnvPool, robot=robot)) for robot in ROBOTS),
        *((f"mujoco.rollout, {game}, {integrator}", None,
           partial(Rollout.of_ours, game=game, integrator=integrator))
          for game, integrator in ours),
        *((f"mujoco.rollout, {robot.lower()}.xml", None,
           partial(Rollout.of_gymnasium, robot=robot)) for robot in ROBOTS),
        *((f"DummyVecEnv, {robot}-v5", SB3, partial(Dummy, robot=robot))
          for robot in ROBOTS)]


class Row:
    """A contender, its bare physics, and the rates of both."""

    def __init__(self, name, contender, seconds):
        self.name, self._contender, self._rates = name, contender, []
        self._bare = BarePhysics(contender.sim, contender.num_threads)
        self.steps = WARM_UP
        self.run()
        self.steps = max(1, round(seconds * WARM_UP / self.run()))
        self.run()
        self._rates.clear()

    def run(self):
        """A block of each; returns the contender's seconds."""
        import mujoco

        from gym_compete.simulation import stop_clock

        contender = self._contender
        if isinstance(contender, Ours):
            stop_clock()
        else:
            mujoco.set_mjcb_time(None)
        seconds, env_steps, places, ctrls = contender.block(self.steps)
        bare, share = self._bare.replay(places, ctrls), contender.robots / contender.num_threads
        self._rates.append([share * env_steps / seconds,
                            share * self.steps * len(contender.sim.models) / bare])
        return seconds

    def result(self):
        """The medians: a dict."""
        rate, bare = (statistics.median(rates) for rates in zip(*self._rates))
        return {"contender": self.name, "robot_steps_per_s_per_core": rate,
                "physics_steps_per_s_per_core": bare,
                "ratio": statistics.median(mine / bare for mine, bare in self._rates)}


def measure(args):
    """Runs all that are installed, in turn; returns the result dict."""
    absent = [packages for packages, modules in NEEDS.items()
              if not all(map(importlib.util.find_spec, modules))]
    if len(absent) < len(NEEDS):
        device.prepare()  # Stable-Baselines3 imports TensorFlow, which must come before EnvPool
    rows = [Row(name, make(args), args.seconds) for name, packages, make in contenders()
            if packages not in absent]
    for _ in range(args.rounds):
        for row in rows:
            row.run()
    return {"num_envs": args.num_envs, "num_threads": args.num_threads, "absent": absent,
            "rows": [row.result() for row in rows]}


def print_result(result):
    """Prints a result dict as a table."""
    bench.print_table([[row["contender"], f"{row['robot_steps_per_s_per_core']:,.0f}",
                        f"{row['physics_steps_per_s_per_core']:,.0f}", f"{row['ratio']:.3f}"]
                       for row in result["rows"]],
                      ["robot steps per second and core", "all", "physics", "ratio"])
    for packages in result["absent"]:
        print(f"skipped, not installed: pip install {packages}")
    print(f"{result['num_envs']} environments, {result['num_threads']} thread(s)")


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    packages = ("envpool", "stable-baselines3", "gymnasium")
    bench.run(make_parser(), measure, print_result, argv, packages)


if __name__ == "__main__":
    main()
