"""Evaluation against opponents that never change, unlike a run's own growing pool."""

import numpy as np

from common.command_line import InputError, one_line
from common.files import stem
from evaluation.results import by_file, tally
from evaluation.seats import play_pair, seatings, seats_of, share_out
from networks.loading import STILL, ParameterFile, blank_entry, check_networks, load_entry


class Anchors:
    """Plays each learner against fixed opponents every few iterations.

    The opponents are the first snapshot of the other seat ("first"), one that never moves ("zero"),
    and the parameter files given (named after the file). Actions are noisy as in training, but the
    physics are RK4, as in all evaluation; match g against an anchor always starts the same way.

    game: short name; headers: one dict per learner, as in parameter files; every: iterations
    between evaluations; games: how many matches against each anchor; files: paths of parameter
    files (the attribute has `ParameterFile`s by name); options: further keywords of `matches.play`.

    Raises InputError for a file that does not fit the game or any seat opposite a learner.
    """

    def __init__(self, game, headers, every, games=20, files=(), **options):
        self.game, self.headers, self.every, self.games = game, headers, every, games
        self._options = options
        self.files = {}
        for path in files:
            name = one_line(stem(path))
            if name in self.files or name in ("first", "zero"):
                raise InputError(f"--anchor {path}: another anchor is named {name} already")
            self.files[name] = load_entry(path, game)
            if not any(self._places(header, self.files[name]) for header in headers):
                seat, = seats_of(self.files[name], game)
                raise InputError(f"--anchor {path}: is for seat {seat}, where the learner sits")
        check_networks(self.files.values(), game)
        self._first = [None] * len(headers)
        self._still = blank_entry(game, STILL, "zero-action opponent")

    def set_first_snapshots(self, vectors):
        """Makes every learner's first parameters an anchor; None where that snapshot is gone."""
        self._first = [None if vector is None else
                       ParameterFile("first snapshot", vector.copy(), header)
                       for vector, header in zip(vectors, self.headers)]

    def opponents(self, learner):
        """The learner's anchors by name; only files that can take the seat opposite."""
        header = self.headers[learner]
        seats = [h["seat"] for h in self.headers]
        other = "both" if header["seat"] == "both" else 1 - header["seat"]
        first = {"first": self._first[seats.index(other)]} if other in seats else {}
        files = {name: anchor for name, anchor in self.files.items()
                 if self._places(header, anchor)}
        return first | {"zero": self._still} | files

    def _places(self, header, anchor):
        """The learner's seats from which it can meet the anchor."""
        own = (0, 1) if header["seat"] == "both" else (header["seat"],)
        return seatings(own, seats_of(anchor, self.game))

    def row(self, iteration, names, vectors):
        """The iteration's part of the log: shares of matches that each learner won, lost and tied.

        names, vectors: the learners'. Returns {column: share}, such as "agent0/win_v_first"; NaN in
        iterations without an evaluation, and if the first snapshot is gone.
        """
        due, row = iteration % self.every == 0, {}
        for k, (learner, vector) in enumerate(zip(names, vectors)):
            entry = ParameterFile("learner", vector, self.headers[k])
            for name, anchor in self.opponents(k).items():
                shares = self._play(entry, anchor) if due and anchor else [float("nan")] * 3
                row |= {f"{learner}/{what}_v_{name}": share
                        for what, share in zip(("win", "loss", "tie"), shares)}
        return row

    def _play(self, entry, anchor):
        """Shares of matches won, lost, tied; half of them from each seat if it can take both.

        With an odd number, one more from the first seat.
        """
        seats = self._places(entry.header, anchor)
        shares = {seat: range(len(numbers))
                  for seat, numbers in share_out(range(self.games), seats).items()}
        counts = tally(map(by_file, play_pair(self.game, [entry, anchor], shares,
                                              **self._options)))
        counts = np.array([*counts["wins"], counts["ties"]], float)
        return (counts / counts.sum()).tolist()
