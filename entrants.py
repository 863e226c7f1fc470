"""Who enters a tournament: files, folders, a run's snapshots, and two that never learn."""

import glob
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from anchors import still_entry
from cli import one_line
from filenames import SUFFIXES, parameter_files, read_name
from matches import Entry, check_networks, game_sizes, load_entries, seats_of, vector_size
from utils import InputError, snapshot_paths

ANCHORS = ("random", "zero")


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
    made = [anchor(word, game) for word in ANCHORS if word in words]
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


def anchor(word, game):
    """One that never learns: "zero" never moves, "random" draws actions from N(0, 1)."""
    ob_dim, ac_dim = game_sizes(game)
    network = {"policy": "mlp", "policy_args": {"hid_size": 64}}
    blank = Entry(word, np.zeros(vector_size(game, *network.values()), np.float32),
                  {"game": game, "seat": "both", "ob_dim": ob_dim, "ac_dim": ac_dim, **network})
    entry = still_entry(blank)
    if word == "random":
        entry.vector[-ac_dim:] = 0  # log-std
    return Entry(word, entry.vector, entry.header)


def choose_snapshots(run, every=None, count=8):
    """Some of a run's snapshots: {path: learner's folder}.

    every: those whose version it divides, and the last; None: about `count` a learner, evenly.
    Raises InputError if there are none.
    """
    chosen = {}
    for folder in sorted(glob.glob(os.path.join(glob.escape(run), "agent*"))):
        paths = snapshot_paths(folder)
        if not paths:
            continue
        last = max(paths)
        if every:
            wanted = {version for version in paths if version % every == 0} | {last}
        else:
            wanted = {min(paths, key=lambda v: abs(v - point))
                      for point in np.linspace(0, last, count)}
        chosen |= {paths[version]: os.path.basename(folder) for version in sorted(wanted)}
    if not chosen:
        raise InputError(f"--history {run}: no such run with snapshots")
    return chosen
