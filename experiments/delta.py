"""Table 1: from how far back opponents should come; trains with several deltas and plays all.

    python -m experiments.delta [--scale small|medium|paper] [--game sumo-ants] [--seeds 0 1]

One arm each for delta 1, 0.8, 0.5 and 0 (paper, section 5.2): a learner meets old versions from
Uniform(delta * latest, latest). The late snapshots of every two arms then play each other.
"""

from common.command_line import GAME_NAMES
from experiments import command, meetings, plan, results, shares

DELTAS = ("1", "0.8", "0.5", "0")
# Table 1: wins of the row's delta over the column's, as a share of 800 matches; ties are not given.
PAPER = {
    "sumo-humans": {"1": (None, .26, .13, .37), "0.8": (.46, None, .22, .52),
                    "0.5": (.59, .58, None, .73), "0": (.55, .36, .16, None)},
    "sumo-ants": {"1": (None, .37, .35, .29), "0.8": (.36, None, .38, .33),
                  "0.5": (.36, .39, None, .33), "0": (.51, .49, .49, None)}}
PAPER_EXPECTED = {  # E[Win], E[Loss] as printed there
    "sumo-humans": {"1": (.25, .53), "0.8": (.40, .40), "0.5": (.63, .17), "0": (.35, .54)},
    "sumo-ants": {"1": (.34, .41), "0.8": (.36, .42), "0.5": (.36, .41), "0": (.50, .32)}}


def arms(game):
    """{delta: words for run.py}."""
    return {delta: ["--delta", delta] for delta in DELTAS}


def conclude(study, game, outcomes):
    """The matrix and each arm's shares against all others, beside the paper's."""
    names = study.arms(game)
    cells, expected = shares.matrix(outcomes, names), shares.against_all(outcomes, names)
    result = {"versions": study.late(), "matrix": cells, "expected": expected,
              "paper": {"matrix": PAPER.get(game), "expected": PAPER_EXPECTED.get(game)}}
    return results.Conclusion(result, [matrix_table(game, names, cells),
                                       expected_table(game, names, expected)],
                              results.draw_matrix(f"{game}: wins by delta", names, cells))


def matrix_table(game, names, cells):
    """Wins of the row over the column."""
    def cell(row, column):
        if row == column:
            return ""
        known = PAPER.get(game, {})
        paper = known and f" ({known[row][list(known).index(column)]:.0%})".replace("%", " %")
        return results.percent(cells[row][column]["wins"]) + (paper or "")

    return results.Table(
        f"{game}: matches that the row's delta wins against the column's (paper's)",
        ["delta", *names], [[row, *(cell(row, column) for column in names)] for row in names])


def expected_table(game, names, expected):
    """E[Win] and E[Loss]."""
    def paper(name, k):
        known = PAPER_EXPECTED.get(game)
        return f"{known[name][k]:.0%}".replace("%", " %") if known else "-"

    return results.Table(
        f"{game}: against all other deltas",
        ["delta", "E[Win]", "paper", "E[Loss]", "paper", "ties"],
        [[name, results.percent(expected[name]["wins"]), paper(name, 0),
          results.percent(expected[name]["losses"]), paper(name, 1),
          results.percent(expected[name]["ties"])] for name in names])


EXPERIMENT = plan.Experiment(
    name="delta", doc=__doc__, games=GAME_NAMES, usual=("sumo-ants",), varies=("delta",),
    arms=arms, gap=plan.gap_late, meetings=meetings.late, conclude=conclude,
    scales={"small": plan.Scale(40, 2, 20), "medium": plan.Scale(2000, 8, 60),
            "paper": plan.Scale(6000, 30, 28)})


def main(argv=None):
    """Trains, plays, and writes the results."""
    command.run(EXPERIMENT, argv)


if __name__ == "__main__":
    main()
