"""Draws the strength of the shipped parameters over training, from a tournament among them.

    python load_parameter_run.py tournament parameters/GAME/agent0.npz \\
        parameters/GAME/earlier ZOO/GAME_agent*_v1.npy --max-episodes 40 --out DIR
    python -m docs.make_strength DIR --out docs/images/shipped_ratings.png

Snapshots are entered under their folder's name: `08.0M`, after so many million steps, and the
game's, at the end of them all (`made.json` says how many). All others are taken as OpenAI's.
"""

import csv
import json
import os
import re

from common.command_line import Parser

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEATS = {"0": "seat 0", "1": "seat 1", "0 1": "both seats"}
COLOURS = ("tab:orange", "tab:green")  # of OpenAI's, beside ours in blue


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_strength", description=__doc__.split("\n")[0])
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
    """Ratings of every snapshot, a line for each seat or both; OpenAI's as level lines."""
    at = {row["entrant"]: millions(row["entrant"], game) for row in rows}
    for seats in sorted({row["seats"] for row in rows if at[row["entrant"]] is not None}):
        ours = sorted((at[row["entrant"]], *(float(row[k]) for k in ("rating", "low", "high")))
                      for row in rows if row["seats"] == seats and at[row["entrant"]] is not None)
        steps, rating, low, high = zip(*ours)
        axes.errorbar(steps, rating, [[r - x for r, x in zip(rating, low)],
                                      [x - r for r, x in zip(rating, high)]],
                      fmt="o-", ms=4, capsize=2, label=f"ours, {SEATS[seats]}")
    released = [row for row in rows if at[row["entrant"]] is None]
    for row, colour in zip(sorted(released, key=lambda row: row["entrant"]), COLOURS):
        axes.axhline(float(row["rating"]), ls="--", color=colour, label=short(row["entrant"], game))
    axes.set(ylabel="rating [Elo]", title="Bradley-Terry, 95 % intervals")


def draw_shares(axes, rows, game):
    """Shares of games won against OpenAI's and against the snapshots from the very beginning."""
    at = {row["entrant"]: millions(row["entrant"], game) for row in rows}
    points = {}
    for row in rows:
        steps, other = at[row["entrant"]], at[row["opponent"]]
        if steps is not None and not other:  # 0 is untrained, None is OpenAI's
            name = short(row["opponent"], game) if other is None else "the untrained"
            points.setdefault(name, []).append((steps, float(row["win_share"])))
    for (name, shares), colour in zip(sorted(points.items()), (*COLOURS, "tab:blue")):
        axes.plot(*zip(*sorted(shares)), "s:" if name == "the untrained" else "o-", ms=4,
                  color=colour, label=f"against {name}")
    axes.axhline(0.5, color="grey", lw=0.8)
    axes.set(ylabel="share of games", ylim=(-0.02, 1.02), title="wins on RK4 (ties count as none)")


def short(label, game):
    """One of OpenAI's in a legend."""
    return f"OpenAI's {os.path.basename(label).removeprefix(game).strip('_').replace('_', ' ')}"


def main(argv=None):
    """Reads the tables and writes the picture."""
    parser = make_parser()
    args = parser.parse_args(argv)
    for name in ("tournament.json", "ratings.csv", "pairs.csv"):
        if not os.path.isfile(os.path.join(args.tournament, name)):
            parser.error(f"{args.tournament}: no tournament's folder, it has no {name}")
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with open(os.path.join(args.tournament, "tournament.json")) as file:
        game = json.load(file)["game"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    draw_ratings(left, read_csv(args.tournament, "ratings.csv"), game)
    draw_shares(right, read_csv(args.tournament, "pairs.csv"), game)
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.05))
    for axes in (left, right):
        axes.set_xlabel("millions of environment steps")
        axes.grid(alpha=0.3)
    fig.tight_layout()
    fig.savefig(args.out, dpi=110)


if __name__ == "__main__":
    main()
