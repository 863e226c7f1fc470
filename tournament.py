"""A round robin of many: who meets whom, playing, going on where it stopped, results on disk.

A tournament's folder holds tournament.json (who, which game, which seed), pairs/ (one file a
finished pair) and in the end pairs.csv, matrix.csv, ratings.csv, ratings.json and pictures.
"""

import csv
import io
import json
import os

import numpy as np
from tabulate import tabulate

import charts
from matches import play, tally, wilson
from ratings import bradley_terry
from utils import InputError, write_json, write_whole


class Tournament:
    """The entrants' round robin in a folder, made if it is new.

    game: short name; entrants: `entrants.Entrant`s; games: how many a pair, half of them from
    either seat where both can; title: what it is called; options: seed, integrator and
    deterministic, for `matches.play`.

    Raises InputError if nobody can meet, and if the folder holds another tournament.
    """

    def __init__(self, directory, game, entrants, games, title, **options):
        self.directory, self.game, self.entrants = directory, game, entrants
        self.games, self._options = games, options
        self.pairs = list(find_pairs([entrant.seats for entrant in entrants]))
        self._check(options)
        self.manifest = {
            "game": game, "games": games, **options, "title": title,
            "entrants": [{"label": e.label, "digest": e.digest(), "seats": list(e.seats),
                          "series": e.series, "iteration": e.iteration} for e in entrants]}
        self._open()

    def _check(self, options):
        labels = [entrant.label for entrant in self.entrants]
        if not self.pairs:
            raise InputError(f"--tournament: nobody can meet; entrants: {', '.join(labels)}")
        if options["deterministic"] and "random" in labels:
            raise InputError("--tournament random: all its actions are noise, which "
                             "--deterministic takes away")

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
        """What has been played: {(i, j): a list of `play_seating`'s dicts}."""
        found = {pair: read_json(self._path(pair)) for pair in self.pairs}
        return {pair: result for pair, result in found.items()
                if isinstance(result, list) and sum(r["games"] for r in result) == self.games}

    def play(self, num_threads, on_pair=None, on_game=None, on_step=None):
        """Plays the pairs that are missing, each written at once; returns `results()`.

        on_pair(i, j) is called before a pair, on_game(result) after every game, on_step(env, games)
        after every step.
        """
        done = self.results()
        for i, j in self.pairs:
            if (i, j) in done:
                continue
            if on_pair:
                on_pair(i, j)
            seatings = find_seatings(i, j, [entrant.seats for entrant in self.entrants])
            write_json(self._path((i, j)), [
                self._play_seating(seating, range(k, self.games, len(seatings)),
                                   num_threads=num_threads, on_game=on_game, on_step=on_step)
                for k, seating in enumerate(seatings)])
        return self.results()

    def _play_seating(self, seating, numbers, **options):
        games = numbers and play(self.game, [self.entrants[k].entry for k in seating], numbers,
                                 **options, **self._options)
        endings = [game["ending"] for game in games]
        return {"seats": list(seating), "games": len(games), **tally(games),
                "steps": sum(game["length"] for game in games),
                "endings": {name: endings.count(name) for name in sorted(set(endings))}}

    def conclude(self):
        """Rates the entrants and writes all tables and pictures; returns the ratings' rows."""
        labels = [entrant.label for entrant in self.entrants]
        wins, ties, steps = count(self.results(), len(labels))
        ratings, half = bradley_terry(wins, ties)
        rows = [{"entrant": label, "rating": round(float(r), 1), "low": round(float(r - h), 1),
                 "high": round(float(r + h), 1), "games": int(wins[k].sum() + wins[:, k].sum()
                                                              + ties[k].sum()),
                 "wins": int(wins[k].sum()), "losses": int(wins[:, k].sum()),
                 "ties": int(ties[k].sum()), "seats": " ".join(map(str, entrant.seats)),
                 "series": entrant.series, "iteration": entrant.iteration}
                for k, (label, entrant, r, h) in enumerate(
                    zip(labels, self.entrants, ratings, half))]
        order = np.argsort(-ratings, kind="stable")
        ranked = [rows[k] for k in order]
        self._write("ratings.csv", ranked)
        write_json(os.path.join(self.directory, "ratings.json"), ranked)
        self._write("pairs.csv", long_rows(labels, wins, ties, steps))
        played = np.where(wins + wins.T + ties > 0, wins + wins.T + ties, np.nan)
        self._write("matrix.csv", wide_rows(labels, wins / played, order))
        self._draw(ranked, *((x / played)[np.ix_(order, order)] for x in (wins, ties)))
        return ranked

    def _write(self, name, rows):
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
        write_whole(os.path.join(self.directory, name),
                    lambda file: file.write(text.getvalue().encode()))

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


