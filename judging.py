"""Judging two files: who plays in which seat, what a game and all games together say."""

import csv
import io
import os

from cli import one_line
from matches import play, seats_of, summarize, tally, wilson
from utils import InputError, write_whole

COLUMNS = ("game", "seed", "seat_of_a", "winner", "ending", "length", "return_a", "return_b")


def settle_swap(swap, game, entries):
    """Whether half of the games are played with the seats swapped.

    swap: True, False, or None for the default: where both files can sit in both seats and are not
    one and the same. InputError where that was asked for and a file is for one seat only.
    """
    seats = [seats_of(entry, game) for entry in entries]
    for entry, own in zip(entries, seats):
        if swap and len(own) == 1:
            raise InputError(f"--swap: {entry.path}: is for seat {own[0]} only")
    if swap is None:
        return seats == [(0, 1)] * 2 and os.path.realpath(entries[0].path) != os.path.realpath(
            entries[1].path)
    return swap


def judge(game, entries, games, seed, swapped, on_game=None, **options):
    """Plays these games; with `swapped` those of odd number with the seats swapped.

    games: their numbers; options: go to `matches.play`. Returns the results, sorted by number, each
    with `seat_of_a`: where the first file sat. `winner` and `returns` stay those of seats.
    """
    results = []
    for seat in (0, 1) if swapped else (0,):
        share = [g for g in games if g % 2 == seat] if swapped else list(games)
        if share:
            def mark(result, seat=seat):
                result["seat_of_a"] = seat
                if on_game:
                    on_game(result)

            results += play(game, entries[::-1] if seat else entries, share, seed, on_game=mark,
                            **options)
    return sorted(results, key=lambda result: result["game"])


def by_file(result):
    """The result with winner and returns of file A and B instead of seats 0 and 1."""
    seat, winner = result["seat_of_a"], result["winner"]
    return {**result, "winner": None if winner is None else winner ^ seat,
            "returns": result["returns"][::-1] if seat else result["returns"]}


def sum_up(game, results, seed, swapped):
    """`matches.summarize` of the files; with `swapped` also `by_seat`.

    by_seat: of the games with A in seat 0, then of those with A in seat 1: a dict of games, wins
    [A's, B's], ties and intervals each.
    """
    results = [by_file(result) for result in results]
    summary = summarize(game, results, seed)
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
    """The summary as lines of text."""
    swapped = "by_seat" in summary
    who = [f"{name} wins ({one_line(os.path.relpath(path))})"
           for name, path in zip("AB" if swapped else ("agent0", "agent1"), paths)]
    lines = []
    for name, count, (low, high) in zip(
            (*who, "ties"), (*summary["wins"], summary["ties"]), summary["intervals"]):
        share = count / summary["games"]
        lines.append(f"{share:7.1%}  [{low:.1%}, {high:.1%}]  {count:5d}  {name}")
    for seat, part in enumerate(summary.get("by_seat", ())):
        lines.append(f"A in seat {seat}, B in seat {1 - seat}: A wins {part['wins'][0]}, B wins "
                     f"{part['wins'][1]}, ties {part['ties']} of {part['games']} games")
    endings = ", ".join(f"{name} {count}" for name, count in sorted(summary["endings"].items()))
    lines.append(f"{summary['games']} games of {summary['env']}, mean length "
                 f"{summary['mean_length']:.1f} steps, seed {summary['seed']}; {endings}")
    return "\n".join(lines)


def tell_game(result, swapped=False):
    """One line a game, of the seats; of A and B where these swap."""
    names = ("agent0", "agent1")
    if swapped:
        names = ("B", "A") if result["seat_of_a"] else ("A", "B")
    who = "tie" if result["winner"] is None else f"{names[result['winner']]} wins"
    seats = f"  ({names[0]} in seat 0)" if swapped else ""
    return (f"game {result['game']:4d}: {who:11s} {result['ending']:17s} "
            f"{result['length']:4d} steps  returns {result['returns'][0]:9.1f} "
            f"{result['returns'][1]:9.1f}{seats}")


def write_csv(path, results, seed):
    """Writes one row a game: `COLUMNS`; winner is A, B or tie."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in map(by_file, results):
        who = "tie" if result["winner"] is None else "AB"[result["winner"]]
        writer.writerow([result["game"], seed, result["seat_of_a"], who, result["ending"],
                         result["length"], *result["returns"]])
    write_whole(path, lambda file: file.write(text.getvalue().encode()))
