"""Opponents by results: older versions that the learner loses to are met more often (--pfsp).

"Prioritized fictitious self-play" of Vinyals et al., 2019 (Nature 575, AlphaStar): what would be
drawn with some chance is drawn with (1 - w)^power times that, w being the learner's win rate
against it.
"""

import os

import numpy as np

from common.files import stem
from distributed_data import comm
from selfplay.seating import pairings

DECAY = 0.98  # of all counts, per iteration: the learner changes, and may forget
REACH = 0.05  # of a list, to either side: how far a match is evidence


class Tally:
    """One learner's matches against a list of opponents in the order in which they were made.

    counts [2, opponents]: the learner's points (a win 1, a tie 0.5) and matches. There are
    thousands of snapshots, a few dozen matches per iteration, and little between one snapshot and
    the next; so each is judged by the matches against a tenth of the list, with itself in the
    middle. In a list of fewer than 20 each is judged by its own.
    """

    def __init__(self, counts=None):
        self.counts = np.zeros((2, 0)) if counts is None else counts

    def grow(self, size):
        """Makes room for `size` opponents."""
        self.counts = np.pad(self.counts, ((0, 0), (0, max(0, size - self.counts.shape[1]))))

    def add(self, k, score):
        """Counts a match against the k-th opponent."""
        self.counts[:, k] += score, 1

    def win_rates(self, first, stop):
        """Expected win rates against opponents first to stop - 1, from a Beta(1, 1) prior."""
        reach, k = int(REACH * (stop - first)), np.arange(first, stop)
        low, high = np.maximum(k - reach, first), np.minimum(k + reach + 1, self.counts.shape[1])
        sums = np.pad(self.counts.cumsum(axis=1), ((0, 0), (1, 0)))
        points, matches = sums[:, high] - sums[:, low]
        return (1 + points) / (2 + matches)


class Priorities:
    """All learners' tallies, the same on every rank, and the odds that follow; checkpointed.

    power: of 1 - w; names: the learners'; pairs: of `seating.pairings`; pool: `Pool` or None;
    pool_share: its share of the draws.
    """

    def __init__(self, power, names, pairs, pool=None, pool_share=0.0):
        self._power, self._names = power, names
        self._pool, self._pool_share = pool, pool_share
        self._meetings = sorted({*pairs, *(pair[::-1] for pair in pairs)})  # (learner, rival)
        self._tallies = {}  # (learner, rival, list): list 0 the rival's versions, then the pool's
        self._noted, self._places = [], {}
        self._first, self._versions, self._files = 0, {}, {}

    def weigh(self, first, latest):
        """Computes the odds of all that may be drawn: versions from `first` on, and the pool."""
        self._first = first
        for meeting in self._meetings:
            wins = self._tally(*meeting, 0, latest + 1).win_rates(first, latest + 1)
            self._versions[meeting] = wins, odds(wins, np.ones(len(wins)), self._power)
            if self._pool:
                self._files[meeting] = self._weigh_files(*meeting)

    def _weigh_files(self, learner, rival):
        """(paths, win rates, odds) of the pool's files; without results all runs are as likely."""
        paths, wins, chances = [], [], []
        for number, (files, left) in enumerate(self._pool.lists(rival), 1):
            rates = self._tally(learner, rival, number, len(files)).win_rates(0, len(files))
            paths += [path for path, there in zip(files, left) if there]
            wins.append(rates[left])
            chances.append(np.full(left.sum(), 1 / max(1, left.sum())))
        wins, chances = np.concatenate([[], *wins]), np.concatenate([[], *chances])
        return paths, wins, odds(wins, chances, self._power)

    def version(self, rng, learner, rival):
        """Draws a version of the rival for this learner."""
        _, chances = self._versions[learner, rival]
        return self._first + int(rng.choice(len(chances), p=chances))

    def file(self, rng, learner, rival):
        """Draws a file of the pool for this learner; None if there are none left."""
        paths, _, chances = self._files[learner, rival]
        return paths[rng.choice(len(paths), p=chances)] if paths else None

    def note(self, learner, rivals, path, score):
        """Notes the result of one of this rank's matches, against the file of one of these rivals.

        score: the learner's, 1 for a win, 0.5 for a tie, 0 for a loss.
        """
        self._noted += [(learner, *place, score) for place in self._find(rivals, path)]

    def _find(self, rivals, path):
        """The places of a file: [(rival, list, index in it)]."""
        if self._pool and path in self._pool:
            if not self._places:
                for rival in {rival for _, rival in self._meetings}:
                    for number, (files, _) in enumerate(self._pool.lists(rival), 1):
                        for k, file in enumerate(files):
                            self._places.setdefault((rival, file), []).append((rival, number, k))
            return [place for rival in rivals for place in self._places.get((rival, path), ())]
        return [(self._names.index(os.path.basename(os.path.dirname(path))), 0, int(stem(path)))]

    def count(self):
        """Counts what all ranks have noted in an iteration; all ranks call it, once each."""
        for tally in self._tallies.values():
            tally.counts *= DECAY
        for learner, rival, number, k, score in sum(comm.gather(self._noted), []):
            self._tallies[learner, rival, number].add(k, score)
        self._noted = []

    def figures(self):
        """The log's part, from the odds of this iteration's draws: {"learner/name": number}.

        pfsp_worst_win: the lowest estimated win rate; pfsp_opponents: the effective number of
        opponents, 1 / sum of squared odds.
        """
        row = {}
        for learner, name in enumerate(self._names):
            meetings = [meeting for meeting in self._meetings if meeting[0] == learner]
            wins, chances = zip(*map(self._chances, meetings))
            squares = np.square(np.concatenate(chances) / len(meetings)).sum()
            row[f"{name}/pfsp_worst_win"] = float(np.concatenate(wins).min())
            row[f"{name}/pfsp_opponents"] = float(1 / squares)
        return row

    def _chances(self, meeting):
        """(win rates, odds) of all that the learner may meet as this rival, the pool included."""
        wins, chances = self._versions[meeting]
        paths, others, theirs = self._files.get(meeting, ([], [], []))
        if not paths:
            return wins, chances
        share = self._pool_share
        return np.append(wins, others), np.append((1 - share) * chances, share * theirs)

    def _tally(self, learner, rival, number, size):
        tally = self._tallies.setdefault((learner, rival, number), Tally())
        tally.grow(size)
        return tally

    def get_state(self):
        """All counts: {"learner-rival-list": [2, opponents]}."""
        return {"-".join(map(str, key)): tally.counts for key, tally in self._tallies.items()}

    def set_state(self, state):
        """Restores what `get_state` returned; without it counts start from 0."""
        self._tallies = {tuple(map(int, key.split("-"))): Tally(np.array(counts))
                         for key, counts in state.items()}


def make_priorities(config, trainees, pool=None):
    """The `Priorities` that --pfsp asks for, or None."""
    if not config.pfsp:
        return None
    pairs = pairings(trainees[0].header["seat"] == "both", config.ensemble)
    return Priorities(config.pfsp, [t.name for t in trainees], pairs, pool, config.pool_share)


def odds(wins, chances, power):
    """chances * (1 - wins)^power, scaled to a sum of 1; all [opponents]."""
    if not len(wins):
        return np.zeros(0)
    logs = power * np.log(1 - wins)
    weights = chances * np.exp(logs - logs.max())  # a high power must not make all of them 0
    return weights / weights.sum()
