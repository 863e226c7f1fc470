"""How long one waits: for --help, for a line on bad input, for the first row of a training.

Starts each command several times in turn and prints medians. A training is that of
`python run.py --env GAME` with its preset, into a folder of its own; it is timed until its first
line, and until the row of its first iteration.

    python -m benchmarks.start --env run-to-goal-ants --starts 5
"""

import statistics
import subprocess
import tempfile
import time

from benchmarks import bench
from common.command_line import GAME_NAMES, number
from common.terminal import guarded

AT_ONCE, SOON = 0.3, 10.0  # seconds that an answer and the first row may take
COMMANDS = {
    "run.py --help": 0, "load_parameter_run.py --help": 0, "run.py --env no-such-game": 2,
    "run.py --run a/b": 2, "load_parameter_run.py --max-episodes none": 2}  # and their exit codes


def make_parser():
    """The command line."""
    parser = bench.make_parser("start", __doc__)
    parser.add_argument("--env", choices=GAME_NAMES, default="run-to-goal-ants")
    parser.add_argument("--starts", type=number(int, 1), default=5, help="Of each command.")
    return parser


def answer(command, code):
    """Seconds that a command takes, which must end with this exit code."""
    script, *arguments = command.split()
    started = time.perf_counter()
    done = subprocess.run(bench.python(bench.ROOT / script, *arguments), capture_output=True,
                          text=True)
    seconds = time.perf_counter() - started
    if done.returncode != code:
        raise RuntimeError(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return seconds


def first_words(env):
    """Seconds until a training prints its first line, and its first iteration's row."""
    times = []
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        command = bench.training(directory, "--env", env, "--max-iters", "1")
        with subprocess.Popen(command, cwd=bench.ROOT, stdout=subprocess.PIPE,
                              text=True) as process:
            for line in process.stdout:
                if not times or line.startswith("iteration 1 "):
                    times.append(time.perf_counter() - started)
        if process.returncode or len(times) < 2:
            raise RuntimeError(f"the training gave no row, exit code {process.returncode}")
    return times


def measure(args):
    """Starts everything in turn; returns the result dict."""
    train = f"run.py --env {args.env}"
    names = {**dict.fromkeys(COMMANDS, AT_ONCE), f"{train}: first line": None,
             f"{train}: first row": SOON}
    found = {name: [] for name in names}
    for _ in range(args.starts + 1):  # the first fills the caches of the disk
        for command, code in COMMANDS.items():
            found[command].append(answer(command, code))
        for what, seconds in zip(("first line", "first row"), first_words(args.env)):
            found[f"{train}: {what}"].append(seconds)
    return {"starts": args.starts,
            "seconds": {name: statistics.median(times[1:]) for name, times in found.items()},
            "longest": {name: max(times[1:]) for name, times in found.items()}, "limits": names}


def print_result(result):
    """Prints a result dict as a table."""
    bench.print_table([[name, f"{seconds:.2f}", f"{result['longest'][name]:.2f}",
                        limit and f"{limit:g}"]
                       for (name, seconds), limit in zip(result["seconds"].items(),
                                                         result["limits"].values())],
                      ["command", "s (median)", "longest", "limit"])


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json."""
    bench.run(make_parser(), measure, print_result, argv)


if __name__ == "__main__":
    main()
