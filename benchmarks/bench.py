"""What the benchmarks share: a command line with --json, tables, and how to start run.py."""

import subprocess
import sys
from pathlib import Path

from benchmarks import machine
from common.command_line import NOT_FILES, InputError, Parser, check_apart, check_writable
from common.files import write_json
from distributed_data import launch

ROOT = Path(__file__).resolve().parents[1]  # where the commands below must be run
TRAIN = "import sys, run; run.SAVE_DIR = sys.argv[1]; run.main(sys.argv[2:])"


def make_parser(name, doc, json=True):
    """The command line of `python -m benchmarks.NAME`, described by its docstring's first line."""
    parser = Parser(prog=f"python -m benchmarks.{name}", description=doc.split("\n")[0])
    if json:
        parser.add_argument("--json", metavar="FILE", help="Write the result to this file too.")
    return parser


def run(parser, measure, print_result, argv=None, packages=(), inputs=lambda args: ()):
    """Measures, writes --json and prints; returns the result with the machine in words.

    measure: args -> dict, may raise InputError; print_result: prints such a dict; packages:
    distributions whose versions to name beside the usual ones; inputs: args -> the players, whose
    files --json must not replace.
    """
    args = parser.parse_args(argv)
    with parser.refusing():
        if args.json:  # before hours of measuring
            check_writable("--json", args.json)
            check_apart({"--json": args.json},
                        [path for path in inputs(args) if path not in NOT_FILES])
        result = {"machine": machine.describe(*packages), **measure(args)}
    try:  # a closed pipe must not lose the file, nor a full disk the table
        with parser.refusing():
            if args.json:
                write_json(args.json, result)
    finally:
        print_result(result)
        print(result["machine"])
    return result


def print_table(rows, headers):
    """Prints rows of strings, the first column left-aligned, the others right-aligned."""
    from tabulate import tabulate

    print(tabulate(rows, headers, disable_numparse=True,
                   colalign=("left", *["right"] * (len(headers) - 1))))


def python(*arguments, ranks=None):
    """The words of a Python command, or of one that mpirun starts in so many ranks."""
    started = [find_mpirun(), "-np", str(ranks)] if ranks else []
    return [*started, sys.executable, *map(str, arguments)]


def find_mpirun():
    """The path of mpirun; InputError where there is none."""
    found = launch.find_mpirun()
    if not found:
        raise InputError("needs mpirun: pip install mpich")
    return found


def training(folder, *arguments, ranks=None):
    """The words that run run.py with its runs in a folder."""
    return python("-c", TRAIN, folder, *arguments, ranks=ranks)


def run_child(words):
    """Runs a command in the repository; InputError with its last line if it fails.

    What it has printed to stderr is shown only where that is more than a refusal (exit code 2).
    """
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, errors="replace")
    if done.returncode not in (0, 2):
        print(done.stderr, file=sys.stderr)
    if done.returncode:
        lines = done.stderr.split("\n")
        raise InputError(next(filter(None, map(str.strip, reversed(lines))),
                              f"{words[0]}: exit code {done.returncode}"))
