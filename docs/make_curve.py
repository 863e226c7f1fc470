"""Draws a run's learning curve: what its log says, and matches of its snapshots against anchors.

    python -m docs.make_curve --run NAME --games 30 --out docs/images/run-to-goal-ants_curve.png \\
        --anchor ZOO/run-to-goal-ants_agent0_v1.npy ZOO/run-to-goal-ants_agent1_v1.npy

Anchors are the run's own first snapshots and, with --anchor, any two further files, one a seat
(OpenAI's released vectors, say).
"""

import csv
import os
import pathlib

from common.command_line import Parser, number
from distributed_data import device


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_curve", description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True, help="The picture to write (.png).")
    parser.add_argument("--anchor", nargs=2, metavar=("SEAT0", "SEAT1"), help="Two further files.")
    parser.add_argument("--points", type=number(int, 2), default=9, help="Snapshots to play.")
    parser.add_argument("--games", type=number(int, 1), default=100, help="Games a match.")
    parser.add_argument("--num-threads", type=number(int, 1), default=2)
    return parser


def snapshot(run, seat, version):
    """Who plays a seat: its own learner, or the one that plays both."""
    folders = [os.path.join(run, name) for name in (f"agent{seat}", "agent0")]
    return os.path.join(next(filter(os.path.isdir, folders)), f"{version:06d}.npz")


def play_against(run, version, anchor, args):
    """How often each seat's snapshot of this version beats the anchor opposite and loses to it.

    Returns a (won, lost) for each seat, shares of the games.
    """
    from evaluation.matches import play
    from networks.loading import load_entries

    shares = []
    for seat in (0, 1):
        paths = list(anchor)
        paths[seat] = snapshot(run, seat, version)
        game, entries = load_entries(paths, None)
        results = play(game, entries, args.games, seed=7, num_threads=args.num_threads)
        winners = [result["winner"] for result in results]
        shares.append((winners.count(seat) / len(results), winners.count(1 - seat) / len(results)))
    print(f"version {version} against {os.path.basename(anchor[0])}: {shares}", flush=True)
    return shares


def smooth(rows, name, width=20):
    """A column of the log, averaged over `width` iterations; empty cells are left out."""
    import numpy as np

    values = np.array([float(row[name]) for row in rows])
    window = [values[max(0, i - width + 1):i + 1] for i in range(len(values))]
    return [np.nanmean(w) if np.isfinite(w).any() else np.nan for w in window]


def endings(rows, least=0.05):
    """{ending: its smoothed share} of the endings that `least` of the games had at some time."""
    import numpy as np

    shares = {name.removeprefix("agent0/end_").replace("_", " "): smooth(rows, name)
              for name in rows[0] if name.startswith("agent0/end_")}
    return {name: share for name, share in shares.items() if np.nanmax(share) >= least}


def draw(rows, versions, matches, out):
    """Left: how games end, from the log; right: shares won and lost against each anchor.

    matches: {anchor: [for each version, for each seat, (won, lost)]}.
    """
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps = [float(row["run/timesteps"]) / 1e6 for row in rows]
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True)
    for name, share in endings(rows).items():
        left.plot(steps, share, label=name)
    left.plot(steps, smooth(rows, "run/alpha", 1), "--", color="grey",
              label="alpha, weight of the dense reward")
    left.set(xlabel="millions of environment steps", ylabel="share", ylim=(0, 1.02),
             title="how games of self-play end")
    at = [0 if v == 0 else steps[v - 1] for v in versions]
    for k, (name, shares) in enumerate(matches.items()):
        for seat, style in ((0, "o-"), (1, "s--")):
            won, lost = zip(*(share[seat] for share in shares))
            right.plot(at, won, style, ms=4, color=f"C{2 * k + seat}",
                       label=f"seat {seat} beats {name}")
            right.plot(at, lost, ":", color=f"C{2 * k + seat}")
    right.plot([], [], ":", color="black", label="loses")
    right.set(xlabel="millions of environment steps", title="matches on the judged physics")
    for axes in (left, right):
        axes.legend(fontsize=8, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))
        axes.grid(alpha=0.3)
    fig.tight_layout()
    fig.savefig(out, dpi=110)


def main(argv=None):
    """Plays the matches and writes the picture."""
    parser = make_parser()
    args = parser.parse_args(argv)
    from load_parameter_run import SAVE_DIR

    run = os.path.join(SAVE_DIR, args.run)
    if not os.path.isfile(os.path.join(run, "progress.csv")):
        parser.error(f"--run {args.run}: no such run in saveparameters/")
    device.prepare()
    with open(os.path.join(run, "progress.csv")) as file:
        rows = list(csv.DictReader(file))
    kept = sorted(int(path.stem) for path in pathlib.Path(run, "agent0").glob("*.npz"))
    versions = [min(kept, key=lambda v: abs(v - i * len(rows) / (args.points - 1)))
                for i in range(args.points)]
    anchors = {"its first self": [snapshot(run, seat, 0) for seat in (0, 1)]}
    if args.anchor:
        anchors["OpenAI's"] = args.anchor
    matches = {name: [play_against(run, v, anchor, args) for v in versions]
               for name, anchor in anchors.items()}
    draw(rows, versions, matches, args.out)


if __name__ == "__main__":
    main()
