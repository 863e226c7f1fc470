"""Matches between the snapshots of runs, played once and kept."""

import itertools
import os
from typing import NamedTuple


class Side(NamedTuple):
    """A version of an arm's run."""

    arm: str
    version: int


class Meeting(NamedTuple):
    """Two sides of one game and seed: every learner of the first meets every one of the second, in
    all seats in which they can meet."""

    game: str
    seed: int
    first: Side
    second: Side


class Outcome(NamedTuple):
    """How those matches of a meeting went in which the first side sat in `seat`."""

    meeting: Meeting
    seat: int
    wins: int
    losses: int
    ties: int


def late(study, game, seed):
    """Every two arms meet: each late snapshot of one meets a random one of the other."""
    import numpy as np

    rng, versions = np.random.default_rng(seed), study.late()
    return [Meeting(game, seed, Side(one, version), Side(other, against))
            for one, other in itertools.combinations(study.arms(game), 2)
            for version, against in zip(versions, rng.permutation(versions).tolist())]


class Matches:
    """The meetings of one game and seed, kept in a folder of the study as a tournament.

    games: matches per pair of learners.
    """

    def __init__(self, study, game, seed, games):
        from evaluation.entrants import collect
        from evaluation.tournament import Tournament

        self._meetings = study.experiment.meetings(study, game, seed)
        self._sides = {(side.arm, side.version): study.learners(game, side.arm, seed, side.version)
                       for meeting in self._meetings for side in (meeting.first, meeting.second)}
        files = {path: name for paths in self._sides.values() for path, name in paths.items()}
        _, entrants = collect([], files, game)
        self._number = {entrant.entry.path: k for k, entrant in enumerate(entrants)}
        self._played = Tournament(
            os.path.join(study.out, "matches", f"{game}-seed{seed}"), game, entrants, games,
            f"{study.experiment.name}: {game}, seed {seed}", seed=seed, integrator="RK4",
            deterministic=False)
        can_meet = set(self._played.pairs)
        self._pairs = [[pair for pair in self._all_pairs(meeting)
                        if tuple(sorted(pair)) in can_meet] for meeting in self._meetings]
        self._played.pairs = [tuple(sorted(pair)) for pairs in self._pairs for pair in pairs]

    def _all_pairs(self, meeting):
        """Every (entrant of the first side, entrant of the second)."""
        return itertools.product(*(
            [self._number[path] for path in self._sides[side.arm, side.version]]
            for side in (meeting.first, meeting.second)))

    @property
    def done(self):
        """Matches that have been played and kept."""
        return len(self._played.results()) * self._played.games

    def play(self, num_threads, on_match, check):
        """Plays what is missing; returns the list of `Outcome`s.

        check is called at every step, and what it raises ends the playing.
        """
        results = self._played.play(num_threads, on_match=on_match, on_step=lambda *_: check())
        return [self._outcome(meeting, first, part)
                for meeting, pairs in zip(self._meetings, self._pairs)
                for first, second in pairs
                for part in results[tuple(sorted((first, second)))] if part["games"]]

    @staticmethod
    def _outcome(meeting, first, part):
        seat = part["seats"].index(first)
        return Outcome(meeting, seat, part["wins"][seat], part["wins"][1 - seat], part["ties"])
