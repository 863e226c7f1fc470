"""Who enters a tournament: files, folders, a run's snapshots, and two that never learn."""

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass

from common.command_line import InputError, one_line
from common.filenames import SUFFIXES, parameter_files, read_name
from evaluation.anchors import STILL
from evaluation.seats import seats_of
from networks.loading import Entry, blank_entry, check_networks, load_entries

ANCHORS = {"random": 0.0, "zero": STILL}  # those that never learn: log standard deviations


@dataclass
class Entrant:
    """One of many: its name in tables, what plays, and the seats that it may take.

    series, iteration: the learner's folder and the version, of a run's snapshots; else None.
    """

    label: str
    entry: Entry
    seats: tuple
    series: str = None
    iteration: int = None

    def digest(self):
        """SHA-256 of what plays: the network and its numbers."""
        header = {key: self.entry.header[key] for key in ("game", "policy", "policy_args")}
        text = json.dumps(header, sort_keys=True).encode()
        return hashlib.sha256(text + self.entry.vector.tobytes()).hexdigest()


def collect(words, snapshots, env_name):
    """Returns (game, entrants) of a command line.

    words: files, folders, "random" and "zero"; snapshots: {path: learner's folder} of a run.
    Raises InputError for a file that is none or is for another game, and for an empty folder.
    """
    files = [path for word in words if word not in ANCHORS for path in expand(word, env_name)]
    files = list({os.path.realpath(path): path for path in [*files, *snapshots]}.values())
    if files:
        game, entries = load_entries(files, env_name)
        check_networks(entries, game)
    elif env_name:
        game, entries = env_name, []
    else:
        raise InputError(f"--tournament {' '.join(words)}: say which game with --env")
    entrants = [Entrant(label, entry, seats_of(entry, game), snapshots.get(entry.path),
                        entry.header.get("iteration"))
                for label, entry in zip(labels(files), entries)]
    made = [blank_entry(game, logstd, word) for word, logstd in ANCHORS.items() if word in words]
    return game, entrants + [Entrant(entry.path, entry, (0, 1)) for entry in made]


def expand(word, env_name=None):
    """The parameter files that a word means: itself, or all those below a folder.

    Of OpenAI's archive as a whole, those of the game that --env names.
    """
    if not os.path.isdir(word):
        return [word]
    found = [path for path in parameter_files(word)
             if env_name is None or read_name(path).game in (None, env_name)]
    if not found:
        raise InputError(f"--tournament {word}: no parameter files ({', '.join(SUFFIXES)}) there"
                         + (f" for {env_name}" if env_name else ""))
    return found


def labels(paths):
    """Short names: the last parts of each path, as many as make it unique; no suffix."""
    parts = [os.path.realpath(path).split(os.sep) for path in paths]
    parts = [list(map(one_line, part)) for part in parts]
    names = [os.path.splitext(part[-1])[0] for part in parts]
    for length in range(2, max(map(len, parts), default=0) + 1):
        count = Counter([*names, *ANCHORS])
        if max(count.values()) == 1:
            break
        names = [os.sep.join([*part[-length:-1], os.path.splitext(part[-1])[0]])
                 if count[name] > 1 else name for name, part in zip(names, parts)]
    count = Counter(names)  # the same path twice but for the suffix
    return [one_line(path) if count[name] > 1 else name for name, path in zip(names, paths)]
