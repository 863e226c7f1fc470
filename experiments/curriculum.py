"""Figures 3 and 4: what a curriculum of starts is for; sumo's rings and kick-and-defend's places.

    python -m experiments.curriculum [--scale small|medium|paper] [--game kick-and-defend]

Arms: `curriculum`, in which the starts open as training goes on; `full`, wide open from the first
iteration; `none`, as narrow to the end as at the beginning. At points along the training the arms'
versions of that point play each other in the full game.
"""

import itertools

from experiments import command, plan, results, shares
from experiments.meetings import Meeting, Side

ENDS = {"sumo-ants": 2996, "sumo-humans": 2996, "kick-and-defend": 4383}  # `curriculum_end`
ARMS = ("curriculum", "full", "none")
NEVER = 10**9  # iterations, over which the starts open too slowly for any run to notice
ROLES = {"kick-and-defend": ("kicker", "keeper")}  # by seat; in sumo both are wrestlers
PAPER = ("in the paper's figure 3 training with the curriculum wins more by a margin: without it "
         "wrestlers stand and move to the center, the keeper only stands, the kicker carries the "
         "ball; figure 4 draws the kicker's wins in these three arms; the numbers appear only in "
         "the pictures")


def arms(game):
    """{arm: words for run.py}."""
    return {"curriculum": ["--curriculum-start", "0"],
            "full": ["--curriculum-start", str(ENDS[game])],
            "none": ["--curriculum-start", "0", "--curriculum-iters", str(NEVER)]}


def meetings(study, game, seed):
    """At each point every arm's version meets those of the other arms."""
    return [Meeting(game, seed, Side(one, version), Side(other, version))
            for version in study.spread() for one, other in itertools.combinations(ARMS, 2)]


def conclude(study, game, outcomes):
    """Each role's curve in each arm, against the other arms."""
    roles = ROLES.get(game, ("wrestler",))

    def point(arm, role, version):
        seats = (0, 1) if len(roles) == 1 else (roles.index(role),)
        return {"version": version, **shares.share(shares.tally(
            outcomes, "wins", lambda one, other: one[0] == (arm, version) and one[1] in seats))}

    curves = {role: {arm: [point(arm, role, version) for version in study.spread()]
                     for arm in ARMS} for role in roles}
    tables = [results.Table(
        f"{game}: matches that the {role} wins against the other arms", ["iteration", *ARMS],
        [[version, *(results.percent(lines[arm][k]) for arm in ARMS)]
         for k, version in enumerate(study.spread())]) for role, lines in curves.items()]
    drawn = curves[roles[0]]
    return results.Conclusion(
        {"curves": curves, "paper": PAPER}, [*tables, summary(game, outcomes)],
        results.draw_curves(f"{game}: {roles[0]} against the other arms", "share of matches won",
                            drawn))


def summary(game, outcomes):
    """All points together."""
    found = shares.against_all(outcomes, ARMS)
    return results.Table(
        f"{game}: all points together ({PAPER})", ["arm", "wins", "losses", "ties"],
        [[arm, *map(results.percent, found[arm].values())] for arm in ARMS])


EXPERIMENT = plan.Experiment(
    name="curriculum", doc=__doc__, games=tuple(ENDS), usual=("sumo-ants", "kick-and-defend"),
    varies=("curriculum_start", "curriculum_iters"), arms=arms, gap=plan.gap_spread,
    meetings=meetings, conclude=conclude,
    scales={"small": plan.Scale(48, 3, 20), "medium": plan.Scale(2000, 8, 100),
            "paper": plan.Scale(5000, 10, 800)})


def main(argv=None):
    """Trains, plays, and writes the results."""
    command.run(EXPERIMENT, argv)


if __name__ == "__main__":
    main()