def find_seatings(i, j, seats):
    """How i and j can sit: a list of (who in seat 0, who in seat 1)."""
    return [(a, b) for a, b in ((i, j), (j, i)) if 0 in seats[a] and 1 in seats[b]]


def find_pairs(seats):
    """All (i, j), i < j, that can meet; seats: each entrant's."""
    for i in range(len(seats)):
        for j in range(i + 1, len(seats)):
            if find_seatings(i, j, seats):
                yield i, j


# Counting


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
    """One dict an ordered pair that has met: counts, shares, the wins' Wilson 95 % interval."""
    rows = []
    for i, j in np.ndindex(wins.shape):
        games = int(wins[i, j] + wins[j, i] + ties[i, j])
        if games:
            low, high = wilson(int(wins[i, j]), games)
            rows.append({"entrant": labels[i], "opponent": labels[j], "games": games,
                         "wins": int(wins[i, j]), "losses": int(wins[j, i]),
                         "ties": int(ties[i, j]), "win_share": round(wins[i, j] / games, 4),
                         "win_low": round(low, 4), "win_high": round(high, 4),
                         "mean_length": round(steps[i, j] / games, 1)})
    return rows


def wide_rows(labels, share, order):
    """One dict an entrant: its share of wins against each, "" where they cannot meet."""
    return [{"entrant": labels[i]} | {labels[j]: "" if np.isnan(share[i, j])
                                      else round(share[i, j], 4) for j in order} for i in order]


def rating_table(rows):
    """The ratings as lines of text."""
    names = ("rating", "low", "high", "wins", "losses", "ties", "games")
    return tabulate([[row["entrant"], *(f"{row[name]:,.0f}" for name in names)] for row in rows],
                    ["entrant", *names], disable_numparse=True,
                    colalign=("left", *["right"] * len(names)))


def pair_table(tournament):
    """What has been played so far as lines of text: each pair's counts."""
    labels = [entrant.label for entrant in tournament.entrants]
    names = ("entrant", "opponent", "games", "wins", "losses", "ties")
    rows = long_rows(labels, *count(tournament.results(), len(labels)))
    return tabulate([[row[name] for name in names] for row in rows], names, disable_numparse=True)


# Files


def compare(found, wanted, directory):
    """Raises InputError, naming the first difference, if the folder holds another tournament."""
    found = found if isinstance(found, dict) else {}
    for key in ("game", "games", "seed", "integrator", "deterministic"):
        if found.get(key) != wanted[key]:
            raise InputError(f"--out {directory}: holds a tournament with {key} "
                             f"{found.get(key)}, not {wanted[key]}; choose another folder")
    before, now = ({entrant["label"]: (k, entrant["digest"], entrant["seats"])
                    for k, entrant in enumerate(manifest["entrants"])}
                   for manifest in (found, wanted))
    for label in [*now, *before]:
        if before.get(label) != now.get(label):
            raise InputError(f"--out {directory}: holds a tournament in which the entrant {label} "
                             "differs; choose another folder")


def read_json(path):
    """A file's JSON, or None where there is none that can be read."""
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None
