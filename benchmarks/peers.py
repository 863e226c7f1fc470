"""Against peers: environment steps per second of our training, Stable-Baselines3's and a loop's.

All train one learner of run-to-goal-ants by PPO against the same frozen opponent (the shipped
parameters), in turn in one run, with the same batch, minibatch, epochs and network (two nets of 64
and 64):

- ours: rollouts and update as run.py has them, 64 matches on --num-threads threads;
- SB3: Stable-Baselines3's PPO on a SubprocVecEnv of the single environment, every match in a
  process of its own, where the opponent is played in NumPy; one PyTorch thread;
- plain loop: one match, one `session.run` per agent and step, lists of what happened, as a script
  of 2017 does it. Its update is ours.

Stable-Baselines3 and PyTorch are needed by this script alone; it was tried with stable-baselines3
2.9.2 and torch 2.13.0 for the CPU.

    python -m benchmarks.peers --integrator Euler --sb3-envs 2 8
"""

import os
import statistics
import time
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in run.py; NumPy reads it when imported

import numpy as np

from benchmarks import bench
from common.command_line import InputError, number
from common.terminal import guarded
from distributed_data import device

GAME = "run-to-goal-ants"
OPPONENT = str(bench.ROOT / "parameters" / GAME / "mlp" / "agent1.npz")
EPOCHS, STEPSIZE, GAMMA, LAM, LOGSTD = 6, 4e-4, 0.995, 0.95, -0.65


def make_parser():
    """The command line."""
    parser = bench.make_parser("peers", __doc__)
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="Euler")
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    parser.add_argument("--num-envs", type=number(int, 1), default=64, help="Matches of ours.")
    parser.add_argument("--sb3-envs", type=number(int, 1), nargs="+", default=[2, 8],
                        help="Matches of SB3's; each number is a contender of its own.")
    parser.add_argument("--batch", type=number(int, 2), default=4096,
                        help="Environment steps per iteration.")
    parser.add_argument("--minibatch", type=number(int, 2), default=256)
    parser.add_argument("--rounds", type=number(int, 1), default=5,
                        help="Iterations of every contender, after one of warm-up.")
    return parser


# Every contender has `round()`: one iteration, the seconds of its collecting and of all of it.


