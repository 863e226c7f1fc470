"""Memory: the peak of the paper's batch on one machine, and whether a long run grows.

Peak: one iteration of the game with the paper's settings (409,600 samples per learner, all learners
in one process), run by run.py itself. Collecting so much takes hours of physics, which allocates
nothing: after the first steps the robots no longer move, while everything else (networks,
observations, rewards, segments, advantages, the update on the whole batch) is what it is in
training; the update makes one epoch. --full leaves nothing out. Growth: a run of many small
iterations, which meets anchors every tenth, notes its resident memory every so often. It collects
garbage first, since each evaluation makes a graph full of cycles, which Python may free much later.

    python -m benchmarks.memory --env kick-and-defend --iters 220
"""

import gc
import json
import os
import resource
import sys
import tempfile

from benchmarks import bench
from common.command_line import GAME_NAMES, InputError, number
from common.terminal import guarded
from selfplay.config import preset

MOVED = 300  # environment steps until the robots stand still, those of the filters included
MOST_GB = 12.0
GROWTH = ("--env", "run-to-goal-ants", "--num-envs", "8", "--latest-share", "0.5",
          "--timesteps-per-batch", "240", "--optim-batchsize", "60")


def make_parser():
    """The command line."""
    parser = bench.make_parser("memory", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, default="kick-and-defend",
                        help="The game of the peak.")
    parser.add_argument("--timesteps-per-batch", type=number(int, 1), default=409600)
    parser.add_argument("--full", action="store_true",
                        help="All of the physics and all epochs for the peak: hours.")
    parser.add_argument("--iters", type=number(int, 3), default=220,
                        help="Iterations of the run that might grow.")
    parser.add_argument("--every", type=number(int, 1), default=20,
                        help="Iterations between two notes of its memory, at least three.")
    return parser


# What the children do


def peak():
    """The most memory that this process has ever had [bytes]."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident():
    """The memory that this process has now [bytes]; where that is unknown, the most it ever had."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return peak()


def stand_still(moved):
    """Freezes the worlds of every simulation after its first `moved` steps."""
    from gym_compete.simulation import Simulation

    step, steps = Simulation.step, {}

    def step_at_first(sim, ctrl):
        steps[sim] = steps.get(sim, 0) + 1
        if steps[sim] <= moved:
            step(sim, ctrl)

    Simulation.step = step_at_first


def note_after(notes, owner, name, what):
    """Makes a function of `owner` note this process's peak after every call."""
    inner = getattr(owner, name)

    def noting(*args, **kwargs):
        result = inner(*args, **kwargs)
        notes[what] = peak()
        return result

    setattr(owner, name, noting)


def note_every(every, notes, log_class):
    """Makes a run's log note this process's memory every so many iterations."""
    write = log_class.write

    def noting(log, iteration, *args):
        write(log, iteration, *args)
        if iteration % every == 0:
            gc.collect()
            notes[iteration] = resident()

    log_class.write = noting


def work(what, directory, arguments):
    """A child: runs run.py into `directory` and writes notes.json there.

    what: "peak" notes the peak after each stage, "full" too, with all of the physics; a number
    notes the memory every so many iterations.
    """
    import run
    from distributed_data import device

    device.prepare()
    import learn
    from selfplay import setup
    from selfplay.run_log import RunLog
    from utils import Rollouts

    run.SAVE_DIR, notes = directory, {}
    if what == "peak":
        stand_still(MOVED)
    if what.isdecimal():
        note_every(int(what), notes, RunLog)
    else:
        note_after(notes, setup, "prime_filters", "networks and games")
        note_after(notes, Rollouts, "__next__", "rollouts")
        note_after(notes, learn, "add_vtarg_and_adv", "GAE")
        note_after(notes, learn, "update_all", "update")
    run.main(arguments)
    if not what.isdecimal():
        notes["snapshots and checkpoint"] = peak()
    with open(os.path.join(directory, "notes.json"), "w") as file:
        json.dump(notes, file)


# What the parent asks of them


def child(what, *arguments):
    """Runs `work` in a process of its own; returns its notes."""
    with tempfile.TemporaryDirectory() as directory:
        bench.run_child(bench.python("-m", "benchmarks.memory", "--work", what, directory, "--run",
                                     "run", *arguments))
        with open(os.path.join(directory, "notes.json")) as file:
            return json.load(file)


def measure_peak(args):
    """The peak's part of the result."""
    batch = args.timesteps_per_batch
    short = () if args.full else ("--optim-epochs", "1")
    minibatch = min(batch, preset("run-to-goal-ants", paper=True)["optim_batchsize"])
    stages = child("full" if args.full else "peak", "--env", args.env, "--paper", "--max-iters",
                   "1", "--anchor-every", "0", "--timesteps-per-batch", str(batch),
                   "--optim-batchsize", str(minibatch), *short)
    return {"env": args.env, "timesteps_per_batch": batch, "stages": stages,
            "peak_gb": max(stages.values()) / 1e9}


def measure_growth(args):
    """The growth's part of the result; slope: bytes per iteration, of a straight line."""
    import numpy as np

    notes = child(str(args.every), *GROWTH, "--max-iters", str(args.iters), "--anchor-every", "10",
                  "--anchor-games", "2")
    iterations, sizes = [int(name) for name in notes], list(notes.values())
    return {"iterations": iterations, "resident": sizes,
            "slope": float(np.polyfit(iterations[1:], sizes[1:], 1)[0]),
            "grown": sizes[-1] - sizes[1]}


def measure(args):
    """Both parts; returns the result dict."""
    if args.iters < 3 * args.every:
        raise InputError(f"--iters {args.iters}: must be at least 3 times --every {args.every}")
    return {"peak": measure_peak(args), "growth": measure_growth(args)}


def print_result(result):
    """Prints a result dict as two tables."""
    most, growth = result["peak"], result["growth"]
    bench.print_table([[stage, f"{size / 1e9:.2f}"] for stage, size in most["stages"].items()],
                      [f"{most['env']}, {most['timesteps_per_batch']:,} samples per learner: peak "
                       "until after", "GB"])
    print(f"peak {most['peak_gb']:.2f} GB, limit {MOST_GB:g} GB\n")
    bench.print_table([[iteration, f"{size / 1e6:.1f}"]
                       for iteration, size in zip(growth["iterations"], growth["resident"])],
                      ["small run: after iteration", "MB"])
    print(f"from iteration {growth['iterations'][1]} on {growth['grown'] / 1e6:+.2f} MB, "
          f"{growth['slope'] / 1e3:+.2f} kB per iteration")


@guarded
def main(argv=None):
    """Measures, prints tables and writes --json."""
    bench.run(make_parser(), measure, print_result, argv)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        main()
