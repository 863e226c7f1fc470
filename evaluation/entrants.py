"""A tournament's entrants: files, folders, a run's snapshots, and two fixed baselines."""

import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np

from common.command_line import InputError
from common.filenames import SUFFIXES, parameter_files, read_name
from common.names import short_names
from evaluation.anchors import still_entry
from evaluation.seats import seats_of
from networks.loading import Entry, check_networks, game_sizes, load_entries, vector_size

ANCHORS = ("random", "zero")


@dataclass
class Entrant:
    """A tournament's entrant: its name in tables, its parameters, and the seats it may take.

    series, iteration: learner's name and version of a run's snapshot; else None.
    """

    label: str
    entry: Entry
    seats: tuple
    series: str = None
    iteration: int = None

    def digest(self):
        """SHA-256 of the network and its parameters."""
        header = {key: self.entry.header[key] for key in ("game", "policy", "policy_args")}
        text = json.dumps(header, sort_keys=True).encode()
        return hashlib.sha256(text + self.entry.vector.tobytes()).hexdigest()


def collect(words, snapshots, env_name):
    """Returns (game, entrants) of a command line.

    words: files, folders, "random" and "zero"; snapshots: {path: learner's folder} of a run.
    Raises InputError for an unreadable file, one for another game, and an empty folder.
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
                for label, entry in zip(short_names(files, reserved=ANCHORS), entries)]
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


def anchor(word, game):
    """One that never learns: "zero" never moves, "random" draws actions from N(0, 1)."""
    ob_dim, ac_dim = game_sizes(game)
    network = {"policy": "mlp", "policy_args": {"hid_size": 64}}
    blank = Entry(word, np.zeros(vector_size(game, *network.values()), np.float32),
                  {"game": game, "seat": "both", "ob_dim": ob_dim, "ac_dim": ac_dim, **network})
    entry = still_entry(blank, logstd=0) if word == "random" else still_entry(blank)
    return Entry(word, entry.vector, entry.header)
