"""What files and outcomes are called where people read them: tables, matrices, films, reports."""

import os
from collections import Counter

from common.command_line import one_line


def short_names(paths, reserved=()):
    """Each path's name for people: its last parts, as many as tell it from the others; no suffix.

    reserved: names that stand for something else, so that no file may have them. A path that is
    given twice has the same name twice.
    """
    files = {os.path.realpath(path): path for path in paths}
    parts = {real: [one_line(part) for part in real.split(os.sep)] for real in files}
    names = {real: stem_of(part, 1) for real, part in parts.items()}
    for length in range(2, max(map(len, parts.values()), default=0) + 1):
        count = Counter([*names.values(), *reserved])
        if max(count.values()) == 1:
            break
        names = {real: stem_of(parts[real], length) if count[name] > 1 else name
                 for real, name in names.items()}
    count = Counter(names.values())  # paths that differ in nothing but the suffix
    return [one_line(path) if count[names[real]] > 1 else names[real]
            for path, real in ((path, os.path.realpath(path)) for path in paths)]


def stem_of(parts, length):
    """The last so many parts of a path, without the suffix."""
    return os.sep.join([*parts[-length:-1], os.path.splitext(parts[-1])[0]])


def outcome(winner, names):
    """How a game ended, in words; winner: 0, 1 or None for a tie; names: of the two."""
    return "tie" if winner is None else f"{names[winner]} wins"
