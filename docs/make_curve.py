"""Draws a run's learning curve: what its log says, and matches of its snapshots against anchors.

    python -m docs.make_curve --run NAME --games 30 --out docs/images/run-to-goal-ants_curve.png \\
        --anchor ZOO/run-to-goal-ants_agent0_v1.npy ZOO/run-to-goal-ants_agent1_v1.npy

Anchors are the run's own untrained snapshots and, with --anchor, any two further files, one a seat
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


def wins_against(run, version, anchor, args):
    """How often each seat's snapshot of this version beats the anchor opposite, two shares."""
    from evaluation.matches import play
    from networks.loading import load_entries

    shares = []
    for seat in (0, 1):
        paths = list(anchor)
        paths[seat] = snapshot(run, seat, version)
        game, entries = load_entries(paths, None)
        results = play(game, entries, args.games, seed=7, num_threads=args.num_threads)
        shares.append(sum(result["winner"] == seat for result in results) / len(results))
    print(f"version {version} against {os.path.basename(anchor[0])}: {shares}", flush=True)
    return shares


def smooth(rows, name, width=20):
    """A column of the log, averaged over `width` iterations; empty cells are left out."""
    import numpy as np

    values = np.array([float(row[name]) for row in rows])
    window = [values[max(0, i - width + 1):i + 1] for i in range(len(values))]
    return [np.nanmean(w) if np.isfinite(w).any() else np.nan for w in window]


def draw(rows, versions, matches, out):
    """Left: the log; right: shares of games won against each anchor."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps = [float(row["run/timesteps"]) / 1e6 for row in rows]
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    left.plot(steps, smooth(rows, "agent0/end_touchdown"), label="games that end by touchdown")
    left.plot(steps, smooth(rows, "agent0/end_both_down"), label="both down")
    left.plot(steps, smooth(rows, "run/alpha", 1), "--", color="grey",
              label="alpha, weight of the dense reward")
    left.set(xlabel="millions of environment steps", ylabel="share", ylim=(0, 1.02),
             title="in self-play")
    at = [0 if v == 0 else steps[v - 1] for v in versions]
    for name, shares in matches.items():
        for seat, style in ((0, "o-"), (1, "s--")):
            right.plot(at, [share[seat] for share in shares], style, ms=4,
                       label=f"seat {seat} beats {name}")
    right.set(xlabel="millions of environment steps", title="matches on the judged physics")
    for axes in (left, right):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    fig.tight_layout()
    fig.savefig(out, dpi=110)


def main(argv=None):
    """Plays the matches and writes the picture."""
    args = make_parser().parse_args(argv)
    device.prepare()
    from load_parameter_run import SAVE_DIR

    run = os.path.join(SAVE_DIR, args.run)
    with open(os.path.join(run, "progress.csv")) as file:
        rows = list(csv.DictReader(file))
    kept = sorted(int(path.stem) for path in pathlib.Path(run, "agent0").glob("*.npz"))
    versions = [min(kept, key=lambda v: abs(v - i * len(rows) / (args.points - 1)))
                for i in range(args.points)]
    anchors = {"its untrained self": [snapshot(run, seat, 0) for seat in (0, 1)]}
    if args.anchor:
        anchors["OpenAI's"] = args.anchor
    matches = {name: [wins_against(run, v, anchor, args) for v in versions]
               for name, anchor in anchors.items()}
    draw(rows, versions, matches, args.out)


if __name__ == "__main__":
    main()
