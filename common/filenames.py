"""Names of parameter files: finding them in a folder, reading OpenAI's."""

import glob
import os
import re
from collections import namedtuple

from common.command_line import GAME_NAMES

SUFFIXES = (".npz", ".npy", ".pkl")

Named = namedtuple("Named", "game seat version")
Named.__doc__ = """The game, seat (0, 1 or "both") and version in a name; None: not in it."""

# In OpenAI's archive, seats count from 1, games are folders and one name lacks its dot.
ARCHIVED = re.compile(r"agent([12]?)_parameters(?:-v(\d+))?")
UNDOTTED = re.compile(r"agent[12]?_parameters-v\d+pkl")
# The names of the same files as arrays in benchmarks and docs: GAME[_agentK]_vN.npy.
ARRAY = re.compile(rf"({'|'.join(GAME_NAMES)})(?:_agent([01]))?_v(\d+)")
SEAT = re.compile(r"(?:^|_)agent([01])(?:[_.]|$)")


def read_name(path):
    """Reads the name of a file without a header: a `Named`."""
    name = os.path.basename(path)
    if found := ARCHIVED.match(name):
        seat = int(found[1]) - 1 if found[1] else "both"
        return Named(game_of_folder(path), seat, found[2] and int(found[2]))
    if found := ARRAY.match(name):
        return Named(found[1], int(found[2]) if found[2] else "both", int(found[3]))
    found = SEAT.search(name)
    return Named(None, int(found[1]) if found else None, None)


def game_of_folder(path):
    """The game in the names of the last two folders, such as run-to-goal/ants, or None."""
    *_, above, folder = ["", "", *os.path.dirname(os.path.abspath(path)).split(os.sep)]
    return next((name for name in (folder, f"{above}-{folder}", above) if name in GAME_NAMES), None)


def parameter_files(folder):
    """The paths of all parameter files below a folder, sorted; without checkpoints."""
    paths = glob.glob(os.path.join(glob.escape(folder), "**", "*"), recursive=True)
    return sorted(path for path in paths if is_parameter_file(os.path.basename(path))
                  and os.path.isfile(path))


def is_parameter_file(name):
    """Whether a file of this name in a given folder counts as a parameter file."""
    if name.startswith("checkpoint"):
        return False
    return name.endswith(SUFFIXES) or bool(UNDOTTED.fullmatch(name))
