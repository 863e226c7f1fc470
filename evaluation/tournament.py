"""A round-robin tournament that can be resumed, and its results on disk.

A tournament's folder holds tournament.json (entrants, game, seed), pairs/ (one file per finished
pair) and, at the end, pairs.csv, matrix.csv, ratings.csv, ratings.json and pictures.
"""

import itertools
import os
from collections import Counter

import numpy as np
from tabulate import tabulate

from common.command_line import InputError
from common.files import read_json, write_json, write_whole
from evaluation import charts
from evaluation.ratings import bradley_terry
from evaluation.results import tally, wilson, write_table
from evaluation.seats import play_pair, seatings, share_out


class Tournament:
    """The entrants' round robin in a folder, which is created if it does not exist.

    game: short name; entrants: `entrants.Entrant`s; games: matches per pair, half of them from each
    seat if both entrants can take both; title: for people; options: seed, integrator and
    deterministic, for `matches.play`.

    Raises InputError if no two entrants can meet, and if the folder holds another tournament.
    """

    def __init__(self, directory, game, entrants, games, title, **options):
        self.directory, self.game, self.entrants = directory, game, entrants
        self.games, self._options = games, options
        self.pairs = find_pairs([entrant.seats for entrant in entrants])
        self._check(options)
        self.manifest = {
            "game": game, "games": games, **options, "title": title,
            "entrants": [{"label": e.label, "digest": e.digest(), "seats": list(e.seats),
                          "series": e.series, "iteration": e.iteration} for e in entrants]}
        self._open()

    def _check(self, options):
        labels = [entrant.label for entrant in self.entrants]
        if not self.pairs:
            raise InputError(f"nobody can meet; entrants: {', '.join(labels)}")
        if options["deterministic"] and "random" in labels:
            raise InputError("random: all its actions are noise, which "
                             "--deterministic removes")

    def _open(self):
        path = os.path.join(self.directory, "tournament.json")
        if os.path.exists(path):
            compare(read_json(path), self.manifest, self.directory)
        elif os.path.isdir(self.directory) and os.listdir(self.directory):
            raise InputError(f"--out {self.directory}: holds files, but no tournament")
        os.makedirs(os.path.join(self.directory, "pairs"), exist_ok=True)
        write_json(path, self.manifest)

    def _path(self, pair):
        return os.path.join(self.directory, "pairs", "{:03d}-{:03d}.json".format(*pair))

    def results(self):
        """The finished pairs: {(i, j): a list of `summarize_seating`'s dicts}."""
        found = {pair: read_json(self._path(pair)) for pair in self.pairs}
        return {pair: result for pair, result in found.items()
                if is_whole(result, pair, self.games)}

    def play(self, num_threads, on_pair=None, on_match=None, on_step=None):
        """Plays the missing pairs and writes each once it is finished; returns `results()`.

        on_pair(i, j) is called before a pair, on_match(result) after every match, on_step(env,
        playing) after every step, as by `matches.play`.
        """
        done = self.results()
        for i, j in self.pairs:
            if (i, j) in done:
                continue
            if on_pair:
                on_pair(i, j)
            write_json(self._path((i, j)), self._play_pair(
                i, j, num_threads=num_threads, on_match=on_match, on_step=on_step))
        return self.results()

    def _play_pair(self, i, j, **options):
        """The counts of a pair's matches, one dict per seating."""
        pair = [self.entrants[k] for k in (i, j)]
        shares = share_out(range(self.games), seatings(*(entrant.seats for entrant in pair)))
        results = play_pair(self.game, [entrant.entry for entrant in pair], shares,
                            **options, **self._options)
        return [summarize_seating((j, i) if seat else (i, j),
                                  [result for result in results if result["seat_of_a"] == seat])
                for seat in shares]

    def conclude(self):
        """Rates the entrants and writes all tables and pictures; returns the ratings' rows."""
        counts = count(self.results(), len(self.entrants))
        ranked, order = self.rank(*counts[:2])
        self.write_results(ranked, order, *counts)
        return ranked

    def rank(self, wins, ties):
        """Rates the entrants; returns (the ratings' rows, indices of the entrants), best first."""
        ratings, half = bradley_terry(wins, ties)
        rows = [{"entrant": entrant.label, "rating": round(float(r), 1),
                 "low": round(float(r - h), 1), "high": round(float(r + h), 1),
                 "games": int(wins[k].sum() + wins[:, k].sum() + ties[k].sum()),
                 "wins": int(wins[k].sum()), "losses": int(wins[:, k].sum()),
                 "ties": int(ties[k].sum()), "seats": " ".join(map(str, entrant.seats)),
                 "series": entrant.series, "iteration": entrant.iteration}
                for k, (entrant, r, h) in enumerate(zip(self.entrants, ratings, half))]
        order = np.argsort(-ratings, kind="stable")
        return [rows[k] for k in order], order

    def write_results(self, ranked, order, wins, ties, steps):
        """Writes the tables and pictures; ranked, order: from `rank`; the rest: from `count`."""
        labels = [entrant.label for entrant in self.entrants]
        played = np.where(wins + wins.T + ties > 0, wins + wins.T + ties, np.nan)
        write_json(os.path.join(self.directory, "ratings.json"), ranked)
        for name, rows in (("ratings.csv", ranked),
                           ("pairs.csv", long_rows(labels, wins, ties, steps)),
                           ("matrix.csv", wide_rows(labels, wins / played, order))):
            write_table(os.path.join(self.directory, name),
                        [list(rows[0]), *(row.values() for row in rows)])
        self._draw(ranked, *((x / played)[np.ix_(order, order)] for x in (wins, ties)))

    def _draw(self, ranked, wins, ties):
        labels = [row["entrant"] for row in ranked]
        figures = {"matrix.png": charts.heat_map(labels, wins, ties, self.manifest["title"]),
                   "ratings.png": charts.ratings(ranked)}
        if any(row["series"] for row in ranked):
            figures["history.png"] = charts.history(ranked)
        for name, figure in figures.items():
            write_whole(os.path.join(self.directory, name),
                        lambda file, figure=figure: figure.savefig(file, format="png", dpi=130))


