"""Which seats a file may take, and playing a pair from all its seats."""

import os

from common.command_line import InputError
from evaluation.matches import play
from gym_compete import find_game


def seats_of(entry, game):
    """The seats that an entry may take: (0,), (1,) or (0, 1).

    In sumo, one learner plays both seats. Elsewhere a file is for the seat in its header or else in
    its name (`filenames.read_name`); if neither names a seat, it may take both.
    """
    seat = entry.header.get("seat")
    return (seat,) if seat in (0, 1) and not find_game(game).shared_policy else (0, 1)


def check_seats(entries, game):
    """Raises InputError unless the first entry may take seat 0 and the second one seat 1."""
    for seat, entry in enumerate(entries):
        seats = seats_of(entry, game)
        if seat not in seats:
            raise InputError(f"{entry.path}: is for seat {seats[0]}, not for seat {seat}")


def decide_swap(swap, game, entries):
    """Whether half of the matches are played with the seats swapped.

    swap: True, False, or None for the default: swap if both files can take both seats and differ.
    Raises InputError if swapping was asked for and a file is for one seat only.
    """
    seats = [seats_of(entry, game) for entry in entries]
    for entry, own in zip(entries, seats):
        if swap and len(own) == 1:
            raise InputError(f"--swap: {entry.path}: is for seat {own[0]} only")
    if swap is None:
        return seats == [(0, 1)] * 2 and os.path.realpath(entries[0].path) != os.path.realpath(
            entries[1].path)
    return swap


def seatings(a, b):
    """The seats in which a first player can meet a second: [], [0], [1] or [0, 1].

    a, b: the seats that each may take (see `seats_of`).
    """
    return [seat for seat in (0, 1) if seat in a and 1 - seat in b]


def share_out(numbers, seats):
    """{seat of the first: numbers of its matches}: match g is played from seats[g modulo n]."""
    return {seat: [g for g in numbers if g % len(seats) == k] for k, seat in enumerate(seats)}


def play_pair(game, entries, shares, seed=0, on_match=None, **options):
    """Plays two entries against each other from all their seats; returns all results.

    shares: {seat of the first entry: numbers of its matches there}; options: for `matches.play`.
    Every result also has `seat_of_a`, the first entry's seat. Its `winner` and `returns` are still
    by seat (`results.by_file` converts them).
    """
    results = []
    for seat, numbers in shares.items():
        def mark(result, seat=seat):
            result["seat_of_a"] = seat
            if on_match:
                on_match(result)

        if len(numbers):
            results += play(game, entries[::-1] if seat else entries, numbers, seed, on_match=mark,
                            **options)
    return results


def play_numbered(game, entries, numbers, seed, swapped, on_match=None, **options):
    """Plays the matches with these numbers; returns their results, sorted by number.

    The first entry sits in seat 0; with `swapped`, in seat 1 in odd matches.
    """
    shares = share_out(numbers, (0, 1) if swapped else (0,))
    results = play_pair(game, entries, shares, seed, on_match, **options)
    return sorted(results, key=lambda result: result["game"])