class Ours:
    """Vectorized matches and one `session.run` for both players, by the repository's own parts."""

    def __init__(self, args, sess, entry):
        from gym_compete import CompeteVectorEnv
        from networks.loading import build_policy
        from policy import MlpPolicy
        from selfplay.ppo import Learner
        from selfplay.seating import seat_outsider
        from utils import traj_segment_generator

        env = CompeteVectorEnv(GAME, args.num_envs, args.num_threads, 0,
                               integrator=args.integrator)
        self._rng, self._minibatch = np.random.default_rng(0), args.minibatch
        self.pi = MlpPolicy("learner", env.ob_dims[0], env.ac_dims[0], self._rng, logstd=LOGSTD)
        self.frozen = build_policy(entry, "frozen", env, 1)
        seatings = seat_outsider(env.num_envs, 1, shared=False)
        players = [seating.player(pi) for seating, pi in zip(seatings, (self.pi, self.frozen))]
        self.learner = Learner(self.pi)
        self._segments = traj_segment_generator(
            players, env, sess, args.batch // args.num_envs, self._rng, lambda: 1.0)

    def round(self):
        """Rollouts and update."""
        started = time.perf_counter()
        segs = next(self._segments)
        collected = time.perf_counter()
        self.update(segs[0])
        return collected - started, time.perf_counter() - started

    def update(self, seg):
        """Advantages and epochs."""
        from utils import add_vtarg_and_adv

        add_vtarg_and_adv(seg, GAMMA, LAM)
        self.learner.update(seg, self._rng, optim_batchsize=self._minibatch, optim_epochs=EPOCHS,
                            optim_stepsize=STEPSIZE)


class PlainLoop:
    """One match in Python; the networks and the update are those of an `Ours`."""

    def __init__(self, args, sess, ours):
        from gym_compete import CompeteEnv

        self._env, self._batch = CompeteEnv(GAME, integrator=args.integrator), args.batch
        self._sess, self._ours, self._rng = sess, ours, np.random.default_rng(1)
        self._obs, self._new = self._env.reset(seed=1)[0], True

    def _run(self, pi, fetches, ob):
        noise = self._rng.standard_normal((1, pi.ac_dim))
        return self._sess.run(fetches, {pi.ob: ob[None], pi.noise: noise})

    def _collect(self):
        pi, frozen = self._ours.pi, self._ours.frozen
        lists = {name: [] for name in ("ob", "ac", "vpred", "logp", "new", "rew")}
        for _ in range(self._batch):
            ac, vpred, logp = self._run(pi, [pi.ac, pi.vpred, pi.logp], self._obs[0])
            other = self._run(frozen, frozen.ac, self._obs[1])
            ob, new = self._obs[0], self._new
            self._obs, _, terminated, truncated, infos = self._env.step((ac[0], other[0]))
            rew, self._new = infos[0]["reward_move"], terminated or truncated
            for name, x in (("ob", ob), ("ac", ac[0]), ("vpred", vpred[0]), ("logp", logp[0]),
                            ("new", new), ("rew", rew)):
                lists[name].append(x)
            if self._new:
                self._obs, _ = self._env.reset()
        vpred = self._run(pi, pi.vpred, self._obs[0])
        seg = {name: np.array(items, bool if name == "new" else np.float32)[:, None]
               for name, items in lists.items()}
        return seg | {"nextvpred": vpred * (not self._new), "cutvpred": np.zeros_like(seg["rew"])}

    def round(self):
        """The loop, and an update."""
        started = time.perf_counter()
        seg = self._collect()
        collected = time.perf_counter()
        self._ours.update(seg)
        return collected - started, time.perf_counter() - started


class StableBaselines:
    """Stable-Baselines3's PPO on so many processes."""

    def __init__(self, args, num_envs):
        import torch
        from stable_baselines3 import PPO
        from stable_baselines3.common.callbacks import BaseCallback
        from stable_baselines3.common.vec_env import SubprocVecEnv

        from gym_compete import OneSeat

        class Watch(BaseCallback):
            """Notes when the collecting ends."""

            def _on_step(self):
                return True

            def _on_rollout_end(self):
                self.collected = time.perf_counter()

        torch.set_num_threads(1)
        self._watch, self._batch = Watch(), args.batch
        self._env = SubprocVecEnv([partial(  # the reward is the dense one
            OneSeat, GAME, 0, OPPONENT, alpha=1.0, integrator=args.integrator)] * num_envs)
        self._model = PPO(
            "MlpPolicy", self._env, n_steps=args.batch // num_envs, batch_size=args.minibatch,
            n_epochs=EPOCHS, learning_rate=STEPSIZE, gamma=GAMMA, gae_lambda=LAM, ent_coef=0.0,
            policy_kwargs=dict(net_arch=[64, 64], log_std_init=LOGSTD), device="cpu", seed=0)

    def round(self):
        """One iteration of `learn`."""
        started = time.perf_counter()
        self._model.learn(self._batch, callback=self._watch, reset_num_timesteps=False)
        return self._watch.collected - started, time.perf_counter() - started

    def close(self):
        """Ends the processes."""
        self._env.close()


def check(args):
    """Raises InputError for a batch that does not divide, and where a package is missing."""
    for matches in (args.num_envs, *args.sb3_envs):
        if args.batch % matches or args.batch % args.minibatch:
            raise InputError(f"--batch {args.batch}: must be a multiple of {matches} matches and "
                             f"of --minibatch {args.minibatch}")
    try:
        import stable_baselines3  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is missing: pip install stable-baselines3 torch") from None


def measure(args):
    """All contenders in turn; returns the result dict."""
    check(args)
    device.prepare()
    import tensorflow.compat.v1 as tf

    from distributed_data.variables import FlatVariables
    from networks.loading import load_entry

    entry = load_entry(OPPONENT, GAME)
    peers = {f"SB3, {n} process(es)": StableBaselines(args, n) for n in args.sb3_envs}
    seconds = {}
    with tf.Graph().as_default(), device.make_session() as sess:
        ours = Ours(args, sess, entry)
        frozen = FlatVariables(ours.frozen.get_variables())
        sess.run(tf.global_variables_initializer())
        frozen.set(sess, entry.vector)
        ours.learner.start(sess)
        tf.get_default_graph().finalize()
        contenders = {f"ours, {args.num_envs} matches": ours, **peers,
                      "plain loop, 1 match": PlainLoop(args, sess, ours)}
        for _ in range(1 + args.rounds):
            for name, contender in contenders.items():
                seconds.setdefault(name, []).append(contender.round())
    for peer in peers.values():
        peer.close()
    return {"env": GAME, "integrator": args.integrator, "num_threads": args.num_threads,
            "batch": args.batch, "minibatch": args.minibatch, "epochs": EPOCHS,
            "contenders": {name: rates(times[1:], seconds[next(iter(seconds))][1:], args.batch)
                           for name, times in seconds.items()}}


def rates(times, ours, batch):
    """Environment steps per second, and how many times as fast ours is round by round (medians).

    times, ours: (collecting, whole iteration) [s] of every round.
    """
    found = {}
    for k, what in enumerate(("collecting", "whole")):
        found[f"{what}_steps_per_s"] = batch / statistics.median(pair[k] for pair in times)
        found[f"{what}_ratio"] = statistics.median(
            theirs[k] / own[k] for theirs, own in zip(times, ours))
    return found


def print_result(result):
    """Prints a result dict as a table."""
    bench.print_table(
        [[name, f"{r['collecting_steps_per_s']:,.0f}", f"{r['collecting_ratio']:.2f}",
          f"{r['whole_steps_per_s']:,.0f}", f"{r['whole_ratio']:.2f}"]
         for name, r in result["contenders"].items()],
        [f"{GAME}, {result['integrator']}", "collecting: steps/s", "ours is times as fast",
         "with update: steps/s", "ours is times as fast"])


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json; one line and exit code 2 for what is missing."""
    bench.run(make_parser(), measure, print_result, argv, ("stable-baselines3", "torch"))


if __name__ == "__main__":
    main()
