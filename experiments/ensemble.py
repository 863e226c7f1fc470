"""Figure 5: an ensemble against a single learner; trains both and plays them against each other.

    python -m experiments.ensemble [--scale small|medium|paper] [--game sumo-humans sumo-ants]

Arms: `single`, one learner per seat; `three`, three in one pool, who all meet each other's current
and old versions (paper, section 4.3). Each learner gets as many samples as the single one, so an
iteration of `three` takes about three times as long. Late snapshots then play each other.
"""

from common.command_line import GAME_NAMES
from experiments import command, meetings, plan, results, shares

ARMS = {"single": ["--ensemble", "1"], "three": ["--ensemble", "3"]}
PAPER = ("in the paper's figure 5, after 1,000 iterations, the ensemble is clearly better among "
         "humanoids and alike among ants; the numbers appear only in the picture")


def arms(game):
    """{arm: words for run.py}."""
    return ARMS


def conclude(study, game, outcomes):
    """The share of matches that each arm wins."""
    found = shares.against_all(outcomes, ARMS)
    table = results.Table(f"{game}: single learner and ensemble of three ({PAPER})",
                          ["arm", "wins", "losses", "ties"],
                          [[arm, *map(results.percent, found[arm].values())] for arm in ARMS])
    return results.Conclusion({"versions": study.late(), "arms": found, "paper": PAPER}, [table],
                              draw(game, found))


def draw(game, found):
    """Bars of wins with their intervals."""
    from evaluation import charts

    with charts.new_figure(4.6, 2, title=f"{game}: wins against the other",
                           xlabel="share of matches, 95 % interval") as (figure, axes):
        for k, (arm, counts) in enumerate(found.items()):
            if counts["wins"]["share"] is not None:
                axes.barh(k, counts["wins"]["share"], color=charts.COLORS[k], height=0.6)
                axes.plot(counts["wins"]["interval"], [k, k], color="black", lw=1)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_xlim(0, 1)
    return figure


EXPERIMENT = plan.Experiment(
    name="ensemble", doc=__doc__, games=GAME_NAMES, usual=("sumo-humans", "sumo-ants"),
    varies=("ensemble",), arms=arms, gap=plan.gap_late, meetings=meetings.late, conclude=conclude,
    alike=False, scales={"small": plan.Scale(24, 2, 20), "medium": plan.Scale(1000, 8, 50),
                         "paper": plan.Scale(1000, 10, 80)})


def main(argv=None):
    """Trains, plays, and writes the results."""
    command.run(EXPERIMENT, argv)


if __name__ == "__main__":
    main()
