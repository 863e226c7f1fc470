"""An iteration of training, end to end: what takes the time.

Trains as `python run.py --env GAME` does, with its preset, and times every part of an iteration
from outside, by wrapping the methods that do it. A part's time leaves out whatever it calls that
has a row of its own. Physics is bare mj_step: after each iteration, off the clock, its states and
controls are replayed by as many threads, as benchmarks.rollout does.

    python -m benchmarks.iteration --env run-to-goal-ants --iters 40
"""

import contextlib
import io
import os
import statistics
import tempfile
import time

from benchmarks import bench
from benchmarks.rollout import BarePhysics, Tape
from common.command_line import GAME_NAMES, number
from common.terminal import guarded

PHYSICS, SIMULATION, REST = "physics: bare mj_step", "simulation beyond that", "rest"
REWARDS, RESETS, OBSERVATIONS = "rewards and endings", "resets", "observations"
INFERENCE, BOOKKEEPING = "inference", "rollouts' bookkeeping"
GAE, UPDATE, LOGGING = "GAE", "update", "logging"
DRAWS, SNAPSHOTS, CHECKPOINT = "opponents read", "snapshots written", "checkpoint written"
PARTS = (PHYSICS, SIMULATION, OBSERVATIONS, REWARDS, RESETS, INFERENCE, BOOKKEEPING, GAE, UPDATE,
         LOGGING, DRAWS, SNAPSHOTS, CHECKPOINT, REST)


def make_parser():
    """The command line."""
    parser = bench.make_parser("iteration", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, default="run-to-goal-ants")
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="Euler")
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    parser.add_argument("--iters", type=number(int, 1), default=40)
    parser.add_argument("--warm-up", type=number(int, 1), default=5,
                        help="Iterations before them that do not count.")
    return parser


class Clock:
    """Seconds by part; while one part calls another, the other's time runs.

    Only for calls of the main thread.
    """

    def __init__(self):
        self.spent, self._open, self._since = None, [REST], None

    def start(self):
        """Forgets everything and starts counting."""
        self.spent, self._since = dict.fromkeys(PARTS, 0.0), time.perf_counter()

    def stop(self):
        """Returns the seconds by part since `start`, and stops counting."""
        self._charge()
        spent, self.spent = self.spent, None
        return spent

    def _charge(self):
        now = time.perf_counter()
        if self.spent is not None:
            self.spent[self._open[-1]] += now - self._since
        self._since = now

    def wrap(self, owner, name, part):
        """Makes owner's method of that name count as `part`."""
        inner = getattr(owner, name)

        def timed(*args, **kwargs):
            self._charge()
            self._open.append(part)
            try:
                return inner(*args, **kwargs)
            finally:
                self._charge()
                self._open.pop()

        setattr(owner, name, timed)


def watch_training(clock):
    """Wraps what all iterations call; TensorFlow must be ready."""
    import learn
    from selfplay.checkpoint import Checkpointer
    from selfplay.snapshots import Snapshots
    from utils import Actors, Rollouts

    for name in ("start", "act", "fill_estimates", "values"):
        clock.wrap(Actors, name, INFERENCE)
    clock.wrap(Rollouts, "__next__", BOOKKEEPING)
    clock.wrap(learn, "add_vtarg_and_adv", GAE)
    clock.wrap(learn, "update_all", UPDATE)
    clock.wrap(learn, "record", LOGGING)
    clock.wrap(Snapshots, "draw", DRAWS)
    clock.wrap(Snapshots, "save", SNAPSHOTS)
    clock.wrap(Snapshots, "thin_out", SNAPSHOTS)
    clock.wrap(Checkpointer, "save", CHECKPOINT)


def watch_env(clock, env):
    """Wraps an environment's parts; returns the `Tape` of what its simulation does."""
    clock.wrap(env, "step", REWARDS)
    clock.wrap(env.game, "reset", RESETS)
    clock.wrap(env.game, "observe", OBSERVATIONS)
    clock.wrap(env.game.sim, "step", SIMULATION)
    return Tape(env.game)


class Laps:
    """Cuts a run into iterations: `found` holds seconds by part of each that has ended.

    Replaces `learn.Limits.reached`, which the loop asks before every iteration.
    """

    def __init__(self, clock, num_threads):
        import learn
        import run

        self.found, self._clock, self._threads = [], clock, num_threads
        self._tape = self._bare = None
        self._make_env, run.make_env = run.make_env, self.make_env
        reached = learn.Limits.reached

        def between(limits, *args):
            self.end()
            over = reached(limits, *args)
            self._tape.start()
            clock.start()
            return over

        learn.Limits.reached = between

    def make_env(self, *args):
        """The run's environment, watched."""
        env = self._make_env(*args)
        self._tape = watch_env(self._clock, env)
        self._bare = BarePhysics(env.game.sim, self._threads)
        return env

    def end(self):
        """Notes the iteration that has just ended, if one has."""
        if self._clock.spent is None:
            return
        lap = self._clock.stop()
        lap[PHYSICS] = self._bare.replay(self._tape.places, self._tape.ctrls)
        lap[SIMULATION] -= lap[PHYSICS]
        self.found.append(lap)


def measure(args):
    """Trains; returns the result dict."""
    import run
    from distributed_data import device

    device.prepare()
    clock = Clock()
    watch_training(clock)
    laps = Laps(clock, args.num_threads)
    parent = run.SAVE_DIR  # the disk that runs are written to
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as run.SAVE_DIR, \
            contextlib.redirect_stdout(io.StringIO()):
        run.main(["--env", args.env, "--run", "run", "--integrator", args.integrator,
                  "--num-threads", str(args.num_threads),
                  "--max-iters", str(args.warm_up + args.iters)])
    counted = laps.found[args.warm_up:]
    seconds = statistics.median(sum(lap.values()) for lap in counted)
    parts = {part: statistics.median(lap[part] for lap in counted) for part in PARTS}
    return {"env": args.env, "integrator": args.integrator,
            "num_threads": args.num_threads, "iterations": len(counted), "seconds": seconds,
            "parts": parts, "shares": {part: spent / seconds for part, spent in parts.items()}}


def print_result(result):
    """Prints a result dict as a table."""
    rows = [[part, f"{1000 * spent:.1f}", f"{result['shares'][part]:.1%}"]
            for part, spent in result["parts"].items()]
    rows.append(["the whole iteration", f"{1000 * result['seconds']:.1f}", ""])
    how = f"{result['env']}, {result['integrator']}, {result['num_threads']} thread(s)"
    bench.print_table(rows, [how, "ms (median)", "share"])


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv)


if __name__ == "__main__":
    main()
