"""Draws the strength of the shipped parameters over training, from a tournament among them.

    python load_parameter_run.py --tournament parameters/GAME parameters/GAME/earlier/* \\
        ZOO/GAME_agent*_v1.npy --max-episodes 40 --out DIR
    python docs/make_strength.py DIR --out docs/images/shipped_ratings.png

Snapshots are entered under their folder's name: `08.0M`, after so many million steps, and the
game's, at the end of them all (`made.json` says how many). All others are taken as OpenAI's.
"""

import csv
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from cli import Parser  # noqa: E402

COLOURS = ("tab:blue", "tab:red")  # of the seats


def make_parser():
    """The command line."""
    parser = Parser(prog="docs/make_strength.py", description=__doc__.split("\n")[0])
    parser.add_argument("tournament", metavar="DIR", help="The tournament's folder.")
    parser.add_argument("--out", required=True, help="The picture to write (.png).")
    return parser


def read_csv(directory, name):
    """A table of the tournament as a list of dicts."""
    with open(os.path.join(directory, name), newline="") as file:
        return list(csv.DictReader(file))


def millions(label, game):
    """Steps of training behind an entrant [millions]; None for those who are not ours."""
    folder = label.split("/")[0]
    if folder == game:
        with open(os.path.join(ROOT, "parameters", game, "made.json")) as file:
            return json.load(file)["timesteps"] / 1e6
    found = re.fullmatch(r"([\d.]+)M", folder)
    return float(found[1]) if found else None


def draw_ratings(axes, rows, game):
    """Ratings of every snapshot, a line a seat; OpenAI's as level lines."""
    for seat, colour in enumerate(COLOURS):
        mine = [row for row in rows if row["seats"] == str(seat)]
        ours = sorted((millions(row["entrant"], game),
                       *(float(row[k]) for k in ("rating", "low", "high")))
                      for row in mine if millions(row["entrant"], game) is not None)
        at, rating, low, high = zip(*ours)
        axes.errorbar(at, rating, [[r - x for r, x in zip(rating, low)],
                                   [x - r for r, x in zip(rating, high)]],
                      fmt="o-", ms=4, capsize=2, color=colour, label=f"ours, seat {seat}")
        for row in mine:
            if millions(row["entrant"], game) is None:
                axes.axhline(float(row["rating"]), ls="--", color=colour,
                             label=f"OpenAI's, seat {seat}")
    axes.set(ylabel="rating [Elo]", title="Bradley-Terry, 95 % intervals")


def draw_shares(axes, rows, game):
    """Shares of games won against OpenAI's and against the snapshots from the very beginning."""
    for seat, colour in enumerate(COLOURS):
        for name, style in (("OpenAI's", "o-"), ("the untrained", "s:")):
            points = []
            for row in rows:
                at, other = (millions(row[k], game) for k in ("entrant", "opponent"))
                wanted = other is None if name == "OpenAI's" else other == 0
                if at is not None and wanted and row["entrant"].endswith(f"agent{seat}"):
                    points.append((at, float(row["win_share"])))
            axes.plot(*zip(*sorted(points)), style, ms=4, color=colour,
                      label=f"seat {seat} beats {name}")
    axes.axhline(0.5, color="grey", lw=0.8)
    axes.set(ylabel="share of games", ylim=(-0.02, 1.02), title="wins on RK4 (ties count as none)")


def main(argv=None):
    """Reads the tables and writes the picture."""
    args = make_parser().parse_args(argv)
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with open(os.path.join(args.tournament, "tournament.json")) as file:
        game = json.load(file)["game"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    draw_ratings(left, read_csv(args.tournament, "ratings.csv"), game)
    draw_shares(right, read_csv(args.tournament, "pairs.csv"), game)
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8, loc="center right", bbox_to_anchor=(1, 0.59))
    for axes in (left, right):
        axes.set_xlabel("millions of environment steps")
        axes.grid(alpha=0.3)
    fig.tight_layout()
    fig.savefig(args.out, dpi=110)


if __name__ == "__main__":
    main()
