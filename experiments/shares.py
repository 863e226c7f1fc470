"""Shares of matches and their 95 % intervals, over matches or over seeds."""


def share(counts):
    """A share with its interval, as a dict for JSON.

    counts: {seed: (matches that count, all matches)}. With one seed the interval is Wilson's, over
    matches; with several it is Student's over the seeds, whose shares count equally, and at least
    Wilson's over all matches: few seeds may agree by chance.
    """
    from evaluation.results import wilson

    counts = {seed: pair for seed, pair in counts.items() if pair[1]}
    if not counts:
        return {"share": None, "interval": None, "games": 0}
    shares = [count / total for count, total in counts.values()]
    count, total = map(sum, zip(*counts.values()))
    low, high = wilson(count, total)
    if len(shares) > 1:
        among = student(shares)
        low, high = max(0, min(low, among[0])), min(1, max(high, among[1]))
    return {"share": round(sum(shares) / len(shares), 4),
            "interval": [round(low, 4), round(high, 4)], "games": total}


def student(values):
    """Student's 95 % interval of the mean of two values or more: (low, high)."""
    import numpy as np
    from scipy.stats import sem, t

    half = t.ppf(0.975, len(values) - 1) * sem(values)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def tally(outcomes, what, counted=lambda one, other: True):
    """{seed: (matches that `what` counts, all matches)} of outcomes, from either side.

    what: "wins", "losses" or "ties", as the side sees them; counted: function of two
    (`Side`, seat), the one that is asked about and its opponent: whether such matches count.
    """
    found = {}
    for outcome in outcomes:
        meeting, (wins, losses) = outcome.meeting, (outcome.wins, outcome.losses)
        sides = (meeting.first, outcome.seat), (meeting.second, 1 - outcome.seat)
        for one, other, own, theirs in ((*sides, wins, losses), (*sides[::-1], losses, wins)):
            if counted(one, other):
                seen = {"wins": own, "losses": theirs, "ties": outcome.ties}
                count, total = found.get(meeting.seed, (0, 0))
                found[meeting.seed] = (count + seen[what], total + sum(seen.values()))
    return found


def matrix(outcomes, arms):
    """{row: {column: {"wins", "losses", "ties": share of matches with its interval}}}."""
    def between(row, column):
        return {what: share(tally(outcomes, what, lambda one, other: (
            one[0].arm, other[0].arm) == (row, column))) for what in ("wins", "losses", "ties")}

    return {row: {column: between(row, column) for column in arms if column != row}
            for row in arms}


def against_all(outcomes, arms):
    """{arm: {"wins", "losses", "ties"}} of each arm against all others."""
    def of(arm):
        return {what: share(tally(outcomes, what, lambda one, other: (
            one[0].arm == arm != other[0].arm))) for what in ("wins", "losses", "ties")}

    return {arm: of(arm) for arm in arms}
