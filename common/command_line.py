"""Shared by both scripts' command lines: one-line errors, exit code 2, checked numbers."""

import argparse
import math
import os
import sys
from contextlib import contextmanager

from common.files import beside

# Listed here so --help need not import MuJoCo; a test compares them with gym_compete.GAMES.
GAME_NAMES = ("run-to-goal-ants", "run-to-goal-humans", "you-shall-not-pass", "sumo-ants",
              "sumo-humans", "kick-and-defend")
# Players without a file; a test compares them with evaluation.entrants.BASELINES.
NOT_FILES = ("random", "zero")
MOST = 2**63 - 1  # of a whole number: more is no length of a Python range and no NumPy integer
MOST_MATCHES = 1_000_000  # of one command


def one_line(text):
    """A text whose unprintable characters, such as newlines, are written as escapes."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def file_error(error):
    """An OSError in words: the file, if it names one, and what is wrong with it."""
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)


# MPICH and Intel MPI, Open MPI, Slurm.
RANK_NAMES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors are one line."""

    def line(self, message):
        """The error as the one line that the user sees."""
        return f"{self.prog}: error: {one_line(message)}"

    def error(self, message):
        """Prints the error in one line and exits with code 2."""
        ranks = [os.environ[name] for name in RANK_NAMES if name in os.environ]
        if not ranks or ranks[0] == "0":  # of all processes under mpirun, only one prints
            print(self.line(message), file=sys.stderr)
        sys.exit(2)

    def parse_known_args(self, args=None, namespace=None):
        """Parses as usual, but ends with an error for an option or argument that is empty."""
        args = sys.argv[1:] if args is None else list(args)
        option = "argument"
        for arg in args:
            value = arg
            if arg.startswith("--"):
                option, equals, value = arg.partition("=")
                value = value if equals else option
            if not value:
                self.error(f"{option}: must not be empty")
        return super().parse_known_args(args, namespace)

    @contextmanager
    def refusing(self):
        """Ends the script with one line and exit code 2 where the work within meets bad input."""
        try:
            yield
        except InputError as error:
            self.error(str(error))
        except OSError as error:
            self.error(file_error(error))


def dashed(name):
    """How a command line spells the option that argparse stores under a name."""
    return f"--{name.replace('_', '-')}"


def number(kind, low, high=math.inf, above=False, below=False):
    """Returns an argparse type: an int or float in [low, high].

    above: low itself is out of bounds; below: high is. No int exceeds `MOST`, whatever `high` is.
    """
    most = min(high, MOST) if kind is int else high

    def parse(text):
        value = kind(text)
        if value != value or abs(value) == math.inf:
            raise argparse.ArgumentTypeError(f"{text}: must be a finite number")
        if not ((value > low if above else value >= low)
                and (value < most if below else value <= most)):
            bounds = f"{'above' if above else 'at least'} {low}"
            shown = most if value > most else high
            bounds += "" if shown == math.inf else f" and {'below' if below else 'at most'} {shown}"
            raise argparse.ArgumentTypeError(f"{text}: must be {bounds}")
        return value

    parse.__name__ = kind.__name__
    return parse


def rule(text):
    """An argparse type: "NAME=VALUE" as (name, value), a truth value or a number of at least 0."""
    name, _, value = text.partition("=")
    truths = {"True": True, "False": False}
    try:
        if value in truths:
            return name, truths[value]
        number(float, 0)(value)  # the game itself has the bounds of its options
        return name, (int if value.isdecimal() else float)(value)
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=VALUE, VALUE being True, False or "
                                         "a number of at least 0") from None


class InputError(ValueError):
    """Bad input from the user: one line that names it and what is allowed."""


class NotFinite(ArithmeticError):
    """Losses or gradients were not finite several times in a row; the message names them."""


def check_writable(option, path):
    """Raises InputError if a result file cannot be written: before the work, not after.

    A link's target is replaced, by way of a temporary file beside it (`files.write_whole`).
    """
    folder, name = os.path.split(os.path.realpath(path))
    special = os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
    if special and os.access(path, os.W_OK):  # a device or a pipe
        return
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise InputError(f"{option} {path}: must be a file in a folder that exists and is writable")
    most = os.pathconf(folder, "PC_NAME_MAX") - len(beside(""))
    if len(os.fsencode(name)) > most:
        raise InputError(f"{option} {path}: must have a name of at most {most} bytes")


def check_apart(outputs, inputs):
    """Raises InputError for a result file that would replace an input or another result.

    outputs: {option: path or None}; inputs: paths. Devices and pipes may be shared.
    """
    taken = dict.fromkeys(map(os.path.realpath, inputs), "a file to read")
    for option, path in outputs.items():
        if path and (os.path.isfile(path) or not os.path.exists(path)):
            real = os.path.realpath(path)
            if real in taken:
                raise InputError(f"{option} {path}: is {taken[real]}; name another")
            taken[real] = f"the file of {option}, too"
