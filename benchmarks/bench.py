"""What the benchmarks share: a command line with --json, tables, and how to start run.py."""

import os
import sys
from pathlib import Path

from benchmarks import machine
from common.command_line import InputError, Parser

ROOT = Path(__file__).resolve().parents[1]  # where the commands below must be run
TRAIN = "import sys, run; run.SAVE_DIR = sys.argv[1]; run.main(sys.argv[2:])"


def make_parser(name, doc, json=True):
    """The command line of `python -m benchmarks.NAME`, described by its docstring's first line."""
    parser = Parser(prog=f"python -m benchmarks.{name}", description=doc.split("\n")[0])
    if json:
        parser.add_argument("--json", metavar="FILE", help="Write the result to this file too.")
    return parser


def run(parser, measure, print_result, argv=None, packages=()):
    """Measures, prints and writes --json; returns the result with the machine in words.

    measure: args -> dict, may raise InputError; print_result: prints such a dict; packages:
    distributions whose versions to name beside the usual ones.
    """
    args = parser.parse_args(argv)
    try:
        check_writable(args.json)
        result = {"machine": machine.describe(*packages), **measure(args)}
    except InputError as error:
        parser.error(str(error))
    print_result(result)
    print(result["machine"])
    if args.json:
        from common.files import write_json

        write_json(args.json, result)
    return result


def check_writable(path):
    """Raises InputError where --json's file could not be written, before hours of measuring."""
    if path and (os.path.isdir(path)
                 or not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK)):
        raise InputError(f"--json {path}: must be a file in a folder that can be written to")


def print_table(rows, headers):
    """Prints rows of words: the first column to the left, the others to the right."""
    from tabulate import tabulate

    print(tabulate(rows, headers, disable_numparse=True,
                   colalign=("left", *["right"] * (len(headers) - 1))))


def python(*arguments, ranks=None):
    """The words of a Python command, or of one that mpirun starts in so many ranks."""
    mpirun = [str(Path(sys.executable).parent / "mpirun"), "-np", str(ranks)] if ranks else []
    return [*mpirun, sys.executable, *map(str, arguments)]


def training(folder, *arguments, ranks=None):
    """The words that run run.py with its runs in a folder."""
    return python("-c", TRAIN, folder, *arguments, ranks=ranks)
