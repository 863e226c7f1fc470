"""Draws a run's learning curve: what its log says, and matches of its snapshots against anchors.

    python -m docs.make_curve --run NAME --games 30 --out docs/images/run-to-goal-ants_curve.png \\
        --anchor ZOO/run-to-goal-ants_agent0_v1.npy ZOO/run-to-goal-ants_agent1_v1.npy

Anchors are the run's own first snapshots and, with --anchor, any two further files, one per seat
(OpenAI's released vectors, say). A seat's snapshots meet the anchor of the other seat.
"""

import csv
import itertools
import os

from common.command_line import MOST_MATCHES, InputError, Parser, number
from common.files import first_line, write_whole
from common.names import short_names
from common.run_folder import RunFolder
from common.terminal import script_of
from distributed_data import device
from docs.outputs import check_picture


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_curve", description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True, help="The picture to write (.png).")
    parser.add_argument("--anchor", nargs=2, metavar=("SEAT0", "SEAT1"), help="Two further files.")
    parser.add_argument("--points", type=number(int, 2, 1000), default=9, help="Snapshots to play.")
    parser.add_argument("--games", type=number(int, 1, MOST_MATCHES), default=100,
                        help="Matches per snapshot, seat and anchor.")
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    return parser


# The run


def read_log(path):
    """A run's progress.csv as {column: float array}; InputError for one that cannot be drawn."""
    import numpy as np

    from evaluation.report import read_table

    try:
        log = read_table(path)
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: damaged ({first_line(error)})") from None
    if not log:
        raise InputError(f"{path}: must have a row for every iteration, has none")
    for name in ("iteration", "run/timesteps", "run/alpha"):
        if not np.isfinite(log.get(name, np.nan)).all():
            raise InputError(f"{path}: must have a number in every row of the column {name}")
    return log


def find_snapshots(run, iterations):
    """{version: paths of seat 0's and seat 1's} of the first version and of the log's iterations.

    A seat is played by its own learner, or by the one that plays both. Raises InputError without
    the first version, which is an anchor.
    """
    logged = {0, *map(int, iterations)}
    folder = RunFolder(run)
    first = folder.snapshots("agent0")
    second = folder.snapshots("agent1") or first
    found = {version: (first[version], second[version])
             for version in sorted(first.keys() & second.keys() & logged)}
    if 0 not in found:
        raise InputError(f"{run}: must have snapshots from 000000.npz on in agent0/ and, unless "
                         "that plays both seats, agent1/")
    return found


def choose(kept, last, points):
    """Versions of those kept, about evenly spread from 0 to the last iteration, each once."""
    return list(dict.fromkeys(min(kept, key=lambda v: abs(v - i * last / (points - 1)))
                              for i in range(points)))


# The matches


def load_pairs(paths):
    """Reads pairs of files for seats 0 and 1; returns (game, pairs of entries), all fit to play."""
    from evaluation.seats import check_seats
    from networks.loading import check_networks, load_entries

    game, entries = load_entries(list(itertools.chain(*paths)), None)
    pairs = list(zip(entries[::2], entries[1::2]))
    for pair in pairs:
        check_seats(pair, game)
    check_networks(entries, game)
    return game, pairs


def play_against(game, pair, anchor, args):
    """How often each seat's snapshot beats the anchor opposite and loses to it.

    pair, anchor: entries for seats 0 and 1. Returns a (won, lost) for each seat, shares of the
    matches.
    """
    from evaluation.matches import play

    shares = []
    for seat in (0, 1):
        entries = list(anchor)
        entries[seat] = pair[seat]
        results = play(game, entries, args.games, seed=7, num_threads=args.num_threads)
        winners = [result["winner"] for result in results]
        shares.append((winners.count(seat) / len(results), winners.count(1 - seat) / len(results)))
    names = [os.path.basename(players[0].path) for players in (pair, anchor)]
    print(f"{' against '.join(names)}: {shares}", flush=True)
    return shares


# The picture


def smooth(values, width=20):
    """A column of the log, averaged over `width` iterations; empty cells are left out."""
    import numpy as np

    window = [values[max(0, i - width + 1):i + 1] for i in range(len(values))]
    return [np.nanmean(w) if np.isfinite(w).any() else np.nan for w in window]


def endings(log, least=0.05):
    """{name: (smoothed share, style)} of what ended `least` of a learner's matches at some time."""
    import numpy as np

    from evaluation.charts import style_endings

    shares = {name: smooth(values) for name, values in log.items()
              if name.startswith("agent") and "/end_" in name}
    styles = style_endings([name for name, share in shares.items() if np.nanmax(share) >= least])
    return {name: (shares[column], style) for column, (name, style) in styles.items()}


def draw(log, versions, matches, out):
    """Left: how matches end, from the log; right: shares won and lost against each anchor.

    log: from `read_log`; matches: {(whom seat 0 meets, whom seat 1 meets): [for each version, for
    each seat, (won, lost)]}.
    """
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps = log["run/timesteps"] / 1e6
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True)
    for name, (share, style) in endings(log).items():
        left.plot(steps, share, style, label=name)
    left.plot(steps, log["run/alpha"], "--", color="gray",
              label="alpha, weight of the dense reward")
    left.set(xlabel="millions of environment steps", ylabel="share", ylim=(0, 1.02),
             title="how matches of self-play end")
    steps_of = {0: 0, **dict(zip(log["iteration"], steps))}
    at = [steps_of[version] for version in versions]
    for k, (names, shares) in enumerate(matches.items()):
        for seat, style in ((0, "o-"), (1, "s--")):
            won, lost = zip(*(share[seat] for share in shares))
            right.plot(at, won, style, ms=4, color=f"C{2 * k + seat}",
                       label=f"seat {seat} beats {names[seat]}")
            right.plot(at, lost, ":", color=f"C{2 * k + seat}")
    right.plot([], [], ":", color="black", label="loses")
    right.set(xlabel="millions of environment steps", title="matches on the judged physics")
    for axes in (left, right):
        axes.legend(fontsize=8, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))
        axes.grid(alpha=0.3)
    fig.tight_layout()
    write_whole(out, lambda file: fig.savefig(file, format="png", dpi=110))


def run(args):
    """Reads and checks everything, then plays the matches and writes the picture."""
    from load_parameter_run import SAVE_DIR

    check_picture("--out", args.out)
    folder = os.path.join(SAVE_DIR, args.run)
    progress = os.path.join(folder, "progress.csv")
    if not os.path.isfile(progress):
        raise InputError(f"--run {args.run}: no such run with a progress.csv in saveparameters/")
    device.prepare()
    log = read_log(progress)
    snapshots = find_snapshots(folder, log["iteration"])
    versions = choose(snapshots, log["iteration"][-1], args.points)
    asked = [args.anchor] if args.anchor else []
    game, pairs = load_pairs([*(snapshots[v] for v in versions), snapshots[0], *asked])
    names = [("the first snapshot opposite",) * 2, tuple(short_names(args.anchor or ()))[::-1]]
    matches = {met: [play_against(game, pair, anchor, args) for pair in pairs[:len(versions)]]
               for met, anchor in zip(names, pairs[len(versions):])}
    draw(log, versions, matches, args.out)


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