# Who meets whom


def find_pairs(seats):
    """All pairs (i, j), i < j, that can meet; seats: each entrant's."""
    return [(i, j) for i, j in itertools.combinations(range(len(seats)), 2)
            if seatings(seats[i], seats[j])]


# Counting


def summarize_seating(players, results):
    """The counts of the matches with these two entrants in seats 0 and 1, as a dict for JSON."""
    endings = Counter(result["ending"] for result in results)
    return {"seats": list(players), "games": len(results), **tally(results),
            "steps": sum(result["length"] for result in results),
            "endings": dict(sorted(endings.items()))}


def is_whole(found, pair, games):
    """Whether a file's JSON holds all matches of a pair, a `summarize_seating` for each seating.

    Anything else, as in a damaged file, counts as not played.
    """
    try:
        return (games == sum(seating["games"] for seating in found)
                == sum(seating["wins"][0] + seating["wins"][1] + seating["ties"]
                       for seating in found)
                and all(sorted(seating["seats"]) == [*pair] and seating["steps"] >= 0
                        for seating in found))
    except (TypeError, LookupError):
        return False


def count(results, n):
    """Wins of row over column, ties (symmetric) and steps played (symmetric), [n, n] each."""
    wins, ties, steps = np.zeros((3, n, n), int)
    for result in (seating for pair in results.values() for seating in pair):
        a, b = result["seats"]
        wins[a, b] += result["wins"][0]
        wins[b, a] += result["wins"][1]
        for x, y in ((a, b), (b, a)):
            ties[x, y] += result["ties"]
            steps[x, y] += result["steps"]
    return wins, ties, steps


def long_rows(labels, wins, ties, steps):
    """One dict per ordered pair that has met: counts, shares, the wins' 95 % Wilson interval."""
    rows = []
    for i, j in np.ndindex(wins.shape):
        played = int(wins[i, j] + wins[j, i] + ties[i, j])
        if played:
            low, high = wilson(int(wins[i, j]), played)
            rows.append({"entrant": labels[i], "opponent": labels[j], "games": played,
                         "wins": int(wins[i, j]), "losses": int(wins[j, i]),
                         "ties": int(ties[i, j]), "win_share": round(wins[i, j] / played, 4),
                         "win_low": round(low, 4), "win_high": round(high, 4),
                         "mean_length": round(steps[i, j] / played, 1)})
    return rows


def wide_rows(labels, share, order):
    """One dict per entrant: its share of wins against each, "" if they cannot meet."""
    return [{"entrant": labels[i]} | {labels[j]: "" if np.isnan(share[i, j])
                                      else round(share[i, j], 4) for j in order} for i in order]


def rating_table(rows):
    """The ratings as lines of text."""
    names = ("rating", "low", "high", "wins", "losses", "ties", "games")
    return tabulate([[row["entrant"], *(f"{row[name]:,.0f}" for name in names)] for row in rows],
                    headings(["entrant", *names]), disable_numparse=True,
                    colalign=("left", *["right"] * len(names)))


def pair_table(tournament):
    """The counts of each pair played so far, as lines of text."""
    labels = [entrant.label for entrant in tournament.entrants]
    names = ("entrant", "opponent", "games", "wins", "losses", "ties")
    rows = long_rows(labels, *count(tournament.results(), len(labels)))
    return tabulate([[row[name] for name in names] for row in rows], headings(names),
                    disable_numparse=True)


def headings(names):
    """Column names for people; the CSV files keep the old word for matches."""
    return ["matches" if name == "games" else name for name in names]


# Files


def compare(found, wanted, directory):
    """Raises InputError, naming the first difference, if the folder holds another tournament.

    Entrants are compared by their numbers and seats, in order: their labels are only for people.
    """
    found, same = found if isinstance(found, dict) else {}, ("digest", "seats")
    for key in ("game", "games", "seed", "integrator", "deterministic"):
        if found.get(key) != wanted[key]:
            raise InputError(f"--out {directory}: holds a tournament with {key} "
                             f"{found.get(key)}, not {wanted[key]}; choose another folder")
    entrants = found.get("entrants")
    if not isinstance(entrants, list) or not all(isinstance(each, dict) for each in entrants):
        raise InputError(f"--out {directory}: its tournament.json is damaged; choose another "
                         "folder")
    for before, now in itertools.zip_longest(entrants, wanted["entrants"], fillvalue={}):
        if [before.get(key) for key in same] != [now.get(key) for key in same]:
            label = now.get("label", before.get("label"))
            raise InputError(f"--out {directory}: holds a tournament in which the entrant {label} "
                             "differs; choose another folder")
