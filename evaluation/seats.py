"""Who may sit where, and pairs played from all their seats."""

import os

from common.command_line import InputError
from evaluation.matches import play
from gym_compete import find_game


def seats_of(entry, game):
    """The seats that an entry may take, (0,), (1,) or (0, 1): all that asks for seats asks here.

    One learner plays both seats of sumo. Elsewhere a file is for the seat of its header or, without
    one, of its name (`filenames.read_name`), and may take either where nothing says its seat.
    """
    seat = entry.header.get("seat")
    return (seat,) if seat in (0, 1) and not find_game(game).shared_policy else (0, 1)


def check_seats(entries, game):
    """InputError unless the first entry may sit in seat 0 and the second in seat 1."""
    for seat, entry in enumerate(entries):
        seats = seats_of(entry, game)
        if seat not in seats:
            raise InputError(f"{entry.path}: is for seat {seats[0]}, not for seat {seat}")


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
