"""Results of matches: counts, confidence intervals, lines of text and CSV tables."""

import csv
import io
from collections import Counter

import numpy as np

from common.files import write_whole
from common.names import outcome, short_names


def summarize(game, results, seed, **how):
    """The summary for --json, as a dict; intervals are 95 % Wilson intervals.

    how: whatever else it shall say of how the matches were played.
    """
    counts = tally(results)
    endings = dict(Counter(result["ending"] for result in results))
    return {"env": game, "games": len(results), **counts,
            "mean_length": float(np.mean([result["length"] for result in results])), "seed": seed,
            **how, "endings": endings,
            "intervals": [wilson(n, len(results)) for n in (*counts["wins"], counts["ties"])]}


def tally(results):
    """Counts wins and ties in an iterable of results: {"wins": [two counts], "ties": count}."""
    counts = Counter(result["winner"] for result in results)
    return {"wins": [counts[0], counts[1]], "ties": counts[None]}


def wilson(count, total):
    """95 % Wilson interval of a share, [low, high]."""
    from scipy.stats import binomtest  # half a second that a training's start need not take

    interval = binomtest(count, total).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


FILES, SEATS = ("A", "B"), ("seat 0", "seat 1")
COLUMNS = ("game", "seed", "seat_of_a", "winner", "ending", "length", "return_a", "return_b")


def by_file(result):
    """The result with winner and returns of files A and B instead of seats 0 and 1."""
    seat, winner = result["seat_of_a"], result["winner"]
    return {**result, "winner": None if winner is None else winner ^ seat,
            "returns": result["returns"][::-1] if seat else result["returns"]}


def summarize_by_file(game, results, seed, swapped, **how):
    """`summarize` per file instead of per seat; with `swapped` also `by_seat`.

    by_seat: one dict for the matches with A in seat 0, one for those with A in seat 1: games (their
    number), wins [A's, B's], ties and intervals.
    """
    results = [by_file(result) for result in results]
    summary = summarize(game, results, seed, **how)
    if swapped:
        summary["by_seat"] = []
        for seat in (0, 1):
            part = [result for result in results if result["seat_of_a"] == seat]
            counts = tally(part)
            summary["by_seat"].append({
                "games": len(part), **counts,
                "intervals": [wilson(n, len(part)) for n in (*counts["wins"], counts["ties"])
                              if part]})
    return summary


def describe(summary, paths):
    """The summary as lines of text.

    It was made with `integrator` and `asked`, the number of matches that were to be played.
    """
    swapped = "by_seat" in summary
    who = [f"{side} wins ({name})"
           for side, name in zip(FILES if swapped else SEATS, short_names(paths))]
    lines = []
    for name, count, (low, high) in zip(
            (*who, "ties"), (*summary["wins"], summary["ties"]), summary["intervals"]):
        share = count / summary["games"]
        lines.append(f"{share:7.1%}  [{low:.1%}, {high:.1%}]  {count:5d}  {name}")
    for seat, part in enumerate(summary.get("by_seat", ())):
        lines.append(f"A in seat {seat}, B in seat {1 - seat}: A wins {part['wins'][0]}, B wins "
                     f"{part['wins'][1]}, ties {part['ties']} of {part['games']} matches")
    endings = ", ".join(f"{name} {count}" for name, count in sorted(summary["endings"].items()))
    plural = "es" if summary["games"] != 1 else ""
    means = ", mean actions" if summary.get("deterministic") else ""
    lines.append(f"{summary['games']} match{plural} of {summary['env']}, mean length "
                 f"{summary['mean_length']:.1f} steps, seed {summary['seed']}, "
                 f"{summary['integrator']}{means}; {endings}")
    if summary["games"] < summary["asked"]:
        lines.append(ended_early(summary["games"], summary["asked"]))
    return "\n".join(lines)


def ended_early(played, asked):
    """The line about a count that was stopped; played, asked: numbers of matches."""
    return (f"ended early, after {played} of {asked} matches: short ones and, where seats swap, "
            "those of the first seat are over-represented")


def format_match(result, swapped=False):
    """One line about a match, in terms of seats or, if they swap, of files A and B."""
    names = SEATS
    if swapped:
        names = FILES[::-1] if result["seat_of_a"] else FILES
    who = outcome(result["winner"], names)
    seats = f"  ({names[0]} in seat 0)" if swapped else ""
    return (f"match {result['game']:4d}: {who:11s} {result['ending']:17s} "
            f"{result['length']:4d} steps  returns {result['returns'][0]:9.1f} "
            f"{result['returns'][1]:9.1f}{seats}")


def write_csv(path, results, seed):
    """Writes one row per match (see `COLUMNS`); winner is A, B or tie."""
    rows = [(result["game"], seed, result["seat_of_a"],
             "tie" if result["winner"] is None else FILES[result["winner"]], result["ending"],
             result["length"], *result["returns"]) for result in map(by_file, results)]
    write_table(path, [COLUMNS, *rows], lineterminator="\n")


def write_table(path, rows, **dialect):
    """Writes a CSV file, whole; rows: the header first; dialect: options of `csv.writer`."""
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    write_whole(path, lambda file: file.write(text.getvalue().encode()))
