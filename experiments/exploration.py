"""Figure 2: what the dense reward is for; trains with it annealed, kept for good, and without it.

    python -m experiments.exploration [--scale small|medium|paper] [--game run-to-goal-ants]

The paper (section 4.1) weighs a dense exploration reward by alpha, which falls from 1 to 0. Arms:
`annealed`, as there; `kept`, alpha 1 to the end; `never`, alpha 0 from the start. At points along
its training the latest version of each run plays old versions of the same run, drawn at random.
With --scale paper nothing but the reward moves with alpha; the settings for one machine move step
size, discount and noise on the same schedule (docs/training.md), so in `never` they start where
they end.
"""

from common.command_line import GAME_NAMES
from experiments import command, plan, results, shares
from experiments.meetings import Meeting, Side

ARMS = {"annealed": ["--anneal-at", "0", "--alpha-final", "0"],
        "kept": ["--anneal-at", "0", "--alpha-final", "1"],
        "never": ["--dense-iters", "0", "--anneal-iters", "0", "--anneal-at", "0",
                  "--alpha-final", "0"]}
# As in the preset of run-to-goal-ants. Others have no dense phase, or end it only once enough
# matches end as they should, so two arms would train alike.
SCHEDULE = {"dense_iters": 100, "anneal_iters": 400}
OLD = 5  # opponents at each point
PAPER = ("the paper's figure 2 draws these three curves for ants, as rewards; the numbers appear "
         "only in the picture")


def arms(game):
    """{arm: words for run.py}."""
    return ARMS


def meetings(study, game, seed):
    """The latest version of each arm meets old ones of its own, at every point of the curve."""
    import numpy as np

    rng, found = np.random.default_rng(seed), []
    for arm in ARMS:
        for version in study.spread():
            old = study.old(version)
            for other in sorted(rng.permutation(old)[:OLD].tolist()):
                found.append(Meeting(game, seed, Side(arm, version), Side(arm, other)))
    return found


def conclude(study, game, outcomes):
    """Each arm's curve: what share of its matches the latest version wins, loses and ties."""
    def point(arm, version):
        theirs = [outcome for outcome in outcomes if outcome.meeting.first == (arm, version)]
        return {"version": version, **{what: shares.share(shares.tally(
            theirs, what, lambda one, other: one[0].version == version))
            for what in ("wins", "losses", "ties")}}

    curves = {arm: [point(arm, version) for version in study.spread()] for arm in ARMS}
    lines = {arm: [{"version": p["version"], **p["wins"]} for p in points]
             for arm, points in curves.items()}
    rows = [[version, *(results.percent(lines[arm][k]) for arm in ARMS)]
            for k, version in enumerate(study.spread())]
    last = [[arm, *(results.percent(points[-1][what]) for what in ("wins", "losses", "ties"))]
            for arm, points in curves.items()]
    return results.Conclusion(
        {"curves": curves, "paper": PAPER},
        [results.Table(f"{game}: matches that the latest version wins against random old ones",
                       ["iteration", *ARMS], rows),
         results.Table(f"{game}: the last point ({PAPER})", ["arm", "wins", "losses", "ties"],
                       last)],
        results.draw_curves(f"{game}: the latest against random old ones",
                            "share of matches won", lines))


EXPERIMENT = plan.Experiment(
    name="exploration", doc=__doc__, games=GAME_NAMES, usual=("run-to-goal-ants",),
    varies=("alpha_final", "dense_iters", "anneal_iters", "anneal_at"), arms=arms,
    gap=plan.gap_spread, meetings=meetings, conclude=conclude, schedule=SCHEDULE,
    scales={"small": plan.Scale(48, 4, 8), "medium": plan.Scale(640, 8, 40),
            "paper": plan.Scale(5000, 10, 160)})


def main(argv=None):
    """Trains, plays, and writes the results."""
    command.run(EXPERIMENT, argv)


if __name__ == "__main__":
    main()
