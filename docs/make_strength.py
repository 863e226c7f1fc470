"""Draws the strength of the shipped parameters over training, from a tournament among them.

    python load_parameter_run.py tournament parameters/GAME/agent0.npz \\
        parameters/GAME/earlier ZOO/GAME*_v1.npy --max-episodes 40 --out DIR
    python -m docs.make_strength DIR --out docs/images/shipped_ratings.png

Ours are parameters/GAME/agent0.npz and the snapshots in earlier/ that its training left, whatever
the tournament calls them; `made.json` says which and after how many steps. Other trainings' are
drawn as OpenAI's are. The game must be one where one network plays both seats, since two have no
steps in common.
"""

import csv
import itertools
import json
import os
import re

from common.command_line import GAME_NAMES, InputError, Parser
from common.files import first_line, write_whole
from common.terminal import script_of
from distributed_data import device
from docs.outputs import check_picture
from load_parameter_run import SHIPPED_DIR

# What is read of each table.
COLUMNS = {"ratings.csv": {"entrant": str, "rating": float, "low": float, "high": float},
           "pairs.csv": {"entrant": str, "opponent": str, "win_share": float}}
COLORS = ("tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")  # beside ours in blue
UNTRAINED = "the untrained"
OTHER_TRAINING = "agent0.npz does not come from it"  # in the note of a stage of made.json


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_strength", description=__doc__.split("\n")[0])
    parser.add_argument("tournament", metavar="DIR", help="The tournament's folder.")
    parser.add_argument("--out", required=True, help="The picture to write (.png).")
    return parser


def read_manifest(directory):
    """(game, {label: digest} of the entrants), from tournament.json; InputError if it is damaged.

    It must be of a game where one network of ours plays both seats.
    """
    path = os.path.join(directory, "tournament.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        game, digests = found["game"], {each["label"]: str(each["digest"])
                                        for each in found["entrants"]}
    except (ValueError, LookupError, TypeError, RecursionError):
        game = None
    if game not in GAME_NAMES:
        raise InputError(f"{path}: must be an object whose game is one of {', '.join(GAME_NAMES)} "
                         "and whose entrants have labels and digests")
    fitting = [name for name in GAME_NAMES
               if not os.path.exists(os.path.join(SHIPPED_DIR, name, "agent1.npz"))]
    if game not in fitting:
        raise InputError(f"{directory}: a tournament of {game}, where each seat has a network of "
                         f"its own; must be of {', '.join(fitting[:-1])} or {fitting[-1]}")
    return game, digests


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


def find_ours(game):
    """{digest: steps of training behind it [millions]} of what the champion's training has left.

    A stage's last snapshot is from its end; one from amid a stage has its steps in its name.
    """
    from evaluation.entrants import Entrant
    from networks.loading import load_entry

    folder = os.path.join(SHIPPED_DIR, game)
    with open(os.path.join(folder, "made.json")) as file:
        stages = json.load(file)["stages"]
    steps, done = {}, 0
    for stage in stages:
        if OTHER_TRAINING in stage.get("note", ""):
            continue
        done += stage["timesteps"]
        *amid, last = stage["ships as"] or [None]
        steps |= {name: float(os.path.basename(name).removesuffix("M")) for name in amid}
        steps |= {last: done / 1e6} if last else {}
    paths = {os.path.join(folder, name, "agent0.npz"): count for name, count in steps.items()}
    return {Entrant(path, load_entry(path, game), (0, 1)).digest(): count
            for path, count in paths.items()}


def draw_ratings(axes, rows, steps):
    """Ratings of ours as a line; those of others as level lines.

    steps: {label: steps of training [millions]} of ours.
    """
    ours = sorted((steps[row["entrant"]], row["rating"], row["low"], row["high"])
                  for row in rows if row["entrant"] in steps)
    at, rating, low, high = zip(*ours)
    axes.errorbar(at, rating, [[r - x for r, x in zip(rating, low)],
                               [x - r for r, x in zip(rating, high)]],
                  fmt="o-", ms=4, capsize=2, label="ours")
    others = sorted((short(row["entrant"]), row["rating"]) for row in rows
                    if row["entrant"] not in steps)
    for (name, rating), color in zip(others, itertools.cycle(COLORS)):
        axes.axhline(rating, ls="--", color=color, label=name)
    axes.set(ylabel="rating [Elo]", title="Bradley-Terry, 95 % intervals")


def draw_shares(axes, rows, steps):
    """Shares of matches won against others and against the snapshot from the very beginning.

    steps: as for `draw_ratings`.
    """
    points, colors = {}, itertools.cycle(COLORS)
    for row in rows:
        at, other = (steps.get(row[key]) for key in ("entrant", "opponent"))
        if at is not None and not other:  # 0 is untrained, None is not ours
            name = short(row["opponent"]) if other is None else UNTRAINED
            points.setdefault(name, []).append((at, row["win_share"]))
    for name in sorted(points, key=lambda name: (name == UNTRAINED, name)):
        style, color = ("s:", "tab:blue") if name == UNTRAINED else ("o-", next(colors))
        axes.plot(*zip(*sorted(points[name])), style, ms=4, color=color, label=f"against {name}")
    axes.axhline(0.5, color="gray", lw=0.8)
    axes.set(ylabel="share of matches", ylim=(-0.02, 1.02),
             title="wins on RK4 (ties count as none)")


def short(label):
    """An entrant that is not ours, in a legend: OpenAI's files have a version in their name."""
    name = os.path.basename(label).replace("_", " ")
    return f"OpenAI's {name}" if re.search(r"\bv\d+$", name) else label


def run(args):
    """Reads the tables and writes the picture."""
    check_picture("--out", args.out)
    for name in ("tournament.json", *COLUMNS):
        if not os.path.isfile(os.path.join(args.tournament, name)):
            raise InputError(f"{args.tournament}: no tournament's folder, it has no {name}")
    game, digests = read_manifest(args.tournament)
    ratings, pairs = (read_csv(args.tournament, name) for name in COLUMNS)
    device.prepare()
    ours = find_ours(game)
    steps = {label: ours[digest] for label, digest in digests.items() if digest in ours}
    if steps.keys().isdisjoint(row["entrant"] for row in ratings):
        raise InputError(f"{args.tournament}: has no entrant that ships in parameters/{game}")
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    draw_ratings(left, ratings, steps)
    draw_shares(right, pairs, steps)
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.05))
    for axes in (left, right):
        axes.set_xlabel("millions of environment steps")
        axes.grid(alpha=0.3)
    fig.tight_layout()
    write_whole(args.out, lambda file: fig.savefig(file, format="png", dpi=110))


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
