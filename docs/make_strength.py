"""Draws the strength of the shipped parameters over training, from a tournament among them.

    python load_parameter_run.py tournament parameters/GAME/agent0.npz \\
        parameters/GAME/earlier ZOO/GAME*_v1.npy --max-episodes 40 --out DIR
    python -m docs.make_strength DIR --out docs/images/shipped_ratings.png

Snapshots are entered under their folder's name: `08.0M`, after so many million steps, and the
game's, after the last of them (`made.json` says how many). All others but `random` and `zero` are
taken as OpenAI's.
"""

import csv
import itertools
import json
import os
import re

from common.command_line import GAME_NAMES, NOT_FILES, InputError, Parser
from common.files import first_line, write_whole
from docs.outputs import check_picture

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEATS = {"0": "seat 0", "0 1": "both seats", "1": "seat 1"}
# What is read of each table.
COLUMNS = {"ratings.csv": {"entrant": str, "seats": SEATS.__getitem__, "rating": float,
                           "low": float, "high": float},
           "pairs.csv": {"entrant": str, "opponent": str, "win_share": float}}
COLORS = ("tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")  # beside ours in blue
UNTRAINED = "the untrained"


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_strength", description=__doc__.split("\n")[0])
    parser.add_argument("tournament", metavar="DIR", help="The tournament's folder.")
    parser.add_argument("--out", required=True, help="The picture to write (.png).")
    return parser


def read_game(directory):
    """The tournament's game; InputError where tournament.json does not name one."""
    path = os.path.join(directory, "tournament.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (ValueError, RecursionError):
        found = None
    game = found.get("game") if isinstance(found, dict) else None
    if game not in GAME_NAMES:
        raise InputError(f"{path}: must be an object whose game is one of {', '.join(GAME_NAMES)}")
    return game


def read_csv(directory, name):
    """A table of the tournament, its `COLUMNS`, as a list of dicts; InputError for other files."""
    path, columns = os.path.join(directory, name), COLUMNS[name]
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{key: kind(row[key]) for key, kind in columns.items()}
                    for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: no tournament's table of {', '.join(columns)} "
                         f"({type(error).__name__}: {first_line(error)})") from None
    if not rows:
        raise InputError(f"{path}: has no rows; is the tournament finished?")
    return rows


def millions(label, game):
    """Steps of training behind an entrant [millions]; None for one that is not ours."""
    folder = label.split("/")[0]
    if folder == game:
        with open(os.path.join(ROOT, "parameters", game, "made.json")) as file:
            return json.load(file)["timesteps"] / 1e6
    found = re.fullmatch(r"(\d+(?:\.\d+)?)M", folder)
    return float(found[1]) if found else None


def draw_ratings(axes, rows, game):
    """Ratings of every snapshot, one line per seat or both; those of others as level lines."""
    at = {row["entrant"]: millions(row["entrant"], game) for row in rows}
    for seats in SEATS.values():
        ours = sorted((at[row["entrant"]], row["rating"], row["low"], row["high"])
                      for row in rows if row["seats"] == seats and at[row["entrant"]] is not None)
        if not ours:
            continue
        steps, rating, low, high = zip(*ours)
        axes.errorbar(steps, rating, [[r - x for r, x in zip(rating, low)],
                                      [x - r for r, x in zip(rating, high)]],
                      fmt="o-", ms=4, capsize=2, label=f"ours, {seats}")
    others = sorted((short(row["entrant"], game), row["rating"]) for row in rows
                    if at[row["entrant"]] is None)
    for (name, rating), color in zip(others, itertools.cycle(COLORS)):
        axes.axhline(rating, ls="--", color=color, label=name)
    axes.set(ylabel="rating [Elo]", title="Bradley-Terry, 95 % intervals")


def draw_shares(axes, rows, game):
    """Shares of matches won against others and against the snapshots from the very beginning."""
    points, colors = {}, itertools.cycle(COLORS)
    for row in rows:
        steps, other = (millions(row[key], game) for key in ("entrant", "opponent"))
        if steps is not None and not other:  # 0 is untrained, None is not ours
            name = short(row["opponent"], game) if other is None else UNTRAINED
            points.setdefault(name, []).append((steps, row["win_share"]))
    for name in sorted(points, key=lambda name: (name == UNTRAINED, name)):
        style, color = ("s:", "tab:blue") if name == UNTRAINED else ("o-", next(colors))
        axes.plot(*zip(*sorted(points[name])), style, ms=4, color=color, label=f"against {name}")
    axes.axhline(0.5, color="gray", lw=0.8)
    axes.set(ylabel="share of matches", ylim=(-0.02, 1.02),
             title="wins on RK4 (ties count as none)")


def short(label, game):
    """An entrant that is not ours, in a legend."""
    if label in NOT_FILES:
        return label
    return f"OpenAI's {os.path.basename(label).removeprefix(game).strip('_').replace('_', ' ')}"


def run(args):
    """Reads the tables and writes the picture."""
    check_picture("--out", args.out)
    for name in ("tournament.json", *COLUMNS):
        if not os.path.isfile(os.path.join(args.tournament, name)):
            raise InputError(f"{args.tournament}: no tournament's folder, it has no {name}")
    game = read_game(args.tournament)
    ratings, pairs = (read_csv(args.tournament, name) for name in COLUMNS)
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    draw_ratings(left, ratings, game)
    draw_shares(right, pairs, game)
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.05))
    for axes in (left, right):
        axes.set_xlabel("millions of environment steps")
        axes.grid(alpha=0.3)
    fig.tight_layout()
    write_whole(args.out, lambda file: fig.savefig(file, format="png", dpi=110))


def main(argv=None):
    """Parses the command line and does what it says."""
    parser = make_parser()
    args = parser.parse_args(argv)
    with parser.refusing():
        run(args)


if __name__ == "__main__":
    main()
