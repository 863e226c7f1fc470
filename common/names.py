"""Names of files and outcomes for people: in tables, matrices, summaries, films and reports."""

import os
from collections import Counter

from common.command_line import GAME_NAMES, one_line

ROBOTS = ("red", "blue")  # the colors of the robots in seats 0 and 1
LOSERS = {"fell": "fell", "out": "is out"}  # endings that happen to the loser, in a sentence


def short_names(paths, reserved=()):
    """Each path's name for people, such as "v1", "agent0" or "agent0/000640".

    It is the file's name without suffix and without its game; a bare number, as snapshots have,
    comes with its folder. Names that would be alike or `reserved` get as many more folders as they
    need to differ. A path that is given twice has the same name twice.
    """
    files = {os.path.realpath(path): path for path in paths}
    parts = {real: [one_line(part) for part in real.split(os.sep)] for real in files}
    names = {real: last_parts(part, 1) for real, part in parts.items()}
    for length in range(2, max(map(len, parts.values()), default=0) + 1):
        count = Counter([*names.values(), *reserved])
        if max(count.values()) == 1:
            break
        names = {real: last_parts(parts[real], length) if count[name] > 1 else name
                 for real, name in names.items()}
    count = Counter(names.values())  # paths that differ only in their suffix or their game
    return [one_line(path) if count[names[real]] > 1 else names[real]
            for path, real in ((path, os.path.realpath(path)) for path in paths)]


def last_parts(parts, length):
    """The last `length` parts of a path, at least two for a bare number; no suffix, no game."""
    name = os.path.splitext(parts[-1])[0]
    for game in GAME_NAMES:
        name = name.removeprefix(f"{game}_") or name
    length = max(length, 2) if name.isdecimal() else length
    return os.sep.join([*parts[-length:-1], name])


def relative(path):
    """The path from the current folder, on one line."""
    return one_line(os.path.relpath(path))


def distinct(names):
    """The names of the players in seats 0 and 1; with their robots' colors if they are alike."""
    if names[0] != names[1]:
        return list(names)
    return [f"{name} ({robot})" for name, robot in zip(names, ROBOTS)]


def outcome(winner, names, ending=None):
    """How a match ended, such as "agent1 wins: agent0 fell"; without `ending` only who won.

    winner: 0, 1 or None for a tie; names: of the two; ending: one of the game's `endings`.
    """
    who = "tie" if winner is None else f"{names[winner]} wins"
    if winner is not None and ending in LOSERS:
        ending = f"{names[1 - winner]} {LOSERS[ending]}"
    return f"{who}: {ending}" if ending else who
