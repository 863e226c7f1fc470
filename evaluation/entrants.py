"""A tournament's entrants: files, folders, a run's snapshots, and two fixed baselines."""

import hashlib
import json
import os
from dataclasses import dataclass

from common.command_line import InputError
from common.filenames import SUFFIXES, parameter_files, read_name
from common.names import short_names
from evaluation.seats import seats_of
from networks.loading import STILL, ParameterFile, blank_entry, check_networks, load_entries

BASELINES = {"random": 0.0, "zero": STILL}  # log standard deviations of players without a file


@dataclass
class Entrant:
    """A tournament's entrant: its name in tables, its parameters, and the seats it may take.

    series: the learner's name, of a run's snapshot; else None. iteration: of training, as a file of
    ours says; None for others.
    """

    label: str
    entry: ParameterFile
    seats: tuple
    series: str = None
    iteration: int = None

    def digest(self):
        """SHA-256 of the network and its parameters."""
        header = {key: self.entry.header[key] for key in ("game", "policy", "policy_args")}
        text = json.dumps(header, sort_keys=True).encode()
        return hashlib.sha256(text + self.entry.vector.tobytes()).hexdigest()


def collect(words, snapshots, env_name):
    """Returns (game, entrants) for the words of a command line.

    words: files, folders, "random" and "zero"; snapshots: {path: learner's folder} of a run.
    Raises InputError for an unreadable file, one of another game, and an empty folder.
    """
    files = [path for word in words if word not in BASELINES for path in expand(word, env_name)]
    files = list({os.path.realpath(path): path for path in [*files, *snapshots]}.values())
    if files:
        game, entries = load_entries(files, env_name)
        check_networks(entries, game)
    elif env_name:
        game, entries = env_name, []
    else:
        raise InputError(f"{' '.join(words)}: give the game with --env")
    entrants = [Entrant(label, entry, seats_of(entry, game), snapshots.get(entry.path),
                        entry.header.get("iteration"))
                for label, entry in zip(short_names(files, reserved=BASELINES), entries)]
    made = [blank_entry(game, logstd, word) for word, logstd in BASELINES.items() if word in words]
    return game, entrants + [Entrant(entry.path, entry, (0, 1)) for entry in made]


def load_players(words, env_name, deterministic=False):
    """Returns (game, entries) of those who play: each a parameter file, "random" or "zero".

    Raises InputError for a file that cannot play, and for `random` where no action has noise.
    """
    files = [word for word in words if word not in BASELINES]
    if not files and env_name is None:
        raise InputError(f"{' '.join(words)}: give the game with --env")
    if deterministic and "random" in words:
        raise InputError("random: all its actions are noise, which --deterministic takes away")
    game, entries = load_entries(files, env_name) if files else (env_name, [])
    loaded = dict(zip(files, entries))
    return game, [loaded.get(word) or blank_entry(game, BASELINES[word], word) for word in words]


def expand(word, env_name=None):
    """The parameter files that a word names: itself, or all those below a folder.

    From a folder with several games, such as OpenAI's archive, only those of the --env.
    """
    if not os.path.isdir(word):
        return [word]
    found = [path for path in parameter_files(word)
             if env_name is None or read_name(path).game in (None, env_name)]
    if not found:
        raise InputError(f"{word}: no parameter files ({', '.join(SUFFIXES)}) there"
                         + (f" for {env_name}" if env_name else ""))
    return found


