"""Many ranks against one: samples per second of the same batch, and communication's share of it.

Trains a few iterations in every layout, several times in turn, and prints medians. Communication is
measured separately, with a barrier before every collective call, so that waiting for a slower rank
is told apart from moving bytes.

    python -m benchmarks.scaling --layouts 1x2 2x1 4x1
"""

import csv
import json
import os
import re
import statistics
import sys
import tempfile
import time

from benchmarks import bench
from common.command_line import GAME_NAMES, InputError, number
from common.terminal import guarded

WARM_UP = 2  # iterations that do not count
BATCHES = {"one-machine": [], "large": [
    "--timesteps-per-batch", "35840", "--optim-batchsize", "5120", "--integrator", "RK4"]}


def make_parser():
    """The command line."""
    parser = bench.make_parser("scaling", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, default="run-to-goal-ants")
    parser.add_argument("--layouts", nargs="+", default=["1x2", "2x1", "4x1"],
                        help="Ranks x threads, the first being what the others are compared with.")
    parser.add_argument("--batch", choices=list(BATCHES), default="one-machine", help=(
        "The preset's batch, or 35,840 samples in minibatches of 5,120, on RK4."))
    parser.add_argument("--policy", help="The network; default: the game's own.")
    parser.add_argument("--num-envs", type=number(int, 1), default=64, help="Matches of all ranks.")
    parser.add_argument("--iters", type=number(int, 1), default=8)
    parser.add_argument("--rounds", type=number(int, 1), default=3)
    return parser


class Timed:
    """A communicator that times its calls: the wait for other ranks, and the call itself."""

    def __init__(self, world):
        self._world, self.waiting, self.moving, self.calls = world, 0.0, 0.0, 0

    def __getattr__(self, name):
        call = getattr(self._world, name)

        def timed(*args, **kwargs):
            started = time.perf_counter()
            self._world.Barrier()
            met = time.perf_counter()
            result = call(*args, **kwargs)
            self.waiting += met - started
            self.moving += time.perf_counter() - met
            self.calls += 1
            return result

        return timed


def work(directory, timed, arguments):
    """What every rank runs: run.py, into `directory`; rank 0 writes down what was timed."""
    import run
    from distributed_data import comm

    run.SAVE_DIR = directory
    if timed:
        comm.WORLD = Timed(comm.WORLD)
    started = time.perf_counter()
    run.main(arguments)
    if timed and comm.RANK == 0:
        world, seconds = comm.WORLD, time.perf_counter() - started
        with open(os.path.join(directory, "timed.json"), "w") as file:
            json.dump({"waiting": world.waiting, "moving": world.moving, "calls": world.calls,
                       "seconds": seconds}, file)


def train(layout, args, timed):
    """One short run in a layout; returns (seconds of each iteration, config, what was timed).

    config: dict of the options that the run had.
    """
    ranks, threads = map(int, layout.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        bench.run_child(bench.python(
            "-m", "benchmarks.scaling", "--work", directory, int(timed), "--env", args.env,
            "--run", "run", "--num-threads", threads, "--num-envs", args.num_envs // ranks,
            "--anchor-every", "0", "--max-iters", args.iters + WARM_UP, *BATCHES[args.batch],
            *(("--policy", args.policy) if args.policy else ()),
            ranks=ranks))
        with open(os.path.join(directory, "run", "timing.csv")) as file:
            seconds = [float(row["run/seconds"]) for row in csv.DictReader(file)][WARM_UP - 1:]
        with open(os.path.join(directory, "run", "config.json")) as file:
            config = json.load(file)
        times = [after - before for before, after in zip(seconds, seconds[1:])]
        found = {}
        if timed:
            with open(os.path.join(directory, "timed.json")) as file:
                found = json.load(file)
    return times, config, found


def check(args):
    """Raises InputError for layouts that are none, and for matches that they cannot share."""
    for layout in args.layouts:
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", layout):
            raise InputError(f"--layouts {layout}: must be RANKSxTHREADS, such as 2x1")
        ranks = int(layout.split("x")[0])
        if args.num_envs % ranks:
            raise InputError(f"--num-envs {args.num_envs}: must be a multiple of {ranks}, the "
                             f"ranks of --layouts {layout}")


def measure(args):
    """Every layout in turn, several times; returns the result dict."""
    check(args)
    times = {layout: [] for layout in args.layouts}
    for _ in range(args.rounds):
        for layout in args.layouts:
            found, config, _ = train(layout, args, timed=False)
            times[layout] += found
    rows, samples = [], config["timesteps_per_batch"]
    for layout in args.layouts:
        seconds = statistics.median(times[layout])
        _, _, timed = train(layout, args, timed=True)
        iterations = args.iters + WARM_UP
        rows.append({
            "layout": layout, "seconds": seconds, "samples_per_s": samples / seconds,
            "ratio": statistics.median(times[args.layouts[0]]) / seconds,
            "calls": timed["calls"] / iterations,
            "communication": timed["moving"] / iterations / seconds,
            "waiting": timed["waiting"] / iterations / seconds})
    return {"env": config["env"], "policy": config["policy"], "batch": samples,
            "integrator": config["integrator"], "rows": rows}


def print_result(result):
    """Prints a result dict as a table."""
    bench.print_table(
        [[r["layout"], f"{r['seconds']:.3f}", f"{r['samples_per_s']:,.0f}", f"{r['ratio']:.3f}",
          f"{r['calls']:,.0f}", f"{r['communication']:.2%}", f"{r['waiting']:.2%}"]
         for r in result["rows"]],
        ["ranks x threads", "s per iteration", "samples/s per learner", "of the first",
         "calls per iteration", "communication", "waiting"])
    print(f"{result['env']}, {result['policy']}, batches of {result['batch']:,} on "
          f"{result['integrator']}")


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3] == "1", sys.argv[4:])
    else:
        main()
